//! `serde` for addresses and parts: they are strings, and deserializing prepares them.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::{BareJid, Domainpart, FullJid, Jid, JidError, Localpart, Resourcepart};

macro_rules! impl_serde {
    ($type:ident, $expecting:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text {
                    expecting: $expecting,
                    prepare: Self::new,
                })
            }
        }
    };
}

impl_serde!(Jid, "an XMPP address");
impl_serde!(BareJid, "an XMPP address without a resourcepart");
impl_serde!(FullJid, "an XMPP address with a resourcepart");
impl_serde!(Localpart, "the localpart of an XMPP address");
impl_serde!(Domainpart, "the domainpart of an XMPP address");
impl_serde!(Resourcepart, "the resourcepart of an XMPP address");

/// Accepts borrowed and owned strings, because some formats cannot lend a string.
struct Text<T> {
    expecting: &'static str,
    prepare: fn(&str) -> Result<T, JidError>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.prepare)(text).map_err(E::custom)
    }
}
