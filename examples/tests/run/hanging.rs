//! `server` gives a session to its client before it knows that the old connection is dead.

use std::future::pending;
use std::net::SocketAddr;

use tokio::io::copy;
use tokio::net::{TcpListener, TcpStream};
use xmppwire_tokio::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{Client, ClientConfig, Connector, Message, Mode, Resumption};

use crate::server::{jid, next_message};
use crate::support::{ACCOUNTS, Server, run};

/// A way to the server that keeps its end of each connection open when the client is gone, as a
/// network does that was lost.
async fn way_to(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(server).await.expect("a server");
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
