//! A server that cannot prove that it is the domain's is not talked to.

use xmppwire_blocking::backoff::Verdict;
use xmppwire_blocking::{Client, Error, LinkError, Mode, ServerConnection};
use xmppwire_test_support::{Authority, PATIENCE, config, juliet};

use crate::support::{Site, both, log_in, visit};

/// The client ends with an error of TLS, and the server sees no login.
fn is_refused(certificates: &Authority, name: &'static str, mode: Mode, trusted: &Authority) {
    let tls = certificates.server(name);
    let site = Site::new();
    let port = site.port;
    let connector = juliet(trusted);

    let server = move || {
        let socket = site.socket();
        let mut client = match mode {
            Mode::StartTls => ServerConnection::accept(socket, config(), Some(tls)).unwrap(),
            Mode::DirectTls => {
                let failed =
                    ServerConnection::accept_direct_tls(socket, config(), tls, PATIENCE).err();
                assert!(matches!(failed, Some(LinkError::Tls(_))), "{failed:?}");
                return;
            }
        };
        assert!(log_in(&mut client).is_none());
        assert!(client.tls().is_none());
    };
    let client = move || {
        let error = Client::over(visit(port), mode, &connector).unwrap_err();
        assert!(matches!(error, Error::Tls(_)), "{error:?}");
        assert_eq!(error.verdict(), Verdict::Fatal);
    };
    both(server, client);
}

#[test]
fn the_server_of_another_domain_is_refused() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let authority = Authority::new();
        is_refused(&authority, "example.com", mode, &authority);
    }
}

#[test]
fn another_authority_is_refused() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        is_refused(&Authority::new(), "example.org", mode, &Authority::new());
    }
}
