//! The roles, and what differs from one to the other.

use core::fmt::Debug;

use xmppwire_xml::{Element, StreamHeader};

use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, PeerMisbehaved};
use crate::event::{News, RoleEvent};
use crate::negotiation::{Item, Phase, Side};
use crate::stanza::Stanza;
use crate::stream::Stream;
use crate::time::Instant;
use crate::wire::stream_error::StreamErrorCondition;

/// A role: one end of one kind of stream.
///
/// [`Client`](crate::Client), [`Server`](crate::Server) and the roles in [`s2s`](crate::s2s) and
/// [`component`](crate::component) implement it. Other crates cannot.
pub trait Role: Steps<Told = <Self as Role>::Event> {
    /// The events of the role, such as [`ClientEvent`](crate::ClientEvent).
    type Event: RoleEvent;
}

/// What differs from role to role. The endpoint and the connection call it.
pub trait Steps: Debug + Send + Sized + 'static {
    type Told: RoleEvent;

    /// The side of the role in the table of negotiation.
    const SIDE: Side;

    /// The content namespace of the stream (RFC 6120 §4.8.2).
    const CONTENT_NS: &'static str;

    /// Whether the peer writes `from` into each stanza, so that this side leaves it out. A server
    /// may end the stream of a client whose `from` is not exactly its own (RFC 6120 §4.9.3.9), and
    /// answers can have such a one: `to` of a message may be a resource that is gone (RFC 6121
    /// §8.5.3.2.1).
    const PEER_WRITES_FROM: bool = false;

    /// Whether this side makes what it sends. A server also passes on stanzas of others, unmodified
    /// (RFC 6120 §8.4).
    const MAKES_STANZAS: bool = false;

    /// How far negotiation has come.
    fn phase(&self) -> Phase;

    /// Whether a question to the application is open: nothing is read until it is answered.
    fn is_asking(&self) -> bool {
        false
    }

    /// A reason in the peer's header to refuse every element, if there is one.
    fn objection(&self) -> Option<(StreamErrorCondition, PeerMisbehaved)> {
        None
    }

    /// Whether both servers may send stanzas on the stream (XEP-0288).
    fn is_bidirectional(&self) -> bool {
        false
    }

    /// Whether the stanza may be sent now.
    fn may_send(&self, _stanza: &Stanza) -> Result<(), ApiMisuse> {
        Ok(())
    }

    /// Whether [`next_event`](Self::next_event) would return an event.
    fn has_news(&self) -> bool {
        false
    }

    /// The next event of the role's own queue. It comes before the event of the end.
    fn next_event(&mut self, _stream: &Stream) -> Option<Self::Told> {
        None
    }

    /// When a [`Step::Deadline`] is due, beside the deadlines of the stream.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The addresses of a ping to the peer, if it answers one on this stream.
    fn pinged(&self) -> Option<Pinged<'_>> {
        None
    }

    /// Whether an entity with this address, the `from` of its stanza, may answer the ping.
    fn may_pong(&self, _from: Option<&str>) -> bool {
        true
    }

    /// The last event before that of the end.
    fn parting(&mut self, _stream: &mut Stream) -> Option<Self::Told> {
        None
    }

    /// Handles an element in the namespace of stream management, in a phase in which stanzas are
    /// exchanged.
    fn manage(endpoint: &mut Endpoint<Self>, _item: Item, element: &Element)
    where
        Self: Role,
    {
        if !endpoint.stream.is_closing() {
            endpoint.unexpected(element);
        }
    }

    /// Turns news of the endpoint into an event of the role.
    fn tell(news: News) -> Self::Told;

    /// Takes a step. Other crates cannot name a [`Step`], so they cannot take one at the wrong
    /// time.
    fn take(endpoint: &mut Endpoint<Self>, step: Step)
    where
        Self: Role;
}

/// The addresses of a ping.
#[derive(Debug)]
pub struct Pinged<'a> {
    pub(crate) from: Option<&'a str>,
    pub(crate) to: Option<&'a str>,
}

/// A step that each role takes in its own way.
#[derive(Debug)]
pub enum Step {
    /// Begin a stream, and forget what was learnt on an earlier one (RFC 6120 §4.3.3).
    Open,
    /// Handle the peer's stream header.
    Header(StreamHeader),
    /// Handle an element that the table allows in this phase.
    Item(Item, Element),
    /// Handle an element that the table does not allow in this phase.
    Unexpected(Item, Element),
    /// Handle an element in a phase in which stanzas are exchanged.
    Stanza(Element),
    /// Act on the role's deadlines that have passed by this moment.
    Deadline(Instant),
}
