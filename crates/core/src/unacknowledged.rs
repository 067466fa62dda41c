//! Stanzas whose fate is unknown.

use crate::stanza::Stanza;

/// A stanza that was sent on a managed stream and not acknowledged (XEP-0198): the peer may have
/// handled it or not.
///
/// An application that sends it again keeps its id, so that a recipient can recognise a second copy.
/// A request of its own it should rather treat as failed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Unacknowledged {
    /// The number of the stanza, as [`Endpoint::sent`](crate::Endpoint::sent) returned it. Numbers
    /// of a session rise, and may skip those of stanzas that the machine made itself.
    pub number: u64,
    /// The stanza.
    pub stanza: Stanza,
}
