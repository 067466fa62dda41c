//! `docs/requirements.md`: what RFC 6120 demands sentence by sentence, and what shows it.

use std::fmt::Write as _;

use crate::evidence::Evidence;
use crate::requirement::{Kind, Requirement};

const HEAD: &str = "# What RFC 6120 demands, sentence by sentence

RFC 6120 has 443 sentences outside §15 that say MUST, SHALL, REQUIRED, SHOULD or RECOMMENDED. Each has a
row here. Its id is the section and the place of the sentence in it, so that the sentence is found in the
RFC; the words are ours. SHALL and REQUIRED stand as MUST, RECOMMENDED as SHOULD.

The tests generate this page from `tests/conformance/requirements.txt`: `cargo test -p
xmppwire-conformance` fails when a row is missing, when a row names a test that does not exist, or when
the page is stale, and `UPDATE_DOCS=1 cargo test -p xmppwire-conformance` writes it anew. `.ci/run` checks
that every named test ran and passed.

- **shown**: a named test fails where the demand is not met. Names with a slash and without a file, such
  as `client/lang`, are cases of the conformance tests; the others are functions in a file.
- **application**: the application or the operator has to meet the demand. The row names the documentation
  that says so, and what the library does for it.
- **reading**: the sentence is read in a way that the row explains.
- **elsewhere**: the demand is about something else, such as authorities that issue certificates.
- **open**: no test was compared with this row yet, or none shows it.

";

/// Writes the page.
pub fn render(rows: &[Requirement]) -> String {
    let mut page = HEAD.to_owned();
    counts(&mut page, rows);
    let mut chapter = "";
    for row in rows {
        let number = row.section().split('.').next().unwrap_or_default();
        if number != chapter {
            chapter = number;
            page.push_str("\n## §");
            page.push_str(number);
            page.push_str(
                "\n\n| id | level | who | demand | how | shown by |\n|---|---|---|---|---|---|\n",
            );
        }
        let Requirement {
            id,
            level,
            role,
            demand,
            kind,
            note,
            ..
        } = row;
        let names: Vec<String> = row.evidence.iter().map(|text| name(text)).collect();
        let mut shown = names.join(", ");
        if !note.is_empty() {
            if !shown.is_empty() {
                shown.push_str(". ");
            }
            shown.push_str(note);
        }
        let kind = kind.name();
        writeln!(
            page,
            "| {id} | {level} | {role} | {demand} | {kind} | {shown} |"
        )
        .expect("a string takes everything");
    }
    page
}

/// The number of rows of each kind.
fn counts(page: &mut String, rows: &[Requirement]) {
    page.push_str("| how | MUST | SHOULD |\n|---|---|---|\n");
    let kinds = [
        Kind::Shown,
        Kind::Application,
        Kind::Reading,
        Kind::Elsewhere,
        Kind::Open,
    ];
    for kind in kinds {
        let count = |level| {
            let is_one = |row: &&Requirement| row.kind == kind && row.level == level;
            rows.iter().filter(is_one).count()
        };
        let (must, should) = (count("MUST"), count("SHOULD"));
        if must + should > 0 {
            writeln!(page, "| {} | {must} | {should} |", kind.name())
                .expect("a string takes everything");
        }
    }
}

/// A piece of evidence as the page shows it.
fn name(text: &'static str) -> String {
    match Evidence::parse(text) {
        Evidence::Case(name) => format!("`{name}`"),
        Evidence::Function { file, name } => format!("[`{name}`](../{file})"),
        Evidence::Words { file, words } => format!("[{words}](../{file})"),
    }
}
