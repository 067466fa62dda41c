//! Runs every conformance test and holds `docs/conformance.md` against what passed.
//!
//! It takes the arguments of the usual test harness that make sense for it: words that a test's name
//! has to contain (then the page is not looked at), `--skip WORD`, `--exact` and `--list`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a test harness prints, and its tests may fail by panicking"
)]

mod adapters;
mod certificates;
mod machines;
mod xml;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::features;
use xmppwire_conformance::page;
use xmppwire_conformance::script::scripts;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/conformance.md");

fn main() -> ExitCode {
    let arguments = Arguments::read();
    let mut cases: Vec<Case> = scripts().into_iter().flat_map(Vec::<Case>::from).collect();
    cases.extend(adapters::cases());
    cases.extend(certificates::cases());
    cases.extend(machines::cases());
    cases.extend(xml::cases());
    let chosen: Vec<&Case> = cases.iter().filter(|case| arguments.choose(case)).collect();
    if arguments.list {
        for case in chosen {
            println!("{}: test", title(case));
        }
        return ExitCode::SUCCESS;
    }
    println!("\nrunning {} tests", chosen.len());
    let (passed, failed): (Vec<&Case>, Vec<&Case>) = chosen.into_iter().partition(|case| {
        let passed = catch_unwind(AssertUnwindSafe(&case.run)).is_ok();
        let outcome = if passed { "ok" } else { "FAILED" };
        println!("test {} ... {outcome}", title(case));
        passed
    });
    let whole = arguments.is_everything() && failed.is_empty();
    let complaints = if whole { check(&passed) } else { Vec::new() };
    for case in &failed {
        println!("failed: {}", title(case));
    }
    for complaint in &complaints {
        println!("{complaint}");
    }
    let good = failed.is_empty() && complaints.is_empty();
    println!(
        "\ntest result: {}. {} passed; {} failed; 0 ignored; 0 measured; 0 filtered out\n",
        if good { "ok" } else { "FAILED" },
        passed.len(),
        failed.len() + complaints.len(),
    );
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn title(case: &Case) -> String {
    format!("{} ({})", case.name, case.role)
}

/// What is wrong with the page and with the tests as a whole.
fn check(passed: &[&Case]) -> Vec<String> {
    let mut complaints = Vec::new();
    let known = features();
    for case in passed {
        for name in &case.shows {
            if !known.iter().any(|feature| feature.name == name) {
                complaints.push(format!("{} shows {name}, which is no feature", case.name));
            }
        }
    }
    let missing = page::missing(passed);
    complaints.extend(
        missing
            .into_iter()
            .map(|row| format!("nothing shows {row}")),
    );
    let unsaid = page::unsaid(passed);
    complaints.extend(unsaid.into_iter().map(|name| format!("nobody says {name}")));
    let page = page::render(passed);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &page).expect("the page can be written");
    }
    if std::fs::read_to_string(PAGE).unwrap_or_default() != page {
        complaints.push("docs/conformance.md is stale: run this with UPDATE_DOCS=1".into());
    }
    complaints
}

/// The command line.
#[derive(Default)]
struct Arguments {
    words: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
    /// Only what the usual harness calls ignored, of which there is nothing.
    ignored: bool,
}

impl Arguments {
    fn read() -> Self {
        let mut arguments = Self::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--list" => arguments.list = true,
                "--exact" => arguments.exact = true,
                "--ignored" => arguments.ignored = true,
                "--skip" => arguments.skipped.extend(words.next()),
                "--test-threads" | "--format" | "--color" | "-Z" => drop(words.next()),
                option if option.starts_with('-') => {}
                _ => arguments.words.push(word),
            }
        }
        arguments
    }

    fn is_everything(&self) -> bool {
        self.words.is_empty() && self.skipped.is_empty() && !self.ignored
    }

    fn choose(&self, case: &Case) -> bool {
        let title = title(case);
        let fits = |word: &String| match self.exact {
            true => title == *word,
            false => title.contains(word.as_str()) || case.shows.contains(word),
        };
        !self.ignored
            && (self.words.is_empty() || self.words.iter().any(fits))
            && !self.skipped.iter().any(fits)
    }
}
