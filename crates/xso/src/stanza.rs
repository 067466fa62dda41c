//! Typed payloads of stanzas.

use xmppwire::{Iq, Message, Presence};
use xso::{AsXml, FromXml};

use crate::{Error, read, to_element};

/// Typed payloads of messages and presence, of which there may be any number.
pub trait StanzaExt: Sized {
    /// The first payload of the type, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`Error`] if an element has the name of the type and is none. A peer can send such an element
    /// at any time: `get().ok().flatten()` ignores it.
    fn get<T: FromXml>(&self) -> Result<Option<T>, Error>;

    /// All payloads of the type.
    ///
    /// # Errors
    ///
    /// [`Error`] if an element has the name of the type and is none.
    fn get_all<T: FromXml>(&self) -> Result<Vec<T>, Error>;

    /// Adds a payload.
    ///
    /// # Errors
    ///
    /// As for [`to_element`].
    fn with<T: AsXml + ?Sized>(self, payload: &T) -> Result<Self, Error>;
}

macro_rules! stanza_ext {
    ($($kind:ident),*) => {$(
        impl StanzaExt for $kind {
            fn get<T: FromXml>(&self) -> Result<Option<T>, Error> {
                found(self.element().children(), self.lang()).next().transpose()
            }

            fn get_all<T: FromXml>(&self) -> Result<Vec<T>, Error> {
                found(self.element().children(), self.lang()).collect()
            }

            fn with<T: AsXml + ?Sized>(self, payload: &T) -> Result<Self, Error> {
                Ok(self.with_payload(&to_element(payload)?))
            }
        }
    )*};
}

stanza_ext!(Message, Presence);

/// The children that are of the type, or should be.
fn found<'a, T: FromXml>(
    children: xmppwire::Children<'a>,
    lang: Option<&'a str>,
) -> impl Iterator<Item = Result<T, Error>> {
    children
        .filter(|child| read::may_match::<T>(*child))
        .map(move |child| read::read(child, lang))
        // Types that have several names only know when they have looked.
        .filter(|read| !matches!(read, Err(Error::Mismatch { .. })))
}

/// The typed payload of a request or an answer, which has at most one.
pub trait IqExt: Sized {
    /// The payload, [`Iq::child`].
    ///
    /// # Errors
    ///
    /// [`Error::Mismatch`] if it is of another type, [`Error::Missing`] if there is none, others if
    /// its content is wrong. [`Error::condition`] is the answer to a request.
    fn parse<T: FromXml>(&self) -> Result<T, Error>;

    /// A request for information: see [`Iq::get`].
    ///
    /// # Errors
    ///
    /// As for [`to_element`].
    fn get_with<T: AsXml + ?Sized>(id: &str, payload: &T) -> Result<Self, Error>;

    /// A request that provides or changes information: see [`Iq::set`].
    ///
    /// # Errors
    ///
    /// As for [`to_element`].
    fn set_with<T: AsXml + ?Sized>(id: &str, payload: &T) -> Result<Self, Error>;

    /// The result of this request; `None` where it is not a request: see [`Iq::result`].
    ///
    /// # Errors
    ///
    /// As for [`to_element`].
    fn result_with<T: AsXml + ?Sized>(&self, payload: &T) -> Result<Option<Self>, Error>;
}

impl IqExt for Iq {
    fn parse<T: FromXml>(&self) -> Result<T, Error> {
        let payload = self.child().ok_or(Error::Missing)?;
        read::read(payload, self.lang())
    }

    fn get_with<T: AsXml + ?Sized>(id: &str, payload: &T) -> Result<Self, Error> {
        Ok(Self::get(id, &to_element(payload)?))
    }

    fn set_with<T: AsXml + ?Sized>(id: &str, payload: &T) -> Result<Self, Error> {
        Ok(Self::set(id, &to_element(payload)?))
    }

    fn result_with<T: AsXml + ?Sized>(&self, payload: &T) -> Result<Option<Self>, Error> {
        Ok(self.result(Some(&to_element(payload)?)))
    }
}
