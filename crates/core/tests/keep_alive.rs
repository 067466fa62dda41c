//! A silent peer is checked, and counts as gone when it shows no life (RFC 6120 §4.6).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod bound;

use core::time::Duration;

use bound::{bound, bound_server};
use xmppwire::{
    Client, ClientConfig, ClientEvent, CloseReason, Connection, Entropy, Instant, Jid, KeepAlive,
    Limits, Message, Role, Server, ServerEvent, Timer,
};

const SILENCE: Duration = Duration::from_secs(300);
const PATIENCE: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(seconds))
}

fn tell<R: Role>(connection: &mut Connection<R>, now: Instant, text: &str) -> String {
    connection.take_output();
    assert_eq!(connection.receive(now, text.as_bytes()), text.len());
    written(connection)
}

fn written<R: Role>(connection: &mut Connection<R>) -> String {
    String::from_utf8(connection.take_output()).unwrap()
}

/// Lets the time pass up to `until`, as a driver that is woken at each deadline. Returns what was
/// written, with the moment.
fn pass<R: Role>(
    connection: &mut Connection<R>,
    mut now: Instant,
    until: Instant,
) -> Vec<(Instant, String)> {
    let mut all = Vec::new();
    for _ in 0..1000 {
        let text = written(connection);
        if !text.is_empty() {
            all.push((now, text));
        }
        match connection.poll_timeout() {
            Some(deadline) if deadline <= until => {
                now = now.max(deadline);
                connection.handle_timeout(now);
            }
            _ => return all,
        }
    }
    panic!("the deadline does not move");
}

fn attr<'a>(text: &'a str, name: &str) -> &'a str {
    let (_, rest) = text.split_once(&format!("{name}='")).unwrap();
    rest.split_once('\'').unwrap().0
}

/// A client that is bound as `juliet@example.org/balcony` at the origin.
fn client(limits: Limits, keep_alive: Option<KeepAlive>) -> Connection<Client> {
    let mut client = bound(limits);
    client.set_keep_alive(keep_alive);
    client
}

fn pinging() -> Connection<Client> {
    client(Limits::default(), Some(KeepAlive::ping()))
}

/// A server whose client is bound as `juliet@example.org/balcony` at the origin.
fn server(keep_alive: KeepAlive) -> Connection<Server> {
    let mut server = bound_server(Limits::default());
    server.set_keep_alive(Some(keep_alive));
    server
}

fn reason(client: &mut Connection<Client>) -> Option<CloseReason> {
    match client.poll_event()? {
        ClientEvent::Closed(reason) => Some(reason),
        event => panic!("{event:?}"),
    }
}

#[test]
fn without_a_policy_silence_is_no_reason_to_do_anything() {
    let mut client = client(Limits::default(), None);
    assert_eq!(client.keep_alive(), None);
    assert_eq!(client.poll_timeout(), None);
    client.set_keep_alive(Some(KeepAlive::ping()));
    assert_eq!(client.keep_alive(), Some(KeepAlive::ping()));
    client.set_keep_alive(None);
    assert_eq!(client.keep_alive(), None);
}

/// A ping is a stanza, which may not be sent before a resource is bound.
#[test]
fn a_client_that_logs_in_is_not_pinged() {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let entropy = Entropy::from_seed([1; 32]);
    let mut client = Client::new(config, entropy, Instant::ORIGIN);
    client.take_output();
    client.check_peer(at(1), PATIENCE);
    assert_eq!(written(&mut client), "");
    assert_eq!(client.poll_timeout(), Some(at(60)), "the negotiation's");
}

#[test]
fn a_peer_that_answers_nothing_is_pinged_once_and_given_up() {
    let mut client = pinging();
    let all = pass(&mut client, Instant::ORIGIN, at(1000));
    let [(pinged, ping), (ended, end)] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(*pinged, Instant::ORIGIN + SILENCE);
    assert!(ping.contains("to='example.org'") && ping.contains("<ping xmlns='urn:xmpp:ping'/>"));
    assert!(attr(ping, "id").len() >= 32, "an id that cannot be guessed");
    assert_eq!(*ended, *pinged + PATIENCE);
    assert!(end.contains("<connection-timeout "), "{end}");
    let gone = CloseReason::TimedOut(Timer::KeepAlive);
    assert_eq!(reason(&mut client), Some(gone));
}

#[test]
fn any_answer_to_a_ping_counts_and_the_application_does_not_see_it() {
    for (kind, from) in [
        ("result", "from='example.org'"),
        ("error", "from='example.org'"),
        ("result", ""),
        ("result", "from='juliet@example.org'"),
        ("error", "from='juliet@example.org/balcony'"),
    ] {
        let mut client = pinging();
        let all = pass(&mut client, Instant::ORIGIN, at(310));
        let id = attr(&all[0].1, "id").to_owned();
        tell(
            &mut client,
            at(311),
            &format!("<iq type='{kind}' id='{id}' {from}/>"),
        );
        assert!(client.poll_event().is_none(), "{kind} {from}");
        assert_eq!(client.poll_timeout(), Some(at(311) + SILENCE));
        // It is swallowed once.
        tell(
            &mut client,
            at(312),
            &format!("<iq type='{kind}' id='{id}' {from}/>"),
        );
        assert!(matches!(
            client.poll_event(),
            Some(ClientEvent::Stanza(_) | ClientEvent::Refused(_))
        ));
    }
}

