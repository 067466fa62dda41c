//! What a peer may cost: every buffer and every wait has a cap.

use core::time::Duration;

pub use xmppwire_xml::Limits as XmlLimits;

/// The caps of one connection. Over a cap the stream ends with `<policy-violation/>`
/// (RFC 6120 §4.9.3.14), over a wait with `<connection-timeout/>` (§4.9.3.4).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Budgets of the XML reader until the peer is authenticated. RFC 6120 §13.12 lets a server be
    /// stricter with strangers; only negotiation elements pass here, so little is enough.
    pub before_authentication: XmlLimits,
    /// Budgets of the XML reader afterwards. RFC 6120 §13.12 forbids less than 10,000 bytes a stanza.
    pub after_authentication: XmlLimits,
    /// Bytes that may wait in the output. Above it the machine stops reading where it would have to
    /// answer, and a stanza that the caller sends ends the stream: the peer does not read.
    pub output_backlog: usize,
    /// Bytes of white space between stanzas (RFC 6120 §4.6.1) that a peer may send a second.
    pub white_space_per_second: usize,
    /// Time from the start to the bound resource, questions to the application included.
    pub negotiation_timeout: Duration,
    /// Time that the peer has to answer our closing tag (RFC 6120 §4.4), and then to read what it is
    /// still owed.
    pub close_timeout: Duration,
    /// Time without a byte from the peer after which a bound stream is given up; `None` waits for ever.
    pub idle_timeout: Option<Duration>,
    /// Failed SASL attempts that a server allows on one stream (RFC 6120 §6.4.5 recommends 2 to 5).
    pub sasl_attempts: u8,
    /// Failed resource binding attempts that a server allows on one stream (RFC 6120 §7.7.2.1 recommends 2 to 5).
    pub bind_attempts: u8,
}

impl Limits {
    /// The defaults; what [`Default`] gives.
    pub fn new() -> Self {
        Self {
            before_authentication: XmlLimits {
                max_stanza_bytes: 16 * 1024,
                max_depth: 8,
                max_children: 256,
                ..XmlLimits::default()
            },
            after_authentication: XmlLimits::default(),
            output_backlog: 4 * 1024 * 1024,
            white_space_per_second: 1024,
            negotiation_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            idle_timeout: None,
            sasl_attempts: 3,
            bind_attempts: 5,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
