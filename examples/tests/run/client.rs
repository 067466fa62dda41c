//! `client` sends what it reads and prints what it gets, here with `server` on the other side.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::support::{ACCOUNTS, PATIENCE, Running, Server, directory, example, output};

/// A running client, and the lines that it prints.
struct Client {
    process: Running,
    input: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
}

fn command(server: &Server, user: &str) -> Command {
    let (_, password) = ACCOUNTS
        .iter()
        .find(|(of, _)| *of == user)
        .expect("an account");
    let mut command = example("client");
    command
        .arg(format!("{user}@localhost/test"))
        .arg("--ca-file")
        .arg(server.certificate());
    command
        .args(["--server", &server.address.to_string()])
        .env("XMPP_PASSWORD", password);
    command
}

impl Client {
    fn start(command: &mut Command) -> Self {
        let mut process = Running::spawn(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped()),
        );
        let (sender, lines) = mpsc::channel();
        let stdout = process.0.stdout.take().expect("a pipe");
        let stderr = process.0.stderr.take().expect("a pipe");
        for pipe in [
            Box::new(stdout) as Box<dyn std::io::Read + Send>,
            Box::new(stderr),
        ] {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines() {
                    let _ = sender.send(line.expect("UTF-8"));
                }
            });
        }
        Self {
            input: process.0.stdin.take(),
            process,
            lines,
        }
    }

    fn expect(&self, line: &str) {
        assert_eq!(self.lines.recv_timeout(PATIENCE).as_deref(), Ok(line));
    }

    /// These lines come next, in any order: the client writes to two pipes.
    fn expect_all<const N: usize>(&self, lines: [&str; N]) {
        let mut told: Vec<String> = (0..N)
            .map(|_| self.lines.recv_timeout(PATIENCE).expect("a line"))
            .collect();
        told.sort_unstable();
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        assert_eq!(told, lines);
    }

    fn say(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open input");
        writeln!(input, "{line}").expect("a client that reads");
    }

    /// Ends the input and with it the client.
    fn leave(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().success());
    }
}

#[test]
fn two_people_talk() {
    let server = Server::start("client-talk");
    let mut juliet = Client::start(&mut command(&server, "juliet"));
    juliet.expect("logged in as juliet@localhost/test");
    let mut romeo = Client::start(command(&server, "romeo").args(["--to", "juliet@localhost"]));
    romeo.expect("logged in as romeo@localhost/test");

    romeo.say("She speaks: <o>, speak & again");
    juliet.expect("romeo@localhost/test: She speaks: <o>, speak & again");
    juliet.say("romeo@localhost/test O Romeo, Romeo!");
    romeo.expect("juliet@localhost/test: O Romeo, Romeo!");

    juliet.say("nurse@localhost Where art thou?");
    juliet.expect("nurse@localhost did not get it: service-unavailable");
    juliet.say("romeo");
    juliet.expect("not sent: type an address, a space and a text");

    // What is typed last still arrives.
    juliet.say("romeo@localhost Good night, \u{9b}2Jgood night!");
    juliet.leave();
    romeo.expect("juliet@localhost/test: Good night, \u{fffd}2Jgood night!");
    romeo.leave();
}

#[test]
fn a_wrong_password_is_told() {
    let server = Server::start("client-password");
    let mut command = command(&server, "juliet");
    command.env("XMPP_PASSWORD", "wrong");
    let output = output(command);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("not-authorized"), "{told}");
}

#[test]
fn another_authority_is_not_trusted() {
    let (server, other) = (
        Server::start("client-trust"),
        Server::start("client-trust-other"),
    );
    let mut command = command(&server, "juliet");
    command.arg("--ca-file").arg(other.certificate());
    let output = output(command);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("certificate"), "{told}");
}

/// The session waits at the server, and the token is as good as the password, until the server
/// forgets both.
#[test]
fn a_client_survives_its_restart() {
    let test = "client-state";
    let server = Server::start(test);
    let file = directory(test).join("state");
    let _ = std::fs::remove_file(&file);
    let juliet = |server: &Server, password: Option<&str>| {
        let mut command = command(server, "juliet");
        command.arg("--state").arg(&file);
        if let Some(password) = password {
            command.env("XMPP_PASSWORD", password);
        }
        Client::start(&mut command)
    };
    let first = juliet(&server, None);
    first.expect("logged in as juliet@localhost/test");
    assert_private(&file);
    first.leave();
    let mut romeo =
        Client::start(command(&server, "romeo").args(["--to", "juliet@localhost/test"]));
    romeo.expect("logged in as romeo@localhost/test");
    romeo.say("Hist! Juliet, hist!");
    romeo.leave();

    // The token is used: the password is wrong.
    let second = juliet(&server, Some("wrong"));
    second.expect_all([
        "back as juliet@localhost/test",
        "romeo@localhost/test: Hist! Juliet, hist!",
    ]);
    assert_private(&file);
    second.leave();

    drop(server);
    let server = Server::start_again(test, &[]);
    let third = juliet(&server, None);
    let told = third.lines.recv_timeout(PATIENCE).expect("a line");
    assert!(
        told.starts_with("the token was refused, so the password was used: "),
        "{told}"
    );
    third.expect("logged in as juliet@localhost/test");
    third.leave();
    let fourth = juliet(&server, Some("wrong"));
    fourth.expect("back as juliet@localhost/test");
    fourth.leave();
}

/// The file exists, and only its owner may read it.
fn assert_private(file: &std::path::Path) {
    let metadata = std::fs::metadata(file).expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    assert!(metadata.is_file());
}

#[test]
fn a_damaged_file_is_told() {
    let test = "client-damaged";
    let server = Server::start(test);
    let file = directory(test).join("state");
    for text in [
        "",
        "user-agent 7\n",
        "user-agent 9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f\ntoken 00\n",
    ] {
        std::fs::write(&file, text).expect("a writable file");
        let mut command = command(&server, "juliet");
        command.arg("--state").arg(&file);
        let output = output(command);
        assert!(!output.status.success());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(&file.display().to_string()), "{told}");
    }
}

/// Two clients of one account see what the other one sends and receives, and the server knows which
/// of them is looked at.
#[test]
fn clients_of_one_account_get_carbons_and_tell_their_state() {
    let server = Server::start("client-carbons");
    let mut juliet = Client::start(&mut command(&server, "juliet"));
    juliet.expect("logged in as juliet@localhost/test");
    let mut phone = example("client");
    phone
        .args([
            "juliet@localhost/phone",
            "--server",
            &server.address.to_string(),
        ])
        .arg("--ca-file")
        .arg(server.certificate())
        .env("XMPP_PASSWORD", ACCOUNTS[0].1);
    let mut phone = Client::start(&mut phone);
    phone.expect("logged in as juliet@localhost/phone");
    let mut romeo =
        Client::start(command(&server, "romeo").args(["--to", "juliet@localhost/test"]));
    romeo.expect("logged in as romeo@localhost/test");

    juliet.say("romeo@localhost/test Who's there?");
    romeo.expect("juliet@localhost/test: Who's there?");
    phone.expect("juliet@localhost/test to romeo@localhost/test: Who's there?");
    phone.say("/away");
    server.expect_log("is inactive");
    // It is no less urgent for that.
    romeo.say("It is I.");
    juliet.expect("romeo@localhost/test: It is I.");
    phone.expect("romeo@localhost/test to juliet@localhost/test: It is I.");
    phone.say("/back");
    server.expect_log("is active");
    for client in [juliet, phone, romeo] {
        client.leave();
    }
}
