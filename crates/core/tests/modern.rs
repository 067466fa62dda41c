//! Stream limits (XEP-0478), client state (XEP-0352) and carbons (XEP-0280).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

use core::time::Duration;

use xmppwire::{
    ApiMisuse, BareJid, Carbon, CarbonDirection, Client, ClientConfig, ClientEvent, CloseReason,
    Connection, Element, Entropy, Instant, InvalidStanza, Jid, KeepAlive, Mechanism,
    MechanismPolicy, Message, Stanza, TlsInfo,
};

const NOW: Instant = Instant::ORIGIN;
const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

fn tell(client: &mut Connection<Client>, text: &str) -> String {
    assert_eq!(client.receive(NOW, text.as_bytes()), text.len());
    written(client)
}

fn written(client: &mut Connection<Client>) -> String {
    String::from_utf8(client.take_output()).unwrap()
}

fn limits(content: &str) -> String {
    format!("<limits xmlns='urn:xmpp:stream-limits:0'>{content}</limits>")
}

fn max_bytes(number: &str) -> String {
    limits(&format!("<max-bytes>{number}</max-bytes>"))
}

/// A client in the middle of its login, until the features after authentication.
fn authenticated(before: &str) -> Connection<Client> {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain));
    let entropy = Entropy::from_seed([2; 32]);
    let mut client = Client::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    let offer = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms>";
    let features = format!("<stream:features>{offer}{before}</stream:features>");
    tell(&mut client, &format!("{HEADER}{features}"));
    tell(
        &mut client,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    client
}

/// Binds a resource, and returns what the client wrote after it.
fn bind(client: &mut Connection<Client>, features: &str) -> String {
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    let features = format!("{HEADER}<stream:features>{bind}{features}</stream:features>");
    let request = tell(client, &features);
    let id = request.split("id='").nth(1).unwrap().split('\'').next();
    let result = format!(
        "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>juliet@example.org/balcony</jid></bind></iq>",
        id.unwrap()
    );
    let written = tell(client, &result);
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    written
}

fn bound(before: &str, after: &str) -> Connection<Client> {
    let mut client = authenticated(before);
    bind(&mut client, after);
    client
}

/// A message that takes so many bytes on the stream.
fn message(bytes: usize) -> Stanza {
    let empty = Message::chat("romeo@example.net", "").unwrap();
    let body = "x".repeat(
        bytes - empty.element().to_xml().len() - "<body></body>".len()
            + "<body/>".len()
            + " xmlns='jabber:client'".len(),
    );
    Message::chat("romeo@example.net", body).unwrap().into()
}

fn length(client: &mut Connection<Client>, stanza: &Stanza) -> usize {
    client.send(stanza).unwrap();
    written(client).len()
}

#[test]
fn a_stanza_that_the_server_does_not_accept_is_refused_and_the_stream_lives() {
    let mut client = bound("", &max_bytes("10000"));
    assert_eq!(length(&mut client, &message(10_000)), 10_000);

    let too_large = ApiMisuse::InvalidStanza(InvalidStanza::TooLargeForPeer { max: 10_000 });
    assert_eq!(client.send(&message(10_001)), Err(too_large));
    assert_eq!(written(&mut client), "");
    assert!(client.poll_event().is_none());
    assert_eq!(length(&mut client, &message(200)), 200);
}

#[test]
fn bytes_are_counted_not_characters() {
    let mut client = bound("", &max_bytes("10000"));
    let large = Message::chat("romeo@example.net", "ä".repeat(5_000)).unwrap();
    assert!(client.send(&large.into()).is_err());
}

#[test]
fn the_last_features_count() {
    let mut client = bound(&max_bytes("10000"), &max_bytes("20000"));
    assert_eq!(
        client.features().unwrap().limits().max_bytes(),
        Some(20_000)
    );
    assert_eq!(length(&mut client, &message(20_000)), 20_000);
    assert!(client.send(&message(20_001)).is_err());
    // Features may come again at any time. What they do not say is unknown.
    let again = format!("<stream:features>{}</stream:features>", max_bytes("30000"));
    tell(&mut client, &again);
    assert_eq!(length(&mut client, &message(30_000)), 30_000);
    tell(&mut client, "<stream:features/>");
    assert_eq!(length(&mut client, &message(30_001)), 30_001);
}

