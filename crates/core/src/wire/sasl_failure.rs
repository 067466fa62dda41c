//! SASL failures on the wire (RFC 6120 §6.5).

use alloc::string::String;
use core::fmt;

use xmppwire_sasl::Condition;
use xmppwire_xml::{Element, ElementRef};

use crate::ns;
use crate::wire::sasl::Profile;
use crate::wire::text::Text;

/// Why a server refused an authentication attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslFailure {
    condition: Condition,
    text: Option<Text>,
}

impl SaslFailure {
    /// A failure with a condition and nothing else.
    pub const fn new(condition: Condition) -> Self {
        Self {
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

    /// Adds a text for people in the language of that tag, as with [`Text::tagged`].
    #[must_use]
    pub fn with_text_in(mut self, lang: &str, text: impl Into<String>) -> Self {
        self.text = Some(Text::tagged(lang, text));
        self
    }

    /// The defined condition; `not-authorized` stands for an unknown one (RFC 6120 §6.5).
    pub const fn condition(&self) -> Condition {
        self.condition
    }

    /// The text for people.
    pub const fn text(&self) -> Option<&Text> {
        self.text.as_ref()
    }

    /// Whether another attempt with the same credentials may succeed later.
    pub const fn is_temporary(&self) -> bool {
        matches!(
            self.condition,
            Condition::TemporaryAuthFailure | Condition::Aborted
        )
    }

    /// Reads `<failure/>`. That of SASL2 has its text in its own namespace, and with some servers
    /// the condition too (XEP-0388 §2.6.2).
    pub(crate) fn parse(failure: ElementRef<'_>) -> Self {
        let condition = failure
            .children()
            .filter(|child| [ns::SASL, failure.ns()].contains(&child.ns()))
            .find_map(|child| Condition::from_name(child.name()))
            .unwrap_or(Condition::NotAuthorized);
        Self {
            condition,
            text: Text::child_of(failure, failure.ns()),
        }
    }

    /// Writes `<failure/>` of a profile.
    pub(crate) fn to_element(&self, profile: Profile) -> Element {
        let mut builder = Element::builder("failure", profile.ns())
            .open(self.condition.name(), ns::SASL)
            .close();
        if let Some(text) = &self.text {
            builder = text.write(builder, profile.ns());
        }
        builder.build()
    }
}

impl fmt::Display for SaslFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.condition.name())?;
        match &self.text {
            Some(text) => write!(f, " ({})", text.text),
            None => Ok(()),
        }
    }
}
