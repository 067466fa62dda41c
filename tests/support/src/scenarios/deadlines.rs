//! A peer that is silent or does not read is given up.

use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use xmppwire::{ClientConfig, CloseReason, Jid, Limits, ServerEvent, StreamErrorCondition, Timer};
use xmppwire_net::client::{ConnectError, Connector, Error};
use xmppwire_net::find::Mode;
use xmppwire_net::link::LinkError;

use crate::adapter::{Accepted, Adapter, Session};
use crate::site::{MODES, Site, end, log_in, message, narrow, visit};
use crate::{Authority, JULIET, PASSWORD, both, config};

/// Short, because the tests wait until it is over.
const BRIEF: Duration = Duration::from_millis(20);

/// For what has to happen before the time is over.
const SECOND: Duration = Duration::from_secs(1);

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

pub fn a_silent_server_is_given_up<A: Adapter>() {
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
        let error = A::over(visit(port), Mode::StartTls, &connector).unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Negotiation), "{error:?}");
        match A::over(visit(port), Mode::DirectTls, &connector) {
            Err(Error::Io(error)) => assert_eq!(error.kind(), io::ErrorKind::TimedOut),
            other => panic!("{other:?}"),
        }
        drop(done);
    };
    both(server, client);
}

pub fn connecting_ends_when_its_time_is_over<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    // Each handshake, negotiation and server may take longer than a test.
    let limits = |limits: &mut Limits| limits.negotiation_timeout = Duration::from_secs(100_000);
    let connector = limited(&site.authority, limits)
        .with_connect_timeout(Duration::from_secs(100_000))
        .with_total_timeout(BRIEF);
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let sockets = [site.socket(), site.socket(), site.socket()];
        let _ = wait.recv();
        drop(sockets);
    };
    let client = move || {
        let is_timeout = |error: &Error| matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::TimedOut);
        for mode in MODES {
            let error = A::over(visit(port), mode, &connector).unwrap_err();
            assert!(is_timeout(&error), "{error}");
        }
        // The first connection has to be begun in this time, on a slow machine too.
        let mut connector = connector.with_total_timeout(SECOND);
        for _ in 0..3 {
            connector = connector.with_server("127.0.0.1", port, Mode::StartTls);
        }
        let error = A::connect_with(&connector).unwrap_err();
        assert!(error.last().is_some_and(is_timeout), "{error}");
        let ConnectError::Failed(failures) = error else {
            panic!("{error}");
        };
        assert!(failures.is_out_of_time());
        assert_eq!(failures.iter().count(), 1, "{failures}");
        drop(done);
    };
    both(server, client);
}

pub fn a_silent_client_is_given_up<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let mut limits = Limits::new();
        limits.negotiation_timeout = BRIEF;
        let config = config().with_limits(limits);
        let tls = site.tls.clone();
        let mut client = A::accept(site.socket(), config.clone(), Some(tls.clone())).unwrap();
        let reason = end(&mut client);
        assert_eq!(reason, CloseReason::TimedOut(Timer::Negotiation));
        match A::accept_direct_tls(site.socket(), config, tls, BRIEF) {
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

pub fn a_handshake_that_never_ends_is_given_up<A: Adapter>() {
    const ANSWER: &[u8] =
        b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
        id='1' version='1.0' from='example.org'><stream:features>\
        <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>\
        <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    let site = Site::new();
    let port = site.port;
    let patience = SECOND;
    let connector = limited(&site.authority, |limits| {
        limits.negotiation_timeout = patience
    });
    let server = move || {
        let mut socket = site.socket();
        let mut received = Vec::new();
        while !received.ends_with(b"version='1.0'>") {
            let mut byte = [0];
            socket.read_exact(&mut byte).unwrap();
            received.extend(byte);
        }
        // A client that is slow may have given up already.
        let _ = socket.write_all(ANSWER);
        // It goes on reading and never answers.
        let _ = socket.read_to_end(&mut Vec::new());
    };
    let client = move || {
        let error = A::over(visit(port), Mode::StartTls, &connector).unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Negotiation), "{error:?}");
    };
    both(server, client);
}

pub fn a_peer_that_reads_nothing_does_not_keep_the_connection<A: Adapter>() {
    let site = Site::new();
    let (port, connector) = (site.port, site.juliet(Mode::StartTls));
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let mut limits = Limits::new();
        limits.close_timeout = BRIEF;
        let config = config().with_limits(limits);
        let socket = narrow(site.socket());
        let mut client = A::accept(socket, config, Some(site.tls.clone())).unwrap();
        log_in(&mut client).unwrap();
        // More than the system takes, so that the stream error cannot be written.
        for _ in 0..10 {
            client.send(message(&"x".repeat(100_000)));
        }
        client.close(Some(StreamErrorCondition::SystemShutdown.into()));
        assert_eq!(end(&mut client), CloseReason::Local);
        drop(done);
    };
    let client = move || {
        let socket = narrow(visit(port));
        let client = A::over(socket, Mode::StartTls, &connector).unwrap();
        let _ = wait.recv();
        drop(client);
    };
    both(server, client);
}

pub fn a_bound_stream_that_falls_silent_is_given_up_where_the_limits_say_so<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    let connector = limited(&site.authority, |limits| limits.idle_timeout = Some(BRIEF))
        .with_server("127.0.0.1", port, Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        // The server owed nothing, so it is told no error (RFC 6120 §4.9.3.4).
        assert_eq!(end(&mut client), CloseReason::Peer);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.next().unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Idle), "{error:?}");
    };
    both(server, client);
}

pub fn a_close_that_the_server_never_confirms_ends<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    let connector = limited(&site.authority, |limits| limits.close_timeout = BRIEF).with_server(
        "127.0.0.1",
        port,
        Mode::StartTls,
    );
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        let _ = wait.recv();
        // What the client said is there; it was not answered.
        let event = client.next_event().unwrap();
        assert!(matches!(event, Some(ServerEvent::Closed(_))), "{event:?}");
    };
    let client = move || {
        let client = A::connect_with(&connector).unwrap();
        let error = client.close().unwrap_err();
        assert_eq!(timed_out(&error), Some(Timer::Close), "{error:?}");
        drop(done);
    };
    both(server, client);
}
