//! Logins without a password: by certificate (XEP-0178) and by nobody in particular (XEP-0175).

use rcgen::{ExtendedKeyUsagePurpose, OtherNameValue, SanType};
use xmppwire_test_support::keys;
use xmppwire_tokio::tls::rustls::RootCertStore;
use xmppwire_tokio::tls::{ClientCertificates, ClientTls, Identity, ServerTls};
use xmppwire_tokio::{
    BindAnswer, Client, ClientConfig, CloseReason, ConnectError, Connector, Domainpart, Host,
    HostAnswer, Jid, Mechanism, Mode, SaslAnswer, SaslCondition, SaslFailure, SaslQuestion,
    ServerConnection, ServerEvent, TlsOffer,
};

use crate::support::{Authority, DOMAIN, JULIET, PASSWORD, accept, listen, within};

const MODES: [Mode; 2] = [Mode::StartTls, Mode::DirectTls];

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

/// Lets in who may, and tells by which mechanism that was.
async fn serve(client: &mut ServerConnection) -> Option<Mechanism> {
    let mut mechanism = None;
    while let Ok(Some(event)) = client.next_event().await {
        let connection = client.connection_mut();
        match event {
            ServerEvent::Opened(request) => {
                let host = Host::new(
                    TlsOffer::Required,
                    [
                        Mechanism::External,
                        Mechanism::ScramSha256Plus,
                        Mechanism::Anonymous,
                    ],
                );
                connection
                    .choose_host(request, HostAnswer::Serve(host))
                    .unwrap();
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
                let resource = request.suggested().clone();
                connection
                    .answer_bind(request, BindAnswer::Bind(resource))
                    .unwrap();
                client.flush().await;
                return mechanism;
            }
            ServerEvent::Authenticated(_) => {}
            _ => return None,
        }
    }
    None
}

/// What comes of a login with this account, and by which mechanism.
async fn login(
    authority: &Authority,
    account: ClientConfig,
    identity: Option<Identity>,
    mode: Mode,
) -> (Result<String, ConnectError>, Option<Mechanism>) {
    login_to(authority.roots(), authority, account, identity, mode).await
}

/// The same at a server that trusts `clients` for the certificates of its clients.
async fn login_to(
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
    let (listener, port) = listen().await;
    let mut builder = ClientTls::builder(authority.roots());
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(builder.build().unwrap())
        .with_server("127.0.0.1", port, mode);
    let server = async {
        let mut client = accept(&listener, &tls, mode).await;
        let mechanism = serve(&mut client).await;
        (client, mechanism)
    };
    let client = Client::connect_with(&connector);
    let (client, (_server, mechanism)) = within(async { tokio::join!(client, server) }).await;
    let jid = client.map(|client| client.jid().to_bare().as_str().to_owned());
    (jid, mechanism)
}

#[tokio::test]
async fn a_certificate_is_enough() {
    for mode in MODES {
        for addresses in [&[JULIET][..], &["nurse@example.org", JULIET]] {
            let authority = Authority::new();
            let identity = certificate(&authority, addresses);
            let jid = Jid::new(JULIET).unwrap();
            let account = ClientConfig::certificate(jid, &identity.identities()).unwrap();
            let (client, mechanism) = login(&authority, account, Some(identity), mode).await;
            assert_eq!(client.unwrap(), JULIET);
            assert_eq!(mechanism, Some(Mechanism::External));
        }
    }
}

/// The server refuses what the certificate does not bear out, and the client goes on with its password.
#[tokio::test]
async fn a_certificate_of_somebody_else_is_not() {
    let authority = Authority::new();
    let identity = certificate(&authority, &["nurse@example.org"]);
    let jid = Jid::new(JULIET).unwrap();
    let account = ClientConfig::new(jid.clone(), PASSWORD)
        .unwrap()
        .with_certificate(&identity.identities());
    let (client, mechanism) =
        login(&authority, account, Some(identity.clone()), Mode::StartTls).await;
    assert_eq!(client.unwrap(), JULIET);
    assert_eq!(mechanism, Some(Mechanism::ScramSha256Plus));

    let account = ClientConfig::certificate(jid, &identity.identities()).unwrap();
    let (client, mechanism) = login(&authority, account, Some(identity), Mode::StartTls).await;
    let error = client.unwrap_err();
    let Some(CloseReason::AuthFailed(failure)) = error.close_reason() else {
        panic!("{error}");
    };
    assert_eq!(failure.condition(), SaslCondition::InvalidAuthzid);
    assert_eq!(mechanism, None);
}

/// Name constraints limit DNS names and say nothing of XMPP addresses. So no XMPP address counts below an authority
/// that has them: else a partner's authority could name every account of the domain (RFC 5280 §4.2.1.10).
#[tokio::test]
async fn a_constrained_authority_names_no_account() {
    let root = Authority::new();
    let partner = root.limited_to("partner.example");
    let excluded = root.limited_to_others_than("example.com");
    let below = partner.unlimited();
    let free = root.unlimited();
    let other_root = Authority::new();
    let cross_signed = partner.cross_signed_by(&other_root);
    let both = |one: &Authority, other: &Authority| {
        let mut roots = one.roots();
        roots.roots.extend(other.roots().roots);
        roots
    };
    for (case, issuer, trusted, counts) in [
        ("no constraints", &free, root.roots(), true),
        ("permitted names", &partner, root.roots(), false),
        ("excluded names", &excluded, root.roots(), false),
        ("further up", &below, root.roots(), false),
        ("in the trust anchor", &partner, partner.roots(), false),
        (
            "in one anchor of two",
            &partner,
            both(&partner, &root),
            false,
        ),
        ("in one of two chains", &cross_signed, root.roots(), false),
        (
            "beside a path without",
            &cross_signed,
            other_root.roots(),
            false,
        ),
        ("another anchor", &free, both(&partner, &root), true),
    ] {
        for mode in MODES {
            let identity = certificate(issuer, &[JULIET]);
            let jid = Jid::new(JULIET).unwrap();
            let account = ClientConfig::certificate(jid, &identity.identities()).unwrap();
            let identity = Some(identity);
            let (client, _) = login_to(trusted.clone(), &root, account, identity, mode).await;
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
#[tokio::test]
async fn a_certificate_that_was_not_shown_does_not_count() {
    let authority = Authority::new();
    let identity = certificate(&authority, &[JULIET]);
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD)
        .unwrap()
        .with_certificate(&identity.identities());
    let (client, mechanism) = login(&authority, account, None, Mode::DirectTls).await;
    assert_eq!(client.unwrap(), JULIET);
    assert_eq!(mechanism, Some(Mechanism::ScramSha256Plus));
}

#[tokio::test]
async fn strangers_are_given_a_name() {
    let authority = Authority::new();
    let account = ClientConfig::anonymous(Domainpart::new(DOMAIN).unwrap());
    let (client, mechanism) = login(&authority, account, None, Mode::StartTls).await;
    let jid = client.unwrap();
    assert!(jid.ends_with("@example.org") && jid.len() > 32, "{jid}");
    assert_eq!(mechanism, Some(Mechanism::Anonymous));
}
