//! A stream does not outlive the certificate of the peer (RFC 6120 §13.7.2.3).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use core::time::Duration;

use xmppwire::{
    Client, ClientConfig, ClientEvent, CloseReason, Connection, Entropy, Instant, Jid, KeepAlive,
    Mechanism, MechanismPolicy, Timer, TlsInfo,
};

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";
const VALID: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

fn tell(client: &mut Connection<Client>, now: Instant, text: &str) -> String {
    client.take_output();
    assert_eq!(client.receive(now, text.as_bytes()), text.len());
    String::from_utf8(client.take_output()).unwrap()
}

/// Binds a resource over TLS.
fn bind(client: &mut Connection<Client>, now: Instant) {
    let offer = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
    tell(client, now, &format!("{HEADER}{offer}"));
    tell(
        client,
        now,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    let offer =
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>";
    let request = tell(client, now, &format!("{HEADER}{offer}"));
    let (_, id) = request.split_once("id='").unwrap();
    let (id, _) = id.split_once('\'').unwrap();
    let answer = format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>juliet@example.org/balcony</jid></bind></iq>"
    );
    tell(client, now, &answer);
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
}

fn config() -> ClientConfig {
    ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
}

fn direct_tls(now: Instant, tls: TlsInfo) -> Connection<Client> {
    let mut client = Client::with_direct_tls(config(), Entropy::from_seed([2; 32]), now, tls);
    bind(&mut client, now);
    client
}

fn starttls(now: Instant, tls: TlsInfo) -> Connection<Client> {
    let mut client = Client::new(config(), Entropy::from_seed([2; 32]), Instant::ORIGIN);
    let offer = "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
        </stream:features>";
    tell(&mut client, now, &format!("{HEADER}{offer}"));
    tell(
        &mut client,
        now,
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    );
    let Some(ClientEvent::StartTls(request)) = client.poll_event() else {
        panic!("TLS has to start");
    };
    let handoff = client.begin_tls(request, b"").unwrap();
    client.tls_established(now, handoff, tls).unwrap();
    bind(&mut client, now);
    client
}

/// The moment at which the stream ends, with what was written, while the server shows that it is
/// there every second.
fn end(client: &mut Connection<Client>, from: u64, until: u64) -> Option<(Instant, String)> {
    for second in from..until {
        let now = at(second);
        while client.poll_timeout().is_some_and(|due| due <= now) {
            client.handle_timeout(now);
            if let Some(ClientEvent::Closed(reason)) = client.poll_event() {
                assert_eq!(reason, CloseReason::TimedOut(Timer::Certificate));
                let written = client.take_output();
                return Some((now, String::from_utf8(written).unwrap()));
            }
        }
        tell(client, now, " ");
    }
    None
}

const RESET: &str = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
    </stream:error></stream:stream>";

#[test]
fn the_stream_is_reset_when_the_certificate_expires() {
    for connect in [direct_tls, starttls] {
        for keep_alive in [None, Some(KeepAlive::ping())] {
            // The time counts from the handshake, which was at second 100.
            let tls = TlsInfo::default().with_validity(VALID);
            let mut client = connect(at(100), tls);
            client.set_keep_alive(keep_alive);
            let (when, written) = end(&mut client, 101, 4000).unwrap();
            assert_eq!((when, written.as_str()), (at(100) + VALID, RESET));
        }
    }
}

#[test]
fn without_a_certificate_there_is_no_end() {
    let mut client = direct_tls(at(100), TlsInfo::default());
    assert_eq!(end(&mut client, 101, 10_000), None);
    assert_eq!(client.poll_timeout(), None);
}

/// A driver that comes late, as after the sleep of a device, ends the stream at once.
#[test]
fn a_late_driver_resets_the_stream() {
    let mut client = direct_tls(at(0), TlsInfo::default().with_validity(SECOND));
    let late = at(1_000_000);
    for _ in 0..3 {
        client.handle_timeout(late);
    }
    let Some(ClientEvent::Closed(reason)) = client.poll_event() else {
        panic!("the stream has to end");
    };
    assert_eq!(reason, CloseReason::TimedOut(Timer::Certificate));
}
