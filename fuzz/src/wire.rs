//! An eye on what a machine sends: it has to be streams that our own reader takes.

use xmppwire_xml::{Event, Reader, XmlLimits};

/// Reads the output of one machine, stream after stream.
pub struct Wire {
    reader: Reader,
    /// A header was read; the next one begins a new stream.
    opened: bool,
    ended: bool,
    pending: Vec<u8>,
    sent: Vec<u8>,
}

const DECLARATION: &[u8] = b"<?xml";

/// Far above what a machine makes of its limits.
const LIMITS: XmlLimits = {
    let mut limits = XmlLimits::DEFAULT;
    limits.max_stanza_bytes = 1 << 24;
    limits.max_depth = 1 << 16;
    limits.max_attributes = 1 << 16;
    limits.max_children = 1 << 20;
    limits.max_prefixes = 1 << 16;
    limits.max_token_bytes = 1 << 20;
    limits.max_header_bytes = 1 << 20;
    limits
};

impl Default for Wire {
    fn default() -> Self {
        Self {
            reader: Reader::new(LIMITS),
            opened: false,
            ended: false,
            pending: Vec::new(),
            sent: Vec::new(),
        }
    }
}

impl Wire {
    /// Reads on. `see` is shown each item, but for ends.
    pub fn read(&mut self, output: &[u8], mut see: impl FnMut(Event)) {
        self.sent.extend_from_slice(output);
        self.pending.extend_from_slice(output);
        let pending = core::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while !rest.is_empty() {
            if self.opened && !self.ended && self.reader.is_idle() {
                if rest.starts_with(DECLARATION) {
                    self.restart();
                } else if DECLARATION.starts_with(rest) {
                    break;
                }
            }
            match self.reader.read(&mut rest) {
                Ok(None) => {}
                Ok(Some(Event::End)) => self.ended = true,
                Ok(Some(Event::Whitespace(_))) => panic!("the machine sends white space"),
                Ok(Some(event)) => {
                    self.opened = true;
                    see(event);
                }
                Err(why) => panic!(
                    "the output is no stream: {why}, before {:?}",
                    String::from_utf8_lossy(rest)
                ),
            }
        }
        self.pending = rest.to_vec();
    }

    /// A new stream begins: nothing may be left of the old one.
    pub fn restart(&mut self) {
        assert!(self.is_complete(), "a stream is cut off by another");
        assert!(!self.ended, "a stream follows the end");
        self.reader = Reader::new(LIMITS);
        self.opened = false;
    }

    /// Whether nothing is half said.
    pub fn is_complete(&self) -> bool {
        self.reader.is_idle() && self.pending.is_empty()
    }

    /// Whether the closing tag was sent.
    pub const fn is_ended(&self) -> bool {
        self.ended
    }

    /// How many bytes there were.
    pub const fn total(&self) -> usize {
        self.sent.len()
    }

    /// All of it.
    pub fn into_sent(self) -> Vec<u8> {
        self.sent
    }
}