#[test]
fn a_number_that_is_none_announces_nothing() {
    for number in ["0", "", "-1", "many", "4294967296", "1e9"] {
        let mut client = bound("", &max_bytes(number));
        assert_eq!(client.features().unwrap().limits().max_bytes(), None);
        client.send(&message(50_000)).unwrap();
    }
}

#[test]
fn the_keep_alive_is_earlier_than_the_idle_time_of_the_server() {
    let after = Duration::from_secs;
    for (announced, expected) in [("840", 300), ("100", 75), ("1", 1), ("0", 300)] {
        let idle = limits(&format!("<idle-seconds>{announced}</idle-seconds>"));
        let mut client = authenticated("");
        client.set_keep_alive(Some(KeepAlive::ping()));
        bind(&mut client, &idle);
        client.handle_timeout(NOW);
        assert_eq!(
            client.poll_timeout(),
            Some(NOW + after(expected)),
            "{announced}"
        );
    }
}

const CSI: &str = "<csi xmlns='urn:xmpp:csi:0'/>";

#[test]
fn the_state_of_the_client_is_told_where_it_is_offered() {
    let mut client = bound("", CSI);
    client.set_active(true);
    assert_eq!(written(&mut client), "", "a client begins as active");
    client.set_active(false);
    client.set_active(false);
    assert_eq!(written(&mut client), "<inactive xmlns='urn:xmpp:csi:0'/>");
    client.set_active(true);
    assert_eq!(written(&mut client), "<active xmlns='urn:xmpp:csi:0'/>");

    let mut client = bound("", "");
    client.set_active(false);
    assert_eq!(written(&mut client), "");
}

#[test]
fn the_state_of_the_client_is_kept_until_the_resource_is_bound() {
    let mut client = authenticated("");
    client.set_active(false);
    assert!(!written(&mut client).contains("inactive"));
    let written = bind(&mut client, CSI);
    assert_eq!(written, "<inactive xmlns='urn:xmpp:csi:0'/>");
}

/// The features that offer it come with those of binding, so they are known before the resource is.
#[test]
fn the_state_of_the_client_is_not_told_while_it_binds() {
    let mut client = authenticated("");
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    let features = format!("{HEADER}<stream:features>{bind}{CSI}</stream:features>");
    let request = tell(&mut client, &features);
    client.set_active(false);
    assert_eq!(written(&mut client), "");
    let id = request.split("id='").nth(1).unwrap().split('\'').next();
    let result = format!(
        "<iq type='result' id='{}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>juliet@example.org/balcony</jid></bind></iq>",
        id.unwrap()
    );
    assert_eq!(
        tell(&mut client, &result),
        "<inactive xmlns='urn:xmpp:csi:0'/>"
    );
    // Nor is it told behind the closing tag.
    client.close(NOW, None);
    written(&mut client);
    client.set_active(true);
    assert_eq!(written(&mut client), "");
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    assert!(client.poll_event().is_none());
}

#[test]
fn a_state_that_has_no_room_ends_the_stream_as_a_stanza_does() {
    let mut client = bound("", CSI);
    while client.room() > 20_000 {
        client.send(&message(10_000)).unwrap();
    }
    for _ in 0..2_000 {
        let state = client.is_active();
        client.set_active(!state);
    }
    assert!(matches!(
        client.poll_event(),
        Some(ClientEvent::Closed(CloseReason::Violation { .. }))
    ));
}

// --- Carbons ------------------------------------------------------------------------------------------

const INNER: &str = "<message xmlns='jabber:client' from='romeo@example.net/orchard' \
    to='juliet@example.org/balcony' type='chat'><body>Juliet?</body></message>";

