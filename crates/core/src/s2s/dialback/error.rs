//! Errors of Server Dialback (XEP-0220 §2.5).

use core::fmt;

use xmppwire_xml::{Element, ElementBuilder};

use crate::ns;
use crate::stanza::{ErrorType, StanzaError, StanzaErrorCondition};
use crate::wire::text::Text;

/// What went wrong with a dialback request: a condition of stanza errors, or the one that only
/// dialback has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DialbackCondition {
    /// The authoritative server cannot be reached.
    RemoteConnectionFailed,
    /// A condition of stanza errors. XEP-0220 §2.5 gives a meaning to these:
    ///
    /// | condition | meaning |
    /// |---|---|
    /// | `item-not-found` | the domain in `to` is not served here |
    /// | `remote-server-not-found` | the authoritative server does not exist, or does not know its domain |
    /// | `remote-server-timeout` | the authoritative server did not answer |
    /// | `policy-violation` | the stream has to be protected by TLS first |
    /// | `not-authorized` | a certificate is wanted |
    /// | `forbidden` | the key is wrong, and the stream stays open for its other pairs |
    /// | `not-acceptable` | the identity could not be established |
    /// | `resource-constraint` | the stream carries as many pairs as it may |
    Stanza(StanzaErrorCondition),
}

const REMOTE_CONNECTION_FAILED: &str = "remote-connection-failed";

impl DialbackCondition {
    /// The name of the element that stands for the condition on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RemoteConnectionFailed => REMOTE_CONNECTION_FAILED,
            Self::Stanza(condition) => condition.name(),
        }
    }

    /// The type that XEP-0220 §2.5 gives the condition; RFC 6120 §8.3.3 for the others.
    const fn default_type(self) -> ErrorType {
        match self {
            Self::RemoteConnectionFailed | Self::Stanza(StanzaErrorCondition::PolicyViolation) => {
                ErrorType::Cancel
            }
            Self::Stanza(condition) => condition.default_type(),
        }
    }
}

impl From<StanzaErrorCondition> for DialbackCondition {
    fn from(condition: StanzaErrorCondition) -> Self {
        Self::Stanza(condition)
    }
}

impl fmt::Display for DialbackCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A dialback error: the request could not be decided, and the stream stays open (XEP-0220 §2.5).
///
/// ```
/// use xmppwire::StanzaErrorCondition;
/// use xmppwire::s2s::DialbackError;
///
/// let error = DialbackError::new(StanzaErrorCondition::RemoteServerTimeout);
/// assert_eq!(error.to_string(), "remote-server-timeout");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialbackError {
    error_type: ErrorType,
    condition: DialbackCondition,
    text: Option<Text>,
}

impl DialbackError {
    /// An error with nothing but its condition.
    pub fn new(condition: impl Into<DialbackCondition>) -> Self {
        let condition = condition.into();
        Self {
            error_type: condition.default_type(),
            condition,
            text: None,
        }
    }

    /// Adds an English text for people.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Self {
        self.text = Some(Text::en(text));
        self
    }

    /// The condition; `undefined-condition` where the peer sent none, or one that is not defined.
    pub const fn condition(&self) -> DialbackCondition {
        self.condition
    }

    /// What can be done about it.
    pub const fn error_type(&self) -> ErrorType {
        self.error_type
    }

    /// The text for people.
    pub const fn text(&self) -> Option<&Text> {
        self.text.as_ref()
    }

    /// Reads the error of `<db:result/>` or `<db:verify/>`. Without an `<error/>` it is an error
    /// all the same.
    pub(super) fn parse(element: &Element) -> Self {
        // XEP-0220 §2.5 puts the element into the content namespace.
        let error = element
            .children()
            .find(|child| child.name() == "error" && child.ns() != ns::STANZA_ERRORS);
        let Some(error) = error else {
            return Self::new(StanzaErrorCondition::UndefinedCondition);
        };
        let parsed = StanzaError::parse(error);
        let condition = match parsed.application_condition() {
            Some(other) if other.is(REMOTE_CONNECTION_FAILED, ns::STANZA_ERRORS) => {
                DialbackCondition::RemoteConnectionFailed
            }
            _ => parsed.condition().into(),
        };
        Self {
            error_type: parsed.error_type(),
            condition,
            text: parsed.text().cloned(),
        }
    }

    pub(super) fn write(&self, builder: ElementBuilder) -> ElementBuilder {
        let mut builder = builder
            .open("error", ns::SERVER)
            .attr("type", self.error_type.name())
            .open(self.condition.name(), ns::STANZA_ERRORS)
            .close();
        if let Some(text) = &self.text {
            builder = text.write(builder, ns::STANZA_ERRORS);
        }
        builder.close()
    }
}

impl<C: Into<DialbackCondition>> From<C> for DialbackError {
    fn from(condition: C) -> Self {
        Self::new(condition)
    }
}

impl fmt::Display for DialbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.text),
            None => Ok(()),
        }
    }
}
