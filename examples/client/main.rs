//! Logs in to any server, sends what is typed, and prints what arrives.
//!
//! ```text
//! client juliet@example.org                    # then type: romeo@example.net Good night!
//! client juliet@example.org --to romeo@example.net < letter.txt
//! client juliet@localhost --server 127.0.0.1:5222 --ca-file cert.pem
//! ```
//!
//! The password comes from the environment variable `XMPP_PASSWORD`, or is asked for. The end of
//! the input, or ctrl-c, logs out. `--direct-tls` is for a `--server` that expects TLS from the
//! first byte.
//!
//! With `--state FILE` the session outlives the program: it waits at the server, and the next start
//! continues it, with a token instead of the password. What arrived meanwhile is printed then.
//!
//! What the account's other clients send and receive is printed too (carbons, XEP-0280). The line
//! `/away` tells the server that nothing urgent has to come (XEP-0352), `/back` the opposite.

mod state;

use std::error::Error;
use std::ffi::OsString;
use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use lexopt::prelude::*;
use tokio::sync::mpsc;
use xmppwire_tokio::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{
    BareJid, Carbon, Client, Connector, Jid, Message, Mode, Presence, Profile, RequestError, Stanza,
};

use state::State;

const USAGE: &str = "\
usage: client JID [OPTION]...

  --to JID             whom to send each line to [the first word of the line]
  --server HOST:PORT   where to connect to [what the domain of the JID says]
  --direct-tls         that server expects TLS from the first byte
  --ca-file FILE       authorities to trust, in PEM [those of the system]
  --state FILE         keeps the session and a token for the next start; both are secrets
  --help               this text

The password comes from XMPP_PASSWORD, or is asked for.
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    if shared::help(USAGE) {
        return Ok(());
    }
    let options = Options::parse()?;
    let password = shared::password(&options.jid)?;
    // What those who see its presence may know. Other requests are refused without the program's
    // help.
    let profile = Profile::new("xmppwire example", env!("CARGO_PKG_VERSION"));
    let mut connector = Connector::account(&options.jid, password)?
        .with_profile(profile.with_identity("client", "console"));
    if let Some((host, port)) = options.server {
        connector = connector.with_server(host, port, options.mode);
    }
    if let Some(file) = options.ca_file {
        let roots = roots_from_pem(&std::fs::read(file)?)?;
        connector = connector.with_tls(ClientTls::builder(roots).build()?);
    }

    let mut state = options.state.map(State::open).transpose()?;
    if let Some(state) = &mut state {
        connector = state.prepare(connector)?;
    }

    let connected = Client::connect_with(&connector).await;
    if let Some(state) = &mut state {
        state.tried(&connector)?;
    }
    let mut client = connected?;
    let ended = talk(&mut client, options.to.as_ref()).await;
    match &mut state {
        Some(state) => {
            let own = client.jid().to_bare();
            let mut suspended = client.suspend();
            for stanza in std::mem::take(&mut suspended.arrived) {
                receive(stanza, &own);
            }
            state.ended(suspended)?;
        }
        None if ended.is_ok() => client.close().await?,
        None => {}
    }
    ended
}

/// Prints what arrives and sends what is typed, until the end of the input.
async fn talk(client: &mut Client, to: Option<&Jid>) -> Result<(), Box<dyn Error>> {
    if client.is_resumed() {
        // Presence and carbons are as they were.
        eprintln!("back as {}", client.jid());
    } else {
        match client.enable_carbons().await {
            // Not every server has them.
            Ok(()) | Err(RequestError::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
        eprintln!("logged in as {}", client.jid());
        // Without presence, messages to the bare address do not arrive here (RFC 6121 §4.2).
        client.send(Presence::available()).await?;
    }
    for lost in client.take_unacknowledged() {
        eprintln!("perhaps not delivered: {}", lost.stanza.element().to_xml());
    }

    let own = client.jid().to_bare();
    let mut lines = lines_of_stdin();
    loop {
        tokio::select! {
            stanza = client.next() => match stanza? {
                Some(stanza) => receive(stanza, &own),
                None => return Err("the server has closed the stream".into()),
            },
            line = lines.recv() => match line.as_deref() {
                Some("/away") => client.set_active(false),
                Some("/back") => client.set_active(true),
                Some(line) => match parse(line, to) {
                    Ok(message) => client.send(message).await?,
                    Err(error) => eprintln!("not sent: {error}"),
                },
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    // What was typed last is not left to the next start.
    client.flush().await?;
    Ok(())
}

/// Prints a message, or the copy of one that another client of the account sent or received.
fn receive(stanza: Stanza, own: &BareJid) {
    let Stanza::Message(message) = stanza else {
        return;
    };
    let name = |jid: Option<&Jid>| jid.map_or("the server", Jid::as_str).to_owned();
    if let Some(carbon) = Carbon::open(&message, own) {
        let copy = carbon.message();
        if let Some(body) = copy.body() {
            println!(
                "{} to {}: {}",
                name(copy.from()),
                name(copy.to()),
                printable(&body)
            );
        }
        return;
    }
    let from = name(message.from());
    if let Some(error) = message.error() {
        println!("{from} did not get it: {}", printable(&error.to_string()));
    } else if let Some(body) = message.body() {
        println!("{from}: {}", printable(&body));
    }
}

/// Reads an address and a text, such as `romeo@example.net Good night!`, or only a text if `to` is
/// given.
fn parse(line: &str, to: Option<&Jid>) -> Result<Message, Box<dyn Error>> {
    if let Some(to) = to {
        return Ok(Message::chat(to, line));
    }
    let (to, text) = line
        .split_once(' ')
        .ok_or("type an address, a space and a text")?;
    Ok(Message::chat(to, text)?)
}

/// Replaces control characters, which could move the cursor, and indents lines, so that they cannot
/// look like another message.
fn printable(text: &str) -> String {
    let safe = |letter: char| match letter {
        '\n' => "\n    ".into(),
        letter if letter.is_control() => char::REPLACEMENT_CHARACTER.to_string(),
        letter => letter.to_string(),
    };
    text.chars().map(safe).collect()
}

/// The lines of the standard input. A thread reads them, because a terminal can only be waited for
/// in one. It ends with the program.
fn lines_of_stdin() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let read = line.map_err(|error| eprintln!("input: {error}"));
            if read.map_or(true, |line| sender.blocking_send(line).is_err()) {
                return;
            }
        }
    });
    lines
}

struct Options {
    jid: String,
    to: Option<Jid>,
    server: Option<(String, u16)>,
    mode: Mode,
    ca_file: Option<OsString>,
    state: Option<PathBuf>,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let (mut jid, mut to, mut server, mut ca_file) = (None, None, None, None);
        let mut state = None;
        let mut mode = Mode::StartTls;
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Value(value) if jid.is_none() => jid = Some(value.string()?),
                Long("to") => to = Some(arguments.value()?.parse()?),
                Long("server") => {
                    server = Some(arguments.value()?.parse_with(shared::host_and_port)?)
                }
                Long("direct-tls") => mode = Mode::DirectTls,
                Long("ca-file") => ca_file = Some(arguments.value()?),
                Long("state") => state = Some(arguments.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        if mode == Mode::DirectTls && server.is_none() {
            return Err("--direct-tls needs a --server".into());
        }
        let jid = jid.ok_or("an address is missing, such as juliet@example.org: see --help")?;
        Ok(Self {
            jid,
            to,
            server,
            mode,
            ca_file,
            state,
        })
    }
}
