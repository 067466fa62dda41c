//! A client finds its way in, by STARTTLS and by direct TLS.

use std::sync::Arc;
use xmppwire_test_support::Porter;

use xmppwire_tokio::tls::{ClientTls, TlsVersion, rustls};
use xmppwire_tokio::{
    Client, Connection, Connector, LinkError, Mechanism, Message, Mode, Presence,
    ReconnectingClient, ServerConnection, ServerEvent, Service, Stanza,
};

use crate::support::{
    Authority, DOMAIN, JULIET, Site, accept, config, juliet, listen, log_in, within,
};

async fn logs_in_and_talks(mode: Mode) {
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let (listener, port) = listen().await;

    let server = async {
        let mut client = accept(&listener, &tls, mode).await;
        let login = log_in(&mut client).await.unwrap();
        assert_eq!(login.mechanism, Mechanism::ScramSha256Plus);
        assert_eq!(client.tls().unwrap().version, TlsVersion::Tls13);
        let Some(ServerEvent::Stanza(Stanza::Message(message))) =
            client.next_event().await.unwrap()
        else {
            panic!("no message");
        };
        assert_eq!(
            message.from().map(|from| from.as_str()),
            Some(login.jid.as_str())
        );
        client
            .connection_mut()
            .send(&message.reply("indeed").into())
            .unwrap();
        while client.next_event().await.unwrap().is_some() {}
        login.jid
    };
    let client = async {
        let connector = juliet(&authority).with_server("127.0.0.1", port, mode);
        let mut client = Client::connect_with(&connector).await.unwrap();
        assert!(client.jid().as_str().starts_with(JULIET));
        let alpn = (mode == Mode::DirectTls).then_some(&b"xmpp-client"[..]);
        assert_eq!(client.tls().unwrap().alpn.as_deref(), alpn);
        let to = client.jid().clone();
        client
            .send(Message::chat(to, "art thou not Romeo?"))
            .await
            .unwrap();
        let Some(Stanza::Message(reply)) = client.next().await.unwrap() else {
            panic!("no reply");
        };
        assert_eq!(reply.body().as_deref(), Some("indeed"));
        let jid = client.jid().clone();
        client.close().await.unwrap();
        jid
    };
    let (of_server, of_client) = within(async { tokio::join!(server, client) }).await;
    assert_eq!(of_server, of_client);
}

#[tokio::test]
async fn by_starttls() {
    logs_in_and_talks(Mode::StartTls).await;
}

#[tokio::test]
async fn by_direct_tls() {
    logs_in_and_talks(Mode::DirectTls).await;
}

#[tokio::test]
async fn by_tls_1_2_with_channel_binding() {
    let site = Site::new().await;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(site.authority.roots())
        .with_no_client_auth();
    config.require_ems = true;
    let tls = ClientTls::from_config(config, &Service::CLIENT);
    let connector = site.juliet(Mode::StartTls).with_tls(tls);
    let server = async {
        let mut client = accept(&site.listener, &site.tls, Mode::StartTls).await;
        let login = log_in(&mut client).await.unwrap();
        client.flush().await;
        assert_eq!(login.mechanism, Mechanism::ScramSha256Plus);
        client
    };
    let (client, _server) =
        within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
    assert_eq!(client.unwrap().tls().unwrap().version, TlsVersion::Tls12);
}

#[tokio::test]
async fn a_server_chooses_its_certificate_by_the_domain() {
    let authority = Authority::new();
    let of_another = authority.server("example.net");
    let of_domain = authority.server(DOMAIN);
    let (listener, port) = listen().await;
    let server = async {
        let mut client = accept(&listener, &of_another, Mode::StartTls).await;
        let mut porter = Porter::default();
        loop {
            let event = client.next_event().await.unwrap().unwrap();
            if let ServerEvent::Opened(request) = &event {
                assert_eq!(request.domain().as_str(), DOMAIN);
                client.set_tls(of_domain.clone());
            }
            assert!(porter.answer(client.connection_mut(), event));
            if porter.login().is_some() {
                client.flush().await;
                return client;
            }
        }
    };
    let connector = juliet(&authority).with_server("127.0.0.1", port, Mode::StartTls);
    let (client, _server) =
        within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
    client.unwrap();
}

#[tokio::test]
async fn a_server_that_offers_tls_has_to_have_it() {
    let authority = Authority::new();
    let (listener, port) = listen().await;
    let server = async {
        let (socket, _) = listener.accept().await.unwrap();
        let mut client = ServerConnection::accept(socket, config(), None).unwrap();
        let mut porter = Porter::default();
        loop {
            match client.next_event().await {
                Ok(event) => assert!(porter.answer(client.connection_mut(), event.unwrap())),
                Err(error) => return error,
            }
        }
    };
    let connector = juliet(&authority).with_server("127.0.0.1", port, Mode::StartTls);
    let (client, error) =
        within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
    assert!(matches!(error, LinkError::NoTlsConfigured), "{error}");
    assert!(client.is_err());
}

/// On a runtime with several threads, a future may wake up on another one.
#[test]
fn futures_can_be_spawned() {
    fn is_send<T: Send>(_: impl FnOnce(&'static mut Client, &'static mut ReconnectingClient) -> T) {
    }
    is_send(|client, _| client.send(Presence::available()));
    is_send(|client, _| client.next());
    is_send(|client, _| client.flush());
    is_send(|_, client| client.next_event());
    is_send(|_, client| client.send(Presence::available()));
    fn logs_in<T: Send>(_: impl FnOnce(&'static Connector) -> T) {}
    logs_in(Client::connect_with);
}
