//! `server` bounds what its clients cost, and those who keep to the bounds do not notice. Linux
//! tells a process's peak memory, and has many addresses for the loopback interface.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use xmppwire_tokio::{
    Client, Element, Iq, IqType, Message, MessageType, Mode, Presence, Stanza,
    StanzaErrorCondition, StreamManagement, ns,
};

use crate::server::{connector, jid, login, next, next_message};
use crate::support::{PATIENCE, Server, run};

/// More silent connections than the server serves clients.
const FLOOD: usize = 1100;

#[test]
fn a_silent_reader_gets_everything() {
    run(async || {
        let server = Server::start("server-reader");
        let mut juliet = login(&server, "juliet", "balcony").await;
        let mut romeo = login(&server, "romeo", "orchard").await;
        for body in ["x".repeat(100_000), "one more".into(), "and another".into()] {
            let message = Message::chat(jid("romeo@localhost"), body.clone());
            juliet.send(message).await.expect("sent");
            juliet.flush().await.expect("written");
            let heard = next_message(&mut romeo).await;
            assert_eq!(heard.body().as_deref(), Some(body.as_str()));
        }
    });
}

/// A connection from another address of the loopback interface.
async fn connect_from(server: &Server, address: [u8; 4]) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = SocketAddr::from((address, 0));
    socket.bind(from).expect("an address");
    let connection = socket.connect(server.address).await;
    connection.expect("a connection")
}

#[test]
fn silent_connections_lock_nobody_out() {
    run(async || {
        let needed = u64::try_from(FLOOD).expect("a number") + 100;
        let (soft, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).expect("a limit");
        if soft < needed {
            let raised = rlimit::setrlimit(rlimit::Resource::NOFILE, needed, hard);
            raised.expect("enough descriptors");
        }
        let server = Server::start("server-flood");
        let mut romeo = login(&server, "romeo", "orchard").await;
        let early = connect_from(&server, [127, 0, 0, 3]).await;
        let mut flood = Vec::new();
        for _ in 0..FLOOD {
            flood.push(connect_from(&server, [127, 0, 0, 2]).await);
        }

        // One that came before the flood, one of another address, and one of the flood's own address.
        let late = connect_from(&server, [127, 0, 0, 1]).await;
        let same = connect_from(&server, [127, 0, 0, 2]).await;
        for (socket, resource) in [(early, "early"), (late, "late"), (same, "same")] {
            let address = format!("juliet@localhost/{resource}");
            let connector = connector(&server, &address, "O Romeo, Romeo!");
            let login = Client::over(socket, Mode::StartTls, &connector);
            let login = timeout(PATIENCE, login).await;
            let mut client = login.expect("in time").expect("a login");
            let message = Message::chat(jid("romeo@localhost"), resource);
            client.send(message).await.expect("sent");
            client.flush().await.expect("written");
            let heard = next_message(&mut romeo).await;
            assert_eq!(heard.body().as_deref(), Some(resource));
        }
    });
}

