//! `server` gives a session to its client before it knows that the old connection is dead.

use std::future::pending;
use std::net::SocketAddr;

use socket2::SockRef;
use tokio::io::copy;
use tokio::net::{TcpListener, TcpSocket};
use xmppwire_tokio::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{
    Client, ClientConfig, Connector, Element, Iq, Message, Mode, Presence, Resumption, Stanza, ns,
};

use crate::server::{jid, login, next, next_message};
use crate::support::{ACCOUNTS, Server, run};

/// A way to the server that keeps its end of each connection open when the client is gone, as a
/// network does that was lost. It then takes little more from the server.
async fn way_to(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(4096).expect("a small buffer");
            // The server's end has a small buffer then as well.
            SockRef::from(&socket)
                .set_tcp_mss(1000)
                .expect("short segments");
            let server = socket.connect(server).await.expect("a server");
            tokio::spawn(async move {
                let (mut from_client, mut to_client) = client.into_split();
                let (mut from_server, mut to_server) = server.into_split();
                let _ = tokio::join!(
                    copy(&mut from_client, &mut to_server),
                    copy(&mut from_server, &mut to_client)
                );
                // Closes nothing.
                pending::<()>().await;
            });
        }
    });
    address
}

fn connector(server: &Server, way: SocketAddr, address: &str) -> Connector {
    let roots = std::fs::read(server.certificate()).expect("a certificate");
    let tls = ClientTls::builder(roots_from_pem(&roots).expect("roots"))
        .build()
        .expect("TLS");
    let (_, password) = ACCOUNTS
        .iter()
        .find(|(user, _)| *user == "juliet")
        .expect("juliet");
    let account = ClientConfig::new(jid(address), *password).expect("an account");
    Connector::new(account)
        .expect("a domain")
        .with_tls(tls)
        .with_server(way.ip().to_string(), way.port(), Mode::StartTls)
}

async fn connect(connector: &Connector) -> Client {
    Client::connect_with(connector).await.expect("a login")
}

/// Sends the client a message of its own, so that all before it has come: also what it has not
/// acknowledged in a session that is over.
async fn talk(client: &mut Client, text: &str) {
    let message = Message::chat(jid(client.jid().as_str()), text);
    client.send(message).await.expect("sent");
    while next_message(client).await.body().as_deref() != Some(text) {}
}

/// Leaves the connection, and keeps its session.
async fn vanish(mut client: Client) -> Resumption {
    talk(&mut client, "before").await;
    client.suspend().resumption.expect("a session")
}

/// Each connection of the session is left in turn, with and without a word to the server.
#[test]
fn a_session_moves_from_connection_to_connection() {
    run(async || {
        let server = Server::start("moving_session");
        let hanging = way_to(server.address).await;
        let connector = |way| connector(&server, way, "juliet@localhost/balcony");
        let mut client = connect(&connector(server.address)).await;
        for way in [hanging, hanging, server.address, hanging] {
            let session = vanish(client).await;
            client = connect(&connector(way).with_resumption(session)).await;
            assert!(client.is_resumed(), "{}", server.log());
            talk(&mut client, "after").await;
        }
    });
}

const MESSAGES: usize = 3;

/// Romeo sends more than a connection takes whose client does not read: some is given to the
/// connection, and some waits behind that.
async fn send_to_balcony(server: &Server) {
    let mut romeo = login(server, "romeo", "orchard").await;
    for number in 0..MESSAGES {
        let message = Message::chat(jid("juliet@localhost/balcony"), "x".repeat(100_000));
        let message = message.with_id(&format!("m{number}"));
        romeo.send(message).await.expect("sent");
    }
    let ping = Iq::get("", &Element::builder("ping", ns::PING).build());
    let answer = romeo.request(ping.with_to(jid("localhost"))).await;
    answer.expect("the server has read what came before");
}

/// The server can write no more to the old connection, so that it learns nothing from it. Every message
/// that it has taken for the session is in the session.
#[test]
fn a_session_leaves_a_connection_that_takes_no_more() {
    run(async || {
        let server = Server::start("full_connection");
        let way = way_to(server.address).await;
        let on_balcony = connector(&server, way, "juliet@localhost/balcony");
        let session = vanish(connect(&on_balcony).await).await;

        send_to_balcony(&server).await;
        let here = connector(&server, server.address, "juliet@localhost/balcony");
        let mut juliet = connect(&here.with_resumption(session)).await;
        assert!(juliet.is_resumed(), "{}", server.log());
        for number in 0..MESSAGES {
            let message = next_message(&mut juliet).await;
            assert_eq!(message.id(), Some(&*format!("m{number}")));
        }
        talk(&mut juliet, "after").await;
    });
}

/// Without a session, what was given to the old connection is lost with it. What waits behind that goes
/// to the connection that binds the resource.
#[test]
fn what_waits_goes_to_the_connection_that_takes_the_place() {
    run(async || {
        let server = Server::start("taken_place");
        let hanging = way_to(server.address).await;
        let on_balcony = |way| {
            let connector = connector(&server, way, "juliet@localhost/balcony");
            connector.with_stream_management(None)
        };
        drop(connect(&on_balcony(hanging)).await);
        send_to_balcony(&server).await;
        let mut juliet = connect(&on_balcony(server.address)).await;
        let last = format!("m{}", MESSAGES - 1);
        while next_message(&mut juliet).await.id() != Some(&last) {}
        talk(&mut juliet, "after").await;
    });
}

/// Presence waits for a client that nobody looks at (XEP-0352), and is in its session as well.
#[test]
fn what_waited_for_an_inactive_client_is_in_its_session() {
    run(async || {
        let server = Server::start("inactive_session");
        let on_balcony = connector(&server, server.address, "juliet@localhost/balcony");
        let mut client = connect(&on_balcony).await;
        client.send(Presence::available()).await.expect("sent");
        talk(&mut client, "before").await;
        client.set_active(false);
        client.flush().await.expect("written");
        server.expect_log("is inactive");
        let mut other = login(&server, "juliet", "chamber").await;
        talk(&mut other, "the server has read the presence").await;

        let session = client.suspend().resumption.expect("a session");
        let mut client = connect(&on_balcony.with_resumption(session)).await;
        assert!(client.is_resumed(), "{}", server.log());
        let stanza = next(&mut client).await;
        let from = stanza.from().map(|from| from.as_str());
        assert_eq!(from, Some("juliet@localhost/chamber"));
        assert!(matches!(stanza, Stanza::Presence(_)), "{stanza:?}");
    });
}

/// The resource is bound again, so the id of its old session is worth nothing: it neither continues
/// that session nor ends the connection that has the resource now.
#[test]
fn the_id_of_a_replaced_session_is_unknown() {
    run(async || {
        let server = Server::start("replaced_session");
        let way = way_to(server.address).await;
        let on_balcony = connector(&server, way, "juliet@localhost/balcony");
        let session = vanish(connect(&on_balcony).await).await;
        let mut newer = connect(&on_balcony).await;
        assert!(!newer.is_resumed());
        talk(&mut newer, "before").await;

        let anywhere = connector(&server, way, "juliet@localhost");
        let client = connect(&anywhere.with_resumption(session)).await;
        assert!(!client.is_resumed(), "{}", server.log());
        talk(&mut newer, "after").await;
    });
}
