//! Logins without a password: by certificate (XEP-0178) and anonymous (XEP-0175).

use rcgen::{ExtendedKeyUsagePurpose, OtherNameValue, SanType};
use xmppwire::{
    BindAnswer, ClientConfig, CloseReason, Domainpart, Host, HostAnswer, Jid, Mechanism,
    SaslAnswer, SaslCondition, SaslFailure, SaslQuestion, ServerEvent, StreamErrorCondition,
    TlsOffer,
};
use xmppwire_net::client::{ConnectError, Connector};
use xmppwire_net::find::Mode;
use xmppwire_net::tls::rustls::RootCertStore;
use xmppwire_net::tls::{ClientCertificates, ClientTls, Identity, ServerTls};

use crate::adapter::{Accepted, Adapter, Session};
use crate::site::{MODES, Site};
use crate::{Authority, DOMAIN, JULIET, PASSWORD, both, keys};

/// A certificate for these XMPP addresses, and no other name.
fn certificate(authority: &Authority, addresses: &[&str]) -> Identity {
    authority.issue("unused", |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let xmpp_addr = |address: &&str| {
            let value = OtherNameValue::Utf8String((*address).into());
            SanType::OtherName((vec![1, 3, 6, 1, 5, 5, 7, 8, 5], value))
        };
        params.subject_alt_names = addresses.iter().map(xmpp_addr).collect();
    })
}

/// Answers the questions of a login, and returns the mechanism that succeeded.
fn serve(client: &mut impl Accepted) -> Option<Mechanism> {
    let mut mechanism = None;
    while let Ok(Some(event)) = client.next_event() {
        let connection = client.connection_mut();
        match event {
            ServerEvent::Opened(request) => {
                let mechanisms = [
                    Mechanism::External,
                    Mechanism::ScramSha256Plus,
                    Mechanism::Anonymous,
                ];
                let host = Host::new(TlsOffer::Required, mechanisms);
                let answer = HostAnswer::Serve(host);
                connection.choose_host(request, answer).unwrap();
            }
            ServerEvent::Sasl(request) => {
                mechanism = Some(request.mechanism());
                let answer = match request.question() {
                    SaslQuestion::ScramKeys { mechanism, .. } => {
                        SaslAnswer::ScramKeys(keys(mechanism))
                    }
                    SaslQuestion::External { account, .. } => match account {
                        Some(account) => SaslAnswer::Accept(account.clone()),
                        None => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                    },
                    SaslQuestion::Anonymous { account, .. } => SaslAnswer::Accept(account.clone()),
                    _ => panic!("no mechanism with that question was offered"),
                };
                connection.answer_sasl(request, answer).unwrap();
            }
            ServerEvent::Bind(request) => {
                let answer = BindAnswer::Bind(request.suggested().clone());
                connection.answer_bind(request, answer).unwrap();
                client.flush();
                return mechanism;
            }
            ServerEvent::Authenticated(_) => {}
            _ => return None,
        }
    }
    None
}

/// The address that a login with this account gets, and the mechanism that let it in.
fn login<A: Adapter>(
    authority: &Authority,
    account: ClientConfig,
    identity: Option<Identity>,
    mode: Mode,
) -> (Result<String, ConnectError>, Option<Mechanism>) {
    login_to::<A>(authority.roots(), authority, account, identity, mode)
}

/// The same at a server that trusts `clients` for the certificates of its clients.
fn login_to<A: Adapter>(
    clients: RootCertStore,
    authority: &Authority,
    account: ClientConfig,
    identity: Option<Identity>,
    mode: Mode,
) -> (Result<String, ConnectError>, Option<Mechanism>) {
    let tls = ServerTls::builder(authority.issue(DOMAIN, |_| {}))
        .client_certificates(ClientCertificates::Requested(clients))
        .build()
        .unwrap();
    let site = Site::at("127.0.0.1", Authority::new(), tls).unwrap();
    let mut builder = ClientTls::builder(authority.roots());
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(builder.build().unwrap())
        .with_server("127.0.0.1", site.port, mode);
    let server = move || serve(&mut site.accept::<A>(mode));
    let client = move || {
        let client = A::connect_with(&connector)?;
        Ok(client.address().to_bare().as_str().to_owned())
    };
    let (mechanism, jid) = both(server, client);
    (jid, mechanism)
}

pub fn a_certificate_is_enough<A: Adapter>() {
    for mode in MODES {
        for addresses in [&[JULIET][..], &["nurse@example.org", JULIET]] {
            let authority = Authority::new();
            let identity = certificate(&authority, addresses);
            let jid = Jid::new(JULIET).unwrap();
            let account = ClientConfig::certificate(jid, &identity.identities()).unwrap();
            let (jid, mechanism) = login::<A>(&authority, account, Some(identity), mode);
            assert_eq!(jid.unwrap(), JULIET);
            assert_eq!(mechanism, Some(Mechanism::External));
        }
    }
}

