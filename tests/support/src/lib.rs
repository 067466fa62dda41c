//! What the tests share: certificates, an account, a server that lets it in, a name server,
//! deadlines, and the scenarios that both adapters run over loopback sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::new_without_default,
    missing_docs,
    reason = "a test fails by panicking, in its helpers too"
)]

pub mod adapter;
mod authority;
mod black_hole;
mod deadline;
pub mod deliver;
#[cfg(feature = "tokio")]
pub mod exchange;
pub mod name_server;
pub mod party;
mod porter;
mod relay;
pub mod scenarios;
pub mod servers;
pub mod site;
mod zone;

use xmppwire::{ClientConfig, Jid};
use xmppwire_net::client::Connector;

pub use authority::Authority;
pub use black_hole::BlackHole;
pub use deadline::{PATIENCE, both, within, within_time};
pub use porter::{Login, Porter, Tokens, config, host, keys};
pub use relay::Relay;
pub use zone::Zone;

pub const DOMAIN: &str = "example.org";
pub const JULIET: &str = "juliet@example.org";
pub const PASSWORD: &str = "s3cr3t";

/// Juliet, who trusts this authority, and knows no server yet.
pub fn juliet(authority: &Authority) -> Connector {
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    Connector::new(account)
        .unwrap()
        .with_tls(authority.client())
}
