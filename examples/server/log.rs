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
/// Characters of a line.
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
        self.renew();
        // The number of addresses has the bound of the lines.
        let has_room = self.total < LINES;
        let lines = has_room.then(|| self.lines.entry(about.into()).or_default());
        match lines {
            Some(lines) if *lines < LINES_OF_ADDRESS => {
                *lines += 1;
                self.put(format!("{about}: {what}"));
            }
            _ => self.left_out += 1,
        }
    }

    /// Writes a line about something else than one connection.
    pub(crate) fn note(&mut self, what: impl Display) {
        self.renew();
        match self.total < LINES {
            true => self.put(what.to_string()),
            false => self.left_out += 1,
        }
    }

    /// Begins another minute when the last one is over.
    fn renew(&mut self) {
        if self.since.elapsed() >= MINUTE {
            if self.left_out > 0 {
                print(&format!("{} lines were left out", self.left_out));
            }
            *self = Self::new();
        }
    }

    fn put(&mut self, line: String) {
        self.total += 1;
        let line = line.replace(char::is_control, " ");
        print(&line.chars().take(LENGTH).collect::<String>());
    }
}

/// A log that is gone does not stop the server.
fn print(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
