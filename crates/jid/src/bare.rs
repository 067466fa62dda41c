//! Addresses without a resourcepart.

use crate::address::{Address, split_resource};
use crate::error::{JidError, Part, Reason};
use crate::text::impl_text;
use crate::{Domainpart, FullJid, Localpart, Resourcepart};

/// An address without a resourcepart: an account (`juliet@example.org`), a room, or a server
/// (`example.org`).
///
/// ```
/// use xmppwire_jid::{BareJid, Resourcepart};
///
/// let juliet = BareJid::new("juliet@example.org")?;
/// let balcony = juliet.with_resource(&Resourcepart::new("balcony")?);
/// assert_eq!(balcony.as_str(), "juliet@example.org/balcony");
/// assert_eq!(balcony.to_bare(), juliet);
/// # Ok::<(), xmppwire_jid::JidError>(())
/// ```
#[derive(Clone)]
pub struct BareJid(pub(crate) Address);

impl BareJid {
    /// Prepares an address that must not have a resourcepart.
    ///
    /// # Errors
    ///
    /// Those of [`Jid::new`](crate::Jid::new), and [`Reason::Unexpected`] if there is a
    /// resourcepart.
    pub fn new(text: &str) -> Result<Self, JidError> {
        match split_resource(text) {
            (bare, None) => Address::parse(bare).map(Self),
            (_, Some(_)) => Err(JidError::new(Part::Resourcepart, Reason::Unexpected)),
        }
    }

    /// Joins prepared parts. This cannot fail.
    #[must_use]
    pub fn from_parts(local: Option<&Localpart>, domain: &Domainpart) -> Self {
        Self(Address::from_parts(local, domain, None))
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

    /// The prepared address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the address has no localpart and so names a server or service itself.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.localpart().is_none()
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

    /// The address of one resource of this account, room or server.
    #[must_use]
    pub fn with_resource(&self, resource: &Resourcepart) -> FullJid {
        FullJid(self.0.with_resource(resource))
    }
}

impl_text!(BareJid);

impl From<Domainpart> for BareJid {
    fn from(domain: Domainpart) -> Self {
        Self::from_parts(None, &domain)
    }
}

impl From<FullJid> for BareJid {
    fn from(jid: FullJid) -> Self {
        jid.to_bare()
    }
}
