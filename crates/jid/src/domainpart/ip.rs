//! Domainparts that are IP addresses.

use alloc::string::{String, ToString};
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::error::Reason;

/// Appends an `IP-literal`: an IPv6 address in brackets, written as RFC 5952 recommends so that it
/// has one spelling.
///
/// RFC 7622 takes the rule from RFC 6874, which permits a zone after the address and `%25`. A zone
/// is kept unchanged, because it names an interface. Percent-encoded characters in a zone are
/// refused, because they would be a second spelling. No `IPvFuture` is accepted, because no
/// specification has defined one.
pub(super) fn push_literal(input: &str, out: &mut String) -> Result<(), Reason> {
    let inner = input
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .ok_or(Reason::IpAddress)?;
    let (address, zone) = match inner.split_once("%25") {
        Some((address, zone)) => (address, Some(zone)),
        None => (inner, None),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| Reason::IpAddress)?;

    out.push('[');
    out.push_str(&address.to_string());
    if let Some(zone) = zone {
        if zone.is_empty() || !zone.bytes().all(is_unreserved) {
            return Err(Reason::IpAddress);
        }
        out.push_str("%25");
        out.push_str(zone);
    }
    out.push(']');
    Ok(())
}

/// The characters `unreserved` of RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether `name` has the form `#.#.#.#`, which no host name has (RFC 1123 §2.1).
pub(super) fn is_dotted_decimal(name: &str) -> bool {
    let mut labels = 0;
    name.split('.').all(|label| {
        labels += 1;
        labels <= 4 && label.bytes().all(|byte| byte.is_ascii_digit())
    }) && labels == 4
}

/// The standard parser refuses leading zeros, so each address that it accepts has one spelling.
pub(super) fn check_v4(name: &str) -> Result<(), Reason> {
    name.parse::<Ipv4Addr>()
        .map(|_| ())
        .map_err(|_| Reason::IpAddress)
}
