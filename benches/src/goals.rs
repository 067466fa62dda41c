//! What was aimed at, and what this run reached.

use std::fmt::Write as _;

use crate::page::{Table, number};

/// A bound on how good a row is.
#[derive(Clone, Copy)]
enum Goal {
    /// Of rates: at least so many times as much as the other row.
    TimesAsMuch(f64),
    /// Of rates: the other row has at most so many times as much.
    Within(f64),
    /// Of costs: at most so much of the other row.
    PartOf(f64),
    /// Of costs: the other row has at least so many times as much.
    TimesLess(f64),
    /// At most this.
    AtMost(f64),
}

const KINDS: [&str; 5] = ["chat", "presence", "roster", "avatar", "nested"];
/// The traffic that is not one long text: libraries that look at nothing in it are no measure there.
const WITHOUT_AVATAR: [&str; 4] = ["chat", "presence", "roster", "nested"];

/// A row of a table, and the table by the beginning of its title.
type Row = (&'static str, &'static str);

const READ: Row = ("From bytes to elements", "xmppwire");
const WRITTEN: Row = ("From elements to bytes", "xmppwire, built elements");
const CLIENT: Row = ("From bytes to typed", "xmppwire, client");
const SERVER: Row = ("From bytes to typed", "xmppwire, server");
const ROUTED: Row = ("From bytes to typed", "xmppwire, server to server");
const LOGIN: &str = "A login with";
const ALLOCATIONS: &str = "Allocations";
const LOAD: &str = "A server under load";

/// The goals as a table of Markdown. What missed its goal is bold.
pub fn markdown(tables: &[Table]) -> String {
    use Goal::{AtMost, PartOf, TimesAsMuch, TimesLess, Within};
    let mut out = Goals {
        tables,
        out: String::from("| | goal | reached |\n|---|---|---|\n"),
    };
    let read = |row| ("From bytes to elements", row);
    let of = |row| Some((READ.0, row));
    out.row(
        "elements, beside xmpp-parsers",
        TimesAsMuch(15.0),
        READ,
        of("xmpp-parsers"),
        &KINDS,
    );
    out.row(
        "elements, beside libexpat",
        TimesAsMuch(4.0),
        READ,
        of("libexpat"),
        &WITHOUT_AVATAR,
    );
    out.row(
        "the same, avatars",
        TimesAsMuch(2.0),
        READ,
        of("libexpat"),
        &["avatar"],
    );
    out.row(
        "elements, beside quick-xml",
        TimesAsMuch(2.5),
        READ,
        of("quick-xml, namespaced events"),
        &WITHOUT_AVATAR,
    );
    out.row(
        "1,400-byte reads, beside 16,384",
        TimesAsMuch(0.5),
        read("xmppwire, 1,400-byte reads"),
        Some(READ),
        &KINDS,
    );
    out.row(
        "checked lane, beside rxml's namespaced parser",
        TimesAsMuch(1.0),
        read("xmppwire, checked lane"),
        of("rxml, namespaced events"),
        &KINDS,
    );
    let within = Within(1.3);
    out.row(
        "elements, beside typed stanzas of a client",
        within,
        CLIENT,
        Some(READ),
        &KINDS,
    );
    out.row(
        "elements, beside typed stanzas of a server",
        within,
        SERVER,
        Some(READ),
        &KINDS,
    );
    let minidom = Some((WRITTEN.0, "minidom"));
    out.row(
        "written, beside minidom",
        TimesAsMuch(10.0),
        WRITTEN,
        minidom,
        &KINDS,
    );
    out.row(
        "routed, beside xmpp-parsers",
        TimesAsMuch(15.0),
        ROUTED,
        Some((ROUTED.0, "xmpp-parsers, read and written")),
        &KINDS,
    );
    let allocations = |row| (ALLOCATIONS, row);
    let row = allocations("xmppwire, elements");
    out.row("allocations for an element", AtMost(2.0), row, None, &KINDS);
    for (name, row) in [
        ("a client", "xmppwire, client"),
        ("a server", "xmppwire, server"),
    ] {
        let name = format!("allocations for a stanza of {name}");
        out.row(&name, AtMost(4.0), allocations(row), None, &KINDS);
    }
    let idle = "An idle connection";
    for role in ["client", "server"] {
        let name = format!("bytes of an idle {role}");
        out.row(&name, AtMost(1024.0), (idle, role), None, &["in all"]);
    }
    out.row(
        "time for an address, beside jid",
        PartOf(0.5),
        ("An address", "xmppwire-jid"),
        Some(("An address", "jid")),
        &["ascii", "unicode"],
    );
    let time = &["time"];
    out.row(
        "the SCRAM derivation, beside aws-lc",
        PartOf(1.1),
        (LOGIN, "xmppwire: the derivation"),
        Some((LOGIN, "aws-lc: the derivation")),
        time,
    );
    out.row(
        "a login without the derivation, both sides, µs",
        AtMost(50.0),
        (LOGIN, "xmppwire: client and server, keys known"),
        None,
        time,
    );
    let (ours, messages) = ((LOAD, "examples/server"), &["µs a message"]);
    out.row(
        "examples/server, µs a message",
        AtMost(7.0),
        ours,
        None,
        messages,
    );
    out.row(
        "the same, beside Prosody",
        TimesLess(15.0),
        ours,
        Some((LOAD, "Prosody")),
        messages,
    );
    let connection = &["KiB a connection"];
    out.row(
        "examples/server, KiB a connection",
        AtMost(12.0),
        ours,
        None,
        connection,
    );
    out.out
}

struct Goals<'a> {
    tables: &'a [Table],
    out: String,
}

impl Goals<'_> {
    fn row(&mut self, name: &str, goal: Goal, row: Row, beside: Option<Row>, columns: &[&str]) {
        let reached: Vec<String> = columns
            .iter()
            .map(|column| {
                let (value, is_met) = reached(goal, self.value(row, column), || {
                    beside.map_or(f64::NAN, |row| self.value(row, column))
                });
                let value = match is_met {
                    true => value,
                    false => format!("**{value}**"),
                };
                match columns {
                    [_] => value,
                    _ => format!("{column} {value}"),
                }
            })
            .collect();
        let goal = match goal {
            Goal::TimesAsMuch(times) => format!("≥ {} ×", number(times)),
            Goal::TimesLess(times) => format!("≥ {} ×", number(times)),
            Goal::Within(part) | Goal::PartOf(part) => format!("≤ {} ×", number(part)),
            Goal::AtMost(most) => format!("≤ {}", number(most)),
        };
        let _ = writeln!(self.out, "| {name} | {goal} | {} |", reached.join(", "));
    }

    fn value(&self, (title, row): Row, column: &str) -> f64 {
        let table = self
            .tables
            .iter()
            .find(|table| table.title().starts_with(title));
        table.map_or(f64::NAN, |table| table.value(row, column))
    }
}

/// What was reached, and whether that is enough. What was not measured is not.
fn reached(goal: Goal, value: f64, beside: impl Fn() -> f64) -> (String, bool) {
    let (value, is_met) = match goal {
        Goal::TimesAsMuch(times) => (value / beside(), value / beside() >= times),
        Goal::Within(times) => (beside() / value, beside() / value <= times),
        Goal::PartOf(part) => (value / beside(), value / beside() <= part),
        Goal::TimesLess(times) => (beside() / value, beside() / value >= times),
        Goal::AtMost(most) => (value, value <= most),
    };
    (number(value), is_met)
}
