//! What the table of requirements names as evidence: tests and documentation.
//!
//! - `client/lang` is a case of these conformance tests.
//! - `crates/net/tests/tls.rs::another_name_is_refused` is a test function, or a scenario of
//!   `tests/support` that both adapters run.
//! - `crates/core/src/server/config.rs: with_lang` is documentation: the file holds these words.
//!
//! A name that does not exist is a fault here. `.ci/requirements.py` compares the test functions
//! with what the whole test run printed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::case::Case;
use crate::requirement::Requirement;

/// A piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    Case(&'static str),
    Function {
        file: &'static str,
        name: &'static str,
    },
    Words {
        file: &'static str,
        words: &'static str,
    },
}

impl Evidence {
    pub fn parse(text: &'static str) -> Self {
        if let Some((file, name)) = text.split_once("::") {
            Self::Function { file, name }
        } else if let Some((file, words)) = text.split_once(": ") {
            Self::Words { file, words }
        } else {
            Self::Case(text)
        }
    }
}

/// The files of the workspace that the evidence names, read once.
#[derive(Default)]
struct Files(HashMap<&'static str, Option<String>>);

impl Files {
    fn text(&mut self, file: &'static str) -> Option<&str> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let read = || fs::read_to_string(root.join(file)).ok();
        self.0.entry(file).or_insert_with(read).as_deref()
    }
}

/// The names that lead to nothing.
pub fn faults(rows: &[Requirement], cases: &[Case]) -> Vec<String> {
    let mut files = Files::default();
    let mut faults = Vec::new();
    for row in rows {
        for text in &row.evidence {
            if let Err(fault) = check(Evidence::parse(text), &mut files, cases) {
                faults.push(format!("{}: {text}: {fault}", row.id));
            }
        }
    }
    faults
}

fn check(evidence: Evidence, files: &mut Files, cases: &[Case]) -> Result<(), &'static str> {
    match evidence {
        Evidence::Case(name) => {
            let is_known = cases.iter().any(|case| case.name == name);
            is_known.then_some(()).ok_or("there is no such case")
        }
        Evidence::Function { file, name } => {
            let text = files.text(file).ok_or("there is no such file")?;
            if file.starts_with("tests/support/src/scenarios/") {
                declaration(text, name).ok_or("there is no such function")?;
                is_listed(name, files)
            } else {
                is_test(text, name)
            }
        }
        Evidence::Words { file, words } => {
            let text = files.text(file).ok_or("there is no such file")?;
            let is_there = text.contains(words);
            is_there
                .then_some(())
                .ok_or("the file does not hold these words")
        }
    }
}

/// Whether the function is a test that runs.
fn is_test(text: &str, name: &str) -> Result<(), &'static str> {
    let start = declaration(text, name).ok_or("there is no such function")?;
    let before = text.get(..start).unwrap_or_default();
    let attributes: Vec<&str> = before
        .lines()
        .rev()
        .map(str::trim)
        .skip_while(|line| line.is_empty())
        .take_while(|line| line.starts_with("#[") || line.starts_with("//"))
        .collect();
    if attributes.iter().any(|line| line.starts_with("#[ignore")) {
        return Err("the test is ignored");
    }
    let is_test = |line: &&str| {
        line.split(['(', ']'])
            .next()
            .is_some_and(|word| word == "#[test" || word == "#[tokio::test")
    };
    if attributes.iter().any(is_test) {
        Ok(())
    } else {
        Err("the function is no test")
    }
}

/// Whether both adapters run the scenario.
fn is_listed(name: &str, files: &mut Files) -> Result<(), &'static str> {
    let list = files
        .text("tests/support/src/scenarios/mod.rs")
        .ok_or("the list of scenarios is missing")?;
    let mut words = list.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words
        .any(|word| word == name)
        .then_some(())
        .ok_or("the scenario is not in the list")
}

/// Where the line of the function's declaration begins.
fn declaration(text: &str, name: &str) -> Option<usize> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_it = line.trim_start().split("fn ").nth(1).is_some_and(|rest| {
            let end = rest.find(['(', '<']).unwrap_or(0);
            rest.get(..end) == Some(name)
        });
        if is_it && !line.trim_start().starts_with("//") {
            return Some(start);
        }
        start += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
#[test]
fn runs() {}

#[test]
#[ignore = \"slow\"]
fn rests() {}

/// Helps.
fn helps() {}

#[tokio::test(flavor = \"current_thread\")]
async fn waits<T>() {}
";

    #[test]
    fn only_tests_that_run_are_evidence() {
        assert_eq!(is_test(SOURCE, "runs"), Ok(()));
        assert_eq!(is_test(SOURCE, "waits"), Ok(()));
        assert_eq!(is_test(SOURCE, "rests"), Err("the test is ignored"));
        assert_eq!(is_test(SOURCE, "helps"), Err("the function is no test"));
        assert_eq!(is_test(SOURCE, "lacks"), Err("there is no such function"));
    }
}
