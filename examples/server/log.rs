//! The log.

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;

/// Writes a line of the log. A peer that sends line breaks does not get more lines, and a log that is
/// gone does not stop the server.
pub(crate) fn log(about: SocketAddr, what: impl Display) {
    let what = what.to_string().replace(char::is_control, " ");
    let _ = writeln!(std::io::stderr(), "{about}: {what}");
}
