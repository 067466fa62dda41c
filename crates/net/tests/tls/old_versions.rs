//! SSL and the first versions of TLS are neither offered nor taken (RFC 6120 §13.9.5).

use xmppwire_net::find::Mode;
use xmppwire_test_support::Authority;

use crate::handshake::domain;

/// A CLIENT-HELLO of SSL 2.0: its length, type and version, one cipher, and a challenge.
const SSL_2: &[u8] = b"\x80\x1C\x01\x00\x02\x00\x03\x00\x00\x00\x10\x07\x00\xC0\
    0123456789abcdef";

/// The extension `supported_versions` of a client (RFC 8446 §4.2.1) with TLS 1.3 and 1.2 alone.
const VERSIONS: &[u8] = b"\x00\x2B\x00\x05\x04\x03\x04\x03\x03";

#[test]
fn a_server_does_not_read_ssl_2() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let mut server = Authority::new().server("example.org").accept(mode).unwrap();
        server.read_tls(&mut &*SSL_2).unwrap();
        let error = server.process_new_packets().unwrap_err();
        assert!(
            matches!(error, rustls::Error::InvalidMessage(_)),
            "{error:?}"
        );
    }
}

#[test]
fn a_client_offers_tls_1_2_and_1_3_alone() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let client = Authority::new().client();
        let mut client = client.connect(&domain("example.org"), mode).unwrap();
        let mut hello = Vec::new();
        client.write_tls(&mut hello).unwrap();
        assert!(hello.starts_with(b"\x16\x03"), "a handshake record");
        let offered = hello
            .windows(VERSIONS.len())
            .filter(|part| *part == VERSIONS);
        assert_eq!(offered.count(), 1);
    }
}
