//! Stanza errors (RFC 6120 §8.3).

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use xmppwire_jid::Jid;
use xmppwire_xml::{Element, ElementRef};

use crate::ns;
use crate::wire::condition::{Said, addition, conditions};
use crate::wire::text::Text;

conditions! {
    /// What the sender of a stanza can do about an error (RFC 6120 §8.3.2).
    pub enum ErrorType {
        /// Retry after providing credentials.
        Auth = "auth",
        /// Do not retry.
        Cancel = "cancel",
        /// Proceed: it was only a warning.
        Continue = "continue",
        /// Retry after changing the data.
        Modify = "modify",
        /// Retry after waiting.
        Wait = "wait",
    }
}

conditions! {
    /// The defined conditions of stanza errors (RFC 6120 §8.3.3).
    pub enum StanzaErrorCondition {
        /// The stanza is malformed (§8.3.3.1).
        BadRequest = "bad-request",
        /// A resource or session of that name exists already (§8.3.3.2).
        Conflict = "conflict",
        /// The feature is not implemented (§8.3.3.3).
        FeatureNotImplemented = "feature-not-implemented",
        /// The sender lacks the permission (§8.3.3.4).
        Forbidden = "forbidden",
        /// The recipient is permanently gone, possibly to another address (§8.3.3.5).
        Gone = "gone",
        /// The server has an internal error (§8.3.3.6).
        InternalServerError = "internal-server-error",
        /// The address or item does not exist (§8.3.3.7).
        ItemNotFound = "item-not-found",
        /// An address does not conform to RFC 7622 (§8.3.3.8).
        JidMalformed = "jid-malformed",
        /// The stanza does not meet the recipient's criteria (§8.3.3.9).
        NotAcceptable = "not-acceptable",
        /// No entity is allowed to do that (§8.3.3.10).
        NotAllowed = "not-allowed",
        /// The sender has to authenticate first (§8.3.3.11).
        NotAuthorized = "not-authorized",
        /// A local policy was violated (§8.3.3.12).
        PolicyViolation = "policy-violation",
        /// The recipient is temporarily unavailable (§8.3.3.13).
        RecipientUnavailable = "recipient-unavailable",
        /// The recipient is temporarily at another address (§8.3.3.14).
        Redirect = "redirect",
        /// Registration is required (§8.3.3.15).
        RegistrationRequired = "registration-required",
        /// The remote server does not exist (§8.3.3.16).
        RemoteServerNotFound = "remote-server-not-found",
        /// The remote server cannot be reached in time (§8.3.3.17).
        RemoteServerTimeout = "remote-server-timeout",
        /// The server is too busy (§8.3.3.18).
        ResourceConstraint = "resource-constraint",
        /// The service is not provided (§8.3.3.19).
        ServiceUnavailable = "service-unavailable",
        /// A subscription is required (§8.3.3.20).
        SubscriptionRequired = "subscription-required",
        /// A condition of the application (§8.3.3.21).
        UndefinedCondition = "undefined-condition",
        /// The request came at the wrong time (§8.3.3.22).
        UnexpectedRequest = "unexpected-request",
    }
}

impl StanzaErrorCondition {
    /// The type that RFC 6120 associates with the condition in §8.3.3.
    pub const fn default_type(self) -> ErrorType {
        match self {
            Self::BadRequest
            | Self::JidMalformed
            | Self::NotAcceptable
            | Self::PolicyViolation
            | Self::Redirect => ErrorType::Modify,
            Self::Forbidden
            | Self::NotAuthorized
            | Self::RegistrationRequired
            | Self::SubscriptionRequired => ErrorType::Auth,
            Self::RecipientUnavailable
            | Self::RemoteServerTimeout
            | Self::ResourceConstraint
            | Self::UnexpectedRequest => ErrorType::Wait,
            _ => ErrorType::Cancel,
        }
    }

    /// The condition that a numeric code stands for (XEP-0086), for errors that have no condition. Such
    /// codes are read and never sent.
    fn from_legacy_code(code: &str) -> Option<Self> {
        Some(match code {
            "302" => Self::Redirect,
            "400" => Self::BadRequest,
            "401" => Self::NotAuthorized,
            "403" => Self::Forbidden,
            "404" => Self::ItemNotFound,
            "405" => Self::NotAllowed,
            "406" => Self::NotAcceptable,
            "407" => Self::RegistrationRequired,
            "408" | "504" => Self::RemoteServerTimeout,
            "409" => Self::Conflict,
            "500" => Self::InternalServerError,
            "501" => Self::FeatureNotImplemented,
            "502" | "503" | "510" => Self::ServiceUnavailable,
            _ => return None,
        })
    }
}

