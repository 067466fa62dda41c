//! Stream errors (RFC 6120 §4.9).

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use xmppwire_xml::{Element, ElementRef, ReadErrorKind};

use crate::ns;
use crate::wire::condition::{Said, addition, conditions};
use crate::wire::text::Text;

conditions! {
    /// The defined conditions of stream errors (RFC 6120 §4.9.3).
    pub enum StreamErrorCondition {
        /// XML that cannot be processed, such as text between stanzas (§4.9.3.1).
        BadFormat = "bad-format",
        /// A namespace prefix that is not supported, or none where one is needed (§4.9.3.2).
        BadNamespacePrefix = "bad-namespace-prefix",
        /// A newer stream took the place of this one (§4.9.3.3).
        Conflict = "conflict",
        /// The peer seems to be gone (§4.9.3.4).
        ConnectionTimeout = "connection-timeout",
        /// The domain in `to` is no longer serviced (§4.9.3.5).
        HostGone = "host-gone",
        /// The domain in `to` is not serviced (§4.9.3.6).
        HostUnknown = "host-unknown",
        /// `to` or `from` is missing or invalid (§4.9.3.7).
        ImproperAddressing = "improper-addressing",
        /// The server is misconfigured or failed (§4.9.3.8).
        InternalServerError = "internal-server-error",
        /// `from` is not an address that the peer may use (§4.9.3.9).
        InvalidFrom = "invalid-from",
        /// The stream or content namespace is wrong (§4.9.3.10).
        InvalidNamespace = "invalid-namespace",
        /// XML that is not valid according to its schema (§4.9.3.11).
        InvalidXml = "invalid-xml",
        /// Data was sent before authentication or without authorization (§4.9.3.12).
        NotAuthorized = "not-authorized",
        /// XML that is not well-formed (§4.9.3.13).
        NotWellFormed = "not-well-formed",
        /// A local policy was violated, such as a size limit (§4.9.3.14).
        PolicyViolation = "policy-violation",
        /// A remote service that is needed cannot be reached (§4.9.3.15).
        RemoteConnectionFailed = "remote-connection-failed",
        /// The stream has to be negotiated again (§4.9.3.16).
        Reset = "reset",
        /// The server lacks resources (§4.9.3.17).
        ResourceConstraint = "resource-constraint",
        /// XML that XMPP forbids: comment, processing instruction, DTD, entity (§4.9.3.18).
        RestrictedXml = "restricted-xml",
        /// The service is at another host (§4.9.3.19).
        SeeOtherHost = "see-other-host",
        /// The server shuts down (§4.9.3.20).
        SystemShutdown = "system-shutdown",
        /// A condition of the application, which should come with it: see
        /// [`StreamError::with_application_condition`] (§4.9.3.21).
        UndefinedCondition = "undefined-condition",
        /// An encoding other than UTF-8 (§4.9.3.22).
        UnsupportedEncoding = "unsupported-encoding",
        /// A mandatory feature is not supported (§4.9.3.23).
        UnsupportedFeature = "unsupported-feature",
        /// A first-level child that is not understood (§4.9.3.24).
        UnsupportedStanzaType = "unsupported-stanza-type",
        /// The stream version is not supported (§4.9.3.25).
        UnsupportedVersion = "unsupported-version",
    }
}

impl StreamErrorCondition {
    /// The condition with that name in RFC 3920 §4.7.3. Such names are read and never written.
    fn from_legacy_name(name: &str) -> Option<Self> {
        match name {
            "xml-not-well-formed" => Some(Self::NotWellFormed),
            _ => None,
        }
    }
}

impl From<ReadErrorKind> for StreamErrorCondition {
    fn from(kind: ReadErrorKind) -> Self {
        match kind {
            ReadErrorKind::RestrictedXml => Self::RestrictedXml,
            ReadErrorKind::UnsupportedEncoding => Self::UnsupportedEncoding,
            ReadErrorKind::BadFormat => Self::BadFormat,
            ReadErrorKind::PolicyViolation => Self::PolicyViolation,
            ReadErrorKind::InvalidNamespace => Self::InvalidNamespace,
            // A kind that a later version of the reader adds is still a fault of the XML.
            _ => Self::NotWellFormed,
        }
    }
}

