//! White space between stanzas, which keeps a connection alive (RFC 6120 §4.6.1).

use core::time::Duration;

use super::Stream;
use crate::error::PeerMisbehaved;
use crate::time::Instant;
use crate::wire::stream_error::StreamErrorCondition;

/// How much white space has arrived in the current second.
#[derive(Debug)]
pub(super) struct WhiteSpace {
    pub(super) since: Instant,
    /// Saturates: more than 4 GiB in a second count as 4 GiB.
    pub(super) bytes: u32,
    /// Whether there must be none now.
    pub(super) forbidden: bool,
}

impl Stream {
    /// Skips white space before the header of a restarted stream: a keep-alive may have been on its way
    /// when the stream was restarted. Where `input` has nothing else, more of it may follow.
    pub(super) fn skip_white_space(&mut self, now: Instant, input: &mut &[u8]) {
        let skipped = leading_white_space(input);
        *input = input.get(skipped..).unwrap_or_default();
        self.count_white_space(now, skipped);
        self.restarted = input.is_empty();
    }

    pub(super) fn count_white_space(&mut self, now: Instant, bytes: usize) {
        if self.white_space.forbidden {
            return self.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::Negotiation("white space during SASL2"),
            );
        }
        if now.saturating_since(self.white_space.since) >= Duration::from_secs(1) {
            self.white_space.since = now;
            self.white_space.bytes = 0;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.white_space.bytes = self.white_space.bytes.saturating_add(bytes);
        let limit = u32::try_from(self.limits.white_space_per_second).unwrap_or(u32::MAX);
        if self.white_space.bytes > limit {
            self.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::WhiteSpaceFlood,
            );
        }
    }
}

/// How many bytes at the front of `input` are white space of XML 1.0 §2.3. A form feed, which is white
/// space in ASCII, is none.
pub(crate) fn leading_white_space(input: &[u8]) -> usize {
    input
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count()
}