/// The `<error/>` of a stanza.
///
/// ```
/// use xmppwire::{ErrorType, StanzaError, StanzaErrorCondition};
///
/// let error = StanzaError::new(StanzaErrorCondition::ItemNotFound).with_text("no such room");
/// assert_eq!(error.error_type(), ErrorType::Cancel);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StanzaError {
    error_type: ErrorType,
    condition: StanzaErrorCondition,
    data: Option<String>,
    by: Option<Jid>,
    // In boxes, because events have room for an error and seldom carry one.
    text: Option<Box<Text>>,
    application: Option<Box<Element>>,
}

impl StanzaError {
    /// An error of the condition's usual type, with nothing else.
    pub const fn new(condition: StanzaErrorCondition) -> Self {
        Self {
            error_type: condition.default_type(),
            condition,
            data: None,
            by: None,
            text: None,
            application: None,
        }
    }

    /// `<gone/>` with the new address, as a URI (RFC 6120 §8.3.3.5).
    pub fn gone(uri: impl Into<String>) -> Self {
        Self {
            data: Some(uri.into()),
            ..Self::new(StanzaErrorCondition::Gone)
        }
    }

    /// `<redirect/>` to an address, as a URI (RFC 6120 §8.3.3.14).
    pub fn redirect(uri: impl Into<String>) -> Self {
        Self {
            data: Some(uri.into()),
            ..Self::new(StanzaErrorCondition::Redirect)
        }
    }

    /// Sets another type than the usual one.
    #[must_use]
    pub const fn with_type(mut self, error_type: ErrorType) -> Self {
        self.error_type = error_type;
        self
    }

    /// Adds a human-readable text in English.
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

    /// Says which entity detected the error (RFC 6120 §8.3.2, `by`).
    #[must_use]
    pub fn with_by(mut self, by: Jid) -> Self {
        self.by = Some(by);
        self
    }

    /// Adds an application-specific condition (RFC 6120 §8.3.4). It needs a namespace of its own: one
    /// in the namespace of the defined conditions, of stanzas or of the stream, or in none, is not
    /// sent.
    #[must_use]
    pub fn with_application_condition(mut self, condition: Element) -> Self {
        self.application = Some(Box::new(condition));
        self
    }

    /// What the sender can do about it.
    pub const fn error_type(&self) -> ErrorType {
        self.error_type
    }

    /// The defined condition; `undefined-condition` where the peer sent one that is not defined.
    pub const fn condition(&self) -> StanzaErrorCondition {
        self.condition
    }

    /// The character data of the condition: the URI of `<gone/>` and `<redirect/>`.
    ///
    /// Nothing here follows a redirection. An application that does should ask its user before,
    /// because the other entity may be someone else with other policies, and should give up after a
    /// few redirections in a row, 2 to 5 (RFC 6120 §8.3.3.14).
    pub fn data(&self) -> Option<&str> {
        self.data.as_deref()
    }

    /// The entity that detected the error.
    pub const fn by(&self) -> Option<&Jid> {
        self.by.as_ref()
    }

    /// The human-readable text.
    pub fn text(&self) -> Option<&Text> {
        self.text.as_deref()
    }

    /// The application-specific condition, or a condition that RFC 6120 does not define, such as one of
    /// RFC 3920 that it dropped.
    pub fn application_condition(&self) -> Option<&Element> {
        self.application.as_deref()
    }

    /// Reads `<error/>`. It cannot fail, because an error must never cause another one (RFC 6120 §8.3.1):
    /// an unknown condition is read as `undefined-condition`, and a missing type as the condition's usual one.
    pub(crate) fn parse(error: ElementRef<'_>) -> Self {
        let said = Said::read(error, ns::STANZA_ERRORS, StanzaErrorCondition::from_name);
        let by_code = || {
            error
                .attr("code")
                .and_then(StanzaErrorCondition::from_legacy_code)
        };
        let (condition, data) = said
            .condition
            .or_else(|| by_code().map(|condition| (condition, None)))
            .unwrap_or((StanzaErrorCondition::UndefinedCondition, None));
        let error_type = error.attr("type").and_then(ErrorType::from_name);
        Self {
            error_type: error_type.unwrap_or(condition.default_type()),
            condition,
            data,
            by: error.attr("by").and_then(|by| Jid::new(by).ok()),
            // Errors without a condition have their text as character data (XEP-0086).
            text: Text::child_of(error, ns::STANZA_ERRORS)
                .or_else(|| error.has_text().then(|| Text::from(error.text().trim())))
                .map(Box::new),
            application: said.application.map(Box::new),
        }
    }

    /// Writes `<error/>`.
    pub(crate) fn to_element(&self) -> Element {
        let mut builder =
            Element::builder("error", ns::CLIENT).attr("type", self.error_type.name());
        if let Some(by) = &self.by {
            builder = builder.attr("by", by.as_str());
        }
        builder = builder
            .open(self.condition.name(), ns::STANZA_ERRORS)
            .text(self.data.as_deref().unwrap_or_default())
            .close();
        if let Some(text) = &self.text {
            builder = text.write(builder, ns::STANZA_ERRORS);
        }
        if let Some(application) = addition(self.application.as_deref(), ns::STANZA_ERRORS) {
            builder = builder.append(application.root());
        }
        builder.build()
    }
}

