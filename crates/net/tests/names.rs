//! The names in certificates made by OpenSSL, and in bytes that are no certificate.

use rustls::pki_types::CertificateDer;
use xmppwire::CertificateIdentities;
use xmppwire_net::tls::certificate_identities;

const NAMES: &[u8] = include_bytes!("data/names.der");

fn read(certificate: &[u8]) -> Option<CertificateIdentities> {
    certificate_identities(&CertificateDer::from(certificate))
}

/// The certificate has, between those below, an XMPP address as an IA5String, a service as a
/// UTF8String, an otherName of another kind, an e-mail address, an IP address and a URI; its common
/// name is a JID.
fn expected() -> CertificateIdentities {
    CertificateIdentities::new()
        .with_xmpp_addr("juliet@example.org")
        .with_xmpp_addr("j\u{fc}l\u{ef}et@b\u{fc}cher.example")
        .with_srv_id("_xmpp-client.example.org")
        .with_dns_id("example.org")
        .with_dns_id("*.example.org")
}

#[test]
fn names_of_each_kind() {
    let critical = include_bytes!("data/names-critical.der");
    assert_eq!(read(NAMES), Some(expected()));
    assert_eq!(read(critical), Some(expected()));
}

#[test]
fn a_common_name_is_no_identity() {
    let names = include_bytes!("data/names-none.der");
    assert_eq!(read(names), Some(CertificateIdentities::new()));
}

/// Where the names begin: the object identifier of their extension.
fn list() -> usize {
    let kind = [0x06, 0x03, 0x55, 0x1d, 0x11];
    NAMES
        .windows(kind.len())
        .position(|window| window == kind)
        .unwrap_or_default()
}

#[test]
fn two_lists_of_names_are_none() {
    // The extension before this one becomes another of its kind.
    let mut certificate = NAMES.to_vec();
    let usage = [0x06, 0x03, 0x55, 0x1d, 0x25];
    let at = NAMES
        .windows(usage.len())
        .position(|window| window == usage)
        .unwrap_or_default();
    assert_ne!(at, 0);
    certificate.splice(at..at + usage.len(), [0x06, 0x03, 0x55, 0x1d, 0x11]);
    assert_eq!(read(&certificate), None);
}

/// An extension of another kind, with any content.
#[test]
fn other_extensions_give_no_names() {
    let mut certificate = NAMES.to_vec();
    if let Some(octet) = certificate.get_mut(list() + 4) {
        // The issuer's alternative names.
        *octet = 0x12;
    }
    assert_eq!(read(&certificate), Some(CertificateIdentities::new()));
}

#[test]
fn what_is_no_certificate_gives_no_names() {
    for length in 0..NAMES.len() {
        assert_eq!(
            read(NAMES.get(..length).unwrap_or_default()),
            None,
            "{length}"
        );
    }
    let mut longer = NAMES.to_vec();
    longer.push(0);
    assert_eq!(read(&longer), None);
}

/// A changed byte may change a name. It must not make the reader panic, nor make two names of one.
#[test]
fn changed_octets_are_survived() {
    let count = |identities: &CertificateIdentities| {
        identities.xmpp_addrs().len() + identities.srv_ids().len() + identities.dns_ids().len()
    };
    let mut certificate = NAMES.to_vec();
    for position in 0..certificate.len() {
        let was = NAMES.get(position).copied().unwrap_or_default();
        for octet in [was ^ 1, was ^ 0x20, 0, 0x7f, 0x80, 0x84, 0xa0, 0xff] {
            if let Some(place) = certificate.get_mut(position) {
                *place = octet;
            }
            if let Some(identities) = read(&certificate) {
                assert!(count(&identities) <= 9, "{position} {octet}");
            }
        }
        if let Some(place) = certificate.get_mut(position) {
            *place = was;
        }
    }
}
