//! Preparation of identities and passwords, with their caps.

use alloc::string::String;

use zeroize::Zeroizing;

use crate::error::CredentialsError;
use crate::limits::{MAX_AUTHZID, MAX_PASSWORD, MAX_USERNAME};
use crate::saslprep::{StringKind, saslprep};

/// Prepares a username as a query string (RFC 5802 §5.1; RFC 4616 §2).
pub(crate) fn username(username: &str) -> Result<String, CredentialsError> {
    if username.len() > MAX_USERNAME {
        return Err(CredentialsError::TooLong);
    }
    let prepared = saslprep(username, StringKind::Query).map_err(CredentialsError::Username)?;
    match prepared.len() {
        0 => Err(CredentialsError::EmptyUsername),
        1..=MAX_USERNAME => Ok(prepared.into_owned()),
        _ => Err(CredentialsError::TooLong),
    }
}

/// Prepares a password.
pub(crate) fn password(
    password: &str,
    kind: StringKind,
) -> Result<Zeroizing<String>, CredentialsError> {
    if password.len() > MAX_PASSWORD {
        return Err(CredentialsError::TooLong);
    }
    let prepared = saslprep(password, kind).map_err(CredentialsError::Password)?;
    let prepared = Zeroizing::new(prepared.into_owned());
    match prepared.len() {
        0 => Err(CredentialsError::EmptyPassword),
        1..=MAX_PASSWORD => Ok(prepared),
        _ => Err(CredentialsError::TooLong),
    }
}

/// Checks an authorization identity. It is not prepared, because the application protocol defines
/// its form (RFC 4422 §3.4.1).
pub(crate) fn authzid(authzid: Option<&str>) -> Result<Option<&str>, CredentialsError> {
    match authzid {
        Some(authzid) if authzid.len() > MAX_AUTHZID => Err(CredentialsError::TooLong),
        Some(authzid) if authzid.contains('\0') => Err(CredentialsError::Authzid),
        authzid => Ok(authzid),
    }
}
