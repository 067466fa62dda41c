//! `docs/conformance.md`: which test shows which feature.

use std::fmt::Write as _;

use crate::case::Case;
use crate::conditions::{Family, families};
use crate::feature::{Feature, Role, features};

const HEAD: &str = "# Conformance to RFC 6120

The tests generate this page: `cargo test -p xmppwire-conformance` fails when a listed test fails or
when the page is stale, and `UPDATE_DOCS=1 cargo test -p xmppwire-conformance` writes it anew once all
tests have passed. The rows are the features of RFC 6120 §15 with the level that RFC 6120 demands of
each role. A listed test fails when the feature is missing, and uses the public API alone. Sessions are
played whole, byte by byte and at random splits, with the same events and the same output each time.

";

const CONDITIONS: &str = "

## Conditions

For every condition that RFC 6120 defines there is a test in which a machine sends it, in the situation
that its section names: by itself where the core can judge the situation, on demand of the application
where only the application can. The tests `told/…` show that a received condition reaches the
application typed, with text, language and application-specific condition.
";

/// The cell of a feature's row for one role.
fn cell(feature: &Feature, role: Role, cases: &[Case]) -> String {
    let shown = shown(feature, role, cases).count();
    match (feature.level(role), shown) {
        (None, _) => "–".into(),
        (Some(level), 0) => format!("{level} ✗"),
        (Some(level), _) => format!("{level} ✓"),
    }
}

fn shown<'a>(
    feature: &'a Feature,
    role: Role,
    cases: &'a [Case],
) -> impl Iterator<Item = &'a Case> {
    cases.iter().filter(move |case| {
        case.role == role
            && feature.level(role).is_some()
            && case.shows.iter().any(|name| name == feature.name)
    })
}

/// The features that RFC 6120 demands of a role (MUST or SHOULD) and no test shows.
pub fn missing(cases: &[Case]) -> Vec<String> {
    let mut missing = Vec::new();
    for feature in features() {
        for role in [Role::Client, Role::Server] {
            let wanted = matches!(feature.level(role), Some("MUST" | "SHOULD"));
            if wanted && shown(&feature, role, cases).next().is_none() {
                missing.push(format!(
                    "nothing shows {} ({role}): {}",
                    feature.name, feature.shows
                ));
            }
        }
    }
    missing
}

/// The tests in which a role sends a condition.
fn sent_in<'a>(
    family: &'a Family,
    name: &'a str,
    role: Role,
    cases: &'a [Case],
) -> impl Iterator<Item = &'a Case> {
    cases.iter().filter(move |case| {
        let script = case.script.as_ref().map(|script| script.text());
        case.role == role && script.is_some_and(|script| family.is_sent(name, script, role))
    })
}

/// The conditions that neither role sends in any test.
pub fn never_sent(cases: &[Case]) -> Vec<String> {
    let mut never_sent = Vec::new();
    for family in families() {
        for name in &family.names {
            let never = |role| sent_in(&family, name, role, cases).next().is_none();
            if never(Role::Client) && never(Role::Server) {
                never_sent.push(format!("no test sends {name} of {}", family.title));
            }
        }
    }
    never_sent
}

/// The tables of conditions, each with up to two tests per role in which the role sends it.
fn conditions(page: &mut String, cases: &[Case]) {
    for family in families() {
        let title = family.title;
        write!(page, "\n### {title}\n\n| condition | the client sends it in | the server sends it in |\n|---|---|---|\n")
            .expect("a string takes everything");
        for name in &family.names {
            let [client, server] = [Role::Client, Role::Server].map(|role| {
                let names: Vec<String> = sent_in(&family, name, role, cases)
                    .map(|case| format!("`{}`", case.name))
                    .collect();
                match names.as_slice() {
                    [] => "–".to_owned(),
                    [one] => one.clone(),
                    [one, two] => format!("{one}, {two}"),
                    [one, rest @ ..] => format!("{one} and {} more", rest.len()),
                }
            });
            writeln!(page, "| {name} | {client} | {server} |").expect("a string takes everything");
        }
    }
}

/// Writes the page.
pub fn render(cases: &[Case]) -> String {
    let mut page = HEAD.to_owned();
    page.push_str("| feature | § | what it demands | client | server |\n|---|---|---|---|---|\n");
    for feature in features() {
        let [client, server] = [Role::Client, Role::Server].map(|role| cell(&feature, role, cases));
        let Feature {
            name,
            section,
            shows,
            ..
        } = feature;
        let shows = shows.replace('<', "`<").replace("/>", "/>`");
        writeln!(
            page,
            "| [{name}](#{name}) | {section} | {shows} | {client} | {server} |"
        )
        .expect("a string takes everything");
    }
    page.push_str("\n## How rows were read\n\n");
    page.push_str(include_str!("../readings.md").trim());
    page.push_str(CONDITIONS);
    conditions(&mut page, cases);
    page.push_str("\n## What shows it\n");
    for feature in features() {
        write!(page, "\n### {}\n\n", feature.name).expect("a string takes everything");
        let mut lines: Vec<(String, Vec<Role>)> = Vec::new();
        for role in [Role::Client, Role::Server] {
            for case in shown(&feature, role, cases) {
                let line = format!("`{}`: {}", case.name, case.about);
                match lines.iter_mut().find(|(known, _)| *known == line) {
                    Some((_, roles)) => roles.push(role),
                    None => lines.push((line, vec![role])),
                }
            }
        }
        for (line, roles) in lines {
            let roles: Vec<_> = roles.iter().map(ToString::to_string).collect();
            writeln!(page, "- {} {line}", roles.join(", ")).expect("a string takes everything");
        }
    }
    page
}
