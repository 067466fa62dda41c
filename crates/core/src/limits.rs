//! What a peer may cost: every buffer and every wait has a cap.

use core::time::Duration;

pub use xmppwire_xml::XmlLimits;

/// The caps of one connection. A peer that exceeds a cap ends the stream with `<policy-violation/>`
/// (RFC 6120 §4.9.3.14). A peer that owes the next step of negotiation, or the answer to a ping, and
/// lets its time pass gets `<connection-timeout/>` (§4.9.3.4).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Budgets of the XML reader until the peer is authenticated. RFC 6120 §13.12 lets a server be
    /// stricter before authentication. Only the elements of negotiation are read then, and they are
    /// small.
    pub before_authentication: XmlLimits,
    /// Budgets of the XML reader after authentication. RFC 6120 §13.12 forbids a limit below 10,000
    /// bytes for a stanza.
    pub after_authentication: XmlLimits,
    /// Bytes that may wait in the output, 4 MiB by default. No stanza makes it longer.
    ///
    /// The machine keeps a part of it free for itself: for the answer to a malformed stanza, which
    /// repeats the id and the addresses and may need 6 bytes for each byte of them, and for the
    /// closing stream error. This part is 18 times `after_authentication.max_token_bytes` + 3 KiB
    /// (147 KiB by default), but at most half of the limit; where a token is shorter than the longest
    /// JID, 3,071 bytes, the addresses count as such. While this part is not free, nothing is read;
    /// reading goes on once the peer has read enough. The rest is for the application.
    /// [`Endpoint::room`](crate::Endpoint::room) tells how much of it is left, and a stanza that
    /// does not fit ends the stream.
    ///
    /// A server that routes stanzas needs room for the largest that it accepts, which takes up to 8
    /// times its bytes + 2 KiB when it is written. If the limit is below twice the machine's part,
    /// one answer can exceed it; such an answer is written only while nothing else waits. What an
    /// application configures can exceed the limit too: the features of a [`Host`](crate::Host),
    /// and the text of a stream error.
    ///
    /// The memory behind the output is at most 2.5 times the limit. Measured with the default: 6.5
    /// MB while it fills up at once, and nothing after it has drained.
    pub output_backlog: usize,
    /// Bytes of white space between stanzas (RFC 6120 §4.6.1) that a peer may send a second.
    pub white_space_per_second: usize,
    /// Time from the start to the bound resource, questions to the application included. Where the
    /// application of a server lets it pass, the stream ends with `<internal-server-error/>`.
    pub negotiation_timeout: Duration,
    /// Time that the peer has to answer this side's closing tag (RFC 6120 §4.4), and time that it
    /// then has to read the rest of the output.
    pub close_timeout: Duration,
    /// Time without a byte from the peer after which a bound stream ends; `None` never ends it. The
    /// time runs also while nothing is read because the peer does not read. The stream ends with a
    /// closing tag and without an error, because the peer owed nothing.
    pub idle_timeout: Option<Duration>,
    /// Failed SASL attempts that a server allows on one stream (RFC 6120 §6.4.5 recommends 2 to 5).
    pub sasl_attempts: u8,
    /// Failed attempts to bind a resource or to resume a session with which a server ends the stream.
    /// RFC 6120 §7.7.3 recommends to allow 5 to 10 retries after the first attempt, so 6 to 11 are in
    /// its range.
    pub bind_attempts: u8,
}

impl Limits {
    /// The defaults; what [`Default`] gives.
    pub fn new() -> Self {
        let mut before_authentication = XmlLimits::default();
        before_authentication.max_stanza_bytes = 16 * 1024;
        before_authentication.max_depth = 8;
        before_authentication.max_children = 256;
        Self {
            before_authentication,
            after_authentication: XmlLimits::default(),
            output_backlog: 4 * 1024 * 1024,
            white_space_per_second: 1024,
            negotiation_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            idle_timeout: None,
            sasl_attempts: 3,
            bind_attempts: 6,
        }
    }
}

/// Bytes that one byte of an attribute's value takes on the wire at most, as `&apos;` does.
const ESCAPED: usize = 6;

/// Bytes of the longest JID (RFC 7622 §3.1).
const LONGEST_JID: usize = 3 * 1023 + 2;

/// Bytes of an answer beside id and addresses, and of a stream error with the closing tag.
const FRAME: usize = 3 * 1024;

impl Limits {
    /// Bytes of the output that are kept free for the machine: for an answer with its id and two
    /// addresses, and for the end of the stream.
    pub(crate) fn reserve(&self) -> usize {
        let token = self.after_authentication.max_token_bytes;
        let address = token.max(LONGEST_JID);
        token
            .saturating_add(address.saturating_mul(2))
            .saturating_mul(ESCAPED)
            .saturating_add(FRAME)
            .min(self.output_backlog / 2)
    }

    /// Bytes of the output that the application may fill.
    pub(crate) fn room(&self) -> usize {
        self.output_backlog.saturating_sub(self.reserve())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_the_machine_is_as_documented() {
        let mut limits = Limits::new();
        assert_eq!(limits.reserve(), 147 * 1024);
        assert_eq!(limits.room(), (4096 - 147) * 1024);
        limits.after_authentication.max_token_bytes = 10_000;
        assert_eq!(limits.reserve(), 18 * 10_000 + 3 * 1024);
        // The addresses of an answer may be as long as a JID.
        limits.after_authentication.max_token_bytes = 100;
        assert_eq!(limits.reserve(), 6 * (100 + 2 * 3071) + 3 * 1024);
        // Half of it is for the application.
        limits.output_backlog = 20_000;
        assert_eq!((limits.reserve(), limits.room()), (10_000, 10_000));
        limits.output_backlog = 0;
        assert_eq!((limits.reserve(), limits.room()), (0, 0));
    }
}
