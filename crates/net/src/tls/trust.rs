//! The names of a verified certificate that count.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::server::VerifierBuilderError;
use xmppwire::CertificateIdentities;

use super::names::{certificate_identities, constrains_names};

/// A verifier with all trust anchors, and one with those that have no name constraints.
#[derive(Clone, Debug)]
pub(super) struct Verifiers<V> {
    /// The verifier of the handshake.
    pub(super) all: V,
    /// `None` where every trust anchor has name constraints.
    pub(super) unconstrained: Option<V>,
}

impl<V: Clone> Verifiers<V> {
    /// Builds both.
    pub(super) fn new(
        roots: RootCertStore,
        build: impl Fn(Arc<RootCertStore>) -> Result<V, VerifierBuilderError>,
    ) -> Result<Self, VerifierBuilderError> {
        let unconstrained: RootCertStore = roots
            .roots
            .iter()
            .filter(|root| root.name_constraints.is_none())
            .cloned()
            .collect();
        let same = unconstrained.len() == roots.len();
        let all = build(Arc::new(roots))?;
        let unconstrained = if same {
            Some(all.clone())
        } else if unconstrained.is_empty() {
            None
        } else {
            Some(build(Arc::new(unconstrained))?)
        };
        Ok(Self { all, unconstrained })
    }
}

/// The names that count in a certificate that a handshake has verified; `intermediates` are the
/// other certificates that the peer sent. `None` for a certificate that cannot be read.
///
/// Verification holds DNS names and addresses against the name constraints of every authority on
/// the path (RFC 5280 §4.2.1.10). Name constraints cannot limit XMPP addresses and SRV-IDs in
/// practice: an authority that may speak for `partner.example` alone has a constraint for DNS
/// names, which says nothing of these two kinds, and could name any account. So they count only
/// where no authority has name constraints of any kind: neither a certificate that the peer sent,
/// on the verified path or not, nor the trust anchor.
///
/// `has_unconstrained_anchor` says whether a path leads to a trust anchor without name constraints.
pub(super) fn identities(
    certificate: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    has_unconstrained_anchor: impl FnOnce() -> bool,
) -> Option<CertificateIdentities> {
    let identities = certificate_identities(certificate)?;
    let only_dns_ids = identities.xmpp_addrs().is_empty() && identities.srv_ids().is_empty();
    if only_dns_ids || !intermediates.iter().any(constrains_names) && has_unconstrained_anchor() {
        return Some(identities);
    }
    let dns_ids = identities.dns_ids().iter();
    Some(dns_ids.fold(CertificateIdentities::new(), |counted, name| {
        counted.with_dns_id(name)
    }))
}
