//! Domains that are not served.

use xmppwire_tokio::{Jid, Message, StanzaErrorCondition};

use crate::juliet::Juliet;
use crate::ours::Setup;
use crate::{ZONE, port};

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_domain_that_does_not_exist() {
    let mut ours = Setup::trusted("curious").start().await;
    ours.send(Message::chat(Jid::new("someone@nowhere.rig").unwrap(), "?"));
    let condition = ours.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::RemoteServerNotFound);
    ours.close().await;
}

/// The DNS leads to the other server, which knows nothing of the domain.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_domain_that_theirs_does_not_serve() {
    ZONE.publish("unserved.rig", port("S2S_PORT"));
    let mut ours = Setup::trusted("seeker").start().await;
    ours.send(Message::chat(
        Jid::new("someone@unserved.rig").unwrap(),
        "?",
    ));
    // The name could be resolved, and no stream established (RFC 6120 §10.4.2).
    let condition = ours.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    ours.close().await;
}

/// The DNS leads to our server, which knows nothing of the domain.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_domain_that_ours_does_not_serve() {
    let mut ours = Setup::trusted("host").start().await;
    ZONE.publish("guest.trusted.rig", ours.port);
    let mut juliet = Juliet::at("HOST_SHA256").await;
    let to = Jid::new("someone@guest.trusted.rig").unwrap();
    juliet.send(Message::chat(to, "?").with_id("u1")).await;
    let error = juliet.message().await;
    assert_eq!(error.id(), Some("u1"));
    let condition = error.error().expect("an error").condition();
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    assert!(ours.is_quiet());
    ours.close().await;
}
