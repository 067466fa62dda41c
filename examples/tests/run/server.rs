//! `server` keeps its clients apart, answers what it is asked, and says goodbye.

use std::net::SocketAddr;

use tokio::time::timeout;
use xmppwire_tokio::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{
    Client, ClientConfig, CloseReason, ConnectError, Connector, Element, Iq, Jid, Message,
    MessageType, Mode, Presence, PresenceType, RequestError, SaslCondition, Stanza,
    StanzaErrorCondition, StreamErrorCondition, ns,
};

use crate::support::{ACCOUNTS, PATIENCE, Server, run};

const ROSTER: &str = "jabber:iq:roster";

pub(crate) fn jid(text: &str) -> Jid {
    Jid::new(text).expect("a JID")
}

async fn try_login(server: &Server, address: &str, password: &str) -> Result<Client, ConnectError> {
    Client::connect_with(&connector(server, address, password)).await
}

/// An account that trusts the server and knows where it is, without stream management: its sessions
/// end with their connections.
pub(crate) fn connector(server: &Server, address: &str, password: &str) -> Connector {
    managed_connector(server, server.address, address, password).with_stream_management(None)
}

/// An account that trusts the server and connects to this place, which may be a relay.
pub(crate) fn managed_connector(
    server: &Server,
    place: SocketAddr,
    address: &str,
    password: &str,
) -> Connector {
    let roots = std::fs::read(server.certificate()).expect("a certificate");
    let tls = ClientTls::builder(roots_from_pem(&roots).expect("roots"))
        .build()
        .expect("TLS");
    let account = ClientConfig::new(jid(address), password).expect("an account");
    Connector::new(account)
        .expect("a domain")
        .with_tls(tls)
        .with_server(place.ip().to_string(), place.port(), Mode::StartTls)
}

/// Logs in as `user/resource` at the server's first domain and becomes available.
pub(crate) async fn login(server: &Server, user: &str, resource: &str) -> Client {
    login_as(server, &format!("{user}@{}/{resource}", server.domain)).await
}

/// The same for any address of the server.
pub(crate) async fn login_as(server: &Server, address: &str) -> Client {
    let user = address.split('@').next();
    let account = ACCOUNTS.iter().find(|(of, _)| Some(*of) == user);
    let (_, password) = account.expect("an account");
    let login = try_login(server, address, password).await;
    let mut client = login.expect("a login");
    assert_eq!(client.jid().as_str(), address);
    client.send(Presence::available()).await.expect("sent");
    client
}

pub(crate) async fn next(client: &mut Client) -> Stanza {
    let stanza = timeout(PATIENCE, client.next()).await.expect("in time");
    stanza.expect("a working stream").expect("an open stream")
}

