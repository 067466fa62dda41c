//! Two servers, as long as it takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use xmppwire_test_support::adapter::Tokio;
use xmppwire_test_support::scenarios::federation::{Flood, messages_each_way};
use xmppwire_test_support::within_time;
use xmppwire_tokio::{Federation, FederationEvent, FederationLimits, Mode};

#[test]
fn ten_thousand_messages_cross_each_way() {
    within_time(Duration::from_secs(300), || {
        messages_each_way::<Tokio>(10_000);
    });
}

/// The application takes nothing for a while: what arrives is held back, and nothing is lost.
#[test]
fn memory_is_bounded_while_the_application_takes_nothing() {
    within_time(Duration::from_secs(120), || {
        let flood = Flood::new();
        let mut limits = FederationLimits::default();
        limits.arrived = 256 * 1024;
        let config = flood.target().with_limits(limits);
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let done = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&done);
        flood.begin::<Tokio>(port, move || stop.load(Ordering::Relaxed));
        let measured = allocation_counter::measure(|| {
            runtime.block_on(async {
                let mut federation = Federation::new(config);
                let (mut arrived, mut rested) = (0, false);
                while arrived < Flood::STANZAS {
                    tokio::select! {
                        socket = listener.accept() => {
                            federation.accept(socket.unwrap().0, Mode::StartTls);
                        }
                        event = federation.next() => {
                            arrived += usize::from(matches!(event, Some(FederationEvent::Stanza(_))));
                        }
                    }
                    if arrived == 100 && !rested {
                        rested = true;
                        tokio::time::sleep(Duration::from_secs(2)).await;
                    }
                }
            });
        });
        done.store(true, Ordering::Relaxed);
        println!("at most {} bytes at once", measured.bytes_max);
        assert!(measured.bytes_max < 4 << 20, "{measured:?}");
    });
}
