//! The question from whom a stream is accepted, and the answer.

use alloc::string::String;

use xmppwire_jid::Domainpart;

use crate::s2s::PeerPolicy;
use crate::wire::stream_error::StreamError;

/// Another server opened a stream. Asks what to accept from it.
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct PeerRequest {
    pub(super) serial: u64,
    pub(super) local: Domainpart,
    pub(super) remote: Option<Domainpart>,
    pub(super) secured: bool,
    pub(super) certified: bool,
    pub(super) legacy: bool,
}

impl PeerRequest {
    /// The domain of this server that the stream is for (RFC 6120 §4.7.2).
    pub const fn local(&self) -> &Domainpart {
        &self.local
    }

    /// The domain that the peer says it is; `None` where it does not say. Proven only where
    /// [`is_certified`](Self::is_certified).
    pub const fn remote(&self) -> Option<&Domainpart> {
        self.remote.as_ref()
    }

    /// Whether the stream is protected by TLS. The question is asked anew after STARTTLS.
    pub const fn secured(&self) -> bool {
        self.secured
    }

    /// Whether the peer showed a verified certificate of the [`remote`](Self::remote) domain.
    pub const fn is_certified(&self) -> bool {
        self.certified
    }

    /// Whether the stream has no version: the peer is a server of before RFC 3920.
    pub const fn is_legacy(&self) -> bool {
        self.legacy
    }
}

/// The answer to a [`PeerRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum PeerAnswer {
    /// The peer is accepted on these terms.
    Accept(PeerPolicy),
    /// The local domain is no longer served: `<host-gone/>` (RFC 6120 §4.9.3.5).
    Gone,
    /// The local domain is served elsewhere, at this host and optional port: `<see-other-host/>`
    /// (§4.9.3.19).
    SeeOtherHost(String),
    /// The peer is refused, as by `policy-violation`.
    Refuse(StreamError),
}
