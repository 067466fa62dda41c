//! What a server's machine asks its application about a component.

use xmppwire_jid::Domainpart;

use super::Terms;
use crate::wire::stream_error::StreamError;

/// A component wants to attach: does the server know its domain, and which secret has it?
///
/// Nothing is proven yet. Whether the domain is taken at the moment is better decided by the
/// [`AttachRequest`], which only a component with the right secret causes.
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct DomainRequest {
    pub(super) serial: u64,
    pub(super) domain: Domainpart,
    pub(super) secured: bool,
}

impl DomainRequest {
    /// The domain that the component says it is.
    pub const fn domain(&self) -> &Domainpart {
        &self.domain
    }

    /// Whether TLS protects the stream.
    pub const fn secured(&self) -> bool {
        self.secured
    }
}

/// The answer to a [`DomainRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum DomainAnswer {
    /// The component may prove that it knows the secret.
    Serve(Terms),
    /// No component of that domain is configured: `<host-unknown/>`. The answer for a domain of the
    /// server itself, too.
    Unknown,
    /// The component is refused, as by `<policy-violation/>` where it has to come over TLS.
    Refuse(StreamError),
}

/// A component has proven that it knows the secret of its domain: may it attach now?
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct AttachRequest {
    pub(super) serial: u64,
    pub(super) domain: Domainpart,
}

impl AttachRequest {
    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        &self.domain
    }
}

/// The answer to an [`AttachRequest`].
///
/// A server that gives a domain to the newer component answers `Accept`, and closes the older
/// connection with `<conflict/>`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AttachAnswer {
    /// The component is attached: stanzas flow.
    Accept,
    /// A component of that domain is attached already: `<conflict/>`.
    Conflict,
    /// The component is refused for another reason.
    Refuse(StreamError),
}
