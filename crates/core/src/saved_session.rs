//! Sessions without a stream as bytes: the format of [`Resumption`](crate::Resumption) and
//! [`Detached`](crate::Detached).
//!
//! | bytes | meaning |
//! |---|---|
//! | 4 | `XWSM` |
//! | 1 | version of the format: 1 |
//! | 1 | 1 for the client's side of the session, 2 for the server's |
//! | 4 | stanzas of the peer that were handled, modulo 2^32 |
//! | 8 | number of the last acknowledged stanza |
//! | 4 | seconds for which the session can be resumed; 0 if that is not known |
//! | text | id of the session |
//! | text | full JID |
//! | text | location; empty if there is none |
//! | 4 | number of unacknowledged stanzas; for each of them: |
//! | 1 | 1 if the machine made it, 0 if the application sent it |
//! | text | the stanza, as it was written |
//!
//! Numbers are big-endian. A text is its length in 4 bytes, then UTF-8.

use alloc::boxed::Box;
use alloc::vec::Vec;

use xmppwire_jid::FullJid;

use crate::stream::management::{Parked, StanzaReader, Terms};

/// Bytes of the longest id or location.
const LONGEST_TEXT: usize = 4000;

const MAGIC: &[u8; 4] = b"XWSM";
const VERSION: u8 = 1;

/// Whose side of a session was saved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Client = 1,
    Server = 2,
}

/// Why bytes are no saved session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SavedSessionError {
    /// They do not begin as a session of this library, or are of the other side of one.
    #[error("not a saved session of this kind")]
    Kind,
    /// A later version of this library wrote them.
    #[error("a saved session of another version")]
    Version,
    /// They are cut, too long, or contradict themselves.
    #[error("a damaged session")]
    Damaged,
    /// An entry of the queue is not exactly one stanza.
    #[error("a damaged stanza in a saved session")]
    Stanza,
}

/// A session to save, or one that was read.
pub(crate) struct Session {
    pub(crate) id: Box<str>,
    pub(crate) jid: FullJid,
    pub(crate) location: Option<Box<str>>,
    pub(crate) max: u32,
    pub(crate) parked: Parked,
}

impl Session {
    /// Puts together what a stream leaves. `None` if the session cannot be resumed.
    pub(crate) fn new(jid: FullJid, (parked, terms): (Parked, Terms)) -> Option<Self> {
        Some(Self {
            id: terms.id?,
            jid,
            location: terms.location,
            max: terms.max,
            parked,
        })
    }

    /// What a stream needs of it.
    pub(crate) fn into_parts(self) -> (Parked, Terms) {
        let terms = Terms {
            id: Some(self.id),
            location: self.location,
            max: self.max,
        };
        (self.parked, terms)
    }

    pub(crate) fn save(&self, kind: Kind) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[VERSION, kind as u8]);
        out.extend_from_slice(&self.parked.handled.to_be_bytes());
        out.extend_from_slice(&self.parked.acknowledged.to_be_bytes());
        out.extend_from_slice(&self.max.to_be_bytes());
        let location = self.location.as_deref().unwrap_or_default();
        for text in [&self.id, self.jid.as_str(), location] {
            write(&mut out, text.as_bytes());
        }
        let count = u32::try_from(self.parked.queue.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&count.to_be_bytes());
        for (stanza, own) in self.parked.queue.stanzas() {
            out.push(own.into());
            write(&mut out, stanza);
        }
        out
    }

    /// Reads a session. What it holds afterwards is no more than a small multiple of the bytes.
    pub(crate) fn load(bytes: &[u8], kind: Kind) -> Result<Self, SavedSessionError> {
        use SavedSessionError as E;
        let mut input = Input(bytes);
        if input.array() != Some(*MAGIC) {
            return Err(E::Kind);
        }
        let [version, of] = input.array().ok_or(E::Damaged)?;
        if version != VERSION {
            return Err(E::Version);
        }
        if of != kind as u8 {
            return Err(E::Kind);
        }
        let session = input.session()?;
        if input.0.is_empty() {
            Ok(session)
        } else {
            Err(E::Damaged)
        }
    }
}

pub(crate) fn write(out: &mut Vec<u8>, text: &[u8]) {
    let len = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text);
}

/// The bytes that were not read.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    pub(crate) fn number(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let bytes = self.bytes().filter(|bytes| bytes.len() <= LONGEST_TEXT)?;
        core::str::from_utf8(bytes).ok()
    }

    fn session(&mut self) -> Result<Session, SavedSessionError> {
        use SavedSessionError as E;
        let handled = self.number().ok_or(E::Damaged)?;
        let acknowledged = self.array().map(u64::from_be_bytes).ok_or(E::Damaged)?;
        let max = self.number().ok_or(E::Damaged)?;
        let id = self.text().filter(|id| !id.is_empty()).ok_or(E::Damaged)?;
        let jid = self.text().ok_or(E::Damaged)?;
        let jid = FullJid::new(jid).map_err(|_| E::Damaged)?;
        let location = self.text().ok_or(E::Damaged)?;
        let count = self.number().ok_or(E::Damaged)?;
        acknowledged.checked_add(count.into()).ok_or(E::Damaged)?;
        let mut parked = Parked {
            acknowledged,
            handled,
            ..Parked::default()
        };
        let mut stanzas = StanzaReader::new();
        for _ in 0..count {
            let own = match self.array() {
                Some([0]) => false,
                Some([1]) => true,
                _ => return Err(E::Damaged),
            };
            let stanza = self.bytes().ok_or(E::Damaged)?;
            // The bytes are written to a stream later, so they must not be anything else.
            stanzas.read(stanza).ok_or(E::Stanza)?;
            parked.queue.push_bytes(stanza, own);
        }
        Ok(Session {
            id: id.into(),
            jid,
            location: (!location.is_empty()).then(|| location.into()),
            max,
            parked,
        })
    }
}

/// Implements `serde` for a type with `to_bytes` and `from_bytes`: as base64 in formats for people, as
/// bytes in others.
#[cfg(feature = "serde")]
macro_rules! impl_serde {
    ($type:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::saved_session::serialize(&self.to_bytes(), serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let bytes = crate::saved_session::deserialize(deserializer)?;
                Self::from_bytes(&bytes).map_err(serde::de::Error::custom)
            }
        }
    };
}

#[cfg(feature = "serde")]
pub(crate) use impl_serde;

#[cfg(feature = "serde")]
pub(crate) fn serialize<S: serde::Serializer>(
    bytes: &[u8],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        serializer.serialize_str(&xmppwire_sasl::wire::encode(bytes))
    } else {
        serializer.serialize_bytes(bytes)
    }
}

#[cfg(feature = "serde")]
pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<u8>, D::Error> {
    struct Bytes;

    impl serde::de::Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a saved session")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<u8>, E> {
            xmppwire_sasl::wire::decode(text).map_err(E::custom)
        }

        fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }

        fn visit_byte_buf<E: serde::de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
            Ok(bytes)
        }
    }

    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Bytes)
    } else {
        deserializer.deserialize_byte_buf(Bytes)
    }
}
