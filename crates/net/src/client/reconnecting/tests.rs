use super::*;
use crate::client::Connector;
use crate::component::ComponentConnector;
use crate::find::{PlanError, Step};
use crate::tls::TlsError;
use xmppwire::component::{Component, ComponentConfig, Secret};
use xmppwire::{
    Domainpart, Message, SaslCondition, SaslFailure, StreamError, StreamErrorCondition,
};

const NOW: Instant = Instant::ORIGIN;

fn reconnecting() -> Reconnecting<()> {
    let connector = Connector::account("juliet@example.org", "s3cr3t").unwrap();
    let connector = connector.with_server("a.example", 5222, Mode::StartTls);
    Reconnecting::new(connector, ReconnectPolicy::default(), NOW)
}

/// A client whose session is up.
fn up(mode: Mode) -> Reconnecting<()> {
    let mut client = reconnecting();
    assert!(matches!(client.next(NOW), Next::Connect));
    client.attempts(NOW);
    let jid = "juliet@example.org/balcony".parse().unwrap();
    client.connected(NOW, jid, mode, (), false);
    client
}

fn first_hosts(client: &mut Reconnecting<()>) -> Vec<String> {
    let mut attempts = client.attempts(NOW);
    let mut hosts = Vec::new();
    while let Some(Step::Resolve { host, .. }) = attempts.next_step(NOW) {
        hosts.push(host);
        attempts.failed(Error::NotConnected);
    }
    hosts
}

fn stanza() -> Stanza {
    Message::chat("romeo@example.org".parse::<xmppwire::Jid>().unwrap(), "Hi").into()
}

fn closed(condition: StreamErrorCondition) -> Error {
    CloseReason::PeerError(condition.into()).into()
}

fn no_server() -> ConnectError {
    ConnectError::NoServer(PlanError::Unavailable)
}

fn failed(reason: Error) -> ConnectError {
    let connector = Connector::account("juliet@example.org", "s3cr3t").unwrap();
    let connector = connector.with_server("192.0.2.1", 5222, Mode::StartTls);
    let mut attempts = Attempts::new(&connector, NOW);
    assert!(matches!(attempts.next_step(NOW), Some(Step::Open(_))));
    attempts.failed(reason);
    attempts.into_error()
}

/// The event of a client that is not closing: there is always one.
fn received<R: SessionRole>(
    client: &mut Reconnecting<(), R>,
    now: Instant,
    next: Result<Option<Stanza>, Error>,
) -> Result<ReconnectEvent<R>, Error> {
    let event = client.received(now, next);
    event.map(|event| event.unwrap())
}

/// Why the session ended, as the application sees it.
fn reason(event: Result<ReconnectEvent, Error>) -> String {
    match event {
        Ok(ReconnectEvent::Disconnected { reason, .. }) | Err(reason) => reason.to_string(),
        Ok(event) => panic!("{event:?}"),
    }
}

#[test]
fn it_connects_then_drives_then_sleeps() {
    let mut client = reconnecting();
    assert!(matches!(client.next(NOW), Next::Connect));
    assert!(matches!(client.client_mut(), Err(Error::NotConnected)));
    client.attempts(NOW);
    assert!(
        matches!(client.next(NOW), Next::Connect),
        "it goes on with that"
    );
    let mut client = up(Mode::StartTls);
    assert!(matches!(client.next(NOW), Next::Drive(())));
    assert!(client.client().is_some() && client.client_mut().is_ok());
    let event = received(&mut client, NOW, Ok(Some(stanza())));
    assert!(matches!(event, Ok(ReconnectEvent::Stanza(_))));
    let event = received(&mut client, NOW, Err(closed(StreamErrorCondition::Reset)));
    let Ok(ReconnectEvent::Disconnected { retry_in, .. }) = event else {
        panic!("{event:?}");
    };
    assert!(client.client().is_none());
    assert!(matches!(client.next(NOW), Next::SleepUntil(time) if time == NOW + retry_in));
    assert!(matches!(client.next(NOW + retry_in), Next::Connect));
    client.connect_now(NOW);
    assert!(matches!(client.next(NOW), Next::Connect));
    assert!(
        client
            .not_connected(NOW, failed(Error::NotConnected))
            .is_ok()
    );
    assert!(matches!(client.next(NOW), Next::SleepUntil(_)));
}

