//! A client does not talk to a server that cannot prove that it is the domain's (RFC 6120 §13.7.2),
//! and can prove its own identity.

use rcgen::date_time_ymd;
use xmppwire_net::client::Verdict;
use xmppwire_net::client::{ConnectError, Connector, Error};
use xmppwire_net::find::Mode;
use xmppwire_net::tls::{ClientCertificates, ClientTls, Identity, ServerTls, TlsError, rustls};

use crate::adapter::{Accepted, Adapter};
use crate::site::{MODES, Site, log_in};
use crate::{Authority, DOMAIN, PATIENCE, both, config, juliet};

/// Accepts a client that refuses the server's certificate: it does not get to log in.
fn is_refused<A: Adapter>(site: &Site, mode: Mode) {
    let (socket, tls) = (site.socket(), site.tls.clone());
    let accepted = match mode {
        Mode::StartTls => A::accept(socket, config(), Some(tls)),
        _ => A::accept_direct_tls(socket, config(), tls, PATIENCE),
    };
    // The client's alert may come before or after the server's last flight.
    if let Ok(mut client) = accepted {
        assert!(log_in(&mut client).is_none());
    } else {
        assert_eq!(mode, Mode::DirectTls);
    }
}

/// Why a client that trusts this authority refuses a server with this certificate.
fn refusal<A: Adapter>(
    trusted: &Authority,
    identity: Identity,
    mode: Mode,
) -> rustls::CertificateError {
    let tls = ServerTls::builder(identity).build().unwrap();
    let site = Site::at("127.0.0.1", Authority::new(), tls).unwrap();
    let connector = juliet(trusted).with_server("127.0.0.1", site.port, mode);
    let client = move || A::connect_with(&connector).unwrap_err();
    let ((), error) = both(move || is_refused::<A>(&site, mode), client);
    assert_eq!(error.verdict(), Verdict::Fatal);
    match error.last() {
        Some(Error::Tls(TlsError::Rustls(rustls::Error::InvalidCertificate(error)))) => {
            error.clone()
        }
        _ => panic!("{error}"),
    }
}

pub fn a_certificate_of_another_name_is_refused<A: Adapter>() {
    for mode in MODES {
        let authority = Authority::new();
        let identity = authority.issue("im.example.org", |_| {});
        let error = refusal::<A>(&authority, identity, mode);
        assert!(matches!(
            error,
            rustls::CertificateError::NotValidForNameContext { .. }
        ));
    }
}

pub fn a_certificate_of_another_authority_is_refused<A: Adapter>() {
    for mode in MODES {
        let identity = Authority::new().issue(DOMAIN, |_| {});
        let error = refusal::<A>(&Authority::new(), identity, mode);
        // Both authorities have the same name, but not the same key.
        assert_eq!(error, rustls::CertificateError::BadSignature);
    }
}

pub fn an_expired_certificate_is_refused<A: Adapter>() {
    for mode in MODES {
        let authority = Authority::new();
        let expired = authority.issue(DOMAIN, |params| {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        });
        let error = refusal::<A>(&authority, expired, mode);
        assert!(matches!(
            error,
            rustls::CertificateError::ExpiredContext { .. }
        ));
    }
}

pub fn the_next_server_is_tried_where_one_cannot_prove_its_identity<A: Adapter>() {
    let (site, impostor) = (Site::new(), Site::new());
    let connector = juliet(&site.authority)
        .with_server("127.0.0.1", impostor.port, Mode::StartTls)
        .with_server("127.0.0.1", site.port, Mode::StartTls);
    let server = move || {
        is_refused::<A>(&impostor, Mode::StartTls);
        site.welcome::<A>(Mode::StartTls);
    };
    both(server, move || drop(A::connect_with(&connector).unwrap()));
}

/// The certificates that a server sees that insists on one signed by this authority, or why the
/// client failed.
fn shown<A: Adapter>(
    identity: Option<Identity>,
    authority: &Authority,
    mode: Mode,
) -> Result<Vec<Vec<u8>>, ConnectError> {
    let tls = ServerTls::builder(authority.issue(DOMAIN, |_| {}))
        .client_certificates(ClientCertificates::Required(authority.roots()))
        .build()
        .unwrap();
    let site = Site::at("127.0.0.1", Authority::new(), tls).unwrap();
    let mut builder = ClientTls::builder(authority.roots());
    if let Some(identity) = identity {
        builder = builder.identity(identity);
    }
    let connector: Connector = juliet(authority)
        .with_tls(builder.build().unwrap())
        .with_server("127.0.0.1", site.port, mode);
    let server = move || {
        let (socket, tls) = (site.socket(), site.tls);
        let mut client = match mode {
            Mode::StartTls => A::accept(socket, config(), Some(tls)).ok()?,
            _ => A::accept_direct_tls(socket, config(), tls, PATIENCE).ok()?,
        };
        log_in(&mut client)?;
        client.flush();
        let shown = client.tls()?.peer_certificates.iter();
        Some(shown.map(|certificate| certificate.to_vec()).collect())
    };
    let client = move || A::connect_with(&connector).map(drop);
    let (shown, client) = both(server, client);
    client.map(|()| shown.unwrap())
}

pub fn a_client_sends_its_certificate<A: Adapter>() {
    for mode in MODES {
        let authority = Authority::new();
        let identity = authority.issue("juliet.example.org", |_| {});
        let expected = identity.certificate().to_vec();
        let seen = shown::<A>(Some(identity), &authority, mode).unwrap();
        assert_eq!(seen, [expected]);

        let error = shown::<A>(None, &authority, mode).unwrap_err();
        // The alert may be lost where the server has closed the connection behind it.
        assert!(error.last().is_some(), "{error}");
    }
}
