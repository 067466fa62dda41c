//! Addresses with a resourcepart.

use crate::address::Address;
use crate::error::JidError;
use crate::text::impl_text;
use crate::{BareJid, Domainpart, Jid, Localpart, Resourcepart};

/// An address with a resourcepart: a connected client (`juliet@example.org/balcony`), an occupant
/// of a room.
///
/// The localpart is optional (RFC 7622 §3.1): `example.org/shard-2` is a full address too.
#[derive(Clone)]
pub struct FullJid(pub(crate) Address);

impl FullJid {
    /// Prepares an address that must have a resourcepart.
    ///
    /// # Errors
    ///
    /// Those of [`Jid::new`], and [`Reason::Missing`](crate::Reason::Missing) if there is no
    /// resourcepart.
    pub fn new(text: &str) -> Result<Self, JidError> {
        Jid::new(text)?.try_into()
    }

    /// Joins prepared parts. This cannot fail.
    #[must_use]
    pub fn from_parts(
        local: Option<&Localpart>,
        domain: &Domainpart,
        resource: &Resourcepart,
    ) -> Self {
        Self(Address::from_parts(local, domain, Some(resource)))
    }

    /// The part before the `@`, if any.
    #[must_use]
    pub fn localpart(&self) -> Option<&str> {
        self.0.localpart()
    }

    /// The domain name or IP address. Internationalized labels are U-labels, and an IPv6 address is
    /// in brackets.
    #[must_use]
    pub fn domainpart(&self) -> &str {
        self.0.domainpart()
    }

    /// The part after the first `/`.
    #[must_use]
    pub fn resourcepart(&self) -> &str {
        self.0.resourcepart().unwrap_or_default()
    }

    /// The prepared address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address without the resourcepart: a prefix of [`as_str`](Self::as_str).
    #[must_use]
    pub fn bare_str(&self) -> &str {
        self.0.bare_str()
    }

    /// The address without the resourcepart.
    #[must_use]
    pub fn to_bare(&self) -> BareJid {
        BareJid(self.0.to_bare())
    }

    /// The localpart as a [`Localpart`], if any.
    #[must_use]
    pub fn to_localpart(&self) -> Option<Localpart> {
        self.localpart().map(Localpart::from_prepared)
    }

    /// The domainpart as a [`Domainpart`], to build other addresses of the same server from.
    #[must_use]
    pub fn to_domainpart(&self) -> Domainpart {
        Domainpart::from_prepared(self.domainpart())
    }

    /// The resourcepart as a [`Resourcepart`].
    #[must_use]
    pub fn to_resourcepart(&self) -> Resourcepart {
        Resourcepart::from_prepared(self.resourcepart())
    }
}

impl_text!(FullJid);
