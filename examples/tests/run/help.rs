//! Every program says how it is called.

use crate::support::{example, output};

const PROGRAMS: [&str; 7] = [
    "bot",
    "client",
    "component",
    "duet",
    "event_loop",
    "federation",
    "server",
];

#[test]
fn every_program_has_a_help() {
    let manifest = include_str!("../../Cargo.toml");
    assert_eq!(manifest.matches("[[example]]").count(), PROGRAMS.len());
    for program in PROGRAMS {
        let mut command = example(program);
        command.arg("--help");
        let output = output(command);
        assert!(output.status.success(), "{program}");
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let usage = text.lines().next().unwrap_or_default();
        assert!(usage.starts_with("usage: "), "{program}: {usage}");
        assert!(usage.contains(program), "{program}: {usage}");
        assert!(text.ends_with('\n'), "{program}");
    }
}
