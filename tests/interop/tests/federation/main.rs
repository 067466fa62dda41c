//! Our server federates with a real one: `tests/interop/run-federation` starts Prosody or ejabberd
//! and sets the environment.
//!
//! Every test has a domain of its own, because servers remember what they could not reach.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod bidi;
mod ends;
mod exchange;
mod impostors;
mod juliet;
mod ours;
mod proof;
#[path = "../shared/mod.rs"]
mod shared;
mod unknown;

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;

use xmppwire_test_support::Zone;
use xmppwire_tokio::Domainpart;

use crate::shared::get;

/// How long a step may take: more time than a server needs to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn within<T>(step: impl Future<Output = T>) -> T {
    let step = tokio::time::timeout(PATIENCE, step).await;
    step.expect("the step takes too long")
}

/// The name server of both sides, for as long as the tests run.
static ZONE: LazyLock<Zone> = LazyLock::new(|| {
    let zone = Zone::serve(port("DNS_PORT"));
    for host in ["HOST_SHA256", "HOST_MISNAMED"] {
        zone.publish(&get(host), port("S2S_PORT"));
    }
    zone
});

fn port(name: &str) -> u16 {
    get(name).parse().expect("a port")
}

fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).expect("a domain")
}

fn is_prosody() -> bool {
    get("SERVER") == "prosody"
}
