//! How a connection ends, and that both ends agree on it (RFC 6120 §4.4, §4.6, §4.9).

use std::io::Write;
use std::net::Shutdown;
use std::sync::mpsc;
use std::thread::sleep;
use std::time::Duration;

use xmppwire::{CloseReason, StreamError, StreamErrorCondition};
use xmppwire_net::client::Error;
use xmppwire_net::client::Verdict;
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Session};
use crate::site::{CLOSED_PORT, MODES, Site, accept, body, end, log_in, message, next_message};
use crate::{both, juliet};

pub fn a_client_closes_in_order_and_what_it_sent_arrives<A: Adapter>() {
    for mode in MODES {
        let site = Site::new();
        let connector = site.juliet(mode);
        let server = move || {
            let mut client = site.welcome::<A>(mode);
            for n in 0..100 {
                let text = next_message(&mut client).body().unwrap().into_owned();
                assert_eq!(text, n.to_string());
            }
            assert_eq!(end(&mut client), CloseReason::Peer);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            for n in 0..100 {
                client.send(message(&n.to_string())).unwrap();
            }
            client.close().unwrap();
        };
        both(server, client);
    }
}

pub fn a_server_closes_in_order<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        client.send(message("farewell"));
        client.close(None);
        assert_eq!(end(&mut client), CloseReason::Local);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "farewell");
        assert!(client.next().unwrap().is_none());
        assert!(client.next().unwrap().is_none());
        let refused = client.send(message("too late"));
        assert!(matches!(refused, Err(Error::NotConnected)), "{refused:?}");
    };
    both(server, client);
}

/// The client is told once that the connection broke.
fn is_cut(client: &mut impl Session) {
    let error = client.next().unwrap_err();
    assert!(
        matches!(error.close_reason(), Some(CloseReason::TransportEof)),
        "{error:?}"
    );
    assert_eq!(error.verdict(), Verdict::Retryable);
    assert!(client.next().unwrap().is_none(), "once");
}

pub fn a_cut_connection_is_no_orderly_end<A: Adapter>() {
    for mode in MODES {
        let site = Site::new();
        let connector = site.juliet(mode);
        let server = move || drop(site.welcome::<A>(mode));
        let client = move || is_cut(&mut A::connect_with(&connector).unwrap());
        both(server, client);
    }
}

pub fn an_end_of_input_without_a_closing_tag_is_no_orderly_end<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let socket = site.socket();
        let wire = socket.try_clone().unwrap();
        let mut client = accept::<A>(socket, &site.tls, Mode::StartTls);
        log_in(&mut client).unwrap();
        client.send(message("I have to"));
        client.flush();
        wire.shutdown(Shutdown::Write).unwrap();
        assert_eq!(end(&mut client), CloseReason::TransportEof);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "I have to");
        is_cut(&mut client);
    };
    both(server, client);
}

pub fn a_client_that_vanishes_is_noticed<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        assert_eq!(end(&mut client), CloseReason::TransportEof);
    };
    let client = move || drop(A::connect_with(&connector).unwrap());
    both(server, client);
}

/// The condition of the stream error that ended the connection.
fn condition(error: &Error) -> StreamErrorCondition {
    match error.close_reason() {
        Some(CloseReason::PeerError(error)) => error.condition(),
        _ => panic!("{error:?}"),
    }
}

pub fn a_stream_error_arrives_with_its_condition<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        client.close(Some(StreamError::new(StreamErrorCondition::SystemShutdown)));
        assert_eq!(end(&mut client), CloseReason::Local);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.next().unwrap_err();
        assert_eq!(condition(&error), StreamErrorCondition::SystemShutdown);
    };
    both(server, client);
}

pub fn the_stream_error_reaches_a_client_that_is_sending<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let (told, wait) = mpsc::channel();
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        next_message(&mut client);
        client.close(Some(StreamError::new(StreamErrorCondition::Conflict)));
        client.flush();
        // The socket stays open and takes the few bytes that the client sends, so that no write
        // fails or waits: the client has to look at what has arrived.
        wait.recv().unwrap();
        assert_eq!(end(&mut client), CloseReason::Local);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let refused = loop {
            if let Err(error) = client.send(message("blah")) {
                break error;
            }
            sleep(Duration::from_millis(10));
        };
        told.send(()).unwrap();
        // The stanza that was not sent may also find the connection in its last moments.
        let error = match refused {
            error @ Error::Closed(_) => error,
            _ => client.next().unwrap_err(),
        };
        assert_eq!(condition(&error), StreamErrorCondition::Conflict);
    };
    both(server, client);
}

pub fn the_next_server_is_tried_where_one_is_down<A: Adapter>() {
    let site = Site::new();
    let connector = juliet(&site.authority)
        .with_server("127.0.0.1", CLOSED_PORT, Mode::DirectTls)
        .with_server("127.0.0.1", site.port, Mode::StartTls);
    let server = move || end(&mut site.welcome::<A>(Mode::StartTls));
    let client = move || A::connect_with(&connector).unwrap().close().unwrap();
    both(server, client);
}

pub fn bytes_that_are_no_tls_end_a_session<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let socket = site.socket();
        let mut wire = socket.try_clone().unwrap();
        let mut client = accept::<A>(socket, &site.tls, Mode::StartTls);
        log_in(&mut client).unwrap();
        client.flush();
        wire.write_all(b"</stream:stream>").unwrap();
        // The client's alert, or the reset of its socket.
        let _ = client.next_event();
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let error = client.next().unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
    };
    both(server, client);
}
