//! A login of ours whose round trips `round_trips.py` counts. `XMPPWIRE_ROUND_TRIPS` says how TLS
//! begins, `starttls` or `direct`, and what the last connection does: `sasl`, `sasl2` or `token`, each
//! also with `-resume` behind it.
//!
//! It logs in with what the adapters drive, so that nothing but the library decides what is written.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::env;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::task::Poll;
use std::time::Duration;

use xmppwire::{
    Client, ClientConfig, ClientEvent, Entropy, Instant, Jid, Message, Resumption, Stanza,
    StreamManagement, Token, UserAgent,
};
use xmppwire_net::link::{Handshake, Link, TlsSide, Wire};
use xmppwire_net::tls::{ClientTls, roots_from_pem};

const NOW: Instant = Instant::ORIGIN;
const PATIENCE: Duration = Duration::from_secs(30);

fn get(name: &str) -> String {
    env::var(format!("XMPPWIRE_SERVER_{name}")).unwrap()
}

/// What is kept from one connection to the next.
#[derive(Default)]
struct Kept {
    token: Option<Token>,
    session: Option<Resumption>,
}

#[test]
#[ignore = "needs a server: tests/interop/README.md"]
fn log_in() {
    let wanted = env::var("XMPPWIRE_ROUND_TRIPS").unwrap();
    let (mode, wanted) = wanted.split_once(' ').unwrap();
    let (login, resumes) = match wanted.strip_suffix("-resume") {
        Some(login) => (login, true),
        None => (wanted, false),
    };
    let user_agent = UserAgent::new(&mut Entropy::from_os().unwrap());
    let mut kept = Kept::default();
    if login == "token" || resumes {
        connect(
            mode == "direct",
            account("sasl2", &user_agent, None),
            &mut kept,
        );
    }
    if !resumes {
        kept.session = None;
    }
    let account = account(login, &user_agent, kept.token.take());
    connect(mode == "direct", account, &mut kept);
}

fn account(login: &str, user_agent: &UserAgent, token: Option<Token>) -> ClientConfig {
    let jid = Jid::new(&format!("{}@{}", get("USER"), get("DOMAIN"))).unwrap();
    let account = ClientConfig::new(jid, get("PASSWORD"))
        .unwrap()
        .with_stream_management(StreamManagement::new());
    match login {
        "sasl" => account.without_sasl2(),
        "sasl2" => account.with_user_agent(user_agent.clone()),
        "token" => account
            .with_user_agent(user_agent.clone())
            .with_token(token.expect("a token")),
        other => panic!("{other}"),
    }
}

/// Logs in, or resumes the session that is kept, sends a message, and loses the connection when it has
/// come back.
fn connect(direct: bool, account: ClientConfig, kept: &mut Kept) {
    let port = get(if direct { "TLS_PORT" } else { "PORT" })
        .parse()
        .unwrap();
    let mut tcp = TcpStream::connect((get("ADDRESS"), port)).unwrap();
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    let roots = roots_from_pem(&std::fs::read(get("CA")).unwrap()).unwrap();
    let tls = ClientTls::builder(roots).build().unwrap();
    let side = TlsSide::client(tls, get("DOMAIN").parse().unwrap());
    let entropy = Entropy::from_os().unwrap();
    let (mut client, side) = if direct {
        let mut handshake = Handshake::new(side, NOW + PATIENCE).unwrap();
        let secured = loop {
            match handshake.poll(NOW) {
                Poll::Ready(secured) => break secured.unwrap(),
                Poll::Pending => exchange(&mut tcp, &mut handshake),
            }
        };
        (
            Client::with_direct_tls(account, entropy, NOW, secured.info()),
            Err(secured),
        )
    } else {
        (Client::new(account, entropy, NOW), Ok(side))
    };
    let resumes = kept.session.is_some();
    if let Some(session) = kept.session.take() {
        client.resume(session).unwrap();
    }
    let mut link = match side {
        Ok(side) => Link::new(client, Some(side)),
        Err(secured) => Link::over_tls(client, secured),
    };
    let mut managed = resumes;
    let mut heard = false;
    while !(heard && managed) {
        match link.poll_event(NOW) {
            Poll::Pending => exchange(&mut tcp, &mut link),
            Poll::Ready(event) => match event.unwrap().unwrap() {
                ClientEvent::Bound(jid) => {
                    assert!(!resumes, "the session is not resumed");
                    speak(&mut link, jid.into());
                }
                ClientEvent::Resumed { jid, .. } => speak(&mut link, jid.into()),
                ClientEvent::Token(token) => kept.token = Some(token),
                ClientEvent::Managed(_) => managed = true,
                ClientEvent::Stanza(Stanza::Message(_)) => heard = true,
                ClientEvent::Closed(reason) => panic!("{reason}"),
                _ => {}
            },
        }
    }
    kept.session = link.connection_mut().take_resumption();
}

/// Sends the first stanza, which the count recognises by its size.
fn speak(link: &mut Link<Client>, to: Jid) {
    let message = Message::chat(to, "x".repeat(12_000));
    link.connection_mut().send(&message.into()).unwrap();
}

/// Writes what there is to write, and reads what there is to read.
fn exchange(tcp: &mut TcpStream, wire: &mut dyn Wire) {
    let output = wire.output().to_vec();
    if !output.is_empty() {
        tcp.write_all(&output).unwrap();
        return wire.consume_output(output.len());
    }
    let mut buffer = [0; 16 * 1024];
    match tcp.read(&mut buffer).unwrap() {
        0 => wire.receive_eof(),
        read => wire.receive(NOW, buffer.get(..read).unwrap()),
    }
}