fn wrapper(attributes: &str, content: &str) -> Message {
    let text = format!("<message xmlns='jabber:client' {attributes}>{content}</message>");
    match Stanza::try_from(text.parse::<Element>().unwrap()).unwrap() {
        Stanza::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

fn copy(kind: &str, content: &str) -> String {
    format!(
        "<{kind} xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
         {content}</forwarded></{kind}>"
    )
}

fn open(attributes: &str, content: &str) -> Option<Carbon> {
    let own = BareJid::new("juliet@example.org").unwrap();
    Carbon::open(&wrapper(attributes, content), &own)
}

#[test]
fn a_carbon_of_the_own_server_is_opened() {
    let stamp = "<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>";
    for (kind, direction) in [
        ("sent", CarbonDirection::Sent),
        ("received", CarbonDirection::Received),
    ] {
        let content = copy(kind, &format!("{stamp}{INNER}"));
        let carbon = open("from='juliet@example.org'", &content).unwrap();
        assert_eq!(carbon.direction(), direction);
        assert_eq!(carbon.message().body().as_deref(), Some("Juliet?"));
        assert_eq!(carbon.stamp(), Some("2026-01-01T00:00:00Z"));
        let from = carbon.message().from().unwrap();
        assert_eq!(from.as_str(), "romeo@example.net/orchard");
    }
}

#[test]
fn a_carbon_of_anyone_else_is_none() {
    for attributes in [
        "",
        "from='romeo@example.net'",
        "from='romeo@example.net/orchard'",
        "from='juliet@example.org/balcony'",
        "from='example.org'",
        "from='juliet@example.org.example.net'",
    ] {
        assert_eq!(open(attributes, &copy("sent", INNER)), None, "{attributes}");
    }
}

#[test]
fn a_carbon_in_another_form_is_none() {
    let nested = format!(
        "<message xmlns='jabber:client' from='juliet@example.org'>{}</message>",
        copy("received", INNER)
    );
    let iq = "<iq xmlns='jabber:client' type='get' id='1'/>";
    let bad = "<message xmlns='jabber:client' from='a@@b'/>";
    let twice = copy("sent", INNER) + &copy("received", INNER);
    for content in [
        String::new(),
        copy("sent", ""),
        copy("seen", INNER),
        copy("sent", iq),
        copy("sent", bad),
        copy("received", &nested),
        twice,
        format!("<sent xmlns='urn:xmpp:carbons:2'>{INNER}</sent>"),
        format!("<forwarded xmlns='urn:xmpp:forward:0'>{INNER}</forwarded>"),
        "<private xmlns='urn:xmpp:carbons:2'/>".into(),
    ] {
        assert_eq!(
            open("from='juliet@example.org'", &content),
            None,
            "{content}"
        );
    }
    let error = "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    let failed = copy("sent", INNER) + error;
    assert_eq!(
        open("from='juliet@example.org' type='error'", &failed),
        None
    );
}

/// A copy may hold anything else, also what shares a name or the namespace with a carbon.
#[test]
fn what_only_looks_like_a_carbon_does_no_harm_in_a_copy() {
    for content in [
        "<private xmlns='urn:xmpp:carbons:2'/>",
        "<sent xmlns='urn:example:other'/>",
        "<received xmlns='jabber:client'/>",
    ] {
        let message = INNER.replace("<body>", &format!("{content}<body>"));
        let carbon = open("from='juliet@example.org'", &copy("sent", &message)).unwrap();
        assert_eq!(carbon.message().body().as_deref(), Some("Juliet?"));
    }
}

#[test]
fn a_message_can_be_excluded_from_carbons() {
    let message = Carbon::exclude(Message::chat("romeo@example.net", "psst").unwrap());
    let element = message.element();
    assert!(element.child("private", "urn:xmpp:carbons:2").is_some());
    assert!(element.child("no-copy", "urn:xmpp:hints").is_some());
}
