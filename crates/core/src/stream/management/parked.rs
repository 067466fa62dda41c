//! A session without a stream.

use alloc::vec::Vec;

use xmppwire_xml::{Element, Event, Reader, StreamHeader, Writer, XmlLimits};

use super::queue::Queue;
use crate::error::InvalidStanza;
use crate::ns;
use crate::stanza::{Parsed, Stanza};
use crate::unacknowledged::Unacknowledged;

/// What two ends have to remember of a session whose stream has ended: the counters, and what the
/// peer has not acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Parked {
    /// The number of the last stanza that the peer acknowledged.
    pub(crate) acknowledged: u64,
    /// How many stanzas of the peer were handled, modulo 2^32.
    pub(crate) handled: u32,
    /// The stanzas after the acknowledged ones, as they were written.
    pub(crate) queue: Queue,
}

impl Parked {
    /// The number of the last stanza that was sent.
    pub(crate) fn sent(&self) -> u64 {
        self.acknowledged.saturating_add(self.queue.len() as u64)
    }

    /// Whether the peer can have handled that many.
    pub(crate) fn allows(&self, handled: u32) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "counters are modulo 2^32")]
        let count = handled.wrapping_sub(self.acknowledged as u32) as usize;
        count <= self.queue.len()
    }

    /// Takes an acknowledgement. Returns false if the peer cannot have handled that many.
    pub(crate) fn acknowledge(&mut self, handled: u32) -> bool {
        if !self.allows(handled) {
            return false;
        }
        #[expect(clippy::cast_possible_truncation, reason = "counters are modulo 2^32")]
        let count = handled.wrapping_sub(self.acknowledged as u32);
        self.queue.acknowledge(count as usize);
        self.acknowledged = self.acknowledged.saturating_add(count.into());
        true
    }

    /// Adds a stanza, which is sent when the session continues. Returns its number.
    pub(crate) fn push(&mut self, stanza: &Stanza) -> Result<u64, InvalidStanza> {
        Ok(self.push_written(&written(stanza)?))
    }

    /// The same with the bytes of the stanza.
    pub(crate) fn push_written(&mut self, stanza: &[u8]) -> u64 {
        self.queue.push_bytes(stanza, false);
        self.sent()
    }

    /// The same on the side of a client, which sends no `from`.
    pub(crate) fn push_from_client(&mut self, stanza: &Stanza) -> Result<u64, InvalidStanza> {
        if stanza.from().is_none() {
            return self.push(stanza);
        }
        let mut stanza = stanza.clone();
        stanza.set_from(None);
        self.push(&stanza)
    }

    /// The stanzas of the application that the peer has not acknowledged, in order.
    pub(crate) fn unacknowledged(&self) -> Vec<Unacknowledged> {
        let numbers = self.acknowledged.saturating_add(1)..;
        let mut stanzas = StanzaReader::new();
        self.queue
            .stanzas()
            .zip(numbers)
            .filter(|((_, own), _)| !own)
            .filter_map(|((bytes, _), number)| {
                let stanza = stanzas.read(bytes)?;
                Some(Unacknowledged { number, stanza })
            })
            .collect()
    }
}

/// A stanza as it is written to the stream of a client.
pub(crate) fn written(stanza: &Stanza) -> Result<Vec<u8>, InvalidStanza> {
    if stanza.is_error() && stanza.error().is_none() {
        return Err(InvalidStanza::NoError);
    }
    let mut bytes = Vec::new();
    Writer::new(ns::CLIENT)
        .element(&mut bytes, stanza.element().root())
        .map_err(InvalidStanza::Xml)?;
    Ok(bytes)
}

/// Reads stanzas that this library wrote.
pub(crate) struct StanzaReader(Reader);

impl StanzaReader {
    pub(crate) fn new() -> Self {
        let mut limits = XmlLimits::default();
        // What this side sent has no limit but the length of a stanza in the output.
        limits.max_stanza_bytes = usize::MAX;
        limits.max_depth = usize::MAX;
        limits.max_attributes = usize::MAX;
        limits.max_children = usize::MAX;
        limits.max_prefixes = usize::MAX;
        limits.max_token_bytes = usize::MAX;
        let mut reader = Reader::new(limits);
        let mut header = Vec::new();
        // The header of every stream of a client, as far as its content depends on it.
        let _ = StreamHeader::new(ns::CLIENT).write(&mut header);
        let mut input = header.as_slice();
        while !input.is_empty() && reader.read(&mut input).is_ok() {}
        Self(reader)
    }

    /// The stanza in these bytes; `None` if they are anything but exactly one stanza. After that
    /// nothing else can be read.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Option<Stanza> {
        let mut input = bytes;
        let element: Element = match self.0.read(&mut input) {
            Ok(Some(Event::Element(element))) if input.is_empty() => element,
            _ => return None,
        };
        match Stanza::parse(element, None) {
            Parsed::Stanza(stanza) => Some(stanza),
            Parsed::Fault(_) | Parsed::Other(_) => None,
        }
    }
}
