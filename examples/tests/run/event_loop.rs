//! `event_loop` logs in every pair, moves every message, and ends the connection that stays silent.

use crate::support;

#[test]
fn serves_all_pairs() {
    let mut command = support::example("event_loop");
    command.arg("20");
    let output = support::output(command);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        output.status.success(),
        "{}\n{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    for expected in [
        "logins    20 of 20",
        "messages  400",
        "ended     40 in good order, 0 broken",
        "deadlines 1 silent",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing:\n{text}");
    }
}
