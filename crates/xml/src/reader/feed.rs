//! Passes bytes to the parser.
//!
//! It counts the bytes against a budget and does not consume the first byte over it. It normalises
//! line ends as XML 1.0 §2.11 says, because the parser loses a carriage return in an attribute
//! value. It passes small pieces, because the parser searches all of its input for each token and
//! splits text at a limit.

use alloc::string::String;

use rxml::error::EndOrError;
use rxml::{Options, Parse, RawEvent, RawParser, WithOptions};

use super::classify::{RECENT, Verdict, classify, judge_target};
use super::lead::Lead;
use crate::error::{ReadError, ReadErrorKind};
use crate::limits::XmlLimits;

/// Bytes passed to the parser at once.
const PIECE: usize = 512;

/// Bounds of the parser's token limit. The parser splits text there, so the lower bound has room
/// for any character. It allocates this much while it works, hence the upper bound.
const TOKEN_BYTES: (usize, usize) = (64, 1 << 20);

/// The largest limit on a stanza: places in a tree are 32-bit numbers.
const ITEM_BYTES: usize = 1 << 30;

pub(super) struct Feed {
    parser: RawParser,
    /// The token limit of the parser.
    token_bytes: usize,
    /// The root's start tag, to bring another parser to the same place.
    root: Option<String>,
    /// Bytes passed to the parser at once.
    piece: usize,
    /// Bytes at the front of the input that are known to have no CR.
    clean: usize,
    /// Bytes of the current item so far.
    spent: usize,
    /// The last byte was a CR, passed as LF. An LF that follows belongs to it.
    after_cr: bool,
    /// `<?xml` stood inside the document: see [`Verdict::NextByteDecides`].
    target: bool,
    /// The last bytes that the parser saw, oldest first.
    recent: [u8; RECENT],
}

/// What the parser returned.
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

    /// Begins an item with a budget of its own.
    pub(super) fn begin_item(&mut self) {
        self.spent = 0;
        self.clean = 0;
    }

    /// Takes one byte without passing it to the parser.
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

    /// Passes the start of a tag, which was counted before, to the parser.
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

    /// Keeps the start tag of the root, without its attributes, so that the parser can be replaced
    /// inside of it.
    pub(super) fn set_root_tag(&mut self, tag: String) {
        self.root = Some(tag);
    }

    /// Makes another parser, because the token limit of a parser is fixed, and brings it to the
    /// place of the old one between two stanzas.
    fn replace_parser(&mut self, token_bytes: usize) {
        self.token_bytes = token_bytes;
        self.parser = parser(token_bytes);
        let mut tag = self.root.as_deref().unwrap_or_default().as_bytes();
        while let Ok(Some(_)) = self.parser.parse(&mut tag, false) {}
    }

    /// Passes single bytes from now on, and lets the parser report text as soon as it has a
    /// character.
    pub(super) fn by_single_bytes(&mut self) {
        self.piece = 1;
        self.parser.set_text_buffering(false);
    }

    /// An event that the parser can return without more bytes.
    pub(super) fn stored_event(&mut self) -> Option<RawEvent> {
        self.parser.parse(&mut &[][..], false).ok().flatten()
    }

    /// Passes bytes to the parser until it returns an event, within the budget of the item.
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
                Err(EndOrError::NeedMoreData) => {
                    debug_assert!(taken > 0, "the parser takes what it is shown");
                }
                Err(EndOrError::Error(error)) => {
                    if let Some(error) = self.judge(error) {
                        return Err(error);
                    }
                    debug_assert!(self.target, "the next byte decides");
                }
                // The end of the document, which the parser is never told.
                Ok(None) => return Ok(Fed::Hungry),
            }
        }
    }

    /// The next bytes without a CR, at most a piece.
    fn piece<'a>(&mut self, input: &'a [u8], left: usize) -> &'a [u8] {
        if self.clean == 0 {
            let front = input.get(..self.piece).unwrap_or(input);
            // A second search is only needed if there is one, which is rare.
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

    /// The meaning of the parser's error, if it is clear yet.
    fn judge(&mut self, error: rxml::Error) -> Option<ReadError> {
        match classify(error, &self.recent) {
            Verdict::Final(error) => Some(error),
            Verdict::NextByteDecides => {
                self.target = true;
                None
            }
        }
    }

    /// Frees the parser's buffers.
    pub(super) fn rest(&mut self) {
        self.parser.release_temporaries();
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
