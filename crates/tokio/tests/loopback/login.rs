//! A client finds its way in, by STARTTLS and by direct TLS.

use xmppwire_tokio::tls::TlsVersion;
use xmppwire_tokio::{Client, Connection, Mechanism, Message, Mode, ServerEvent, Stanza};

use crate::support::{Authority, JULIET, accept, juliet, listen, log_in, within};

async fn logs_in_and_talks(mode: Mode) {
    let authority = Authority::new();
    let tls = authority.server("example.org");
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
