//! How a stream ends, told apart.

use std::net::Shutdown;

use xmppwire_blocking::backoff::Verdict;
use xmppwire_blocking::{
    Client, ClientConfig, CloseReason, ConnectError, Connector, Error, Jid, Mode, SaslCondition,
    ServerEvent, StreamError, StreamErrorCondition,
};
use xmppwire_test_support::{Authority, JULIET};

use crate::support::{
    accept, body, both, give, juliet_at, last_event, listen, log_in, message, next_message, welcome,
};

#[test]
fn the_server_closes_in_order() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);

    let server = move || {
        let mut client = welcome(&listener, &tls);
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
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);

    let server = move || {
        let mut client = welcome(&listener, &tls);
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
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);

    let server = move || {
        let (socket, _) = listener.accept().unwrap();
        let wire = socket.try_clone().unwrap();
        let mut client = crate::support::over(socket, &tls, Mode::StartTls);
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
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);

    let server = move || {
        let mut client = welcome(&listener, &tls);
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
fn a_wrong_password_is_final() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let (other, other_port) = listen();
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), "wr0ng").unwrap();
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(authority.client())
        .with_server("127.0.0.1", port, Mode::StartTls)
        .with_server("127.0.0.1", other_port, Mode::StartTls);

    let server = move || {
        let mut client = accept(&listener, &tls, Mode::StartTls);
        assert!(log_in(&mut client).is_none());
    };
    let client = move || {
        let error = Client::connect_with(&connector).unwrap_err();
        let Some(CloseReason::AuthFailed(failure)) = error.close_reason() else {
            panic!("{error:?}");
        };
        assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
        assert_eq!(error.verdict(), Verdict::Fatal);
        let ConnectError::Failed(failures) = error else {
            panic!("{error:?}");
        };
        assert_eq!(failures.iter().count(), 1);
        other.set_nonblocking(true).unwrap();
        assert!(other.accept().is_err(), "the other server was not asked");
    };
    both(server, client);
}

#[test]
fn the_next_server_is_tried_where_one_is_down() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (closed, closed_port) = listen();
    drop(closed);
    let (listener, port) = listen();
    let connector = xmppwire_test_support::juliet(&authority)
        .with_server("127.0.0.1", closed_port, Mode::DirectTls)
        .with_server("127.0.0.1", port, Mode::StartTls);

    let server = move || last_event(&mut welcome(&listener, &tls));
    let client = move || Client::connect_with(&connector).unwrap().close().unwrap();
    both(server, client);
}
