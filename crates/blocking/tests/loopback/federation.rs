//! Two servers, as long as it takes.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use xmppwire_blocking::{Federation, FederationEvent, Mode};
use xmppwire_test_support::adapter::Blocking;
use xmppwire_test_support::scenarios::federation::{Flood, messages_each_way};
use xmppwire_test_support::within_time;

#[test]
fn ten_thousand_messages_cross_each_way() {
    within_time(Duration::from_secs(300), || {
        messages_each_way::<Blocking>(10_000);
    });
}

#[test]
fn memory_is_bounded_whatever_arrives() {
    within_time(Duration::from_secs(120), || {
        let flood = Flood::new();
        let config = flood.target();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        flood.begin::<Blocking>(port, move || stop.load(Ordering::Relaxed));
        let measured = allocation_counter::measure(|| {
            let mut federation = Federation::new(config).unwrap();
            federation.listen(listener, Mode::StartTls).unwrap();
            let mut arrived = 0;
            while arrived < Flood::STANZAS {
                let event = federation.next().unwrap();
                arrived += usize::from(matches!(event, Some(FederationEvent::Stanza(_))));
            }
        });
        done.store(true, Ordering::Relaxed);
        println!("at most {} bytes at once", measured.bytes_max);
        assert!(measured.bytes_max < 4 << 20, "{measured:?}");
    });
}
