//! The conformance features of RFC 6120 §15.

use std::fmt;

/// An end of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    Client,
    Server,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Feature {
    pub name: &'static str,
    /// The section of RFC 6120.
    pub section: &'static str,
    client: &'static str,
    server: &'static str,
    /// What a test has to show.
    pub shows: &'static str,
}

impl Feature {
    /// The level of requirement in the words of RFC 2119; `None` where it does not apply to the
    /// role.
    pub fn level(&self, role: Role) -> Option<&'static str> {
        let level = match role {
            Role::Client => self.client,
            Role::Server => self.server,
        };
        (level != "N/A").then_some(level)
    }
}

/// All features, in the order of RFC 6120.
pub fn features() -> Vec<Feature> {
    let table = include_str!("../features.csv");
    let rows = table.lines().skip(1).map(|line| {
        let mut fields = line.splitn(5, ',');
        let mut field = || fields.next().expect("five fields");
        Feature {
            name: field(),
            section: field(),
            client: field(),
            server: field(),
            shows: field(),
        }
    });
    rows.collect()
}
