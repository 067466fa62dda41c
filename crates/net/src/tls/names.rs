//! The names in a certificate (RFC 6120 §13.7.1).

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use rustls::pki_types::CertificateDer;
use xmppwire::CertificateIdentities;

/// The identities in the subject alternative names of a certificate: XMPP addresses, services
/// (SRV-IDs) and domains (DNS-IDs), in the order in which they stand there.
///
/// Nothing is verified here, and name constraints are not considered: for the certificate of a
/// peer, use [`TlsSummary::peer`](super::TlsSummary::peer). The common name is no identity (RFC
/// 6125 §2.3). Names of other kinds, and names in another encoding than their definition has, are
/// skipped.
///
/// `None` for bytes that are no certificate, or one with two lists of names (RFC 5280 §4.2).
pub fn certificate_identities(certificate: &CertificateDer<'_>) -> Option<CertificateIdentities> {
    read(certificate).ok()?
}

/// Subject alternative names (RFC 5280 §4.2.1.6).
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// An XMPP address as an otherName (RFC 6120 §13.7.1.4).
const XMPP_ADDR: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.5");
/// A service on a domain as an otherName (RFC 4985 §2).
const DNS_SRV: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.8.7");

/// Limits of the names in the certificates that an authority issues (RFC 5280 §4.2.1.10).
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");

/// Whether an authority's certificate has name constraints, or cannot be read.
pub(super) fn constrains_names(certificate: &CertificateDer<'_>) -> bool {
    !matches!(extensions(certificate, NAME_CONSTRAINTS), Ok(Some(found)) if found.is_empty())
}

/// Reads the names of a certificate.
fn read(certificate: &[u8]) -> der::Result<Option<CertificateIdentities>> {
    let Some(lists) = extensions(certificate, SUBJECT_ALT_NAME)? else {
        return Ok(None);
    };
    match *lists {
        [] => Ok(Some(CertificateIdentities::new())),
        [names] => elements(AnyRef::from_der(names)?, Tag::Sequence)?
            .into_iter()
            .try_fold(CertificateIdentities::new(), add)
            .map(Some),
        _ => Ok(None),
    }
}

/// The extensions of a kind in a certificate. `None` for another sequence.
fn extensions(certificate: &[u8], wanted: ObjectIdentifier) -> der::Result<Option<Vec<&[u8]>>> {
    let Some(fields) = signed_fields(certificate)? else {
        return Ok(None);
    };
    // The extensions are the last field, and the only one with this tag.
    let Some(extensions) = fields.iter().find(|field| field.tag() == context(3, true)) else {
        return Ok(Some(Vec::new()));
    };
    let mut found = Vec::new();
    for extension in elements(AnyRef::from_der(extensions.value())?, Tag::Sequence)? {
        let parts = elements(extension, Tag::Sequence)?;
        // A flag between the two says whether the extension is critical.
        if let [kind, value] | [kind, _, value] = *parts
            && kind.decode_as::<ObjectIdentifier>()? == wanted
        {
            expect(value, Tag::OctetString)?;
            found.push(value.value());
        }
    }
    Ok(Some(found))
}

/// The fields of a certificate that are signed. A certificate is a sequence of them, of the signature
/// algorithm, and of the signature (RFC 5280 §4.1). `None` for another sequence.
pub(super) fn signed_fields(certificate: &[u8]) -> der::Result<Option<Vec<AnyRef<'_>>>> {
    let [signed, _, _] = *elements(AnyRef::from_der(certificate)?, Tag::Sequence)? else {
        return Ok(None);
    };
    elements(signed, Tag::Sequence).map(Some)
}

/// Adds a `GeneralName` of a kind that is of interest.
fn add(identities: CertificateIdentities, name: AnyRef<'_>) -> der::Result<CertificateIdentities> {
    if name.tag() == context(2, false) {
        return Ok(match ascii(name.value()) {
            Some(domain) => identities.with_dns_id(domain),
            None => identities,
        });
    }
    if name.tag() != context(0, true) {
        return Ok(identities);
    }
    // An otherName: its type, and its value in a tag of its own.
    let mut parts = SliceReader::new(name.value())?;
    let kind: ObjectIdentifier = parts.decode()?;
    let tagged: AnyRef<'_> = parts.decode()?;
    parts.finish()?;
    expect(tagged, context(0, true))?;
    let value = AnyRef::from_der(tagged.value())?;
    Ok(match (kind, value.tag()) {
        (XMPP_ADDR, Tag::Utf8String) => match core::str::from_utf8(value.value()) {
            Ok(address) => identities.with_xmpp_addr(address),
            Err(_) => identities,
        },
        (DNS_SRV, Tag::Ia5String) => match ascii(value.value()) {
            Some(service) => identities.with_srv_id(service),
            None => identities,
        },
        _ => identities,
    })
}

/// An IA5String.
fn ascii(bytes: &[u8]) -> Option<&str> {
    core::str::from_utf8(bytes)
        .ok()
        .filter(|text| text.is_ascii())
}

pub(super) const fn context(number: u32, constructed: bool) -> Tag {
    Tag::ContextSpecific {
        constructed,
        number: TagNumber(number),
    }
}

fn expect(element: AnyRef<'_>, tag: Tag) -> der::Result<()> {
    element.tag().assert_eq(tag).map(drop)
}

/// The elements within a constructed element.
pub(super) fn elements(element: AnyRef<'_>, tag: Tag) -> der::Result<Vec<AnyRef<'_>>> {
    expect(element, tag)?;
    let mut reader = SliceReader::new(element.value())?;
    let mut elements = Vec::new();
    while !reader.is_finished() {
        elements.push(reader.decode()?);
    }
    Ok(elements)
}
