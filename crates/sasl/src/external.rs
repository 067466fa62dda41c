//! EXTERNAL (RFC 4422 Appendix A): `[authzid]`, and the proof lies outside.

use alloc::string::String;
use alloc::vec::Vec;

use crate::credentials::Credentials;
use crate::error::{ClientError, CredentialsError, MessageError, Rejection};
use crate::limits::MAX_AUTHZID;
use crate::mechanism::Mechanism;
use crate::prepare;

/// The client's one message.
pub(crate) fn message(credentials: &Credentials) -> Result<Vec<u8>, ClientError> {
    if !credentials.fit(Mechanism::External) {
        return Err(CredentialsError::Unfit.into());
    }
    let authzid = prepare::authzid(credentials.certificate_authzid())?;
    Ok(authzid.unwrap_or_default().into())
}

/// The authorization identity that a client sent; `None` for an empty message, which leaves it to
/// the server to find the identity in what it knows.
pub(crate) fn parse(message: &[u8]) -> Result<Option<String>, Rejection> {
    if message.len() > MAX_AUTHZID {
        return Err(MessageError::TooLong.into());
    }
    let authzid = core::str::from_utf8(message).map_err(|_| MessageError::NotUtf8)?;
    // Appendix A.1 has every character but NUL.
    if authzid.contains('\0') {
        return Err(MessageError::Syntax.into());
    }
    Ok((!authzid.is_empty()).then(|| authzid.into()))
}
