//! The binding `tls-server-end-point` (RFC 5929 §4.1) of certificates signed in many ways, against
//! digests computed by `openssl dgst`.

use std::fmt::Write as _;

use rustls::pki_types::CertificateDer;
use xmppwire_net::tls::server_end_point;

macro_rules! certificate {
    ($name:literal) => {
        ($name, include_bytes!(concat!("data/", $name, ".der")))
    };
}

fn hash(certificate: &[u8]) -> Option<String> {
    let hash = server_end_point(&CertificateDer::from(certificate))?;
    Some(hash.iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}");
        hex
    }))
}

#[test]
fn the_hash_goes_with_the_signature() {
    let known: [((&str, &[u8]), &str); 13] = [
        (
            certificate!("ecdsa-sha1"),
            "db82c5b1e74abe5cd822776305381a5cfd4cc07f780f3c3f499d73ad6154ddd5",
        ),
        (
            certificate!("ecdsa-sha256"),
            "2952b287258c4b2227f8362bb00f6ffd8b39cec25c5a6eeaf7360a477ecab44f",
        ),
        (
            certificate!("ecdsa-sha384"),
            concat!(
                "705a3509af7e9817a0e39585b03c4916a43072b61f5b758a2f89911571151835",
                "7841df0fc77812e2d6906c0894181328",
            ),
        ),
        (
            certificate!("ecdsa-sha512"),
            concat!(
                "7e0525846f70da70e7c94c1e7fa4bb1318de508aea3b2bdbe8ddf3a60ebf109b",
                "81b77d656891cc352ef34c0b5b727aad807df5830b67429a9abb4a0c89a8f952",
            ),
        ),
        (
            certificate!("pss-sha1"),
            "e9310814aa0571c57b0c0c05361ac8d9ea7cecc6d7f4aa6b003666805d6e7aa3",
        ),
        (
            certificate!("pss-sha384"),
            concat!(
                "888931c54779aa5b17daaaa39929cfb1729becb1324fc9540822bea39a7e536f",
                "18e36525cd191fe18037bc0ad6759ff5",
            ),
        ),
        (
            certificate!("pss-sha512"),
            concat!(
                "acd0c335e85c63f2e1f5bf191f27933c56ddb5e302986d99f5d7a7519bb9634e",
                "16d452754a948d66ccef311c1c16c048f6cae9837397eeb074bfd4c968610bc2",
            ),
        ),
        (
            certificate!("rsa-md5"),
            "d40bc8b48f8968aa049ddc13c66f2599c393af7b62d9362cc72dd893773078a3",
        ),
        (
            certificate!("rsa-sha1"),
            "d24b7762391dfc5a66ca6ff235995b5c735c771d7fe70287e496dea5088a81f4",
        ),
        (
            certificate!("rsa-sha224"),
            "550f5cb1f0d1562b25d4063a98831288b61c9542337aa1d54fb9b92e",
        ),
        (
            certificate!("rsa-sha256"),
            "6bd672c6b7de3330896adc56024d7dcf0826f5b5bf64968bdbe5a3d6b6e162a3",
        ),
        (
            certificate!("rsa-sha384"),
            concat!(
                "46b3e9d9e42dff35ffe0c662c99cb96b22c9102910d52f0cde0eef074719d71c",
                "6a6a2bc2854bf8dd7abb7a785b43fbf5",
            ),
        ),
        (
            certificate!("rsa-sha512"),
            concat!(
                "e4265fe058a882a7fe1df7971472fd5069b82db0d49bbf667b3700447c64188d",
                "bbcc9e49a921fdca63ddf8e0efbee17737d8813ab2b8efeb2dc0cf9e28293f1b",
            ),
        ),
    ];
    for ((name, certificate), expected) in known {
        assert_eq!(hash(certificate).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn signatures_without_a_hash_function_have_no_binding() {
    let undefined: [(&str, &[u8]); 2] = [certificate!("ed25519"), certificate!("ed448")];
    for (name, certificate) in undefined {
        assert_eq!(hash(certificate), None, "{name}");
    }
}

#[test]
fn what_is_no_certificate_has_no_binding() {
    let (_, certificate) = certificate!("pss-sha384");
    for length in 0..certificate.len() {
        assert_eq!(hash(&certificate[..length]), None, "{length}");
    }
    let mut longer = certificate.to_vec();
    for position in 0..certificate.len() {
        let was = longer[position];
        for octet in [0, 0x7f, 0x80, 0x84, 0xff] {
            longer[position] = octet;
            hash(&longer);
        }
        longer[position] = was;
    }
    longer.push(0);
    assert_eq!(hash(&longer), None);
}
