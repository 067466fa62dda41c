//! EXTERNAL (RFC 4422 Appendix A): the one message is `[authzid]`; the proof is outside of SASL.

use alloc::string::String;
use alloc::vec::Vec;

use crate::credentials::Credentials;
use crate::error::{ClientError, CredentialsError, MessageError, Rejection};
use crate::limits::MAX_AUTHZID;
use crate::mechanism::Mechanism;
use crate::prepare;

/// Returns the client's only message.
pub(crate) fn message(credentials: &Credentials) -> Result<Vec<u8>, ClientError> {
    if !credentials.fit(Mechanism::External) {
        return Err(CredentialsError::Unfit.into());
    }
    let authzid = prepare::authzid(credentials.certificate_authzid())?;
    Ok(authzid.unwrap_or_default().into())
}

/// Reads the client's only message: the authorization identity. An empty message gives `None`; the
/// server then derives the identity from the external proof.
pub(crate) fn parse(message: &[u8]) -> Result<Option<String>, Rejection> {
    if message.len() > MAX_AUTHZID {
        return Err(MessageError::TooLong.into());
    }
    let authzid = core::str::from_utf8(message).map_err(|_| MessageError::NotUtf8)?;
    // RFC 4422 Appendix A.1 permits every character except NUL.
    if authzid.contains('\0') {
        return Err(MessageError::Syntax.into());
    }
    Ok((!authzid.is_empty()).then(|| authzid.into()))
}
