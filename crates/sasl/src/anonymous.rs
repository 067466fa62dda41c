//! ANONYMOUS (RFC 4505): `[trace]`, which proves nothing.

use alloc::string::String;
use alloc::vec::Vec;

use crate::credentials::Credentials;
use crate::error::{ClientError, CredentialsError, MessageError, Rejection};
use crate::limits::MAX_TRACE;
use crate::mechanism::Mechanism;
use crate::saslprep::is_traceable;

/// The client's one message.
pub(crate) fn message(credentials: &Credentials) -> Result<Vec<u8>, ClientError> {
    if !credentials.fit(Mechanism::Anonymous) {
        return Err(CredentialsError::Unfit.into());
    }
    let trace = credentials.trace().unwrap_or_default();
    if trace.chars().count() > MAX_TRACE {
        return Err(CredentialsError::TooLong.into());
    }
    if !is_usable(trace) {
        return Err(CredentialsError::Trace.into());
    }
    Ok(trace.into())
}

/// The trace that a client sent, if it sent one.
pub(crate) fn parse(message: &[u8]) -> Result<Option<String>, Rejection> {
    let trace = core::str::from_utf8(message).map_err(|_| MessageError::NotUtf8)?;
    if trace.chars().count() > MAX_TRACE {
        return Err(MessageError::TooLong.into());
    }
    if !is_usable(trace) {
        return Err(Rejection::Trace);
    }
    Ok((!trace.is_empty()).then(|| trace.into()))
}

/// §2: an address, which has one `@` with something on both sides, or a token, which has none;
/// either of printable characters (§3). The address proves nothing, so only its outer form is checked.
fn is_usable(trace: &str) -> bool {
    let form = match trace.split_once('@') {
        Some((local, domain)) => !local.is_empty() && !domain.is_empty() && !domain.contains('@'),
        None => true,
    };
    form && is_traceable(trace)
}