/// Answers pings and nothing else.
async fn pong(client: &mut Client) {
    match next(client).await {
        Stanza::Iq(ping) if ping.iq_type() == IqType::Get => {
            let pong = ping.result(None).expect("a request");
            client.send(pong).await.expect("sent");
        }
        Stanza::Presence(_) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_that_vanished_loses_its_place() {
    run(async || {
        let server = Server::start_with("server-vanished", &["--idle", "6"]);
        let mut juliet = login(&server, "juliet", "balcony").await;
        let mut nurse = login(&server, "nurse", "hall").await;
        // Nothing runs in the background of a client, so one that is not awaited is as good as gone.
        let _romeo = login(&server, "romeo", "orchard").await;

        let romeo_is_gone = async {
            loop {
                let message = Message::chat(jid("romeo@localhost/orchard"), "Art thou gone?");
                juliet.send(message).await.expect("sent");
                let answer = timeout(Duration::from_millis(200), juliet.next()).await;
                let stanza = answer.map(|stanza| stanza.expect("a stream").expect("an open one"));
                match stanza {
                    Ok(Stanza::Message(answer)) => {
                        assert_eq!(answer.message_type(), MessageType::Error);
                        return;
                    }
                    Ok(Stanza::Iq(ping)) => {
                        if let Some(pong) = Iq::result(&ping, None) {
                            juliet.send(pong).await.expect("sent");
                        }
                    }
                    _ => {}
                }
            }
        };
        let keep_answering = async {
            loop {
                pong(&mut nurse).await;
            }
        };
        tokio::select! {
            gone = timeout(PATIENCE, romeo_is_gone) => gone.expect("in time"),
            () = keep_answering => {}
        }
        // Who answers keeps its place.
        let message = Message::chat(jid("nurse@localhost"), "Hie you hence");
        juliet.send(message).await.expect("sent");
        juliet.flush().await.expect("written");
        loop {
            match next(&mut nurse).await {
                Stanza::Message(message) => {
                    assert_eq!(message.body().as_deref(), Some("Hie you hence"));
                    return;
                }
                Stanza::Iq(_) | Stanza::Presence(_) => {}
            }
        }
    });
}

#[test]
fn a_client_that_does_not_read_loses_its_place() {
    run(async || {
        let server = Server::start_with("server-unread", &["--idle", "6"]);
        let mut juliet = login(&server, "juliet", "balcony").await;
        let _romeo = login(&server, "romeo", "orchard").await;
        let body = "x".repeat(100_000);
        let romeo_is_gone = async {
            let mut seen = Vec::new();
            while seen.last() != Some(&StanzaErrorCondition::ServiceUnavailable) {
                let message = Message::chat(jid("romeo@localhost/orchard"), body.clone());
                juliet.send(message).await.expect("sent");
                juliet.flush().await.expect("written");
                while let Ok(stanza) = timeout(Duration::from_millis(10), juliet.next()).await {
                    let stanza = stanza.expect("a stream").expect("an open one");
                    seen.extend(stanza.error().map(|error| error.condition()));
                }
            }
            seen
        };
        let seen = timeout(PATIENCE, romeo_is_gone).await.expect("in time");
        // The queue was full before the place was lost.
        assert!(seen.contains(&StanzaErrorCondition::ResourceConstraint));
    });
}

#[test]
fn one_client_cannot_fill_the_log() {
    run(async || {
        let server = Server::start("server-log");
        for _ in 0..500 {
            let mut socket = TcpStream::connect(server.address).await.expect("a server");
            socket.write_all(b"<hello/>").await.expect("written");
            let mut answer = Vec::new();
            // The end of a socket may be a reset.
            let _ = socket.read_to_end(&mut answer).await;
        }
        // Sixty a minute about one address, however many minutes a slow machine needs.
        let lines = server.log().lines().count();
        assert!((1..400).contains(&lines), "{lines} lines");
    });
}

/// Lets 40 clients send so many messages each, of 100 kB, to all resources of an account. A client that
/// crowds a queue is not read from for two seconds, so a few of them would take long.
async fn send_much(server: &Server, messages: usize) {
    let mut senders = JoinSet::new();
    for n in 0..40 {
        let user = if n % 2 == 0 { "romeo" } else { "nurse" };
        let mut client = login(server, user, &format!("orchard{n}")).await;
        senders.spawn(async move {
            for _ in 0..messages {
                let message = Message::chat(jid("juliet@localhost"), "x".repeat(100_000));
                client.send(message).await.expect("sent");
                client.flush().await.expect("written");
            }
            // The answer says that the server has read what came before.
            let ping = Iq::get("", &Element::builder("ping", ns::PING).build());
            let answer = client.request(ping.with_to(jid("localhost"))).await;
            answer.expect("an answer");
        });
    }
    while let Some(ended) = senders.join_next().await {
        ended.expect("no panic");
    }
}

/// A message for many resources is held once, and a queue is bounded in bytes. Without a bound the
/// server would hold 40 MB, and 800 MB if each queue had messages of its own.
#[test]
fn queues_are_bounded_in_memory() {
    run(async || {
        let server = Server::start("server-queues");
        let mut resources = Vec::new();
        for n in 0..20 {
            resources.push(login(&server, "juliet", &format!("room{n}")).await);
        }
        send_much(&server, 10).await;
        let peak = server.peak_memory();
        assert!(peak < 32 * 1024, "{peak} KiB");
    });
}

/// Each of the 20 clients reads all that it is sent, and acknowledges nothing (XEP-0198). The server
/// keeps 512 KiB for each of them, and 16 MiB beyond that for all; what waits for that is in the queue of
/// the resource, as for clients without management. Without a bound it would keep 160 MB.
#[test]
fn unacknowledged_stanzas_are_bounded_in_memory() {
    run(async || {
        let server = Server::start("server-unacknowledged");
        let mut resources = Vec::new();
        for n in 0..20 {
            resources.push(deaf_client(&server, &format!("juliet@localhost/room{n}")).await);
        }
        send_much(&server, 2).await;
        let peak = server.peak_memory();
        assert!(peak < 64 * 1024, "{peak} KiB");
    });
}

/// A client with stream management, whose bytes are read without being understood once it is logged
/// in.
async fn deaf_client(server: &Server, address: &str) -> Client {
    let socket = std::net::TcpStream::connect(server.address).expect("a connection");
    let mut same = socket.try_clone().expect("a socket");
    socket.set_nonblocking(true).expect("a socket");
    let connector = connector(server, address, "O Romeo, Romeo!")
        .with_stream_management(StreamManagement::new());
    let socket = TcpStream::from_std(socket).expect("a socket");
    let login = Client::over(socket, Mode::StartTls, &connector).await;
    let mut client = login.expect("a login");
    client.send(Presence::available()).await.expect("sent");
    client.flush().await.expect("written");
    // Ends with the server.
    std::thread::spawn(move || {
        let mut buffer = [0; 64 * 1024];
        loop {
            match std::io::Read::read(&mut same, &mut buffer) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(_) => return,
            }
        }
    });
    client
}