impl From<StanzaErrorCondition> for StanzaError {
    fn from(condition: StanzaErrorCondition) -> Self {
        Self::new(condition)
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.condition)?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.text),
            None => Ok(()),
        }
    }
}

impl core::error::Error for StanzaError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(
        build: impl FnOnce(xmppwire_xml::ElementBuilder) -> xmppwire_xml::ElementBuilder,
    ) -> StanzaError {
        let error = build(Element::builder("error", ns::CLIENT)).build();
        StanzaError::parse(error.root())
    }

    #[test]
    fn a_numeric_code_says_the_condition_where_nothing_else_does() {
        let error = parse(|error| error.attr("code", "404").text(" Not Found\n"));
        assert_eq!(error.condition(), StanzaErrorCondition::ItemNotFound);
        assert_eq!(error.error_type(), ErrorType::Cancel);
        assert_eq!(
            error.text().map(|text| text.text.as_str()),
            Some("Not Found")
        );

        let error = parse(|error| {
            let error = error.attr("code", "404").attr("type", "wait");
            error.open("gone", ns::STANZA_ERRORS).close()
        });
        assert_eq!(error.condition(), StanzaErrorCondition::Gone);
        assert_eq!(error.error_type(), ErrorType::Wait);
        assert_eq!(
            parse(|error| error.attr("code", "999")).condition(),
            StanzaErrorCondition::UndefinedCondition
        );
    }

    /// The condition of each code in XEP-0086.
    #[test]
    fn every_numeric_code_says_its_condition() {
        for (code, condition) in [
            ("302", "redirect"),
            ("400", "bad-request"),
            ("401", "not-authorized"),
            ("403", "forbidden"),
            ("404", "item-not-found"),
            ("405", "not-allowed"),
            ("406", "not-acceptable"),
            ("407", "registration-required"),
            ("408", "remote-server-timeout"),
            ("409", "conflict"),
            ("500", "internal-server-error"),
            ("501", "feature-not-implemented"),
            ("502", "service-unavailable"),
            ("503", "service-unavailable"),
            ("504", "remote-server-timeout"),
            ("510", "service-unavailable"),
        ] {
            let error = parse(|error| error.attr("code", code));
            assert_eq!(error.condition().name(), condition, "{code}");
        }
    }

    /// RFC 6120 §8.3.3.5.
    #[test]
    fn the_new_address_is_the_text_of_the_condition() {
        let address = "xmpp:romeo@afterlife.example.net";
        let moved = parse(|error| {
            let gone = error.open("gone", ns::STANZA_ERRORS);
            gone.text(address).close()
        });
        assert_eq!(moved.data(), Some(address));
        let gone = parse(|error| error.open("gone", ns::STANZA_ERRORS).close());
        assert_eq!(gone.data(), None);
    }

    /// RFC 6120 §8.3.2 defines five types. The error counts all the same.
    #[test]
    fn an_unknown_type_is_that_of_the_condition() {
        let error = parse(|error| {
            let error = error.attr("type", "shrug");
            error.open("item-not-found", ns::STANZA_ERRORS).close()
        });
        assert_eq!(error.condition(), StanzaErrorCondition::ItemNotFound);
        assert_eq!(error.error_type(), ErrorType::Cancel);
    }

    #[test]
    fn another_type_than_the_usual_one_is_written() {
        let error = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
        assert_eq!(error.to_element().attr("type"), Some("cancel"));
        let error = error.with_type(ErrorType::Wait).to_element();
        assert_eq!(error.attr("type"), Some("wait"));
    }

    #[test]
    fn a_dropped_condition_is_kept() {
        let error = parse(|error| {
            let error = error.attr("type", "auth").attr("code", "402");
            error.open("payment-required", ns::STANZA_ERRORS).close()
        });
        assert_eq!(error.condition(), StanzaErrorCondition::UndefinedCondition);
        assert_eq!(error.error_type(), ErrorType::Auth);
        let kept = error.application_condition().map(Element::name);
        assert_eq!(kept, Some("payment-required"));
        // It is not written again: an error has one defined condition, and this is not one.
        let written = error.to_element();
        assert!(
            written
                .child("payment-required", ns::STANZA_ERRORS)
                .is_none()
        );
    }

    #[test]
    fn the_first_condition_counts_and_is_not_the_application_s() {
        let error = parse(|error| {
            error
                .open("text", ns::STANZA_ERRORS)
                .text("No")
                .close()
                .open("too-many", "urn:example")
                .close()
                .open("conflict", ns::STANZA_ERRORS)
                .close()
                .open("gone", ns::STANZA_ERRORS)
                .close()
        });
        assert_eq!(error.condition(), StanzaErrorCondition::Conflict);
        assert_eq!(
            error.application_condition().map(Element::name),
            Some("too-many")
        );
    }
}
