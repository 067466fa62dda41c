//! How the servers prove their domains.

use xmppwire_test_support::Zone;
use xmppwire_tokio::{DomainPolicy, Message, Mode, StanzaErrorCondition, TlsPolicy, Trust};

use crate::exchange::exchange;
use crate::juliet::Juliet;
use crate::ours::Setup;
use crate::shared::{get, identity, roots};
use crate::{is_prosody, port};

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn by_certificates_alone() {
    let mut setup = Setup::trusted("external");
    setup.policy = DomainPolicy::default().without_dialback();
    setup.secret = None;
    let mut ours = setup.start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    // Its certificate is for TLS servers alone.
    assert_eq!(ours.trust, Some(Trust::Certificate));
    assert_eq!(ours.reached, Some(Trust::Certificate));
    ours.close().await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn by_a_certificate_for_servers_alone() {
    let mut setup = Setup::trusted("external");
    setup.domain = "external.server-only.rig".into();
    setup.identity = identity("IDENTITY_SERVER_ONLY");
    // ejabberd 23.01 accepts such a certificate where it opens the stream, and wants clientAuth
    // where it receives one: EXTERNAL fails, and dialback follows on the same stream.
    if is_prosody() {
        setup.policy = DomainPolicy::default().without_dialback();
        setup.secret = None;
    }
    let mut ours = setup.start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    assert_eq!(ours.trust, Some(Trust::Certificate));
    ours.close().await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn by_dialback_over_tls() {
    let mut ours = Setup::stranger("dialback").start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    assert_eq!(ours.trust, Some(Trust::Dialback { tls: true }));
    assert_eq!(ours.reached, Some(Trust::Dialback { tls: true }));
    ours.close().await;
}

/// TLS from the first byte (XEP-0368). ejabberd 23.01 serves it, and connects by STARTTLS alone.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn over_direct_tls() {
    // Our server alone is told of the other port.
    let zone = Zone::serve(0);
    zone.publish_direct_tls(&get("HOST_SHA256"), port("S2S_TLS_PORT"));
    let trusted = (Setup::trusted("direct"), Trust::Certificate);
    let stranger = (Setup::stranger("direct"), Trust::Dialback { tls: true });
    for (mut setup, trust) in [trusted, stranger] {
        setup.name_server = zone.address();
        if is_prosody() {
            setup.mode = Mode::DirectTls;
        }
        let mut ours = setup.start().await;
        exchange(&mut ours, "HOST_SHA256").await;
        assert_eq!((ours.trust, ours.reached), (Some(trust), Some(trust)));
        ours.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn by_dialback_in_clear_text() {
    let mut setup = Setup::trusted("clear");
    setup.policy = DomainPolicy::default().with_tls(TlsPolicy::Forbidden);
    let mut ours = setup.start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    assert_eq!(ours.trust, Some(Trust::Dialback { tls: false }));
    assert_eq!(ours.reached, Some(Trust::Dialback { tls: false }));
    ours.close().await;
}

/// Only one of the two trusts the certificate of the other one.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn one_by_a_certificate_and_the_other_by_dialback() {
    let mut setup = Setup::stranger("one-way");
    setup.roots = roots("CA");
    let mut ours = setup.start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    assert_eq!(ours.trust, Some(Trust::Certificate));
    assert_eq!(ours.reached, Some(Trust::CertifiedDialback));
    ours.close().await;

    let mut setup = Setup::trusted("other-way");
    setup.roots = roots("OTHER_CA");
    let mut ours = setup.start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    assert_eq!(ours.trust, Some(Trust::Dialback { tls: true }));
    assert_eq!(ours.reached, Some(Trust::Dialback { tls: true }));
    ours.close().await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_wrong_certificate_of_theirs_proves_nothing() {
    let mut ours = Setup::trusted("lenient").start().await;
    exchange(&mut ours, "HOST_MISNAMED").await;
    assert_eq!(ours.trust, Some(Trust::Dialback { tls: true }));
    ours.close().await;

    let mut setup = Setup::trusted("insistent");
    setup.policy = DomainPolicy::default().with_certified_peer();
    let mut ours = setup.start().await;
    let mut juliet = Juliet::at("HOST_MISNAMED").await;
    ours.send(Message::chat(juliet.jid(), "Ciao"));
    let condition = ours.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    juliet
        .send(Message::chat(ours.jid("someone"), "Ciao").with_id("e3"))
        .await;
    let error = juliet.message().await;
    assert_eq!(error.id(), Some("e3"));
    assert!(error.is_error(), "{error:?}");
    assert!(ours.is_quiet());
    ours.close().await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_wrong_certificate_of_ours_proves_nothing() {
    // The certificate of another domain, and then of an authority that the other side does not
    // trust.
    let mut setup = Setup::trusted("lenient");
    setup.domain = "lenient.other.rig".into();
    let mut ours = setup.start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    ours.close().await;
    if !is_prosody() {
        return;
    }
    // Prosody has a list of domains that need a certificate.
    let mut foreign = Setup::trusted("strict");
    foreign.domain = "strict.other.rig".into();
    let mut stranger = Setup::stranger("strict");
    stranger.domain = "strict.trusted.rig".into();
    for setup in [foreign, stranger] {
        let mut ours = setup.start().await;
        let mut juliet = Juliet::at("HOST_SHA256").await;
        ours.send(Message::chat(juliet.jid(), "Ciao"));
        let condition = ours.bounce().await;
        assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
        juliet
            .send(Message::chat(ours.jid("someone"), "Ciao").with_id("e4"))
            .await;
        let error = juliet.message().await;
        assert_eq!(error.id(), Some("e4"));
        assert!(error.is_error(), "{error:?}");
        ours.close().await;
    }
}