#[test]
fn what_only_looks_like_the_answer_reaches_the_application() {
    let mut client = pinging();
    let all = pass(&mut client, Instant::ORIGIN, at(310));
    let id = attr(&all[0].1, "id").to_owned();
    for forged in [
        format!("<iq type='result' id='{id}' from='romeo@example.net'/>"),
        "<iq type='result' id='1' from='example.org'/>".to_owned(),
        format!("<iq type='get' id='{id}' from='example.org'><q xmlns='q'/></iq>"),
        format!("<message id='{id}' from='example.org'/>"),
    ] {
        tell(&mut client, at(311), &forged);
        let event = client.poll_event();
        assert!(
            matches!(event, Some(ClientEvent::Stanza(_))),
            "{forged}: {event:?}"
        );
    }
    tell(
        &mut client,
        at(312),
        &format!("<iq type='result' id='{id}' from='example.org'/>"),
    );
    assert!(client.poll_event().is_none());
}

#[test]
fn every_byte_is_a_sign_of_life() {
    let mut client = pinging();
    for round in 1..10 {
        let now = at(290 * round);
        client.handle_timeout(now);
        assert_eq!(tell(&mut client, now, " "), "");
    }
    // After a ping as well, where the rest of a stanza is still to come.
    let all = pass(&mut client, at(2610), at(2920));
    assert_eq!(all.len(), 1);
    tell(&mut client, at(2930), "<mess");
    assert!(pass(&mut client, at(2930), at(3200)).is_empty());
}

#[test]
fn time_in_which_the_application_takes_no_event_is_not_the_peers() {
    let mut client = pinging();
    tell(&mut client, at(10), "<message from='romeo@example.net'/>");
    assert!(
        pass(&mut client, at(10), at(5000)).is_empty(),
        "an event waits"
    );
    assert!(client.poll_event().is_some());
    let all = pass(&mut client, at(5000), at(5120));
    assert_eq!(all.len(), 1, "{all:?}");
    assert!(all[0].0 > at(5000));
    // A driver that did not read says so.
    client.did_not_read(at(5120));
    assert!(pass(&mut client, at(5120), at(5149)).is_empty());
    pass(&mut client, at(5149), at(5150));
    assert_eq!(
        reason(&mut client),
        Some(CloseReason::TimedOut(Timer::KeepAlive))
    );
}

#[test]
fn a_driver_that_did_not_run_for_long_reads_before_it_gives_up() {
    let mut client = pinging();
    pass(&mut client, Instant::ORIGIN, at(310));
    client.handle_timeout(at(9000));
    assert!(
        client.poll_event().is_none(),
        "the answer may wait to be read"
    );
    assert_eq!(client.poll_timeout(), Some(at(9000) + PATIENCE));
    client.handle_timeout(at(9000) + PATIENCE);
    assert!(reason(&mut client).is_some(), "it is read by now");
}

#[test]
fn a_peer_that_reads_slowly_is_alive_and_one_that_does_not_is_gone() {
    for reads in [true, false] {
        let mut client = pinging();
        let body = "x".repeat(100_000);
        let to: Jid = Jid::new("romeo@example.net").unwrap();
        for _ in 0..20 {
            client
                .send(&Message::chat(to.clone(), &body).into())
                .unwrap();
        }
        let mut now = Instant::ORIGIN;
        let mut end = None;
        while end.is_none() && client.output().len() > 50_000 && now < at(10_000) {
            now = now + SECOND;
            if reads {
                client.consume_output(1000);
            }
            client.handle_timeout(now);
            end = reason(&mut client);
        }
        match reads {
            true => assert_eq!(end, None),
            false => {
                assert_eq!(end, Some(CloseReason::TimedOut(Timer::KeepAlive)));
                assert!(now <= Instant::ORIGIN + SILENCE + PATIENCE + SECOND);
            }
        }
    }
}

/// The time for the answer begins when the ping was written, however long that took.
#[test]
fn a_ping_behind_a_backlog_is_waited_for_from_its_end() {
    let mut client = pinging();
    client.handle_timeout(Instant::ORIGIN);
    client.handle_timeout(at(300));
    let ping = client.output().len();
    assert!(ping > 0);
    client.consume_output(ping - 1);
    client.handle_timeout(at(330));
    assert_eq!(reason(&mut client), None, "it takes bytes");
    client.consume_output(1);
    assert!(
        client.poll_timeout() <= Some(at(330)),
        "the driver is asked for the time"
    );
    client.handle_timeout(at(350));
    assert_eq!(client.poll_timeout(), Some(at(380)));
    client.handle_timeout(at(380));
    assert!(reason(&mut client).is_some());
}

