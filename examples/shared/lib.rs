//! What several programs have in common: command lines, and for `duet` and `federation` the loop of
//! a connection and the display of what passes on the wire.
//!
//! [`End`] is all that a loop has to do for a connection. [`Trace`] and [`Wire`] are the display,
//! which no connection needs.

mod command_line;
mod end;
mod private;
mod style;
mod trace;

pub use command_line::{help, host_and_port, password};
pub use end::{End, Result};
pub use private::write_private;
pub use style::{Side, Style, say};
pub use trace::{AFTER_STARTTLS, Details, Script, Speaker, Trace, Wire, hex};
