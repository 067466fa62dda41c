//! What only the calls of this adapter can do with a client for several threads.

use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use xmppwire_blocking::component::Component;
use xmppwire_blocking::{
    Client, Element, Error, Events, Handle, Iq, Jid, Mode, ReconnectingDriver, RequestError,
    SessionDriver, Stanzas, ns,
};
use xmppwire_test_support::adapter::{Accepted, Blocking};
use xmppwire_test_support::both;
use xmppwire_test_support::site::{Site, body, end, message, next_message};

fn ping() -> Iq {
    let server = Jid::new("example.org").unwrap();
    Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(server)
}

#[test]
fn a_receiver_can_wait_for_a_while() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<Blocking>(Mode::StartTls);
        assert_eq!(next_message(&mut client).body().as_deref(), Some("go on"));
        client.send(message("now"));
        end(&mut client);
    };
    let client = move || {
        let (handle, mut stanzas, driver) = Client::connect_with(&connector).unwrap().split();
        let driver = thread::spawn(|| driver.run());
        assert!(stanzas.next_timeout(Duration::ZERO).is_pending());
        assert!(stanzas.next_timeout(Duration::from_millis(5)).is_pending());
        handle.send(message("go on")).unwrap();
        let Poll::Ready(stanza) = stanzas.next_timeout(Duration::MAX) else {
            panic!("it did not wait");
        };
        assert_eq!(body(stanza), "now");
        handle.close();
        assert_eq!(stanzas.next_timeout(Duration::ZERO), Poll::Ready(None));
        driver.join().unwrap().unwrap();
    };
    both(server, client);
}

#[test]
fn a_driver_that_never_runs_ends_every_wait_when_it_is_dropped() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls);
    let server = move || {
        let mut client = site.welcome::<Blocking>(Mode::DirectTls);
        while let Ok(Some(_)) = client.next_event() {}
    };
    let client = move || {
        let (handle, mut stanzas, driver) = Client::connect_with(&connector).unwrap().split();
        let (tell, told) = mpsc::channel();
        let asker = thread::spawn({
            let handle = handle.clone();
            move || {
                tell.send(()).unwrap();
                handle.request(ping())
            }
        });
        told.recv().unwrap();
        drop(driver);
        let answer = asker.join().unwrap();
        let ended = matches!(answer, Err(RequestError::Connection(Error::NotConnected)));
        assert!(ended, "{answer:?}");
        assert!(stanzas.next().is_none());
        handle.close();
    };
    both(server, client);
}

#[test]
fn the_parts_may_change_threads() {
    fn moves<T: Send + 'static>() {}
    fn is_shared<T: Sync>() {}
    moves::<Handle>();
    moves::<Stanzas>();
    moves::<Events>();
    moves::<SessionDriver>();
    moves::<SessionDriver<Component>>();
    moves::<ReconnectingDriver<Component>>();
    is_shared::<Handle<Component>>();
    moves::<ReconnectingDriver>();
    is_shared::<Handle>();
}
