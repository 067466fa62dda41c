//! Logins without a password: by certificate (XEP-0178) and by nobody in particular (XEP-0175).

use rcgen::{ExtendedKeyUsagePurpose, OtherNameValue, SanType};
use xmppwire_test_support::keys;
use xmppwire_tokio::tls::{ClientCertificates, ClientTls, Identity, ServerTls};
use xmppwire_tokio::{
    BindAnswer, Client, ClientConfig, CloseReason, ConnectError, Connector, Domainpart, Host,
    HostAnswer, Jid, Mechanism, Mode, SaslAnswer, SaslCondition, SaslQuestion, ServerConnection,
    ServerEvent, TlsOffer,
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
                    SaslQuestion::External { account, .. } => {
                        SaslAnswer::Accept(account.unwrap().clone())
                    }
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
    let tls = ServerTls::builder(authority.issue(DOMAIN, |_| {}))
        .client_certificates(ClientCertificates::Requested(authority.roots()))
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