/// A stream error: what one side tells the other before it ends the stream (RFC 6120 §4.9).
///
/// ```
/// use xmppwire::{StreamError, StreamErrorCondition};
///
/// let error = StreamError::new(StreamErrorCondition::SystemShutdown).with_text("back soon");
/// assert_eq!(error.to_string(), "system-shutdown (back soon)");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StreamError {
    condition: StreamErrorCondition,
    data: Option<String>,
    // In boxes, because events have room for an error and seldom carry one.
    text: Option<Box<Text>>,
    application: Option<Box<Element>>,
}

impl StreamError {
    /// An error with a condition and nothing else.
    pub const fn new(condition: StreamErrorCondition) -> Self {
        Self {
            condition,
            data: None,
            text: None,
            application: None,
        }
    }

    /// `<see-other-host/>` with the host and optional port to go to (RFC 6120 §4.9.3.19).
    pub fn see_other_host(host: impl Into<String>) -> Self {
        Self {
            data: Some(host.into()),
            ..Self::new(StreamErrorCondition::SeeOtherHost)
        }
    }

    /// Adds an English text for people.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(Box::new(Text::en(text)));
        self
    }

    /// Adds a text for people in the language of that tag, as with [`Text::tagged`].
    #[must_use]
    pub fn with_text_in(mut self, lang: &str, text: impl Into<String>) -> Self {
        self.text = Some(Box::new(Text::tagged(lang, text)));
        self
    }

    /// Adds an application-specific condition, which says more than the defined one (RFC 6120
    /// §4.9.4). One that is not in a namespace of the application's own is not sent.
    #[must_use]
    pub fn with_application_condition(mut self, condition: Element) -> Self {
        self.application = Some(Box::new(condition));
        self
    }

    /// The defined condition; `undefined-condition` if the peer sent one that is not defined.
    pub const fn condition(&self) -> StreamErrorCondition {
        self.condition
    }

    /// The character data of the condition: the host and optional port of `<see-other-host/>`.
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// The text for people.
    pub fn text(&self) -> Option<&Text> {
        self.text.as_deref()
    }

    /// The application-specific condition, or the condition of an error without a defined one, such
    /// as a condition that RFC 6120 dropped.
    pub fn application_condition(&self) -> Option<&Element> {
        self.application.as_deref()
    }

    /// Reads `<stream:error/>`.
    pub(crate) fn parse(error: ElementRef<'_>) -> Self {
        let said = Said::read(error, ns::STREAM_ERRORS, |name| {
            StreamErrorCondition::from_name(name)
                .or_else(|| StreamErrorCondition::from_legacy_name(name))
        });
        let (condition, data) = said
            .condition
            .unwrap_or((StreamErrorCondition::UndefinedCondition, None));
        Self {
            condition,
            data,
            text: Text::child_of(error, ns::STREAM_ERRORS).map(Box::new),
            application: said.application.map(Box::new),
        }
    }

    /// Writes `<stream:error/>`.
    pub(crate) fn to_element(&self) -> Element {
        let mut builder = Element::builder("error", ns::STREAMS)
            .open(self.condition.name(), ns::STREAM_ERRORS)
            .text(self.data.as_deref().unwrap_or_default())
            .close();
        if let Some(text) = &self.text {
            builder = text.write(builder, ns::STREAM_ERRORS);
        }
        if let Some(application) = addition(self.application.as_deref(), ns::STREAM_ERRORS) {
            builder = builder.append(application.root());
        }
        builder.build()
    }
}

impl From<StreamErrorCondition> for StreamError {
    fn from(condition: StreamErrorCondition) -> Self {
        Self::new(condition)
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.text),
            None => Ok(()),
        }
    }
}
