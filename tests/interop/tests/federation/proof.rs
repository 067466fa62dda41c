//! How the servers prove their domains.

use xmppwire_test_support::Zone;
use xmppwire_tokio::{DomainPolicy, Message, Mode, StanzaErrorCondition, TlsPolicy, Trust};

use crate::exchange::exchange;
use crate::juliet::Juliet;
use crate::ours::{Ours, Setup};
use crate::shared::{get, identity, roots};
use crate::{is_prosody, port};

const OVER_TLS: Trust = Trust::Dialback { tls: true };
const IN_CLEAR: Trust = Trust::Dialback { tls: false };

/// Messages cross, and this is how well the other server is known in each direction.
async fn proven(ours: &mut Ours, trust: Trust, reached: Trust) {
    exchange(ours, "HOST_SHA256").await;
    assert_eq!((ours.trust, ours.reached), (Some(trust), Some(reached)));
}

/// A message comes back as an error, whichever of the two sends it.
async fn nothing_passes(ours: &mut Ours, host: &str, id: &str) {
    let mut juliet = Juliet::at(host).await;
    ours.send(Message::chat(juliet.jid(), "Ciao"));
    let condition = ours.bounce().await;
    assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    let message = Message::chat(ours.jid("someone"), "Ciao").with_id(id);
    juliet.send(message).await;
    let error = juliet.message().await;
    assert_eq!(error.id(), Some(id));
    assert!(error.is_error(), "{error:?}");
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn by_certificates_alone() {
    let mut setup = Setup::trusted("external");
    setup.policy = DomainPolicy::default().without_dialback();
    setup.secret = None;
    let mut ours = setup.start().await;
    // Its certificate is for TLS servers alone.
    proven(&mut ours, Trust::Certificate, Trust::Certificate).await;
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
    proven(&mut ours, OVER_TLS, OVER_TLS).await;
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
    let stranger = (Setup::stranger("direct"), OVER_TLS);
    for (mut setup, trust) in [trusted, stranger] {
        setup.name_server = zone.address();
        if is_prosody() {
            setup.mode = Mode::DirectTls;
        }
        let mut ours = setup.start().await;
        proven(&mut ours, trust, trust).await;
        ours.close().await;
    }
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn by_dialback_in_clear_text() {
    let mut setup = Setup::trusted("clear");
    setup.policy = DomainPolicy::default().with_tls(TlsPolicy::Forbidden);
    let mut ours = setup.start().await;
    proven(&mut ours, IN_CLEAR, IN_CLEAR).await;
    ours.close().await;
}

/// Only one of the two trusts the certificate of the other one.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn one_by_a_certificate_and_the_other_by_dialback() {
    let mut setup = Setup::stranger("one-way");
    setup.roots = roots("CA");
    let mut ours = setup.start().await;
    proven(&mut ours, Trust::Certificate, Trust::CertifiedDialback).await;
    ours.close().await;

    let mut setup = Setup::trusted("other-way");
    setup.roots = roots("OTHER_CA");
    let mut ours = setup.start().await;
    proven(&mut ours, OVER_TLS, OVER_TLS).await;
    ours.close().await;
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_wrong_certificate_of_theirs_proves_nothing() {
    let mut ours = Setup::trusted("lenient").start().await;
    exchange(&mut ours, "HOST_MISNAMED").await;
    assert_eq!(ours.trust, Some(OVER_TLS));
    ours.close().await;

    let mut setup = Setup::trusted("insistent");
    setup.policy = DomainPolicy::default().with_certified_peer();
    let mut ours = setup.start().await;
    nothing_passes(&mut ours, "HOST_MISNAMED", "e3").await;
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
        nothing_passes(&mut ours, "HOST_SHA256", "e4").await;
        ours.close().await;
    }
}
