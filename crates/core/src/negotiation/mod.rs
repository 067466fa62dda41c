//! The table of who may send what in which phase of a stream, for all roles.
//!
//! Each of the [`RULES`] names the sender, so one line allows one side to send an item and the
//! other side to receive it. An item that no rule allows is a violation. The tests walk this table,
//! and the diagram in the documentation is drawn from it.

mod item;
mod rules;

pub use self::item::Item;
pub use self::rules::{Given, RULES, Rule, next};

/// A side of a stream: one of its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// The initiating entity of a stream from a client to a server.
    Client,
    /// The receiving entity of a stream from a client to a server.
    Server,
    /// The initiating entity of a stream between servers.
    Outgoing,
    /// The receiving entity of a stream between servers.
    Incoming,
    /// The initiating entity of a component's stream (XEP-0114).
    Component,
    /// The receiving entity of a component's stream.
    Host,
}

impl Side {
    /// The other side of the same stream.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
            Self::Component => Self::Host,
            Self::Host => Self::Component,
        }
    }
}

/// How far the negotiation of a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The initiating entity's stream header is awaited: at the start and after every restart
    /// (RFC 6120 §4.3.3).
    Opening,
    /// The receiving entity's stream header is awaited (§4.2).
    Answering,
    /// The receiving entity's features are awaited (§4.3.2).
    Offering,
    /// The initiating entity's choice among the features is awaited (§4.3.2). Between servers,
    /// dialback runs in this phase until it authorises the first pair.
    Choosing,
    /// The answer to `<starttls/>` is awaited (§5.4.2).
    StartingTls,
    /// The transport is changing to TLS (§5.4.3).
    Tls,
    /// A SASL exchange is under way (§6.4).
    Sasl,
    /// An exchange of SASL2 is under way (XEP-0388 §2.4). Neither side may send anything else, not
    /// even white space.
    Sasl2,
    /// A task is chosen or under way, which the server asks for beside the mechanism (XEP-0388
    /// §2.6.3).
    Tasks,
    /// The server's answer to the bind request is awaited (§7.6).
    Binding,
    /// The server's answer to the request to resume a session is awaited (XEP-0198 §5).
    Resuming,
    /// The server's answer to the legacy session request is awaited (RFC 3921 §3).
    Session,
    /// The handshake of a component is awaited (XEP-0114 §3).
    Proving,
    /// The server's answer to the handshake is awaited (XEP-0114 §3).
    Attaching,
    /// A resource is bound, or a component attached, and stanzas are exchanged (§7.3.1, §8).
    Bound,
    /// Between servers: stanzas of authorised pairs are exchanged, and dialback for further pairs
    /// continues (XEP-0220 §2.6).
    Serving,
    /// The stream has ended (§4.4).
    Closed,
}

impl Phase {
    /// Whether dialback may go on in this phase.
    pub(crate) const fn runs_dialback(self) -> bool {
        matches!(self, Self::Choosing | Self::Serving)
    }

    /// Whether nothing may pass but the elements of SASL2, not even white space (XEP-0388 §2.4).
    pub(crate) const fn is_sasl2(self) -> bool {
        matches!(self, Self::Sasl2 | Self::Tasks)
    }

    /// Whether stanzas pass in this phase.
    pub(crate) const fn passes_stanzas(self) -> bool {
        matches!(self, Self::Bound | Self::Serving)
    }
}
