//! The channel binding `tls-server-end-point` (RFC 5929 §4).

use der::asn1::{AnyRef, ContextSpecific, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, TagNumber};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// The hash of a server's certificate, made with the hash function that the certificate was signed
/// with, or with SHA-256 in place of MD5 and SHA-1 (RFC 5929 §4.1).
///
/// `None` where the binding is not defined, because the signature has no single hash function
/// (Ed25519, Ed448), or for bytes that are no certificate.
pub fn server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let hash = match signature_hash(certificate).ok()?? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    };
    Some(hash)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash for each signature algorithm that has exactly one, by what RFC 5929 §4.1 says of MD5
/// and SHA-1.
const SIGNATURES: [(ObjectIdentifier, Hash); 15] = [
    // RSASSA-PKCS1-v1_5 with MD5, SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 (RFC 8017 Appendix
    // A.2.4)
    (oid("1.2.840.113549.1.1.4"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.5"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.14"), Hash::Sha224),
    (oid("1.2.840.113549.1.1.11"), Hash::Sha256),
    (oid("1.2.840.113549.1.1.12"), Hash::Sha384),
    (oid("1.2.840.113549.1.1.13"), Hash::Sha512),
    // ECDSA with SHA-1, SHA-224, SHA-256, SHA-384, SHA-512 (RFC 5758 §3.2)
    (oid("1.2.840.10045.4.1"), Hash::Sha256),
    (oid("1.2.840.10045.4.3.1"), Hash::Sha224),
    (oid("1.2.840.10045.4.3.2"), Hash::Sha256),
    (oid("1.2.840.10045.4.3.3"), Hash::Sha384),
    (oid("1.2.840.10045.4.3.4"), Hash::Sha512),
    // DSA with SHA-1, SHA-224, SHA-256 (RFC 5758 §3.1)
    (oid("1.2.840.10040.4.3"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.3.1"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.3.2"), Hash::Sha256),
    // RSA with SHA-1 in its older spelling (OIW)
    (oid("1.3.14.3.2.29"), Hash::Sha256),
];

/// RSASSA-PSS, whose hash stands among its parameters (RFC 4055 §3.1).
const RSASSA_PSS: ObjectIdentifier = oid("1.2.840.113549.1.1.10");

/// SHA-1, SHA-224, SHA-256, SHA-384 and SHA-512 as such (RFC 4055 §2.1).
const HASHES: [(ObjectIdentifier, Hash); 5] = [
    (oid("1.3.14.3.2.26"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.4"), Hash::Sha224),
    (oid("2.16.840.1.101.3.4.2.1"), Hash::Sha256),
    (oid("2.16.840.1.101.3.4.2.2"), Hash::Sha384),
    (oid("2.16.840.1.101.3.4.2.3"), Hash::Sha512),
];

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// Finds the hash that goes with the signature of a certificate (RFC 5280 §4.1): a sequence of what
/// is signed, of the signature algorithm, and of the signature.
fn signature_hash(certificate: &[u8]) -> der::Result<Option<Hash>> {
    let mut reader = SliceReader::new(certificate)?;
    let algorithm = reader.sequence(|certificate| {
        AnyRef::decode(certificate)?;
        let algorithm = AnyRef::decode(certificate)?;
        AnyRef::decode(certificate)?;
        der::Result::Ok(algorithm)
    })?;
    reader.finish()?;
    let (algorithm, parameters) = algorithm_identifier(algorithm)?;
    match parameters {
        Some(parameters) if algorithm == RSASSA_PSS => pss_hash(parameters),
        _ => Ok(find(&SIGNATURES, algorithm)),
    }
}

/// The first of the parameters of RSASSA-PSS: the hash algorithm, SHA-1 if it is left out.
fn pss_hash(parameters: AnyRef<'_>) -> der::Result<Option<Hash>> {
    let hash = parameters.sequence(|parameters| {
        let hash = ContextSpecific::<AnyRef<'_>>::decode_explicit(parameters, TagNumber(0))?;
        while !parameters.is_finished() {
            AnyRef::decode(parameters)?;
        }
        der::Result::Ok(hash)
    })?;
    match hash {
        Some(hash) => Ok(find(&HASHES, algorithm_identifier(hash.value)?.0)),
        None => Ok(Some(Hash::Sha256)),
    }
}

/// An `AlgorithmIdentifier` (RFC 5280 §4.1.1.2): what it is, and its parameters.
fn algorithm_identifier(
    sequence: AnyRef<'_>,
) -> der::Result<(ObjectIdentifier, Option<AnyRef<'_>>)> {
    sequence.sequence(|fields| Ok((fields.decode()?, fields.decode()?)))
}

fn find(table: &[(ObjectIdentifier, Hash)], wanted: ObjectIdentifier) -> Option<Hash> {
    table
        .iter()
        .find_map(|(oid, hash)| (*oid == wanted).then_some(*hash))
}
