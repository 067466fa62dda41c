//! What the parser gets to see.
//!
//! Three things happen to bytes on their way. They are counted against a budget,
//! so that the one too many is never consumed. Line ends are normalised before
//! parsing, just as XML 1.0 §2.11 puts it; the parser's own way loses a carriage
//! return in an attribute value. And they come in small pieces, because the
//! parser searches all it is given for each token and a token of text has a
//! limit of its own.

use alloc::format;
use alloc::string::String;

use rxml::error::EndOrError;
use rxml::{Options, Parse, RawEvent, RawParser, WithOptions};

use super::classify::{RECENT, Verdict, classify, judge_target};
use super::lead::Lead;
use crate::error::{ReadError, ReadErrorKind};
use crate::limits::XmlLimits;

/// How many bytes the parser sees at once.
const PIECE: usize = 512;

/// Bounds of what the parser takes for one token. It splits text there, so the
/// lower one has to have room for any character; and it sets as much memory
/// aside while it is at work, hence the upper one.
const TOKEN_BYTES: (usize, usize) = (64, 1 << 20);

/// The highest stanza limit: places in a tree are 32-bit numbers.
const ITEM_BYTES: usize = 1 << 30;

pub(super) struct Feed {
    parser: RawParser,
    /// The token limit that the parser was made with.
    token_bytes: usize,
    /// The root's start tag, to bring another parser to the same place.
    root: Option<String>,
    /// How many bytes the parser sees at once.
    piece: usize,
    /// So many bytes at the front of the input are known to have no CR.
    clean: usize,
    /// Bytes of the current item so far.
    spent: usize,
    /// The last byte was a CR, shown as LF; an LF now belongs to it.
    after_cr: bool,
    /// `<?xml` stood inside the document: see [`Verdict::NextByteDecides`].
    target: bool,
    /// The last bytes that the parser saw, oldest first.
    recent: [u8; RECENT],
}

/// What the parser made of its bytes.
pub(super) enum Fed {
    Event(RawEvent),
    /// All input is used up.
    Hungry,
}

impl Feed {
    pub(super) fn new(limits: &XmlLimits) -> Self {
        let token_bytes = token_bytes(limits);
        Self {
            parser: parser(token_bytes),
            token_bytes,
            root: None,
            piece: PIECE,
            clean: 0,
            spent: 0,
            after_cr: false,
            target: false,
            recent: [0; RECENT],
        }
    }

    /// Tells that the next input is not the rest of the last one.
    pub(super) fn new_input(&mut self) {
        self.clean = 0;
    }

    /// Begins an item with a budget of its own.
    pub(super) fn begin_item(&mut self) {
        self.spent = 0;
        self.clean = 0;
    }

    /// Takes one byte without showing it to the parser.
    pub(super) fn next_byte(
        &mut self,
        input: &mut &[u8],
        budget: usize,
    ) -> Result<Option<u8>, ReadError> {
        let Some((byte, rest)) = input.split_first() else {
            return Ok(None);
        };
        if self.spent >= budget {
            return Err(OVER_BUDGET);
        }
        *input = rest;
        self.spent = self.spent.saturating_add(1);
        self.clean = self.clean.saturating_sub(1);
        Ok(Some(*byte))
    }

    /// Shows the parser the start of a tag, which has been counted already.
    pub(super) fn begin_tag(&mut self, lead: &Lead, limits: &XmlLimits) -> Result<(), ReadError> {
        if token_bytes(limits) != self.token_bytes {
            self.replace_parser(token_bytes(limits));
        }
        self.remember(lead.bytes());
        match self.parser.parse(&mut lead.bytes(), false) {
            Ok(_) | Err(EndOrError::NeedMoreData) => Ok(()),
            Err(EndOrError::Error(error)) => Err(self.judge(error).unwrap_or(OVER_BUDGET)),
        }
    }

    /// Remembers the root, so that the parser can be replaced inside of it.
    pub(super) fn set_root(&mut self, prefix: &str, name: &str) {
        self.root = Some(format!("<{prefix}:{name}>"));
    }

    /// The token limit of a parser is fixed: for another one there must be
    /// another parser, brought to where the old one is, between two stanzas.
    fn replace_parser(&mut self, token_bytes: usize) {
        self.token_bytes = token_bytes;
        self.parser = parser(token_bytes);
        let mut tag = self.root.as_deref().unwrap_or_default().as_bytes();
        while let Ok(Some(_)) = self.parser.parse(&mut tag, false) {}
    }

