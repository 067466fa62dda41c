//! The log: lines on standard error, bounded in number for each address and overall.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::strangers::Origin;

/// Lines a minute, and of them those about one address.
const LINES: usize = 600;
const LINES_OF_ADDRESS: usize = 60;
/// Letters of a line.
const LENGTH: usize = 300;

const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct Log {
    /// When the minute began.
    since: Instant,
    lines: BTreeMap<Origin, usize>,
    total: usize,
    left_out: usize,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            since: Instant::now(),
            lines: BTreeMap::new(),
            total: 0,
            left_out: 0,
        }
    }

    /// Writes a line about a connection. A peer that sends line breaks does not get more lines.
    pub(crate) fn write(&mut self, about: SocketAddr, what: impl Display) {
        if self.since.elapsed() >= MINUTE {
            if self.left_out > 0 {
                print(&format!("{} lines were left out", self.left_out));
            }
            *self = Self::new();
        }
        // The number of addresses has the bound of the lines.
        let has_room = self.total < LINES;
        let lines = has_room.then(|| self.lines.entry(about.into()).or_default());
        match lines {
            Some(lines) if *lines < LINES_OF_ADDRESS => {
                *lines += 1;
                self.total += 1;
                let what = what.to_string().replace(char::is_control, " ");
                let what: String = what.chars().take(LENGTH).collect();
                print(&format!("{about}: {what}"));
            }
            _ => self.left_out += 1,
        }
    }
}

/// A log that is gone does not stop the server.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
