//! A server that cannot prove that it is the domain's is not talked to; clients can prove who they are as well.

use rcgen::date_time_ymd;
use xmppwire_test_support::PATIENCE;
use xmppwire_tokio::backoff::Verdict;
use xmppwire_tokio::tls::{ClientCertificates, ClientTls, Identity, ServerTls, TlsError, rustls};
use xmppwire_tokio::{Client, ConnectError, Connector, Error, Mode, ServerConnection};

use crate::support::{Authority, DOMAIN, Site, accept, juliet, listen, log_in, within};

const MODES: [Mode; 2] = [Mode::StartTls, Mode::DirectTls];

/// What a client of `trusted` says to a server with this certificate, which must not get to see a login.
async fn refusal(trusted: &Authority, identity: Identity, mode: Mode) -> rustls::CertificateError {
    let tls = ServerTls::builder(identity).build().unwrap();
    let (listener, port) = listen().await;
    let server = async {
        let (socket, _) = listener.accept().await.unwrap();
        let config = crate::support::config();
        match mode {
            Mode::StartTls => {
                let mut client = ServerConnection::accept(socket, config, Some(tls)).unwrap();
                assert!(log_in(&mut client).await.is_none());
            }
            Mode::DirectTls => {
                let client = ServerConnection::accept_direct_tls(socket, config, tls, PATIENCE);
                // Whether the client's alert comes before or after the server's last flight is up to TLS.
                if let Ok(mut client) = client.await {
                    assert!(log_in(&mut client).await.is_none());
                }
            }
        }
    };
    let connector = juliet(trusted).with_server("127.0.0.1", port, mode);
    let (result, ()) =
        within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
    let error = result.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Fatal);
    match error.last() {
        Some(Error::Tls(TlsError::Rustls(rustls::Error::InvalidCertificate(error)))) => {
            error.clone()
        }
        _ => panic!("{error}"),
    }
}

#[tokio::test]
async fn another_name_is_refused() {
    for mode in MODES {
        let authority = Authority::new();
        let error = refusal(&authority, authority.issue("im.example.org", |_| {}), mode).await;
        assert!(matches!(
            error,
            rustls::CertificateError::NotValidForNameContext { .. }
        ));
    }
}

#[tokio::test]
async fn another_authority_is_refused() {
    for mode in MODES {
        let stranger = Authority::new().issue(DOMAIN, |_| {});
        let error = refusal(&Authority::new(), stranger, mode).await;
        // Both authorities have the same name, but not the same key.
        assert_eq!(error, rustls::CertificateError::BadSignature);
    }
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    for mode in MODES {
        let authority = Authority::new();
        let expired = authority.issue(DOMAIN, |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        });
        let error = refusal(&authority, expired, mode).await;
        assert!(matches!(
            error,
            rustls::CertificateError::ExpiredContext { .. }
        ));
    }
}

#[tokio::test]
async fn a_server_without_proof_leaves_the_next_one_its_turn() {
    let site = Site::new().await;
    let (impostor, port) = listen().await;
    let stranger = Authority::new().server(DOMAIN);
    let connector = juliet(&site.authority)
        .with_server("127.0.0.1", port, Mode::StartTls)
        .with_server("127.0.0.1", site.port, Mode::StartTls);
    let impostor = async {
        let mut client = accept(&impostor, &stranger, Mode::StartTls).await;
        assert!(log_in(&mut client).await.is_none());
    };
    let server = site.welcome(Mode::StartTls);
    let (client, (), _server) =
        within(async { tokio::join!(Client::connect_with(&connector), impostor, server) }).await;
    assert!(client.is_ok());
}

/// What comes of a login where the server insists on a certificate that `authority` vouches for.
async fn with_certificate(
    identity: Option<Identity>,
    authority: &Authority,
    mode: Mode,
) -> Result<Vec<Vec<u8>>, ConnectError> {
    let tls = ServerTls::builder(authority.issue(DOMAIN, |_| {}))
        .client_certificates(ClientCertificates::Required(authority.roots()))
        .build()
        .unwrap();
    let (listener, port) = listen().await;
    let mut builder = ClientTls::builder(authority.roots());
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    let connector: Connector = juliet(authority)
        .with_tls(builder.build().unwrap())
        .with_server("127.0.0.1", port, mode);
    let server = async {
        let (socket, _) = listener.accept().await.unwrap();
        let config = crate::support::config();
        let mut client = match mode {
            Mode::StartTls => ServerConnection::accept(socket, config, Some(tls)).ok()?,
            Mode::DirectTls => ServerConnection::accept_direct_tls(socket, config, tls, PATIENCE)
                .await
                .ok()?,
        };
        log_in(&mut client).await?;
        client.flush().await;
        let shown = client.tls()?.peer_certificates.iter();
        Some(shown.map(|certificate| certificate.to_vec()).collect())
    };
    let (client, shown) =
        within(async { tokio::join!(Client::connect_with(&connector), server) }).await;
    client.map(|_| shown.unwrap())
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    for mode in MODES {
        let authority = Authority::new();
        let identity = authority.issue("juliet.example.org", |_| {});
        let expected = identity.certificate().to_vec();
        let shown = with_certificate(Some(identity), &authority, mode)
            .await
            .unwrap();
        assert_eq!(shown, [expected]);

        let error = with_certificate(None, &authority, mode).await.unwrap_err();
        // The alert may be lost where the server has closed the connection behind it.
        assert!(error.last().is_some(), "{error}");
    }
}
