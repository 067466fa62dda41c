//! The error of an address that cannot be prepared.

use crate::{MAX_PART_LEN, MAX_RAW_PART_LEN};

/// A string is not an XMPP address, or not one of the requested kind. The error names the part at
/// fault and the reason.
///
/// ```
/// use xmppwire_jid::{Jid, Part, Reason};
///
/// let error = Jid::new("romeo & juliet@example.org").unwrap_err();
/// assert_eq!(error.part(), Part::Localpart);
/// assert_eq!(error.reason(), Reason::Forbidden(' '));
/// assert_eq!(error.to_string(), "localpart: character U+0020 is not allowed");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {reason}")]
pub struct JidError {
    part: Part,
    reason: Reason,
}

impl JidError {
    pub(crate) const fn new(part: Part, reason: Reason) -> Self {
        Self { part, reason }
    }

    /// The part that is at fault.
    #[must_use]
    pub const fn part(&self) -> Part {
        self.part
    }

    /// The rule that the part breaks.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        self.reason
    }
}

/// One of the three parts of an address (RFC 7622 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The part before the `@`.
    Localpart,
    /// The server, service or component: the only part that every address has.
    Domainpart,
    /// The part after the first `/`.
    Resourcepart,
}

impl core::fmt::Display for Part {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Localpart => "localpart",
            Self::Domainpart => "domainpart",
            Self::Resourcepart => "resourcepart",
        })
    }
}

/// The rule that a part breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The part is empty although its separator is there, or the address has no domainpart.
    #[error("must not be empty")]
    Empty,
    /// The part has more than [`MAX_PART_LEN`] octets after preparation, or more than four times
    /// that before.
    #[error("has more than {MAX_PART_LEN} octets (or {MAX_RAW_PART_LEN} before preparation)")]
    TooLong,
    /// The part is absent, and the requested kind of address requires it.
    #[error("is missing")]
    Missing,
    /// The part is present, and the requested kind of address must not have it.
    #[error("has no place in this kind of address")]
    Unexpected,
    /// The character is never allowed in this part.
    #[error("character U+{:04X} is not allowed", u32::from(*.0))]
    Forbidden(char),
    /// The character is not assigned in the Unicode version of this crate's data (RFC 8264 §9.10).
    #[error("character U+{:04X} is not assigned", u32::from(*.0))]
    Unassigned(char),
    /// The character is allowed only in certain contexts, and this is none of them (RFC 5892
    /// appendix A).
    #[error("character U+{:04X} is not allowed here", u32::from(*.0))]
    OutOfContext(char),
    /// Right-to-left characters are mixed with others in a way that the Bidi Rule forbids (RFC 5893
    /// §2).
    #[error("mixes writing directions against the Bidi Rule")]
    Directionality,
    /// Two dots in a row, or one at the beginning.
    #[error("has an empty label")]
    EmptyLabel,
    /// A label has more than 63 octets in its ASCII form (RFC 1034 §3.1).
    #[error("has a label of more than 63 octets")]
    LabelTooLong,
    /// The domain name has more than 253 octets in its ASCII form (RFC 1034 §3.1).
    #[error("is a domain name of more than 253 octets")]
    NameTooLong,
    /// A label begins or ends with a hyphen, or has two in the third and fourth place (RFC 5890
    /// §2.3.1).
    #[error("has a hyphen where a label must not have one")]
    Hyphen,
    /// The domain name cannot be processed by IDNA: an undecodable A-label, a forbidden character
    /// or the like.
    #[error("is not a valid internationalized domain name")]
    NotIdna,
    /// The domainpart has the form of an IP address but is not a valid one.
    #[error("is not a valid IP address")]
    IpAddress,
}