#[test]
fn a_redirected_session_begins_there_once() {
    let elsewhere = || CloseReason::PeerError(StreamError::see_other_host("b.example:5223"));
    let mut client = reconnecting();
    assert_eq!(first_hosts(&mut client), ["a.example"]);
    let event = client.not_connected(NOW, failed(elsewhere().into()));
    assert!(event.is_ok());
    assert_eq!(
        first_hosts(&mut client),
        ["a.example"],
        "the attempt was over"
    );
    let mut client = up(Mode::DirectTls);
    assert!(received(&mut client, NOW, Err(elsewhere().into())).is_ok());
    assert_eq!(first_hosts(&mut client), ["b.example", "a.example"]);
    assert_eq!(first_hosts(&mut client), ["a.example"]);
}

#[test]
fn refused_credentials_are_not_shown_again() {
    let failure = SaslFailure::new(SaslCondition::NotAuthorized);
    let refused = CloseReason::AuthFailed(failure).into();
    let mut client = reconnecting();
    let event = client.not_connected(NOW, failed(refused));
    assert!(matches!(event, Err(Error::Connect(_))));
    assert!(matches!(client.next(NOW), Next::Stop));
}

#[test]
fn what_anyone_can_bring_about_is_final_only_before_the_first_session() {
    let unknown = CloseReason::PeerError(StreamErrorCondition::HostUnknown.into());
    let refused = CloseReason::AuthFailed(SaslFailure::new(SaslCondition::NotAuthorized));
    for (reason, later) in [
        (Error::Tls(TlsError::NoPlatformRoots), true),
        (Error::ClosedInClear(Box::new(unknown.clone())), true),
        (no_server().into(), true),
        (unknown.into(), false),
        (closed(StreamErrorCondition::Conflict), false),
        (refused.clone().into(), false),
        (Error::ClosedInClear(Box::new(refused)), false),
    ] {
        assert_eq!(reason.verdict(), Verdict::Fatal, "{reason}");
        let shown = reason.to_string();
        let event = received(&mut up(Mode::StartTls), NOW, Err(reason));
        assert_eq!(event.is_ok(), later, "{shown}");
    }
    assert!(reconnecting().not_connected(NOW, no_server()).is_err());
}

