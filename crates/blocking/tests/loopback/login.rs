//! A client finds its way in, by STARTTLS and by direct TLS.

use xmppwire_blocking::tls::TlsVersion;
use xmppwire_blocking::{Client, Connection, Mechanism, Message, Mode, ServerEvent, Stanza};
use xmppwire_test_support::JULIET;

use crate::support::{Site, both, log_in};

fn logs_in_and_talks(mode: Mode) {
    let site = Site::new();
    let connector = site.juliet(mode);

    let server = move || {
        let mut client = site.accept(mode);
        let login = log_in(&mut client).unwrap();
        assert_eq!(login.mechanism, Mechanism::ScramSha256Plus);
        assert_eq!(client.tls().unwrap().version, TlsVersion::Tls13);
        let Some(ServerEvent::Stanza(Stanza::Message(message))) = client.next_event().unwrap()
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
        while client.next_event().unwrap().is_some() {}
        login.jid
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        assert!(client.jid().as_str().starts_with(JULIET));
        let alpn = (mode == Mode::DirectTls).then_some(&b"xmpp-client"[..]);
        assert_eq!(client.tls().unwrap().alpn.as_deref(), alpn);
        let to = client.jid().clone();
        client
            .send(Message::chat(to, "art thou not Romeo?"))
            .unwrap();
        let Some(Stanza::Message(reply)) = client.next().unwrap() else {
            panic!("no reply");
        };
        assert_eq!(reply.body().as_deref(), Some("indeed"));
        let jid = client.jid().clone();
        client.close().unwrap();
        jid
    };
    let (of_server, of_client) = both(server, client);
    assert_eq!(of_server, of_client);
}

#[test]
fn by_starttls() {
    logs_in_and_talks(Mode::StartTls);
}

#[test]
fn by_direct_tls() {
    logs_in_and_talks(Mode::DirectTls);
}
