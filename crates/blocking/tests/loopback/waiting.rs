//! Waits that end before anything has come, and what they must not lose.

use std::net::TcpStream;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use xmppwire_blocking::{
    Client, ClientConfig, CloseReason, Connection, Connector, Jid, Limits, Message, Mode,
    ServerEvent, Stanza, Timer,
};
use xmppwire_test_support::{Authority, JULIET, PASSWORD};

use crate::support::{
    body, both, give, juliet_at, last_event, listen, message, next_message, welcome,
};

#[test]
fn a_time_out_loses_nothing() {
    const MESSAGES: usize = 200;
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);
    // Larger than what is read at once, so that waits end in the middle of stanzas and of TLS records.
    let text = |n: usize| format!("{n} {}", "x".repeat(n * 300));

    let server = move || {
        let mut client = welcome(&listener, &tls);
        for n in 0..MESSAGES {
            give(&mut client, &text(n));
            client.flush();
        }
        client.close(None);
        last_event(&mut client);
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let mut arrived = 0;
        let mut timeout = Duration::ZERO;
        loop {
            match client.next_timeout(timeout).unwrap() {
                Poll::Ready(Some(stanza)) => {
                    assert_eq!(body(Some(stanza)), text(arrived));
                    arrived += 1;
                    timeout = Duration::ZERO;
                }
                Poll::Ready(None) => break,
                // Longer and longer, so that the test does not spin for ever on a slow machine.
                Poll::Pending => timeout += Duration::from_micros(50),
            }
        }
        assert_eq!(arrived, MESSAGES);
    };
    both(server, client);
}

#[test]
fn what_was_sent_is_written_while_a_wait_without_events_runs() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);
    let (tell, told) = mpsc::channel();

    let server = move || {
        let mut client = welcome(&listener, &tls);
        // Long enough to fill what the system takes for a socket that is not read.
        let text = next_message(&mut client).body().unwrap().len();
        tell.send(()).unwrap();
        last_event(&mut client);
        text
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let text = "x".repeat(200_000);
        client.send(message(&text)).unwrap();
        while told.try_recv().is_err() {
            let waited = client.next_timeout(Duration::from_millis(1)).unwrap();
            assert!(waited.is_pending());
        }
        client.close().unwrap();
        text.len()
    };
    let (arrived, sent) = both(server, client);
    assert_eq!(arrived, sent);
}

#[test]
fn another_thread_ends_the_wait() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);

    let server = move || {
        let mut client = welcome(&listener, &tls);
        for expected in ["one", "two"] {
            assert_eq!(next_message(&mut client).body().as_deref(), Some(expected));
        }
        last_event(&mut client);
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let waker = client.waker();
        // Before the wait begins: it is not forgotten.
        waker.wake();
        waker.wake();
        assert!(client.next_timeout(Duration::MAX).unwrap().is_pending());
        client.send(message("one")).unwrap();

        let (queue, to_send) = mpsc::channel::<Message>();
        let sender = thread::spawn(move || {
            queue.send(message("two")).unwrap();
            waker.wake();
        });
        // Only the waker can end this wait: the server says nothing.
        assert!(client.next_timeout(Duration::MAX).unwrap().is_pending());
        client.send(to_send.try_recv().unwrap()).unwrap();
        sender.join().unwrap();
        client.close().unwrap();
    };
    both(server, client);
}

/// Two connections of one server, each with a thread, hand each other what their clients send.
#[test]
fn a_server_thread_is_woken_to_deliver() {
    let authority = Authority::new();
    let tls = authority.server("example.org");
    let (listener, port) = listen();
    let connector = juliet_at(&authority, port);

    let server = move || {
        let mut from = welcome(&listener, &tls);
        let mut to = welcome(&listener, &tls);
        let waker = to.waker();
        let (queue, deliveries) = mpsc::channel::<Stanza>();
        let reader = thread::spawn(move || {
            while let Some(event) = from.next_event().unwrap() {
                if let ServerEvent::Stanza(stanza) = event {
                    queue.send(stanza).unwrap();
                    waker.wake();
                }
            }
        });
        loop {
            match to.next_event_timeout(Duration::MAX).unwrap() {
                Poll::Pending => {
                    for stanza in deliveries.try_iter() {
                        to.connection_mut().send(&stanza).unwrap();
                    }
                }
                Poll::Ready(Some(_)) => {}
                Poll::Ready(None) => break,
            }
        }
        reader.join().unwrap();
    };
    let client = move || {
        let mut from = Client::connect_with(&connector).unwrap();
        let mut to = Client::connect_with(&connector).unwrap();
        from.send(message("through two threads")).unwrap();
        assert_eq!(body(to.next().unwrap()), "through two threads");
        to.close().unwrap();
        from.close().unwrap();
    };
    both(server, client);
}

/// A server that says nothing does not hold the client for ever.
#[test]
fn a_silent_server_is_given_up() {
    let (listener, port) = listen();
    let mut limits = Limits::new();
    limits.negotiation_timeout = Duration::from_millis(20);
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD)
        .unwrap()
        .with_limits(limits);
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(Authority::new().client());

    let (done, kept) = mpsc::channel::<()>();
    let server = move || {
        let socket = listener.accept().unwrap();
        let _ = kept.recv();
        drop(socket);
    };
    let client = move || {
        let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let error = Client::over(socket, Mode::StartTls, &connector).unwrap_err();
        assert!(
            matches!(
                error.close_reason(),
                Some(CloseReason::TimedOut(Timer::Negotiation))
            ),
            "{error:?}"
        );
        drop(done);
    };
    both(server, client);
}
