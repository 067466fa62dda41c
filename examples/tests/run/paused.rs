//! A server process that is stopped and goes on later, as on a machine that swaps or a laptop that
//! sleeps: its clients notice, and are back after it goes on.

use std::fs;
use std::time::Duration;

use xmppwire_net::client::{Connector, ReconnectEvent, ReconnectPolicy};
use xmppwire_net::find::Mode;
use xmppwire_net::tls::{ClientTls, roots_from_pem};
use xmppwire_test_support::adapter::{Adapter, Blocking, Reconnecting, Tokio};
use xmppwire_test_support::within_time;
use xmppwire_tokio::{CloseReason, KeepAlive, Timer};

use crate::support::{ACCOUNTS, PATIENCE, Server};

#[test]
fn a_tokio_client_is_back() {
    within_time(2 * PATIENCE, || is_back::<Tokio>("paused-tokio"));
}

#[test]
fn a_blocking_client_is_back() {
    within_time(2 * PATIENCE, || is_back::<Blocking>("paused-blocking"));
}

fn is_back<A: Adapter>(test: &str) {
    let server = Server::start(test);
    let (user, password) = ACCOUNTS[0];
    let roots = fs::read(server.certificate()).expect("a certificate");
    let roots = roots_from_pem(&roots).expect("a root");
    let keep_alive = KeepAlive::ping()
        .with_silence(Duration::from_secs(1))
        .with_patience(Duration::from_secs(1));
    let connector = Connector::account(&format!("{user}@localhost"), password)
        .expect("an account")
        .with_server("127.0.0.1", server.address.port(), Mode::StartTls)
        .with_tls(ClientTls::builder(roots).build().expect("roots"))
        .with_keep_alive(keep_alive);
    let policy = ReconnectPolicy::default().with_quick(Duration::from_secs(1));
    let mut client = A::reconnecting(connector, policy);
    let mut next = || client.next_event().expect("it goes on").expect("an event");

    let event = next();
    assert!(matches!(event, ReconnectEvent::Connected(_)), "{event:?}");
    server.signal("STOP");
    match next() {
        ReconnectEvent::Disconnected { reason, retry_in } => {
            let gone = CloseReason::TimedOut(Timer::KeepAlive);
            assert_eq!(reason.close_reason(), Some(&gone), "{reason}");
            assert!(retry_in <= Duration::from_secs(1), "{retry_in:?}");
        }
        event => panic!("{event:?}"),
    }
    server.signal("CONT");
    loop {
        match next() {
            ReconnectEvent::Connected(_) | ReconnectEvent::Resumed(_) => return,
            ReconnectEvent::Disconnected { .. } => {}
            event => panic!("{event:?}"),
        }
    }
}
