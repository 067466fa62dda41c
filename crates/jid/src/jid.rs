//! Addresses of any kind.

use crate::address::Address;
use crate::error::{JidError, Part, Reason};
use crate::text::impl_text;
use crate::{BareJid, Domainpart, FullJid, Localpart, Resourcepart};

/// Any XMPP address: `domain`, `local@domain`, `domain/resource` or `local@domain/resource`.
///
/// Equality, order and hash are those of the prepared text, so different spellings of one address
/// are the same key:
///
/// ```
/// use xmppwire_jid::Jid;
///
/// assert_eq!(Jid::new("ROMEO@Example。ORG")?, Jid::new("romeo@example.org.")?);
/// assert_ne!(Jid::new("romeo@example.org/Phone")?, Jid::new("romeo@example.org/phone")?);
/// # Ok::<(), xmppwire_jid::JidError>(())
/// ```
#[derive(Clone)]
pub struct Jid(pub(crate) Address);

impl Jid {
    /// Prepares an address (RFC 7622 §3).
    ///
    /// The first `/` begins the resourcepart, which may contain further `/` and `@`. The first `@`
    /// before that `/` ends the localpart.
    ///
    /// # Errors
    ///
    /// If a part breaks a rule. The error names the first such part and the rule.
    pub fn new(text: &str) -> Result<Self, JidError> {
        Address::parse(text).map(Self)
    }

    /// Joins prepared parts. This cannot fail.
    #[must_use]
    pub fn from_parts(
        local: Option<&Localpart>,
        domain: &Domainpart,
        resource: Option<&Resourcepart>,
    ) -> Self {
        Self(Address::from_parts(local, domain, resource))
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

    /// The part after the first `/`, if any.
    #[must_use]
    pub fn resourcepart(&self) -> Option<&str> {
        self.0.resourcepart()
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

    /// Whether the address has no resourcepart.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.resourcepart().is_none()
    }

    /// Whether the address has a resourcepart. As in [`FullJid`], the localpart is optional.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.resourcepart().is_some()
    }

    /// Whether the address is a domainpart alone and so names a server or service itself.
    #[must_use]
    pub fn is_domain(&self) -> bool {
        self.localpart().is_none() && self.is_bare()
    }

    /// The address without the resourcepart.
    #[must_use]
    pub fn to_bare(&self) -> BareJid {
        BareJid(self.0.to_bare())
    }

    /// A copy of the address as a [`FullJid`], if it has a resourcepart.
    #[must_use]
    pub fn to_full(&self) -> Option<FullJid> {
        self.is_full().then(|| FullJid(self.0.clone()))
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

    /// The resourcepart as a [`Resourcepart`], if any.
    #[must_use]
    pub fn to_resourcepart(&self) -> Option<Resourcepart> {
        self.resourcepart().map(Resourcepart::from_prepared)
    }

    /// Converts an address without a resourcepart into a [`BareJid`], without copying.
    ///
    /// # Errors
    ///
    /// Returns the address unchanged if it has a resourcepart.
    pub fn into_bare(self) -> Result<BareJid, Self> {
        if self.is_bare() {
            Ok(BareJid(self.0))
        } else {
            Err(self)
        }
    }

    /// Converts an address with a resourcepart into a [`FullJid`], without copying.
    ///
    /// # Errors
    ///
    /// Returns the address unchanged if it has no resourcepart.
    pub fn into_full(self) -> Result<FullJid, Self> {
        if self.is_full() {
            Ok(FullJid(self.0))
        } else {
            Err(self)
        }
    }
}

impl_text!(Jid);

impl From<BareJid> for Jid {
    fn from(jid: BareJid) -> Self {
        Self(jid.0)
    }
}

impl From<FullJid> for Jid {
    fn from(jid: FullJid) -> Self {
        Self(jid.0)
    }
}

impl From<Domainpart> for Jid {
    fn from(domain: Domainpart) -> Self {
        BareJid::from(domain).into()
    }
}

impl TryFrom<Jid> for BareJid {
    type Error = JidError;

    fn try_from(jid: Jid) -> Result<Self, JidError> {
        jid.into_bare()
            .map_err(|_| JidError::new(Part::Resourcepart, Reason::Unexpected))
    }
}

impl TryFrom<Jid> for FullJid {
    type Error = JidError;

    fn try_from(jid: Jid) -> Result<Self, JidError> {
        jid.into_full()
            .map_err(|_| JidError::new(Part::Resourcepart, Reason::Missing))
    }
}

impl PartialEq<BareJid> for Jid {
    fn eq(&self, other: &BareJid) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<Jid> for BareJid {
    fn eq(&self, other: &Jid) -> bool {
        other == self
    }
}

impl PartialEq<FullJid> for Jid {
    fn eq(&self, other: &FullJid) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<Jid> for FullJid {
    fn eq(&self, other: &Jid) -> bool {
        other == self
    }
}
