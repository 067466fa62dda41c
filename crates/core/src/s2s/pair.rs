//! Who sends to whom on a stream between servers.

use core::fmt;

use xmppwire_jid::Domainpart;

use crate::stanza::Stanza;

/// The sender domain and the target domain of stanzas: what a stream between servers is authorised
/// for (XEP-0220 §1).
///
/// A pair has a direction. Authorising it says nothing about its [`inverse`](Self::inverse), unless
/// both servers agreed on a bidirectional stream (XEP-0288).
///
/// ```
/// use xmppwire::Domainpart;
/// use xmppwire::s2s::Pair;
///
/// let pair = Pair::new(Domainpart::new("capulet.example")?, Domainpart::new("montague.example")?);
/// assert_eq!(pair.to_string(), "capulet.example to montague.example");
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    sender: Domainpart,
    target: Domainpart,
}

impl Pair {
    /// The pair of stanzas from `sender` to `target`.
    pub const fn new(sender: Domainpart, target: Domainpart) -> Self {
        Self { sender, target }
    }

    /// The pair of a stanza; `None` where the stanza lacks an address, as none between servers may
    /// (RFC 6120 §8.1.1.2, §8.1.2.2).
    pub fn of(stanza: &Stanza) -> Option<Self> {
        let (from, to) = (stanza.from()?, stanza.to()?);
        let sender = Domainpart::new(from.domainpart()).ok()?;
        let target = Domainpart::new(to.domainpart()).ok()?;
        Some(Self { sender, target })
    }

    /// The domain of the stanzas' `from`.
    pub const fn sender(&self) -> &Domainpart {
        &self.sender
    }

    /// The domain of the stanzas' `to`.
    pub const fn target(&self) -> &Domainpart {
        &self.target
    }

    /// The pair of the other direction.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self {
            sender: self.target.clone(),
            target: self.sender.clone(),
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.sender, self.target)
    }
}
