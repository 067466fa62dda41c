//! Waits that end before an event has come lose nothing.

use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use xmppwire_blocking::{
    Client, Message, Mode, ReconnectingClient, ServerConnection, ServerEvent, Stanza, Waker,
};

use xmppwire_test_support::adapter::{Accepted, Blocking};
use xmppwire_test_support::both;
use xmppwire_test_support::site::{
    Site, accept, body, end, log_in, message, narrow, next_message, visit,
};

#[test]
fn a_time_out_loses_nothing() {
    const MESSAGES: usize = 200;
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    // Larger than what is read at once, so that waits end in the middle of stanzas and of TLS
    // records.
    let text = |n: usize| format!("{n} {}", "x".repeat(n * 300));

    let server = move || {
        let mut client = site.welcome::<Blocking>(Mode::StartTls);
        for n in 0..MESSAGES {
            client.send(message(&text(n)));
            client.flush();
        }
        client.close(None);
        end(&mut client);
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
                // The waits grow, so that the test does not spin on a slow machine.
                Poll::Pending => timeout += Duration::from_micros(50),
            }
        }
        assert_eq!(arrived, MESSAGES);
    };
    both(server, client);
}

#[test]
fn what_was_sent_is_written_while_a_wait_without_events_runs() {
    let site = Site::new();
    let (port, connector) = (site.port, site.juliet(Mode::StartTls));
    let (tell, told) = mpsc::channel();

    let server = move || {
        let mut client = accept::<Blocking>(narrow(site.socket()), &site.tls, Mode::StartTls);
        log_in(&mut client).unwrap();
        client.flush();
        let length = next_message(&mut client).body().unwrap().len();
        tell.send(()).unwrap();
        end(&mut client);
        length
    };
    let client = move || {
        let socket = narrow(visit(port));
        let mut client = Client::over(socket, Mode::StartTls, &connector).unwrap();
        // More than the system takes in one write.
        let text = "x".repeat(250_000);
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
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut client = site.welcome::<Blocking>(Mode::StartTls);
        for expected in ["one", "two"] {
            assert_eq!(next_message(&mut client).body().as_deref(), Some(expected));
        }
        // In one TLS record, so that the second is there when the first is taken.
        client.send(message("first"));
        client.send(message("second"));
        end(&mut client);
    };
    let client = move || {
        let mut client = Client::connect_with(&connector).unwrap();
        let waker = client.waker();
        let again = waker.clone();
        // A wake before the wait ends the next wait.
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

        // A call that returns a stanza keeps the wake for the next call.
        assert_eq!(body(client.next().unwrap()), "first");
        again.wake();
        match client.next_timeout(Duration::MAX).unwrap() {
            Poll::Ready(stanza) => assert_eq!(body(stanza), "second"),
            Poll::Pending => panic!("the message is there"),
        }
        assert!(client.next_timeout(Duration::MAX).unwrap().is_pending());
        client.close().unwrap();
    };
    both(server, client);
}

/// One thread of a server hands stanzas to the thread of another connection and wakes it.
#[test]
fn a_server_thread_is_woken_to_deliver() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);

    let server = move || {
        let mut from = site.welcome::<Blocking>(Mode::StartTls);
        let mut to = site.welcome::<Blocking>(Mode::StartTls);
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
            for stanza in deliveries.try_iter() {
                to.send(stanza);
            }
            match to.next_event_timeout(Duration::MAX).unwrap() {
                Poll::Pending | Poll::Ready(Some(_)) => {}
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

#[test]
fn connections_and_wakers_may_change_threads() {
    fn moves<T: Send>() {}
    fn is_shared<T: Sync>() {}
    moves::<Client>();
    moves::<ReconnectingClient>();
    moves::<ServerConnection>();
    moves::<Waker>();
    is_shared::<Waker>();
}
