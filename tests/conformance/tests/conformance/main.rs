//! Runs every conformance test and compares `docs/conformance.md` with them.
//!
//! The command line is that of the usual test harness, by `libtest-mimic`. A test's name is its
//! role and its title, as in `[client] xml/over-deep`. A filter that is the name of a feature of
//! RFC 6120 §15 chooses the tests that show the feature: `cargo test -p xmppwire-conformance --test
//! conformance -- tls-correlate`.
//!
//! With `UPDATE_DOCS=1` the page is written anew after a whole run in which nothing failed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod adapters;
mod certificates;
mod machines;
mod revocation;
mod sockets;
mod told;
mod xml;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::features;
use xmppwire_conformance::script::scripts;
use xmppwire_conformance::{evidence, page, requirement, requirements_page};
use xmppwire_test_support::within;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");
const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/requirements.md");

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    let mut cases: Vec<Case> = scripts().into_iter().flat_map(Vec::<Case>::from).collect();
    cases.extend(adapters::cases());
    cases.extend(certificates::cases());
    cases.extend(machines::cases());
    cases.extend(revocation::cases());
    cases.extend(sockets::cases());
    cases.extend(told::cases());
    cases.extend(xml::cases());

    let feature = arguments.filter.take_if(|word| is_feature(word));
    let is_chosen = |case: &&Case| {
        feature
            .as_ref()
            .is_none_or(|name| case.shows.contains(name))
    };
    let mut trials: Vec<Trial> = cases.iter().filter(is_chosen).map(trial).collect();

    let update = std::env::var_os("UPDATE_DOCS").is_some();
    let whole = feature.is_none() && arguments.filter.is_none() && arguments.skip.is_empty();
    let cases = Arc::new(cases);
    if feature.is_none() {
        trials.extend(checks(&cases, !update));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let ran = whole && !arguments.list && !arguments.ignored;
    if update && ran && !conclusion.has_failed() {
        std::fs::write(PAGE, page::render(&cases)).expect("the page can be written");
        std::fs::write(REQUIREMENTS, requirements()).expect("the page can be written");
    }
    conclusion.exit_code()
}

fn is_feature(word: &str) -> bool {
    features().iter().any(|feature| feature.name == word)
}

/// The test of a case, with a deadline.
fn trial(case: &Case) -> Trial {
    let run = case.run.clone();
    let run = move || {
        within(move || run());
        Ok(())
    };
    Trial::test(&case.name, run).with_kind(case.role.to_string())
}

/// Checks of all tests together: they show every feature, and the page lists them.
fn checks(cases: &Arc<Vec<Case>>, compare: bool) -> Vec<Trial> {
    let check = |name: &str, check: fn(&[Case]) -> Vec<String>| {
        let cases = cases.clone();
        let run = move || match check(&cases) {
            faults if faults.is_empty() => Ok(()),
            faults => Err(Failed::from(faults.join("\n"))),
        };
        Trial::test(name, run).with_kind("page")
    };
    let mut checks = vec![
        check("names-of-features", unknown_features),
        check("every-feature-is-shown", page::missing),
        check("every-condition-is-sent", page::never_sent),
        check("every-requirement-has-its-row", |_| requirement::faults()),
        check("every-requirement-names-what-exists", |cases| {
            evidence::faults(&requirement::requirements(), cases)
        }),
    ];
    if compare {
        checks.push(check("is-current", stale));
        checks.push(check("requirements-are-current", stale_requirements));
    }
    checks
}

/// The names after `Shows:` that are no features.
fn unknown_features(cases: &[Case]) -> Vec<String> {
    let names = |case: &'_ Case| -> Vec<String> {
        let unknown = case.shows.iter().filter(|name| !is_feature(name));
        unknown
            .map(|name| format!("{}: {name} is no feature", case.name))
            .collect()
    };
    cases.iter().flat_map(names).collect()
}

/// Says whether the page differs from what the tests would write.
fn stale(cases: &[Case]) -> Vec<String> {
    match std::fs::read_to_string(PAGE) {
        Ok(page) if page == page::render(cases) => Vec::new(),
        _ => vec!["docs/conformance.md is stale: run this with UPDATE_DOCS=1".into()],
    }
}

fn requirements() -> String {
    requirements_page::render(&requirement::requirements())
}

/// Says whether the page of the requirements differs from what the tests would write.
fn stale_requirements(_: &[Case]) -> Vec<String> {
    match std::fs::read_to_string(REQUIREMENTS) {
        Ok(page) if page == requirements() => Vec::new(),
        _ => vec!["docs/requirements.md is stale: run this with UPDATE_DOCS=1".into()],
    }
}
