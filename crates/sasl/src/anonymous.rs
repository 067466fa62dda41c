//! ANONYMOUS (RFC 4505): the one message is `[trace]`, which proves nothing.

use alloc::string::String;
use alloc::vec::Vec;

use crate::credentials::Credentials;
use crate::error::{ClientError, CredentialsError, MessageError, Rejection};
use crate::limits::MAX_TRACE;
use crate::mechanism::Mechanism;
use crate::saslprep::is_traceable;

/// Returns the client's only message.
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

/// Reads the client's only message: the trace, if it contains one.
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

/// A trace is an e-mail address or a token, in printable characters (RFC 4505 §2, §3). An address
/// has one `@` with text on both sides; a token has no `@`. The address proves nothing, so nothing
/// more of its form is checked.
fn is_usable(trace: &str) -> bool {
    let form = match trace.split_once('@') {
        Some((local, domain)) => !local.is_empty() && !domain.is_empty() && !domain.contains('@'),
        None => true,
    };
    form && is_traceable(trace)
}
