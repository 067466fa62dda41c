//! How long the certificates of the other side are valid (RFC 6120 §13.7.2.3).

use std::time::Duration;

use der::asn1::{GeneralizedTime, UtcTime};
use der::{Tag, Tagged};
use rustls::pki_types::{CertificateDer, UnixTime};

use super::names::{context, elements, signed_fields};

/// The time from `now` to the first end of a certificate on which a verified identity rests: that of
/// the other side, and those above it in what it sent. `None` if it sent none.
///
/// A certificate that has expired already was not needed to verify the first one, as with an authority
/// that sends an old path beside the new one. The end of a trust anchor is not known: rustls keeps only
/// its name and key.
pub(super) fn valid_for(chain: &[CertificateDer<'_>], now: UnixTime) -> Option<Duration> {
    let now = Duration::from_secs(now.as_secs());
    let ends = chain
        .iter()
        .filter_map(|certificate| not_after(certificate));
    ends.filter_map(|end| end.checked_sub(now)).min()
}

/// The end of a certificate's validity (RFC 5280 §4.1.2.5), since the beginning of 1970.
fn not_after(certificate: &[u8]) -> Option<Duration> {
    let fields = signed_fields(certificate).ok()??;
    // The version may be left out, so the fields are counted without it: serial number, signature
    // algorithm, issuer, validity.
    let mut fields = fields
        .into_iter()
        .filter(|field| field.tag() != context(0, true));
    let validity = elements(fields.nth(3)?, Tag::Sequence).ok()?;
    let [_, end] = *validity else { return None };
    match end.tag() {
        Tag::UtcTime => {
            let time: UtcTime = end.decode_as().ok()?;
            Some(time.to_unix_duration())
        }
        Tag::GeneralizedTime => {
            let time: GeneralizedTime = end.decode_as().ok()?;
            Some(time.to_unix_duration())
        }
        _ => None,
    }
}
