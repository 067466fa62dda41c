//! The rules of RFC 6120 §8 for the content of a stanza that this side makes.

use xmppwire_xml::{Element, ElementRef};

use super::Stanza;
use super::error::StanzaErrorCondition;
use crate::error::InvalidStanza;
use crate::ns;

/// Returns true if a payload may be in this namespace: not in that of stanzas or of the stream, and
/// not in none (RFC 6120 §8.4).
pub(crate) fn is_of_payloads(namespace: &str) -> bool {
    !matches!(
        namespace,
        "" | ns::CLIENT | ns::SERVER | ns::COMPONENT | ns::STREAMS
    )
}

impl Stanza {
    /// Checks what its maker may get wrong: whoever passes on the stanza of another entity must not
    /// change it, and does not check it either.
    pub(crate) fn check(&self) -> Result<(), InvalidStanza> {
        let element = self.element();
        if element.attr_ns("lang", ns::XML).is_some() && element.lang().is_none() {
            return Err(InvalidStanza::Lang);
        }
        let own: &[&str] = match self {
            Self::Message(_) => &["body", "subject", "thread"],
            Self::Presence(_) => &["show", "status", "priority"],
            Self::Iq(_) => &[],
        };
        for child in element.children() {
            let is_own = child.ns() == ns::CLIENT && own.contains(&child.name());
            if is_own || is_of_payloads(child.ns()) {
                continue;
            }
            if !child.is("error", ns::CLIENT) {
                return Err(InvalidStanza::PayloadNamespace);
            }
            if !self.is_error() {
                return Err(InvalidStanza::StrayError);
            }
            check_error(child)?;
        }
        Ok(())
    }
}

/// The rules of RFC 6120 §8.3.2.
fn check_error(error: ElementRef<'_>) -> Result<(), InvalidStanza> {
    let is_condition = |child: &ElementRef<'_>| {
        child.ns() == ns::STANZA_ERRORS && StanzaErrorCondition::from_name(child.name()).is_some()
    };
    if !error.children().any(|child| is_condition(&child)) {
        return Err(InvalidStanza::NoCondition);
    }
    let mut children = error.children();
    match children.all(|child| is_of_payloads(child.ns())) {
        true => Ok(()),
        false => Err(InvalidStanza::PayloadNamespace),
    }
}

/// Returns true if the payload of a request says what it means: it is in a namespace of its own.
pub(crate) fn has_meaning(request: &Element) -> bool {
    request
        .first_child()
        .is_none_or(|child| is_of_payloads(child.ns()))
}
