//! The elements of Server Dialback (XEP-0220 §2).

mod error;
mod secret;

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use xmppwire_jid::Domainpart;
use xmppwire_xml::{Element, ElementBuilder};

pub use self::error::{DialbackCondition, DialbackError};
pub use self::secret::DialbackSecret;
use super::Pair;
use crate::ns;

/// Longest key and longest stream id that are accepted, in bytes. Both are opaque texts of another
/// server; those of XEP-0185 have 64 digits, and the ids of known servers fewer.
pub(super) const MAX_OPAQUE: usize = 1024;

/// What became of a dialback key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The authoritative server made the key.
    Valid,
    /// It did not.
    Invalid,
    /// That could not be found out.
    Error(DialbackError),
}

impl Verdict {
    /// An error with nothing but its condition.
    pub fn error(error: impl Into<DialbackError>) -> Self {
        Self::Error(error.into())
    }

    /// Reads the answer that an element with the attribute `type` carries. What is not defined is
    /// an error: it is an answer, and it does not say `valid`.
    fn parse(kind: &str, element: &Element) -> Self {
        match kind {
            "valid" => Self::Valid,
            "invalid" => Self::Invalid,
            _ => Self::Error(DialbackError::parse(element)),
        }
    }

    fn write(&self, builder: ElementBuilder) -> ElementBuilder {
        match self {
            Self::Valid => builder.attr("type", "valid"),
            Self::Invalid => builder.attr("type", "invalid"),
            Self::Error(error) => error.write(builder.attr("type", "error")),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("valid"),
            Self::Invalid => f.write_str("invalid"),
            Self::Error(error) => write!(f, "error: {error}"),
        }
    }
}

/// One of the four elements. `pair` is always the pair that is to be authorised, whichever way the
/// element goes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Dialback {
    /// Step 1: the initiating server sends a key.
    Key { pair: Pair, key: String },
    /// Step 2: the receiving server asks the authoritative server about it.
    Verify {
        pair: Pair,
        stream_id: String,
        key: String,
    },
    /// Step 3: the authoritative server answers.
    Verified {
        pair: Pair,
        stream_id: String,
        verdict: Verdict,
    },
    /// Step 4: the receiving server answers.
    Result { pair: Pair, verdict: Verdict },
}

/// Why an element of the dialback namespace is none of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DialbackFault {
    /// It has another name.
    Name,
    /// `from` or `to` is missing or no domain.
    Addressing,
    /// The key or the stream id is longer than [`MAX_OPAQUE`].
    TooLong,
}

impl Dialback {
    /// Reads an element of the dialback namespace.
    pub(crate) fn parse(element: &Element) -> Result<Self, DialbackFault> {
        let verify = match element.name() {
            "result" => false,
            "verify" => true,
            _ => return Err(DialbackFault::Name),
        };
        let domain = |name| {
            let domain = element.attr(name).and_then(|it| Domainpart::new(it).ok());
            domain.ok_or(DialbackFault::Addressing)
        };
        let wire = Pair::new(domain("from")?, domain("to")?);
        let opaque = |text: &str| {
            let fits = text.len() <= MAX_OPAQUE;
            fits.then(|| text.to_owned()).ok_or(DialbackFault::TooLong)
        };
        let stream_id = || opaque(element.attr("id").unwrap_or_default());
        // Some servers break the line around the key.
        let key = || opaque(element.text().trim());
        let verdict = element
            .attr("type")
            .map(|kind| Verdict::parse(kind, element));
        // Steps 2 and 4 go against the direction of the pair.
        Ok(match (verify, verdict) {
            (false, None) => Self::Key {
                pair: wire,
                key: key()?,
            },
            (false, Some(verdict)) => Self::Result {
                pair: wire.inverse(),
                verdict,
            },
            (true, None) => Self::Verify {
                pair: wire.inverse(),
                stream_id: stream_id()?,
                key: key()?,
            },
            (true, Some(verdict)) => Self::Verified {
                pair: wire,
                stream_id: stream_id()?,
                verdict,
            },
        })
    }

    /// Writes the element.
    pub(crate) fn to_element(&self) -> Element {
        match self {
            Self::Key { pair, key } => element("result", pair).text(key).build(),
            Self::Verify {
                pair,
                stream_id,
                key,
            } => element("verify", &pair.inverse())
                .attr("id", stream_id)
                .text(key)
                .build(),
            Self::Verified {
                pair,
                stream_id,
                verdict,
            } => {
                let builder = element("verify", pair).attr("id", stream_id);
                verdict.write(builder).build()
            }
            Self::Result { pair, verdict } => {
                verdict.write(element("result", &pair.inverse())).build()
            }
        }
    }
}

fn element(name: &str, wire: &Pair) -> ElementBuilder {
    Element::builder(name, ns::DIALBACK)
        .attr("from", wire.sender().as_str())
        .attr("to", wire.target().as_str())
}

impl fmt::Debug for Dialback {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { pair, .. } => write!(f, "Key({pair})"),
            Self::Verify { pair, .. } => write!(f, "Verify({pair})"),
            Self::Verified { pair, verdict, .. } => write!(f, "Verified({pair}, {verdict})"),
            Self::Result { pair, verdict } => write!(f, "Result({pair}, {verdict})"),
        }
    }
}

#[cfg(test)]
mod tests;
