use super::*;
use crate::find::{PlanError, Step};
use crate::tls::TlsError;
use xmppwire::{Message, SaslCondition, SaslFailure, StreamError, StreamErrorCondition};

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
    client.connected(NOW, jid, mode, ());
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
    let event = client.received(NOW, Ok(Some(stanza())));
    assert!(matches!(event, Ok(ReconnectEvent::Stanza(_))));
    let event = client.received(NOW, Err(closed(StreamErrorCondition::Reset)));
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
    assert!(client.received(NOW, Err(elsewhere().into())).is_ok());
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
        let event = up(Mode::StartTls).received(NOW, Err(reason));
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
    let event = client.received(NOW, Ok(Some(stanza())));
    assert!(
        matches!(event, Ok(ReconnectEvent::Stanza(_))),
        "first what came before"
    );
    assert_eq!(reason(client.received(NOW, Err(reset()))), of_reset);
    // The server closed the stream in order.
    let mut client = up(Mode::StartTls);
    client.refused(Error::NotConnected);
    assert_eq!(reason(client.received(NOW, Ok(None))), of_peer);
    // The send took the reason away, so that the client has none left.
    let mut client = up(Mode::StartTls);
    assert!(matches!(client.refused(reset()), Error::NotConnected));
    client.refused(Error::NotConnected);
    assert_eq!(
        reason(client.received(NOW, Err(Error::NotConnected))),
        of_reset
    );
    // The socket failed, and the server said why before.
    let mut client = up(Mode::StartTls);
    client.refused(std::io::Error::from(std::io::ErrorKind::BrokenPipe).into());
    assert_eq!(reason(client.received(NOW, Err(reset()))), of_reset);
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
    let event = client.received(lost, Err(CloseReason::TransportEof.into()));
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
        let event = client.received(NOW, Err(closed(StreamErrorCondition::SystemShutdown)));
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
    let event = client.received(NOW, Err(dead()));
    let Ok(ReconnectEvent::Disconnected { retry_in, .. }) = event else {
        panic!("{event:?}");
    };
    assert_eq!(retry_in, Duration::ZERO);
    // One that is known to be lost is not checked, and one that ended for good stays so.
    let mut client = up(Mode::StartTls);
    client.refused(Error::NotConnected);
    assert!(client.network_changed(NOW).is_none());
    client
        .received(NOW, Err(closed(StreamErrorCondition::Conflict)))
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
    client
        .received(NOW, Err(closed(StreamErrorCondition::Conflict)))
        .unwrap_err();
    assert!(client.drop_session(NOW).is_none());
    assert!(matches!(client.next(NOW), Next::Stop));
}