/// The next message; a client gets its own presence before it.
pub(crate) async fn next_message(client: &mut Client) -> Message {
    loop {
        match next(client).await {
            Stanza::Message(message) => return message,
            Stanza::Presence(presence) if presence.is_available() => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn next_presence(client: &mut Client) -> (String, Option<PresenceType>) {
    match next(client).await {
        Stanza::Presence(presence) => {
            let from = presence.from().expect("a sender").to_string();
            (from, presence.presence_type())
        }
        other => panic!("{other:?}"),
    }
}

/// The error that the server ends the stream with.
async fn stream_error(client: &mut Client) -> StreamErrorCondition {
    loop {
        match client.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("closed without an error"),
            Err(error) => match error.close_reason() {
                Some(CloseReason::PeerError(error)) => return error.condition(),
                _ => panic!("{error}"),
            },
        }
    }
}

pub(crate) fn get(name: &str, ns: &str) -> Iq {
    Iq::get("", &Element::builder(name, ns).build())
}

/// The condition of the error that the request is answered with.
async fn refusal(client: &mut Client, request: Iq) -> StanzaErrorCondition {
    match client.request(request).await {
        Err(RequestError::Refused(error)) => error.condition(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn messages_reach_whom_they_are_for() {
    run(async || {
        let server = Server::start("server-messages");
        let mut juliet = login(&server, "juliet", "balcony").await;
        let mut romeo = login(&server, "romeo", "orchard").await;

        // To the account, and back to the resource; a false `from` is replaced (RFC 6120 §8.1.2.1).
        let message = Message::chat(jid("romeo@localhost"), "Wherefore art thou?");
        juliet.send(message).await.expect("sent");
        let heard = next_message(&mut romeo).await;
        assert_eq!(
            heard.from().map(Jid::as_str),
            Some("juliet@localhost/balcony")
        );
        assert_eq!(heard.body().as_deref(), Some("Wherefore art thou?"));
        romeo
            .send(
                heard
                    .reply("I know not how to tell thee")
                    .expect("a sender"),
            )
            .await
            .expect("sent");
        let answer = next_message(&mut juliet).await;
        assert_eq!(
            answer.to().map(Jid::as_str),
            Some("juliet@localhost/balcony")
        );

        // Nobody there, no such account, no such server.
        for (to, expected) in [
            ("nurse@localhost", StanzaErrorCondition::ServiceUnavailable),
            ("nobody@localhost", StanzaErrorCondition::ServiceUnavailable),
            ("localhost", StanzaErrorCondition::ServiceUnavailable),
            (
                "romeo@example.net",
                StanzaErrorCondition::RemoteServerNotFound,
            ),
        ] {
            juliet
                .send(Message::chat(jid(to), "Anon!"))
                .await
                .expect("sent");
            let error = next_message(&mut juliet).await;
            assert_eq!(error.message_type(), MessageType::Error);
            assert_eq!(error.from(), Some(&jid(to)));
            assert_eq!(
                error.error().expect("an error").condition(),
                expected,
                "{to}"
            );
        }
        juliet.close().await.expect("an orderly end");
        romeo.close().await.expect("an orderly end");
    });
}

/// RFC 6120 §10.1: the address of the account and that of the resource make no difference.
#[test]
fn messages_of_one_sender_keep_their_order() {
    run(async || {
        let server = Server::start("server-order");
        let mut juliet = login(&server, "juliet", "balcony").await;
        let mut romeo = login(&server, "romeo", "orchard").await;
        for number in 0..100 {
            let to = ["romeo@localhost", "romeo@localhost/orchard"][number % 2];
            let message = Message::chat(jid(to), number.to_string());
            juliet.send(message).await.expect("sent");
        }
        juliet.flush().await.expect("written");
        for number in 0..100 {
            let heard = next_message(&mut romeo).await;
            assert_eq!(heard.body().as_deref(), Some(&*number.to_string()));
        }
    });
}

#[test]
fn requests_are_answered() {
    run(async || {
        let server = Server::start("server-requests");
        let mut juliet = login(&server, "juliet", "balcony").await;
        let host = || jid("localhost");

        juliet
            .request(get("ping", ns::PING).with_to(host()))
            .await
            .expect("a pong");
        juliet
            .request(get("ping", ns::PING))
            .await
            .expect("a pong of the account");
        let roster = juliet
            .request(get("query", ROSTER))
            .await
            .expect("a roster");
        let roster = roster
            .payload("query", ROSTER)
            .expect("a roster")
            .to_element();
        assert!(
            roster.root().first_child().is_none(),
            "not empty: {}",
            roster.to_xml()
        );
        let info = "http://jabber.org/protocol/disco#info";
        let answer = juliet
            .request(get("query", info).with_to(host()))
            .await
            .expect("disco#info");
        let identity = answer
            .payload("query", info)
            .and_then(|query| query.child("identity", info));
        assert_eq!(
            identity.and_then(|identity| identity.attr("category")),
            Some("server")
        );

        let strange = || get("query", "urn:example:unheard-of");
        for to in [
            None,
            Some("localhost"),
            Some("romeo@localhost"),
            Some("nobody@localhost/x"),
        ] {
            let request = to.map_or_else(strange, |to| strange().with_to(jid(to)));
            let condition = refusal(&mut juliet, request).await;
            assert_eq!(
                condition,
                StanzaErrorCondition::ServiceUnavailable,
                "{to:?}"
            );
        }
        let set = Iq::set("", &Element::builder("query", ROSTER).build());
        assert_eq!(
            refusal(&mut juliet, set).await,
            StanzaErrorCondition::NotAllowed
        );
    });
}

/// What is sent to an account does not show whether there is one.
#[test]
fn accounts_cannot_be_listed() {
    run(async || {
        let server = Server::start("server-accounts");
        let mut juliet = login(&server, "juliet", "balcony").await;
        let own = ("juliet@localhost/balcony".into(), None);
        assert_eq!(next_presence(&mut juliet).await, own);

        let to = |name: &str| jid(&format!("{name}@localhost"));
        for name in ["romeo", "nobody"] {
            // Subscriptions are declined.
            let subscribe = Presence::available().with_type(PresenceType::Subscribe);
            let stanza = subscribe.with_to(to(name));
            juliet.send(stanza).await.expect("sent");
            let declined = (to(name).to_string(), Some(PresenceType::Unsubscribed));
            assert_eq!(next_presence(&mut juliet).await, declined);

            for kind in [
                PresenceType::Unsubscribe,
                PresenceType::Subscribed,
                PresenceType::Unsubscribed,
                PresenceType::Probe,
                PresenceType::Unavailable,
            ] {
                let stanza = Presence::available().with_type(kind).with_to(to(name));
                juliet.send(stanza).await.expect("sent");
            }
            let headline = Message::new(to(name)).with_type(MessageType::Headline);
            let headline = headline.with_id("headline");
            juliet.send(headline).await.expect("sent");
            // No answer comes before the one to this.
            let chat = Message::chat(to(name), "Anon!").with_id("last");
            juliet.send(chat).await.expect("sent");
            let error = next_message(&mut juliet).await;
            assert_eq!(error.id(), Some("last"), "{name}");
        }
    });
}

#[test]
fn resources_of_an_account_see_each_other() {
    run(async || {
        let server = Server::start("server-presence");
        let mut balcony = login(&server, "juliet", "balcony").await;
        assert_eq!(
            next_presence(&mut balcony).await,
            ("juliet@localhost/balcony".into(), None)
        );

        let mut chamber = login(&server, "juliet", "chamber").await;
        let mut seen = [
            next_presence(&mut chamber).await,
            next_presence(&mut chamber).await,
        ];
        seen.sort_by(|(one, _), (other, _)| one.cmp(other));
        assert_eq!(
            seen.map(|(from, _)| from),
            ["juliet@localhost/balcony", "juliet@localhost/chamber"]
        );
        assert_eq!(
            next_presence(&mut balcony).await,
            ("juliet@localhost/chamber".into(), None)
        );

        balcony.close().await.expect("an orderly end");
        let gone = (
            "juliet@localhost/balcony".into(),
            Some(PresenceType::Unavailable),
        );
        assert_eq!(next_presence(&mut chamber).await, gone);
    });
}

#[test]
fn a_newer_connection_takes_the_resource() {
    run(async || {
        let server = Server::start("server-conflict");
        let mut older = login(&server, "juliet", "balcony").await;
        let mut newer = login(&server, "juliet", "balcony").await;
        assert_eq!(
            stream_error(&mut older).await,
            StreamErrorCondition::Conflict
        );
        // What the older one leaves behind is not the newer one's place.
        drop(older);
        newer
            .send(Message::chat(jid("juliet@localhost/balcony"), "still here"))
            .await
            .expect("sent");
        assert_eq!(
            next_message(&mut newer).await.body().as_deref(),
            Some("still here")
        );
    });
}

/// A session that its client closes cannot continue, so what the client has not acknowledged goes back
/// to the senders (XEP-0198).
#[test]
fn what_a_client_leaves_unread_comes_back() {
    run(async || {
        let server = Server::start("server-unread-end");
        let balcony = "juliet@localhost/balcony";
        let managed = managed_connector(&server, server.address, balcony, ACCOUNTS[0].1);
        let mut juliet = Client::connect_with(&managed).await.expect("a login");
        juliet.send(Presence::available()).await.expect("sent");
        next(&mut juliet).await;
        let mut romeo = login(&server, "romeo", "orchard").await;
        let message = Message::chat(jid(balcony), "unread").with_id("m1");
        romeo.send(message).await.expect("sent");
        let ping = Iq::get("", &Element::builder("ping", ns::PING).build());
        let answer = romeo.request(ping.with_to(jid("localhost"))).await;
        answer.expect("the server has read what came before");
        // Whether its own end is an error is not the subject.
        let _ = juliet.close().await;
        let returned = next_message(&mut romeo).await;
        assert_eq!(returned.id(), Some("m1"));
        let returned: Stanza = returned.into();
        let error = returned.error().expect("an error");
        assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
    });
}

#[test]
fn strangers_stay_outside() {
    run(async || {
        let server = Server::start("server-strangers");
        for (address, password) in [("juliet@localhost", "wrong"), ("nobody@localhost", "wrong")] {
            let error = try_login(&server, address, password)
                .await
                .expect_err("no login");
            match error.close_reason() {
                Some(CloseReason::AuthFailed(failure)) => {
                    assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
                }
                other => panic!("{other:?}"),
            }
        }
        login(&server, "nurse", "hall").await;
    });
}

#[cfg(unix)]
#[test]
fn says_goodbye() {
    run(async || {
        let mut server = Server::start("server-goodbye");
        let mut juliet = login(&server, "juliet", "balcony").await;
        server.terminate();
        assert_eq!(
            stream_error(&mut juliet).await,
            StreamErrorCondition::SystemShutdown
        );
        assert!(server.wait().success());
    });
}

#[test]
fn a_client_may_begin_with_tls() {
    run(async || {
        let server = Server::start_with("server-tls", &["--tls-listen", "127.0.0.1:0"]);
        let address = server.for_tls.expect("an address");
        let connector = connector(&server, "juliet@localhost/balcony", "O Romeo, Romeo!")
            .with_server(address.ip().to_string(), address.port(), Mode::DirectTls);
        let mut client = Client::connect_with(&connector).await.expect("a login");
        client.send(Presence::available()).await.expect("sent");
        assert!(matches!(next(&mut client).await, Stanza::Presence(_)));
    });
}
