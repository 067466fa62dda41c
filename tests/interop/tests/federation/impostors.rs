//! Servers that pose as others.

use xmppwire_tokio::{Message, StanzaErrorCondition};

use crate::juliet::Juliet;
use crate::ours::Setup;
use crate::shared::get;

/// A server that the DNS does not lead to makes keys with a secret of its own. The other server asks
/// ours, which did not make them.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn theirs_refuses_a_server_that_poses_as_ours() {
    let mut setup = Setup::stranger("victim");
    let mut ours = setup.start().await;
    setup.secret = Some("another secret");
    let mut impostor = setup.start_unpublished().await;

    let mut juliet = Juliet::at("HOST_SHA256").await;
    impostor.send(Message::chat(juliet.jid(), "false"));
    // XEP-0220 §2.1.1: what waited for a pair whose key is invalid.
    let condition = impostor.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::InternalServerError);
    ours.send(Message::chat(juliet.jid(), "true"));
    assert_eq!(juliet.message().await.body().as_deref(), Some("true"));
    assert!(ours.is_quiet());
    impostor.close().await;
    ours.close().await;
}

/// The same the other way round: our server asks the real one.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn ours_refuses_a_server_that_poses_as_theirs() {
    let mut ours = Setup::stranger("target").start().await;
    let mut setup = Setup::stranger("impostor");
    setup.domain = get("HOST_SHA256");
    let mut impostor = setup.start_unpublished().await;

    impostor.send(Message::chat(ours.jid("someone"), "false"));
    let condition = impostor.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::InternalServerError);
    let mut juliet = Juliet::at("HOST_SHA256").await;
    juliet
        .send(Message::chat(ours.jid("someone"), "true"))
        .await;
    let stanza = ours.stanza().await;
    assert_eq!(stanza.from(), Some(&juliet.jid()));
    impostor.close().await;
    ours.close().await;
}

/// A certificate of the domain by an authority that our server does not trust opens nothing.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_certificate_of_another_authority_is_no_login() {
    let mut setup = Setup::trusted("insist");
    setup.policy = setup.policy.with_certified_peer();
    let mut ours = setup.start().await;
    let mut setup = Setup::stranger("impostor");
    setup.domain = get("HOST_SHA256");
    let mut impostor = setup.start_unpublished().await;

    impostor.send(Message::chat(ours.jid("someone"), "false"));
    // The key is refused without asking the real server.
    let condition = impostor.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    let mut juliet = Juliet::at("HOST_SHA256").await;
    juliet
        .send(Message::chat(ours.jid("someone"), "true"))
        .await;
    let stanza = ours.stanza().await;
    assert_eq!(stanza.from(), Some(&juliet.jid()));
    impostor.close().await;
    ours.close().await;
}
