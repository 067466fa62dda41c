//! Domainparts that are domain names.

use alloc::string::String;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::ascii;
use crate::error::Reason;
use crate::precis::class::Class;

/// Appends the domain name `input` in lower case, with its internationalized labels as U-labels.
pub(super) fn push(input: &str, out: &mut String) -> Result<(), Reason> {
    let mut seen = 0;
    for label in input.split('.') {
        let label_seen = ascii::survey(label);
        if label_seen & ascii::NON_ASCII != 0 || is_a_label(label) {
            return push_internationalized(input, out);
        }
        check_ascii_label(label, label_seen)?;
        seen |= label_seen;
    }
    check_name_length(input)?;
    ascii::push_lowercase(input, seen, out);
    Ok(())
}

/// The ASCII characters that no label may have: all except letters, digits, hyphens, underscores
/// and dots.
///
/// RFC 7622 §3.2 requires NR-LDH labels, which have no underscores. Underscores are accepted
/// nevertheless, because host names of intranets have them, and because Prosody and ejabberd, which
/// prepare domainparts by Nameprep, accept them.
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Checks the form of an NR-LDH label (RFC 5890 §2.3.1), in which underscores are permitted too.
/// `seen` holds the flags of its characters.
fn check_ascii_label(label: &str, seen: u8) -> Result<(), Reason> {
    if seen & ascii::NOT_HOST != 0 {
        let c = ascii::first(label, ascii::NOT_HOST).unwrap_or_default();
        return Err(Reason::Forbidden(c));
    }
    check_label_length(label)?;
    let is_reserved = label.as_bytes().get(2..4).is_some_and(|at| at == b"--");
    if label.starts_with('-') || label.ends_with('-') || is_reserved {
        return Err(Reason::Hyphen);
    }
    Ok(())
}

/// Maps by UTS #46, which covers the case, width and NFC mappings of RFC 5895, then checks the
/// result by IDNA2008, which is narrower: UTS #46 permits `☃`, IDNA2008 does not.
fn push_internationalized(input: &str, out: &mut String) -> Result<(), Reason> {
    let uts46 = Uts46::new();
    let (name, valid) = uts46.to_unicode(input.as_bytes(), DENIED, Hyphens::Check);
    valid.map_err(|_| Reason::NotIdna)?;
    let ascii = uts46
        .to_ascii(name.as_bytes(), DENIED, Hyphens::Check, DnsLength::Ignore)
        .map_err(|_| Reason::NotIdna)?;
    ascii.split('.').try_for_each(check_label_length)?;
    check_name_length(&ascii)?;
    for label in name.split('.').filter(|label| !label.is_ascii()) {
        check_u_label(label)?;
    }
    out.push_str(&name);
    Ok(())
}

/// Whether RFC 5892 too allows the code points of a label that UTS #46 has accepted.
///
/// The derived property of RFC 5892 equals that of PRECIS identifiers except for three groups:
/// capitals, which UTS #46 has mapped; ASCII, where only the underscore remains to be refused here;
/// and IgnorableBlocks (§2.4).
fn check_u_label(label: &str) -> Result<(), Reason> {
    Class::Identifier.check(label)?;
    match label
        .chars()
        .find(|c| *c == '_' || is_in_ignorable_block(*c))
    {
        Some(c) => Err(Reason::Forbidden(c)),
        None => Ok(()),
    }
}

/// Combining Diacritical Marks for Symbols, Musical Symbols, Ancient Greek Musical Notation.
const fn is_in_ignorable_block(c: char) -> bool {
    matches!(c, '\u{20D0}'..='\u{20FF}' | '\u{1D100}'..='\u{1D1FF}' | '\u{1D200}'..='\u{1D24F}')
}

fn is_a_label(label: &str) -> bool {
    label
        .as_bytes()
        .first_chunk::<4>()
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"xn--"))
}

/// Checks the limits of the DNS (RFC 1034 §3.1), which apply to the ASCII form. RFC 7622 §3.2
/// leaves them in force.
fn check_label_length(label: &str) -> Result<(), Reason> {
    match label.len() {
        0 => Err(Reason::EmptyLabel),
        1..=63 => Ok(()),
        _ => Err(Reason::LabelTooLong),
    }
}

fn check_name_length(name: &str) -> Result<(), Reason> {
    if name.len() > 253 {
        return Err(Reason::NameTooLong);
    }
    Ok(())
}
