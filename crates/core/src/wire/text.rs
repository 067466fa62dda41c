//! Human-readable text with its language, as stream errors, SASL failures and stanza errors carry
//! it.

use alloc::string::String;

use xmppwire_xml::{ElementBuilder, ElementRef, is_language_tag};

use crate::wire::lang;

/// A descriptive text and its language, if one is given (RFC 6120 §4.9.2, §6.5, §8.3.2).
///
/// It is for people and logs only. RFC 6120 forbids programs to interpret it, and to show it to a
/// user in place of the condition; it may be shown beside it. A text that is sent says more about
/// the condition, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// `xml:lang` of the `<text/>` element. What is not a language tag is not sent.
    pub lang: Option<String>,
}

impl Text {
    /// An English text.
    pub fn en(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lang: Some("en".into()),
        }
    }

    /// A text in the language of that tag. What is not a language tag of up to 35 bytes is left
    /// out.
    pub fn tagged(lang: &str, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lang: lang::tag(lang),
        }
    }

    /// The `<text/>` child of an error in the namespace of its conditions.
    pub(crate) fn child_of(error: ElementRef<'_>, ns: &str) -> Option<Self> {
        let text = error.child("text", ns)?;
        Some(Self {
            text: text.text().into_owned(),
            lang: text.lang().map(Into::into),
        })
    }

    pub(crate) fn write(&self, builder: ElementBuilder, ns: &str) -> ElementBuilder {
        let mut builder = builder.open("text", ns);
        if let Some(lang) = self.lang.as_deref().filter(|lang| is_language_tag(lang)) {
            builder = builder.lang(lang);
        }
        builder.text(&self.text).close()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            lang: None,
        }
    }
}
