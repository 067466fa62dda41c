use std::time::Duration;

use super::*;
use crate::client::Connector;
use crate::find::{Attempts, Mode, Step};
use xmppwire::{
    Client, ClientConfig, Connection, Entropy, Jid, Mechanism, MechanismPolicy, Message,
    StreamManagement, TlsInfo,
};

const NOW: Instant = Instant::ORIGIN;
const HEADER: &str = "<stream:stream xmlns='jabber:client' id='1' from='example.org' \
    xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:features>";

fn client() -> Connection<Client> {
    let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_stream_management(StreamManagement::new());
    let entropy = Entropy::from_seed([1; 32]);
    Client::with_direct_tls(account, entropy, NOW, TlsInfo::default())
}

fn tell(client: &mut Connection<Client>, text: &str) -> String {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let taken = client.receive(NOW, rest);
        rest = &rest[taken..];
        client.poll_event();
    }
    String::from_utf8(client.take_output()).unwrap()
}

/// A session that its server keeps for ten seconds, best resumed at 192.0.2.7, with a message that was
/// not acknowledged.
fn session() -> Resumption {
    let mut client = client();
    let plain = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
    tell(&mut client, &format!("{HEADER}{plain}"));
    tell(
        &mut client,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>\
        </stream:features>";
    let request = tell(&mut client, &format!("{HEADER}{bind}"));
    let id = request.split("id='").nth(1).unwrap().split('\'').next();
    let bound = format!(
        "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>juliet@example.org/balcony</jid></bind></iq>\
         <enabled xmlns='urn:xmpp:sm:3' resume='true' id='7' max='10' location='192.0.2.7:5222'/>",
        id.unwrap()
    );
    tell(&mut client, &bound);
    let message = Message::chat("romeo@example.net", "one").unwrap();
    client.send(&message.into()).unwrap();
    client.take_resumption().unwrap()
}

fn after(seconds: u64) -> Instant {
    NOW + Duration::from_secs(seconds)
}

/// The time runs from the loss of the connection, however many attempts there are.
#[test]
fn a_session_is_not_resumed_when_its_server_has_forgotten_it() {
    let continuity = Continuity::default();
    continuity.park(session(), Some(NOW));
    for seconds in [1, 9, 10] {
        let mut attempt = client();
        let until = continuity.resume(&mut attempt, after(seconds));
        assert_eq!(until, Some(after(10)));
        assert!(continuity.take_session().is_none(), "it is in the attempt");
        continuity.recover(&mut attempt, until);
    }
    assert!(continuity.take_settled().is_none());

    let mut attempt = client();
    assert_eq!(continuity.resume(&mut attempt, after(11)), None);
    assert!(attempt.take_resumption().is_none());
    assert!(continuity.take_session().is_none());
    let settled = continuity.take_settled().unwrap();
    assert_eq!(settled.acknowledged, 0);
    assert_eq!(settled.unacknowledged.len(), 1);
}

#[test]
fn the_location_of_a_session_is_not_tried_when_its_server_has_forgotten_it() {
    let connector = Connector::account("juliet@example.org", "s3cr3t")
        .unwrap()
        .with_server("192.0.2.1", 5222, Mode::StartTls);
    connector.continuity.park(session(), Some(NOW));
    for (seconds, first) in [(10, "192.0.2.7:5222"), (11, "192.0.2.1:5222")] {
        let mut attempts = Attempts::new(&connector, after(seconds));
        let Some(Step::Open(address)) = attempts.next_step(after(seconds)) else {
            panic!("nothing is tried");
        };
        assert_eq!(address.to_string(), first, "after {seconds} seconds");
    }
}

/// Nothing tells how long a session was stored: its server decides.
#[test]
fn a_stored_session_is_always_tried() {
    let continuity = Continuity::default();
    continuity.park(session(), None);
    let mut attempt = client();
    assert_eq!(continuity.resume(&mut attempt, after(1_000_000)), None);
    assert!(attempt.take_resumption().is_some());
}

#[test]
fn a_session_of_another_account_is_given_back() {
    let continuity = Continuity::default();
    continuity.park(session(), None);
    let other = ClientConfig::new(Jid::new("romeo@example.org").unwrap(), "s3cr3t").unwrap();
    let mut attempt = Client::new(other, Entropy::from_seed([2; 32]), NOW);
    continuity.resume(&mut attempt, NOW);
    assert!(attempt.take_resumption().is_none());
    assert_eq!(continuity.take_settled().unwrap().unacknowledged.len(), 1);
}
