//! What an address can be given as.

use alloc::string::String;

use xmppwire_jid::{BareJid, Domainpart, FullJid, Jid, JidError};

/// An address, or a text that may be one.
///
/// [`Message::chat`](crate::Message::chat) and other methods that take an address take both. From an
/// address they make `T`; from a text they make a `Result<T, JidError>`, which says what is wrong
/// with the text.
///
/// ```
/// use xmppwire::{Jid, JidError, Message};
///
/// let romeo = Jid::new("romeo@example.net")?;
/// let message: Message = Message::chat(&romeo, "Ciao");
/// assert_eq!(Message::chat("romeo@example.net", "Ciao")?, message);
///
/// let typed: Result<Message, JidError> = Message::chat("romeo@", "Ciao");
/// assert!(typed.is_err());
/// # Ok::<_, JidError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an address nor a text that can be read as one",
    note = "give a `Jid`, `BareJid`, `FullJid` or `Domainpart`, or a `&str` and a `?` after the call"
)]
pub trait ToJid: sealed::Sealed {
    /// `T` for an address, and `Result<T, JidError>` for a text.
    type Made<T>;

    /// Makes something of the address.
    fn make<T>(self, make: impl FnOnce(Jid) -> T) -> Self::Made<T>;
}

macro_rules! addresses {
    ($($kind:ty),*) => {$(
        impl ToJid for $kind {
            type Made<T> = T;

            fn make<T>(self, make: impl FnOnce(Jid) -> T) -> T {
                make(self.into())
            }
        }

        impl ToJid for &$kind {
            type Made<T> = T;

            fn make<T>(self, make: impl FnOnce(Jid) -> T) -> T {
                make(self.clone().into())
            }
        }

        impl sealed::Sealed for $kind {}
        impl sealed::Sealed for &$kind {}
    )*};
}

macro_rules! texts {
    ($($kind:ty),*) => {$(
        impl ToJid for $kind {
            type Made<T> = Result<T, JidError>;

            fn make<T>(self, make: impl FnOnce(Jid) -> T) -> Result<T, JidError> {
                Jid::new(self.as_ref()).map(make)
            }
        }

        impl sealed::Sealed for $kind {}
    )*};
}

addresses!(Jid, BareJid, FullJid, Domainpart);
texts!(&str, String, &String);

mod sealed {
    pub trait Sealed {}
}