/// The header names an account that the certificate does not name (RFC 6120 §13.7.2), even if the
/// client has its password.
pub fn a_certificate_of_another_account_is_refused<A: Adapter>() {
    let authority = Authority::new();
    let identity = certificate(&authority, &["nurse@example.org"]);
    let jid = Jid::new(JULIET).unwrap();
    let names = identity.identities();
    for account in [
        ClientConfig::new(jid.clone(), PASSWORD)
            .unwrap()
            .with_certificate(&names),
        ClientConfig::certificate(jid.clone(), &names).unwrap(),
    ] {
        let identity = Some(identity.clone());
        let (bound, mechanism) = login::<A>(&authority, account, identity, Mode::StartTls);
        let error = bound.unwrap_err();
        let Some(CloseReason::PeerError(error)) = error.close_reason() else {
            panic!("{error}");
        };
        assert_eq!(error.condition(), StreamErrorCondition::InvalidFrom);
        assert_eq!(mechanism, None);
    }
}

/// The server refuses EXTERNAL, here because no XMPP address counts below a constrained authority,
/// and the client goes on with its password.
pub fn a_refused_certificate_leads_to_the_password<A: Adapter>() {
    let authority = Authority::new();
    let identity = certificate(&authority.limited_to("partner.example"), &[JULIET]);
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD)
        .unwrap()
        .with_certificate(&identity.identities());
    let (bound, mechanism) = login::<A>(&authority, account, Some(identity), Mode::StartTls);
    assert_eq!(bound.unwrap(), JULIET);
    assert_eq!(mechanism, Some(Mechanism::ScramSha256Plus));
}

/// Name constraints limit DNS names, not XMPP addresses. So no XMPP address counts below an
/// authority that has them: else a partner's authority could name every account of the domain (RFC
/// 5280 §4.2.1.10).
pub fn a_constrained_authority_names_no_account<A: Adapter>() {
    let root = Authority::new();
    let partner = root.limited_to("partner.example");
    let anchor = root.limited_to("partner.example").into_root();
    let excluded = root.limited_to_others_than("example.com");
    let below = partner.unlimited();
    let free = root.unlimited();
    let other_root = Authority::new();
    let cross_signed = partner.cross_signed_by(&other_root);
    let roots_of = |one: &Authority, other: &Authority| {
        let mut roots = one.roots();
        roots.roots.extend(other.roots().roots);
        roots
    };
    for (case, issuer, trusted, counts) in [
        ("no constraints", &free, root.roots(), true),
        ("permitted names", &partner, root.roots(), false),
        ("excluded names", &excluded, root.roots(), false),
        ("further up", &below, root.roots(), false),
        ("in the trust anchor", &anchor, anchor.roots(), false),
        (
            "in one anchor of two",
            &anchor,
            roots_of(&anchor, &root),
            false,
        ),
        ("in one of two chains", &cross_signed, root.roots(), false),
        (
            "beside a path without",
            &cross_signed,
            other_root.roots(),
            false,
        ),
        ("another anchor", &free, roots_of(&partner, &root), true),
    ] {
        for mode in MODES {
            let identity = certificate(issuer, &[JULIET]);
            let jid = Jid::new(JULIET).unwrap();
            let account = ClientConfig::certificate(jid, &identity.identities()).unwrap();
            let identity = Some(identity);
            let (client, _) = login_to::<A>(trusted.clone(), &root, account, identity, mode);
            match client {
                Ok(jid) => assert!(counts && jid == JULIET, "{case}: {jid} is let in"),
                Err(error) => {
                    assert!(!counts, "{case}: {error}");
                    let Some(CloseReason::AuthFailed(failure)) = error.close_reason() else {
                        panic!("{case}: {error}");
                    };
                    assert_eq!(failure.condition(), SaslCondition::NotAuthorized, "{case}");
                }
            }
        }
    }
}

/// Without a certificate in TLS the server does not offer EXTERNAL.
pub fn a_certificate_that_was_not_sent_does_not_count<A: Adapter>() {
    let authority = Authority::new();
    let identity = certificate(&authority, &[JULIET]);
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD)
        .unwrap()
        .with_certificate(&identity.identities());
    let (jid, mechanism) = login::<A>(&authority, account, None, Mode::DirectTls);
    assert_eq!(jid.unwrap(), JULIET);
    assert_eq!(mechanism, Some(Mechanism::ScramSha256Plus));
}

pub fn an_anonymous_login_gets_an_account<A: Adapter>() {
    let authority = Authority::new();
    let account = ClientConfig::anonymous(Domainpart::new(DOMAIN).unwrap());
    let (jid, mechanism) = login::<A>(&authority, account, None, Mode::StartTls);
    let jid = jid.unwrap();
    assert!(jid.ends_with("@example.org") && jid.len() > 32, "{jid}");
    assert_eq!(mechanism, Some(Mechanism::Anonymous));
}
