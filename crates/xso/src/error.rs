//! What can be wrong with a payload.

use xmppwire::StanzaErrorCondition;

use crate::MAX_DEPTH;

/// Why an element is not a value of the type, or a value has no element.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The IQ has no payload: it is an empty result.
    #[error("the IQ has no payload")]
    Missing,
    /// The element is not of this type.
    #[error("<{name} xmlns='{ns}'/> is not of the expected type")]
    Mismatch {
        /// The name of the element.
        name: String,
        /// Its namespace.
        ns: String,
    },
    /// The content or the attributes are not what the type needs, or the value has no form in XML.
    #[error(transparent)]
    Invalid(xso::error::Error),
    /// A name is not an `NCName` (Namespaces in XML 1.0 §3). Only an element that a program built can
    /// have one.
    #[error("a name is not an NCName")]
    Name,
    /// It has more than [`MAX_DEPTH`] levels.
    #[error("more than {MAX_DEPTH} levels")]
    TooDeep,
    /// The value is no element, or more than one.
    #[error("the value is not exactly one element")]
    NotOne,
}

impl Error {
    /// The condition to refuse a request with that cannot be read: `service-unavailable` if it asks
    /// for something else (RFC 6120 §8.4), `bad-request` if its content is wrong (§8.3.3.1).
    ///
    /// ```
    /// use xmppwire::{Iq, StanzaError};
    /// use xmppwire_xso::IqExt;
    /// use xmppwire_xso::parsers::version::VersionQuery;
    ///
    /// fn answer(request: &Iq) -> Option<Iq> {
    ///     match request.parse::<VersionQuery>() {
    ///         Ok(_) => request.result(None),
    ///         Err(error) => request.error_reply(&StanzaError::new(error.condition())),
    ///     }
    /// }
    /// # let _ = answer;
    /// ```
    pub fn condition(&self) -> StanzaErrorCondition {
        match self {
            Self::Mismatch { .. } => StanzaErrorCondition::ServiceUnavailable,
            _ => StanzaErrorCondition::BadRequest,
        }
    }
}

impl From<xso::error::Error> for Error {
    fn from(error: xso::error::Error) -> Self {
        Self::Invalid(error)
    }
}
