//! `client` sends what it reads and prints what it gets, here with `server` on the other side.

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::support::{ACCOUNTS, PATIENCE, Running, Server, example, output};

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
