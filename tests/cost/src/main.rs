//! Counts instructions with callgrind, because they hardly vary where time does.
//!
//! - `cargo run --release -p xmppwire-cost` compares the hot paths with `counts.txt`, and checks
//!   that the cost grows no faster than the size. `--update` writes `counts.txt`.
//! - `… -- --run NAME` does the work of one path once, to be run under a profiler:
//!   `valgrind --tool=callgrind --toggle-collect='*measured*' target/release/xmppwire-cost --run NAME`
//! - A name counts only what begins with it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a measurement may fail by panicking"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use xmppwire_cost::{Work, growth, paths};

/// How far a count may be from the one that is kept, in percent. Compilers and C libraries of other
/// versions differ by less.
const TOLERANCE: f64 = 8.0;

/// How much more a hundred times the size may cost.
const MOST_GROWTH: f64 = 110.0;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    use lexopt::prelude::*;
    let (mut update, mut only) = (false, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("run") => {
                run(&args.value()?.string()?);
                return Ok(ExitCode::SUCCESS);
            }
            Long("update") => update = true,
            Value(name) => only = Some(name.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let only = only.unwrap_or_default();
    let is_good = compare(&only, update)? & grow(&only)?;
    Ok(if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The work of a path, or of a case of growth with its size in front: `100 text`.
fn work(name: &str) -> Work {
    if let Some((size, case)) = name.split_once(' ')
        && let Ok(size) = size.parse()
    {
        let case = growth::ALL.iter().find(|known| known.name == case);
        return (case.expect("a known case").work)(size);
    }
    let (_, make) = paths::all()
        .into_iter()
        .find(|(known, _)| known == name)
        .expect("a known path");
    make(name).work
}

fn run(name: &str) {
    let mut work = work(name);
    // What is allocated or looked up once does not count.
    work();
    measured(&mut *work);
}

/// Callgrind counts what happens in here.
#[inline(never)]
fn measured(work: &mut dyn FnMut()) {
    work();
}

/// The number of instructions.
fn count(name: &str) -> Result<f64, Box<dyn Error>> {
    let done = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg("--toggle-collect=*measured*")
        .arg(std::env::current_exe()?)
        .args(["--run", name])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .ok_or_else(|| format!("callgrind counted nothing:\n{said}"))?;
    Ok(collected.1.trim().parse()?)
}

fn compare(only: &str, update: bool) -> Result<bool, Box<dyn Error>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("counts.txt");
    let mut kept: BTreeMap<String, f64> = BTreeMap::new();
    for line in std::fs::read_to_string(&file).unwrap_or_default().lines() {
        if let Some((name, count)) = line.split_once(' ') {
            kept.insert(name.into(), count.trim().parse()?);
        }
    }
    let mut is_good = true;
    println!("{:24} {:>10} {:>10}", "instructions for one", "now", "kept");
    for (name, make) in paths::all() {
        if !name.starts_with(only) {
            continue;
        }
        let now = (count(&name)? / make(&name).count as f64).round();
        let before = kept.insert(name.clone(), now).unwrap_or(f64::NAN);
        let change = (now / before - 1.0) * 100.0;
        let is_close = change.abs() <= TOLERANCE;
        is_good &= is_close || update;
        let mark = if is_close { "" } else { "  CHANGED" };
        println!("{name:24} {now:10} {before:10} {change:+6.1} %{mark}");
    }
    if update {
        let lines = kept.iter().map(|(name, count)| format!("{name} {count}\n"));
        std::fs::write(&file, lines.collect::<String>())?;
    } else if !is_good {
        println!("If the change is meant: cargo run --release -p xmppwire-cost -- --update");
    }
    Ok(is_good)
}

fn grow(only: &str) -> Result<bool, Box<dyn Error>> {
    let mut is_good = true;
    println!("\n{:36} cost of a hundred times the size", "growth");
    for case in growth::ALL {
        if !only.is_empty() && only != "growth" && only != case.name {
            continue;
        }
        let small = count(&format!("{} {}", case.base, case.name))?;
        let large = count(&format!("{} {}", case.base * 100, case.name))?;
        let growth = large / small;
        let is_fine = growth <= MOST_GROWTH;
        is_good &= is_fine;
        let mark = if is_fine { "" } else { "  TOO MUCH" };
        println!("{:36} {growth:6.1}{mark}", case.name);
    }
    Ok(is_good)
}
