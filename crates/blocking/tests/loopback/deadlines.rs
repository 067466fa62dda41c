//! Silence does not last for ever.

use std::io;
use std::sync::mpsc;
use std::time::Duration;

use xmppwire_blocking::{
    Client, ClientConfig, CloseReason, Connector, Error, Jid, Limits, LinkError, Mode,
    ServerConnection, ServerEvent, StreamErrorCondition, Timer,
};
use xmppwire_test_support::{Authority, JULIET, PASSWORD, config};

use crate::support::{Site, both, last_event, log_in, visit};

/// Short, since it is waited out.
const BRIEF: Duration = Duration::from_millis(20);

/// Juliet, with other limits.
fn limited(authority: &Authority, change: impl FnOnce(&mut Limits)) -> Connector {
    let mut limits = Limits::new();
    change(&mut limits);
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    Connector::new(account.with_limits(limits))
        .unwrap()
        .with_tls(authority.client())
}

fn timed_out(error: &Error) -> Option<Timer> {
    match error.close_reason() {
        Some(CloseReason::TimedOut(timer)) => Some(*timer),
        _ => None,
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let site = Site::new();
    let port = site.port;
    let connector = limited(&site.authority, |limits| limits.negotiation_timeout = BRIEF)
        .with_connect_timeout(BRIEF);
    let (done, wait) = mpsc::channel::<()>();

    let server = move || {
        let sockets = (site.socket(), site.socket());
        let _ = wait.recv();
        drop(sockets);
    };
    let client = move || {
        let error = Client::over(visit(port), Mode::StartTls, &connector).unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Negotiation), "{error:?}");
        match Client::over(visit(port), Mode::DirectTls, &connector) {
            Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
        drop(done);
    };
    both(server, client);
}

#[test]
fn a_silent_client_is_given_up() {
    let site = Site::new();
    let port = site.port;
    let (done, wait) = mpsc::channel::<()>();

    let server = move || {
        let mut limits = Limits::new();
        limits.negotiation_timeout = BRIEF;
        let config = config().with_limits(limits);
        let tls = site.tls.clone();
        let mut client =
            ServerConnection::accept(site.socket(), config.clone(), Some(tls.clone())).unwrap();
        let last = last_event(&mut client);
        assert!(
            matches!(
                last,
                Some(ServerEvent::Closed(CloseReason::TimedOut(
                    Timer::Negotiation
                )))
            ),
            "{last:?}"
        );
        match ServerConnection::accept_direct_tls(site.socket(), config, tls, BRIEF) {
            Err(LinkError::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
        drop(done);
    };
    let client = move || {
        let sockets = (visit(port), visit(port));
        let _ = wait.recv();
        drop(sockets);
    };
    both(server, client);
}

#[test]
fn a_bound_stream_that_falls_silent_is_given_up_where_that_is_wanted() {
    let site = Site::new();
    let connector = limited(&site.authority, |limits| limits.idle_timeout = Some(BRIEF))
        .with_server("127.0.0.1", site.port, Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        match last_event(&mut client) {
            Some(ServerEvent::Closed(CloseReason::PeerError(error))) => {
                assert_eq!(error.condition(), StreamErrorCondition::ConnectionTimeout);
            }
            other => panic!("{other:?}"),
        }
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let error = client.next().unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Idle), "{error:?}");
    };
    both(server, client);
}

#[test]
fn a_close_that_nobody_confirms_ends_all_the_same() {
    let site = Site::new();
    let connector = limited(&site.authority, |limits| limits.close_timeout = BRIEF).with_server(
        "127.0.0.1",
        site.port,
        Mode::StartTls,
    );
    let (done, wait) = mpsc::channel::<()>();

    let server = move || {
        let mut client = site.accept(Mode::StartTls);
        log_in(&mut client).unwrap();
        client.flush();
        let _ = wait.recv();
    };
    let client = move || {
        let client = Client::connect_with(&connector).unwrap();
        let error = client.close().unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Close), "{error:?}");
        drop(done);
    };
    both(server, client);
}
