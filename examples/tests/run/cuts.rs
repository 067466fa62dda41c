//! Two clients send each other thousands of messages through `server` while their connections are cut at
//! random bytes, also in the middle of a stanza, a TLS record or a login.

use xmppwire_test_support::adapter::{Adapter, Blocking, Tokio};
use xmppwire_test_support::deliver::deliver;
use xmppwire_test_support::{Relay, within_time};

use crate::server::managed_connector;
use crate::support::{ACCOUNTS, PATIENCE, Server};

const MESSAGES: usize = 10_000;
const CUTS: usize = 50;
/// Each connection is cut after fewer bytes than this.
const MOST: u64 = 120_000;

/// None is lost, none comes twice, all come in order, and the server has acknowledged the last one.
fn cut<A: Adapter>(name: &'static str, seed: u64) {
    within_time(5 * PATIENCE, move || {
        let server = Server::start(name);
        let relay = Relay::cutting(server.address, seed, CUTS, MOST);
        let [juliet, romeo, _] = ACCOUNTS;
        let clients = [juliet, romeo].map(|(user, password)| {
            let address = format!("{user}@{}", server.domain);
            let place = ([127, 0, 0, 1], relay.port()).into();
            managed_connector(&server, place, &address, password)
                // Everything that the other one sends while this one connects has to fit.
                .with_inbox_bytes(64 * 1024 * 1024)
        });
        for seen in deliver::<A>(clients, 1, MESSAGES, true, || relay.begin()) {
            let wrong = (seen.late, seen.doubled, seen.returned);
            assert_eq!(wrong, (0, 0, 0), "{seen:?}");
            assert_eq!(seen.arrived, MESSAGES, "{seen:?}");
            println!("{seen:?}");
        }
        assert_eq!(relay.cut_so_far(), CUTS);
    });
}

#[test]
fn nothing_is_lost_in_tokio() {
    cut::<Tokio>("cuts-tokio", 198);
}

#[test]
fn nothing_is_lost_in_blocking() {
    cut::<Blocking>("cuts-blocking", 388);
}