    /// From now on the parser sees single bytes and reports text as soon as it
    /// has a character.
    pub(super) fn by_single_bytes(&mut self) {
        self.piece = 1;
        self.parser.set_text_buffering(false);
    }

    /// An event that the parser has in store, with nothing more to see.
    pub(super) fn stored_event(&mut self) -> Option<RawEvent> {
        self.parser.parse(&mut &[][..], false).ok().flatten()
    }

    /// Lets the parser have bytes until it has an event, within a budget for the
    /// item as a whole.
    pub(super) fn next_event(
        &mut self,
        input: &mut &[u8],
        budget: usize,
    ) -> Result<Fed, ReadError> {
        let budget = budget.min(ITEM_BYTES);
        loop {
            if self.target {
                return match self.next_byte(input, budget)? {
                    Some(byte) => Err(judge_target(byte)),
                    None => Ok(Fed::Hungry),
                };
            }
            if self.after_cr && input.first() == Some(&b'\n') {
                self.next_byte(input, budget)?;
                self.after_cr = false;
            }
            let left = budget.saturating_sub(self.spent);
            let is_cr = left > 0 && input.first() == Some(&b'\r');
            let shown = if is_cr {
                b"\n"
            } else {
                self.piece(input, left)
            };
            let mut rest = shown;
            let outcome = self.parser.parse(&mut rest, false);
            let taken = shown.len().saturating_sub(rest.len());
            if taken > 0 {
                self.after_cr = is_cr;
                self.remember(shown.get(..taken).unwrap_or_default());
                *input = input.get(taken..).unwrap_or_default();
                self.spent = self.spent.saturating_add(taken);
                self.clean = self.clean.saturating_sub(taken);
            }
            match outcome {
                Ok(Some(event)) => return Ok(Fed::Event(event)),
                Err(EndOrError::NeedMoreData) if input.is_empty() => return Ok(Fed::Hungry),
                Err(EndOrError::NeedMoreData) if left == 0 => return Err(OVER_BUDGET),
                Err(EndOrError::NeedMoreData) => {}
                Err(EndOrError::Error(error)) => {
                    if let Some(error) = self.judge(error) {
                        return Err(error);
                    }
                }
                // The end of its input, of which it is never told.
                Ok(None) => return Ok(Fed::Hungry),
            }
        }
    }

    /// The next bytes without a CR, as many as the parser may see at once.
    fn piece<'a>(&mut self, input: &'a [u8], left: usize) -> &'a [u8] {
        if self.clean == 0 {
            let front = input.get(..self.piece).unwrap_or(input);
            // Searching twice only where there is one is the faster way.
            self.clean = if front.contains(&b'\r') {
                front.iter().take_while(|byte| **byte != b'\r').count()
            } else {
                front.len()
            };
        }
        input.get(..self.clean.min(left)).unwrap_or(input)
    }

    fn remember(&mut self, seen: &[u8]) {
        let kept = RECENT.saturating_sub(seen.len());
        self.recent.rotate_left(RECENT.saturating_sub(kept));
        let last = seen.len().saturating_sub(RECENT);
        for (slot, byte) in self
            .recent
            .iter_mut()
            .skip(kept)
            .zip(seen.iter().skip(last))
        {
            *slot = *byte;
        }
    }

    /// What the parser's complaint means, if that is clear yet.
    fn judge(&mut self, error: rxml::Error) -> Option<ReadError> {
        match classify(error, &self.recent) {
            Verdict::Final(error) => Some(error),
            Verdict::NextByteDecides => {
                self.target = true;
                None
            }
        }
    }

    /// Gives memory back if no more input is at hand: thousands of connections
    /// that have nothing to say should cost little.
    pub(super) fn rest(&mut self, input: &[u8]) {
        if input.is_empty() {
            self.parser.release_temporaries();
        }
    }
}

fn token_bytes(limits: &XmlLimits) -> usize {
    let (least, most) = TOKEN_BYTES;
    limits.max_token_bytes.clamp(least, most)
}

fn parser(token_bytes: usize) -> RawParser {
    <RawParser as WithOptions>::with_options(Options {
        max_token_length: token_bytes,
        ..Options::default()
    })
}

const OVER_BUDGET: ReadError = ReadError::new(
    ReadErrorKind::PolicyViolation,
    "a stanza or the stream header is too long",
);
