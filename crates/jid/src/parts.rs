//! Types for the three parts of an address.

use alloc::boxed::Box;
use alloc::string::String;

use crate::error::{JidError, Part};
use crate::text::impl_text;
use crate::{domainpart, localpart, resourcepart};

macro_rules! part {
    ($(#[$doc:meta])* $name:ident, $module:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Box<str>);

        impl $name {
            /// Prepares `text` for this part.
            ///
            /// # Errors
            ///
            /// If the text breaks one of the rules for the part. The error says which.
            pub fn new(text: &str) -> Result<Self, JidError> {
                let mut prepared = String::with_capacity(text.len().min(crate::MAX_PART_LEN));
                $module::prepare_into(text, &mut prepared)
                    .map_err(|reason| JidError::new(Part::$name, reason))?;
                Ok(Self(prepared.into_boxed_str()))
            }

            /// Wraps text that is already prepared for this part.
            pub(crate) fn from_prepared(text: &str) -> Self {
                Self(text.into())
            }

            /// The prepared text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl_text!($name);
    };
}

part! {
    /// The part before the `@`: usually the name of an account or a room (RFC 7622 §3.3).
    ///
    /// ```
    /// use xmppwire_jid::Localpart;
    ///
    /// assert_eq!(Localpart::new("ＪＵＬＩＥＴ")?.as_str(), "juliet");
    /// assert!(Localpart::new("henry\u{2163}").is_err());
    /// # Ok::<(), xmppwire_jid::JidError>(())
    /// ```
    Localpart, localpart
}

part! {
    /// The name or IP address of a server, service or component (RFC 7622 §3.2).
    ///
    /// Internationalized labels are kept as U-labels; the `idna` crate converts them to A-labels
    /// for the DNS. The [rules for labels](crate#labels-of-a-domain-name) are those of RFC 7622,
    /// except that underscores are permitted.
    ///
    /// ```
    /// use xmppwire_jid::Domainpart;
    ///
    /// assert_eq!(Domainpart::new("XN--FUBALL-CTA.example.")?.as_str(), "fußball.example");
    /// assert_eq!(Domainpart::new("[2001:DB8:0::1]")?.as_str(), "[2001:db8::1]");
    /// # Ok::<(), xmppwire_jid::JidError>(())
    /// ```
    Domainpart, domainpart
}

part! {
    /// The part after the first `/`: names a connection of an account or an occupant of a room (RFC
    /// 7622 §3.4).
    ///
    /// ```
    /// use xmppwire_jid::Resourcepart;
    ///
    /// assert_eq!(Resourcepart::new("At the\u{A0}Balcony")?.as_str(), "At the Balcony");
    /// # Ok::<(), xmppwire_jid::JidError>(())
    /// ```
    Resourcepart, resourcepart
}