#[test]
fn white_space_keeps_the_way_open_and_asks_for_nothing() {
    let policy = KeepAlive::white_space().with_silence(Duration::from_secs(60));
    let mut client = client(Limits::default(), Some(policy));
    let all = pass(&mut client, Instant::ORIGIN, at(301));
    let expected: Vec<_> = (1..=5).map(|n| (at(60 * n), " ".to_owned())).collect();
    assert_eq!(all, expected);
    client.set_keep_alive(Some(policy.with_patience(PATIENCE)));
    let all = pass(&mut client, at(301), at(1000));
    assert_eq!(all[0], (at(360), " ".to_owned()));
    assert_eq!(all[1].0, at(390), "{all:?}");
    assert!(reason(&mut client).is_some());
}

#[test]
fn a_server_pings_its_client_in_its_own_name() {
    let mut server = server(KeepAlive::ping());
    let all = pass(&mut server, Instant::ORIGIN, at(310));
    let (_, ping) = &all[0];
    assert_eq!(attr(ping, "from"), "example.org");
    assert_eq!(attr(ping, "to"), "juliet@example.org/balcony");
    let id = attr(ping, "id").to_owned();
    let answer = format!("<iq type='error' id='{id}' to='example.org'/>");
    tell(&mut server, at(320), &answer);
    assert!(server.poll_event().is_none());
    let all = pass(&mut server, at(320), at(1000));
    assert_eq!(all.len(), 2, "a ping and the end: {all:?}");
    let end = server.poll_event();
    let gone = CloseReason::TimedOut(Timer::KeepAlive);
    assert!(matches!(end, Some(ServerEvent::Closed(reason)) if reason == gone));
}

#[test]
fn a_check_can_be_asked_for_with_and_without_a_policy() {
    for policy in [None, Some(KeepAlive::ping())] {
        let wait = Duration::from_secs(5);
        let mut client = client(Limits::default(), policy);
        client.check_peer(at(10), wait);
        client.check_peer(at(10), wait);
        let ping = written(&mut client);
        assert_eq!(ping.matches("urn:xmpp:ping").count(), 1, "{ping}");
        let answer = format!("<iq type='result' id='{}'/>", attr(&ping, "id"));
        tell(&mut client, at(12), &answer);
        assert!(client.poll_event().is_none());
        client.check_peer(at(20), wait);
        pass(&mut client, at(20), at(25));
        assert_eq!(
            reason(&mut client),
            Some(CloseReason::TimedOut(Timer::KeepAlive))
        );
        // After the end it does nothing.
        client.check_peer(at(30), wait);
        assert!(client.poll_event().is_none());
    }
}

#[test]
fn a_check_shortens_the_wait_of_one_that_runs() {
    let mut client = pinging();
    pass(&mut client, Instant::ORIGIN, at(301));
    client.check_peer(at(305), Duration::from_secs(2));
    assert_eq!(written(&mut client), "");
    assert_eq!(client.poll_timeout(), Some(at(307)));
}

/// Whichever of the two comes first ends the stream, and an answer counts for both.
#[test]
fn the_idle_time_goes_on_beside_it() {
    let mut limits = Limits::default();
    limits.idle_timeout = Some(Duration::from_secs(100));
    let mut first = client(limits.clone(), Some(KeepAlive::ping()));
    assert_eq!(pass(&mut first, Instant::ORIGIN, at(100)).len(), 1);
    assert_eq!(reason(&mut first), Some(CloseReason::TimedOut(Timer::Idle)));
    let policy = KeepAlive::ping().with_silence(Duration::from_secs(60));
    let mut second = client(limits, Some(policy));
    let mut now = Instant::ORIGIN;
    for _ in 0..10 {
        let all = pass(&mut second, now, now + Duration::from_secs(60));
        now = all[0].0;
        let answer = format!("<iq type='result' id='{}'/>", attr(&all[0].1, "id"));
        tell(&mut second, now, &answer);
        assert!(second.poll_event().is_none());
    }
}

#[test]
fn closing_ends_the_checks() {
    let mut client = pinging();
    pass(&mut client, Instant::ORIGIN, at(301));
    client.close(at(302), None);
    pass(&mut client, at(302), at(1000));
    assert_eq!(
        reason(&mut client),
        Some(CloseReason::TimedOut(Timer::Close))
    );
}

/// A peer that sends other bytes and never answers a ping makes nothing grow.
#[test]
fn open_pings_are_bounded() {
    let mut client = pinging();
    let mut ids = Vec::new();
    let mut now = Instant::ORIGIN;
    for _ in 0..100 {
        let all = pass(&mut client, now, now + SILENCE);
        now = all[0].0;
        ids.push(attr(&all[0].1, "id").to_owned());
        tell(&mut client, now, " ");
    }
    let swallowed = ids.iter().filter(|id| {
        tell(&mut client, now, &format!("<iq type='result' id='{id}'/>"));
        client.poll_event().is_none()
    });
    assert_eq!(swallowed.count(), 4);
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 100, "no id twice");
}
