//! What the fuzz targets share.
//!
//! The targets of the machines read their input as a script of lines, so that seeds and findings can
//! be read and written by people: see [`script`]. [`driver`] plays a script for one machine and holds
//! it to the contract of [`xmppwire::Connection`]; [`wire`] reads what it sends; [`accounts`] knows
//! the one user, [`servers`] the words between servers.

pub mod accounts;
pub mod driver;
pub mod random;
pub mod script;
pub mod servers;
pub mod wire;
