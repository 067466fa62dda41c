//! Sessions that outlive their connections (XEP-0198).

use std::net::SocketAddr;

use xmppwire_test_support::Relay;
use xmppwire_test_support::adapter::Adapter;
use xmppwire_test_support::deliver::{Seen, deliver};
use xmppwire_tokio::{Connector, Mode};

use crate::environment::{Account, connector_to};
use crate::shared::get;

/// Cuts in each of the tests.
const CUTS: usize = 50;
/// Messages of each client.
const MESSAGES: usize = 10_000;

fn server() -> SocketAddr {
    let address = format!("{}:{}", get("ADDRESS"), get("STARTTLS_PORT"));
    address.parse().expect("an address")
}

/// Two clients that connect through the relay.
fn clients(relay: &Relay) -> [Connector; 2] {
    [Account::juliet(), Account::romeo()].map(|account| {
        let config = account.config("HOST_SHA256");
        // Everything that the other one sends while this one connects has to fit.
        connector_to(config, Mode::StartTls, relay.port()).with_inbox_bytes(64 * 1024 * 1024)
    })
}

fn report(relay: &Relay, seen: &[Seen; 2]) {
    let cuts = relay.cut_so_far();
    println!("{cuts} connections were cut: {seen:?}");
    assert!(cuts >= CUTS, "only {cuts} connections were cut");
    // When a session of ejabberd is resumed, the process of its old connection routes what is still
    // on its way, beside the process of the new one: messages may change places, come twice, or come
    // back with an error.
    if get("SERVER") != "ejabberd" {
        for side in seen {
            assert_eq!(
                (side.late, side.doubled, side.returned),
                (0, 0, 0),
                "{seen:?}"
            );
        }
    }
}

/// The connections are cut at random bytes, also in the middle of a stanza, a TLS record or a login.
pub(crate) fn cut_at_random_bytes<A: Adapter>() {
    const MOST: u64 = 120_000;
    let relay = Relay::cutting(server(), 198, CUTS, MOST);
    let seen = deliver::<A>(clients(&relay), 1, MESSAGES, true, || relay.begin());
    report(&relay, &seen);
}

/// The connections are cut when nothing is under way.
pub(crate) fn cut_between_stanzas<A: Adapter>() {
    let relay = Relay::new(server());
    let rounds = CUTS / 2;
    let seen = deliver::<A>(clients(&relay), rounds, MESSAGES / rounds, false, || {
        relay.cut();
    });
    report(&relay, &seen);
}
