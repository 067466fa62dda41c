//! What the specifications before RFC 6120 called things, and peers still do. It is understood and never sent.

use crate::stanza::StanzaErrorCondition;
use crate::stream_error::StreamErrorCondition;

/// A stream error condition that RFC 6120 renamed (RFC 3920 §4.7.3).
pub(crate) fn stream_condition(name: &str) -> Option<StreamErrorCondition> {
    match name {
        "xml-not-well-formed" => Some(StreamErrorCondition::NotWellFormed),
        _ => None,
    }
}

/// The condition that a numeric code stands for where an error has no condition at all (XEP-0086).
pub(crate) fn stanza_condition(code: &str) -> Option<StanzaErrorCondition> {
    use StanzaErrorCondition as C;
    Some(match code {
        "302" => C::Redirect,
        "400" => C::BadRequest,
        "401" => C::NotAuthorized,
        "403" => C::Forbidden,
        "404" => C::ItemNotFound,
        "405" => C::NotAllowed,
        "406" => C::NotAcceptable,
        "407" => C::RegistrationRequired,
        "408" | "504" => C::RemoteServerTimeout,
        "409" => C::Conflict,
        "500" => C::InternalServerError,
        "501" => C::FeatureNotImplemented,
        "502" | "503" | "510" => C::ServiceUnavailable,
        _ => return None,
    })
}
