//! Streams between servers: each end against a peer that may say anything at any time.

mod lone;
mod party;
mod tap;
mod words;

use core::time::Duration;

use xmppwire::s2s::{
    Incoming, IncomingConfig, LocalDomains, Outgoing, OutgoingConfig, Pair, PairLimits,
};
use xmppwire::{
    CertificateIdentities, ChannelBindings, Domainpart, Entropy, Limits, TlsInfo, TlsPolicy,
};

use self::lone::Lone;
use crate::end::{START, limits};
use crate::search::{Report, explore};

/// Every end against it.
pub fn explore_all() -> Report {
    let mut report = Report::default();
    report.add(&explore("an incoming stream", || {
        Lone::new(Incoming::new(incoming(), entropy(), START), None)
    }));
    report.add(&explore("an incoming stream with a certificate", || {
        let tls = tls(Some("a.example"));
        let incoming = Incoming::with_direct_tls(incoming(), entropy(), START, tls);
        Lone::new(incoming, Some("a.example"))
    }));
    report.add(&explore("an outgoing stream that needs TLS", || {
        let config = outgoing().with_certificate();
        Lone::new(Outgoing::new(config, pair(), entropy(), START), None)
    }));
    report.add(&explore("an outgoing stream to anyone, both ways", || {
        let config = outgoing().with_bidi().with_legacy();
        let config = config.with_tls(TlsPolicy::Preferred);
        Lone::new(Outgoing::new(config, pair(), entropy(), START), None)
    }));
    report
}

fn incoming() -> IncomingConfig {
    let domain = |name| Domainpart::new(name).expect("a domain");
    let domains: LocalDomains = ["b.example", "c.example"].map(domain).into_iter().collect();
    IncomingConfig::new(domains)
        .with_default_domain(domain("b.example"))
        .with_dialback(lone::secret())
        .with_limits(one_login())
        .with_pair_limits(pair_limits())
}

fn outgoing() -> OutgoingConfig {
    OutgoingConfig::new()
        .with_dialback(lone::secret())
        .with_limits(limits())
        .with_pair_limits(pair_limits())
}

fn one_login() -> Limits {
    let mut limits = limits();
    limits.sasl_attempts = 1;
    limits
}

/// What runs out does so at once, so that states do not differ by the time that has passed.
fn pair_limits() -> PairLimits {
    let mut limits = PairLimits::default();
    limits.pairs = 2;
    limits.pending = 1;
    limits.answer_timeout = Duration::ZERO;
    limits.verify_timeout = Duration::ZERO;
    limits
}

fn pair() -> Pair {
    let domain = |name| Domainpart::new(name).expect("a domain");
    Pair::new(domain("a.example"), domain("b.example"))
}

fn entropy() -> Entropy {
    Entropy::from_seed([3; 32])
}

fn tls(certificate: Option<&str>) -> TlsInfo {
    let tls = TlsInfo::new(ChannelBindings::none());
    match certificate {
        Some(name) => tls.with_peer(CertificateIdentities::new().with_dns_id(name)),
        None => tls,
    }
}