/// The reason is the same whether the next event or a send finds the session lost, and whatever the
/// send reports.
#[test]
fn the_reason_of_a_loss_does_not_depend_on_who_finds_it() {
    let reset = || closed(StreamErrorCondition::Reset);
    let of_reset = reset().to_string();
    let of_peer = Error::from(CloseReason::Peer).to_string();
    // The stream ended with a reason, which comes with the next stanza.
    let mut client = up(Mode::StartTls);
    assert!(matches!(
        client.refused(Error::NotConnected),
        Error::NotConnected
    ));
    assert!(client.client().is_none() && client.client_mut().is_err());
    let event = received(&mut client, NOW, Ok(Some(stanza())));
    assert!(
        matches!(event, Ok(ReconnectEvent::Stanza(_))),
        "first what came before"
    );
    assert_eq!(reason(received(&mut client, NOW, Err(reset()))), of_reset);
    // The server closed the stream in order.
    let mut client = up(Mode::StartTls);
    client.refused(Error::NotConnected);
    assert_eq!(reason(received(&mut client, NOW, Ok(None))), of_peer);
    // The send took the reason away, so that the client has none left.
    let mut client = up(Mode::StartTls);
    assert!(matches!(client.refused(reset()), Error::NotConnected));
    client.refused(Error::NotConnected);
    assert_eq!(
        reason(received(&mut client, NOW, Err(Error::NotConnected))),
        of_reset
    );
    // The socket failed, and the server said why before.
    let mut client = up(Mode::StartTls);
    client.refused(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
    assert_eq!(reason(received(&mut client, NOW, Err(reset()))), of_reset);
}

#[test]
fn what_concerns_one_stanza_does_not_end_the_session() {
    let mut client = up(Mode::StartTls);
    assert!(matches!(client.refused(Error::InboxFull), Error::InboxFull));
    assert!(matches!(client.refused(Error::NoRequest), Error::NoRequest));
    assert!(client.client().is_some());
}

/// How long a client whose session broke at the origin takes to be back, if attempts fail like this
/// until `outage` is over.
fn back_after(outage: Duration, failure: impl Fn() -> Error) -> (Duration, Duration) {
    let mut client = up(Mode::StartTls);
    let lost = NOW + Duration::from_secs(1000);
    let event = received(&mut client, lost, Err(CloseReason::TransportEof.into()));
    let Ok(ReconnectEvent::Disconnected { retry_in, .. }) = event else {
        panic!("{event:?}");
    };
    let mut now = lost;
    loop {
        match client.next(now) {
            Next::SleepUntil(time) => now = time,
            Next::Connect => {
                client.attempts(now);
                let since = now.saturating_since(lost);
                if since >= outage {
                    return (retry_in, since);
                }
                client.not_connected(now, failed(failure())).unwrap();
            }
            next => panic!("{next:?}"),
        }
    }
}

fn io_error(kind: std::io::ErrorKind) -> Error {
    std::io::Error::from(kind).into()
}

/// Whatever the random numbers are.
#[test]
fn a_client_is_back_soon_after_a_fault_of_the_network() {
    let unreachable = || io_error(std::io::ErrorKind::NetworkUnreachable);
    let refused = || io_error(std::io::ErrorKind::ConnectionRefused);
    for _ in 0..200 {
        let (first, back) = back_after(Duration::ZERO, unreachable);
        assert_eq!(first, back);
        assert!(back <= Duration::from_secs(5), "{back:?}");
        let (_, back) = back_after(Duration::from_secs(12), unreachable);
        assert!(back <= Duration::from_secs(32), "{back:?}");
        // The server is away: its other clients come back as well, and not all at once.
        let (first, back) = back_after(Duration::from_secs(12), refused);
        assert!(first <= Duration::from_secs(5), "{first:?}");
        assert!(back <= Duration::from_secs(72), "{back:?}");
        // A long outage is not paid for with ten minutes after it.
        let (_, back) = back_after(Duration::from_secs(7200), unreachable);
        assert!(back <= Duration::from_secs(7260), "{back:?}");
    }
}

#[test]
fn a_client_comes_back_slowly_to_a_server_that_went_away() {
    let mut longest = Duration::ZERO;
    for _ in 0..200 {
        let mut client = up(Mode::StartTls);
        let event = received(
            &mut client,
            NOW,
            Err(closed(StreamErrorCondition::SystemShutdown)),
        );
        let Ok(ReconnectEvent::Disconnected { retry_in, .. }) = event else {
            panic!("{event:?}");
        };
        assert!(retry_in <= Duration::from_secs(60));
        longest = longest.max(retry_in);
    }
    // That all of 200 random numbers are below a half does not happen.
    assert!(longest > Duration::from_secs(30), "{longest:?}");
}

#[test]
fn a_changed_network_is_a_reason_not_to_wait() {
    // While it waits.
    let mut client = reconnecting();
    client.attempts(NOW);
    client
        .not_connected(NOW, failed(Error::NotConnected))
        .unwrap();
    assert!(client.network_changed(NOW).is_none());
    assert!(matches!(client.next(NOW), Next::Connect));
    // While it connects: the driver drops that attempt and begins another one.
    client.attempts(NOW);
    assert!(client.network_changed(NOW).is_none());
    assert!(matches!(client.next(NOW), Next::Connect));
    // A session is checked, and if it is dead there is no delay. Only then.
    let dead = || CloseReason::TimedOut(xmppwire::Timer::KeepAlive).into();
    let mut client = up(Mode::StartTls);
    assert!(client.network_changed(NOW).is_some());
    let event = received(&mut client, NOW, Err(dead()));
    let Ok(ReconnectEvent::Disconnected { retry_in, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(retry_in, Duration::ZERO);
    // One that is known to be lost is not checked, and one that ended for good stays so.
    let mut client = up(Mode::StartTls);
    client.refused(Error::NotConnected);
    assert!(client.network_changed(NOW).is_none());
    received(
        &mut client,
        NOW,
        Err(closed(StreamErrorCondition::Conflict)),
    )
    .unwrap_err();
    assert!(client.network_changed(NOW).is_none());
    assert!(matches!(client.next(NOW), Next::Stop));
}

#[test]
fn a_session_can_be_dropped_and_nothing_else() {
    let mut client = up(Mode::StartTls);
    assert!(client.drop_session(NOW).is_some());
    assert!(matches!(client.next(NOW), Next::Connect));
    assert!(client.drop_session(NOW).is_none());
    assert!(matches!(client.next(NOW), Next::Connect));
    let mut client = up(Mode::StartTls);
    received(
        &mut client,
        NOW,
        Err(closed(StreamErrorCondition::Conflict)),
    )
    .unwrap_err();
    assert!(client.drop_session(NOW).is_none());
    assert!(matches!(client.next(NOW), Next::Stop));
}

#[test]
fn what_arrives_while_it_closes_is_given() {
    let mut client = up(Mode::StartTls);
    assert!(client.close().is_some());
    let event = received(&mut client, NOW, Ok(Some(stanza())));
    assert!(matches!(event, Ok(ReconnectEvent::Stanza(_))), "{event:?}");
    let end = client.received(NOW, Ok(None));
    assert!(matches!(end, Ok(None)), "{end:?}");
    assert!(matches!(client.next(NOW), Next::Stop));
    assert!(client.close().is_none());
    assert!(client.drop_session(NOW).is_none());
    client.network_changed(NOW);
    client.connect_now(NOW);
    assert!(matches!(client.next(NOW), Next::Stop));
}

#[test]
fn a_client_that_closes_does_not_connect_again() {
    let mut client = reconnecting();
    assert!(client.close().is_none());
    assert!(matches!(client.next(NOW), Next::Stop));

    let mut client = up(Mode::StartTls);
    assert!(client.close().is_some());
    assert!(client.drop_session(NOW).is_some());
    assert!(matches!(client.next(NOW), Next::Stop));

    let mut client = up(Mode::StartTls);
    assert!(client.close().is_some());
    let end = client.received(NOW, Err(CloseReason::TransportEof.into()));
    assert!(end.is_err(), "{end:?}");
    assert!(matches!(client.next(NOW), Next::Stop));
}

fn component() -> Reconnecting<(), Component> {
    let domain = Domainpart::new("gate.example").unwrap();
    let config = ComponentConfig::new(domain, Secret::new("correct horse battery staple"));
    let connector = ComponentConnector::new(config, "192.0.2.1", 5347);
    Reconnecting::new(connector, ReconnectPolicy::default(), NOW)
}

/// A component whose session is up.
fn attached() -> Reconnecting<(), Component> {
    let mut component = component();
    assert!(matches!(component.next(NOW), Next::Connect));
    component.attempts(NOW);
    let domain = Domainpart::new("gate.example").unwrap();
    component.connected(NOW, domain, Mode::StartTls, (), false);
    component
}

/// The end of an attempt of a component.
fn not_attached(reason: Error) -> ConnectError {
    let mut attempts = component().attempts(NOW);
    assert!(matches!(attempts.next_step(NOW), Some(Step::Open(_))));
    attempts.failed(reason);
    attempts.into_error()
}

#[test]
fn a_component_tries_again_what_may_change_by_itself() {
    use StreamErrorCondition as E;
    for (reason, again) in [
        (closed(E::NotAuthorized), false),
        (closed(E::HostUnknown), false),
        (closed(E::InvalidFrom), false),
        (closed(E::InvalidNamespace), false),
        // The other component of the domain may go away.
        (closed(E::Conflict), true),
        (closed(E::SystemShutdown), true),
        (closed(E::ConnectionTimeout), true),
        (CloseReason::TransportEof.into(), true),
        (io_error(std::io::ErrorKind::Other), true),
    ] {
        let text = reason.to_string();
        let failed = not_attached(reason);
        let mut never_was = component();
        never_was.attempts(NOW);
        let event = never_was.not_connected(NOW, failed);
        assert_eq!(event.is_ok(), again, "{text}");
    }
    for (reason, again) in [
        (closed(E::NotAuthorized), false),
        (closed(E::Conflict), true),
        (CloseReason::TransportEof.into(), true),
    ] {
        let text = reason.to_string();
        let event = received(&mut attached(), NOW, Err(reason));
        assert_eq!(event.is_ok(), again, "{text}");
    }
}

#[test]
fn a_wrong_certificate_ends_a_component_that_was_never_attached() {
    let refused = || not_attached(Error::Tls(TlsError::Unfinished));
    let mut fresh = component();
    fresh.attempts(NOW);
    assert!(fresh.not_connected(NOW, refused()).is_err());
    let mut known = attached();
    let lost = received(&mut known, NOW, Err(CloseReason::TransportEof.into()));
    assert!(lost.is_ok(), "{lost:?}");
    known.attempts(NOW);
    assert!(known.not_connected(NOW, refused()).is_ok());
}

/// Its secret is for the servers that the connector names.
#[test]
fn a_component_follows_no_redirection() {
    let mut component = attached();
    let elsewhere = CloseReason::PeerError(StreamError::see_other_host("evil.example:5347"));
    assert!(received(&mut component, NOW, Err(elsewhere.into())).is_ok());
    let mut attempts = component.attempts(NOW);
    let Some(Step::Open(address)) = attempts.next_step(NOW) else {
        panic!("no address");
    };
    assert_eq!(address, ([192, 0, 2, 1], 5347).into());
    let elsewhere = CloseReason::PeerError(StreamError::see_other_host("evil.example:5347"));
    attempts.failed(Error::from(elsewhere));
    assert!(attempts.next_step(NOW).is_none());
}
