//! How a stream ends, told apart.

use std::net::Shutdown;

use xmppwire_blocking::backoff::Verdict;
use xmppwire_blocking::{
    Client, CloseReason, Error, Mode, ServerEvent, StreamError, StreamErrorCondition,
};
use xmppwire_test_support::juliet;

use crate::support::{Site, body, both, give, last_event, log_in, message, next_message, over};

#[test]
fn the_server_closes_in_order() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        give(&mut client, "farewell");
        client.close(None);
        let last = last_event(&mut client);
        assert!(
            matches!(last, Some(ServerEvent::Closed(CloseReason::Local))),
            "{last:?}"
        );
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "farewell");
        assert!(client.next().unwrap().is_none());
        assert!(client.next().unwrap().is_none());
        let refused = client.send(message("too late"));
        assert!(matches!(refused, Err(Error::NotConnected)), "{refused:?}");
    };
    both(server, client);
}

#[test]
fn the_client_closes_in_order_and_what_it_sent_arrives() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        for n in 0..100 {
            assert_eq!(
                next_message(&mut client).body().as_deref(),
                Some(&*n.to_string())
            );
        }
        let last = last_event(&mut client);
        assert!(
            matches!(last, Some(ServerEvent::Closed(CloseReason::Peer))),
            "{last:?}"
        );
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        for n in 0..100 {
            client.send(message(&n.to_string())).unwrap();
        }
        client.close().unwrap();
    };
    both(server, client);
}

#[test]
fn an_end_without_a_word_is_no_orderly_one() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let socket = site.socket();
        let wire = socket.try_clone().unwrap();
        let mut client = over(socket, &site.tls, Mode::StartTls);
        log_in(&mut client).unwrap();
        give(&mut client, "I have to");
        client.flush();
        wire.shutdown(Shutdown::Write).unwrap();
        let last = last_event(&mut client);
        assert!(
            matches!(last, Some(ServerEvent::Closed(CloseReason::TransportEof))),
            "{last:?}"
        );
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "I have to");
        let error = client.next().unwrap_err();
        assert!(
            matches!(error.close_reason(), Some(CloseReason::TransportEof)),
            "{error:?}"
        );
        assert_eq!(error.verdict(), Verdict::Retryable);
        assert!(client.next().unwrap().is_none());
    };
    both(server, client);
}

#[test]
fn a_stream_error_is_told_with_its_condition() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome(Mode::StartTls);
        client.close(Some(StreamError::new(StreamErrorCondition::SystemShutdown)));
        last_event(&mut client);
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let error = client.next().unwrap_err();
        let Some(CloseReason::PeerError(reason)) = error.close_reason() else {
            panic!("{error:?}");
        };
        assert_eq!(reason.condition(), StreamErrorCondition::SystemShutdown);
    };
    both(server, client);
}

#[test]
fn the_next_server_is_tried_where_one_is_down() {
    let site = Site::new();
    // Nobody listens there: it is not among the ports that the system hands out.
    let connector = juliet(&site.authority)
        .with_server("127.0.0.1", 1, Mode::DirectTls)
        .with_server("127.0.0.1", site.port, Mode::StartTls);

    let server = move || last_event(&mut site.welcome(Mode::StartTls));
    let client = move || Client::connect_with(&connector).unwrap().close().unwrap();
    both(server, client);
}
