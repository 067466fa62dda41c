//! PLAIN (RFC 4616): `[authzid] NUL authcid NUL passwd`.

use alloc::string::String;
use alloc::vec::Vec;

use subtle::Choice;
use zeroize::Zeroizing;

use crate::credentials::Credentials;
use crate::error::{ClientError, MessageError, Rejection};
use crate::limits::{MAX_AUTHZID, MAX_MESSAGE, MAX_PASSWORD, MAX_USERNAME};
use crate::prepare;
use crate::saslprep::StringKind;
use crate::scram::keys::ScramKeys;

/// Returns the client's only message.
pub(crate) fn message(credentials: &Credentials) -> Result<Zeroizing<Vec<u8>>, ClientError> {
    let authzid = prepare::authzid(credentials.authzid())?.unwrap_or_default();
    let (username, password) = credentials.known()?;
    let username = prepare::username(username)?;
    let password = prepare::password(password.expose(), StringKind::Query)?;
    let parts = [authzid, username.as_str(), password.as_str()];
    Ok(Zeroizing::new(parts.join("\0").into_bytes()))
}

/// The client's message, split into its parts and prepared.
pub(crate) struct Request {
    pub(crate) authzid: Option<String>,
    pub(crate) username: String,
    pub(crate) password: Zeroizing<String>,
}

impl Request {
    pub(crate) fn parse(message: &[u8]) -> Result<Self, Rejection> {
        if message.len() > MAX_MESSAGE {
            return Err(MessageError::TooLong.into());
        }
        let message = core::str::from_utf8(message).map_err(|_| MessageError::NotUtf8)?;
        let mut parts = message.split('\0');
        let (Some(authzid), Some(username), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MessageError::Syntax.into());
        };
        if username.is_empty() || password.is_empty() {
            return Err(MessageError::Syntax.into());
        }
        if authzid.len() > MAX_AUTHZID
            || username.len() > MAX_USERNAME
            || password.len() > MAX_PASSWORD
        {
            return Err(MessageError::TooLong.into());
        }
        Ok(Self {
            authzid: (!authzid.is_empty()).then(|| authzid.into()),
            username: prepare::username(username).map_err(|_| Rejection::Username)?,
            password: prepare::password(password, StringKind::Query)
                .map_err(|_| Rejection::Password)?,
        })
    }

    /// Whether the user exists and the password is right. The cost does not depend on the result.
    pub(crate) fn verify(&self, keys: &ScramKeys, known: Choice) -> bool {
        (keys.matches(self.password.as_bytes()) & known).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::ScramHash;

    /// An unknown user is refused even if the keys made up for it match.
    #[test]
    fn the_right_password_of_an_unknown_user_is_refused() {
        let request = Request::parse(b"\0juliet\0r0m30").unwrap();
        let keys = ScramKeys::derive(ScramHash::Sha1, "r0m30", b"salt", 1).unwrap();
        assert!(request.verify(&keys, Choice::from(1)));
        assert!(!request.verify(&keys, Choice::from(0)));
    }
}
