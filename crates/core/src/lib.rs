//! XMPP Core (RFC 6120) as sans-IO state machines: for clients, servers and components.
//!
//! A [`Connection`] consumes bytes and time and emits bytes and events, in the role of a [`Client`]
//! or a [`Server`]. It opens no socket, reads no clock and starts no thread: the loop that moves
//! the bytes is yours, or that of the crates `xmppwire-tokio` and `xmppwire-blocking`.
//!
//! # The loop
//!
//! A driver calls the methods of [`Connection`], and every driver is this loop. An application
//! calls the methods of [`Endpoint`]. A connection dereferences to its endpoint, so `client.send`
//! works below:
//!
//! ```
//! use std::io::{self, Read, Write};
//! use xmppwire::{Client, ClientEvent, Connection, Instant, Stanza};
//!
//! /// Runs a client over a transport that TLS protects already, and answers "ping" with "pong".
//! fn run(
//!     client: &mut Connection<Client>,
//!     transport: &mut (impl Read + Write),
//!     now: impl Fn() -> Instant,
//! ) -> io::Result<()> {
//!     let mut input = Vec::new();
//!     loop {
//!         // 1. Deadlines, events and output, in any order.
//!         client.handle_timeout(now());
//!         while let Some(event) = client.poll_event() {
//!             let ClientEvent::Stanza(stanza) = event else { continue };
//!             let answer = match &stanza {
//!                 Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
//!                     message.reply("pong").map(Stanza::Message)
//!                 }
//!                 // Every request has an answer, and nothing else has (RFC 6120 §8.4).
//!                 _ => stanza.unsupported_reply(),
//!             };
//!             if let Some(answer) = answer {
//!                 client.send(&answer).map_err(io::Error::other)?;
//!             }
//!         }
//!         let written = transport.write(client.output())?;
//!         client.consume_output(written);
//!         if client.is_finished() {
//!             return Ok(());
//!         }
//!         // 2. Input. The rest stays here until the connection wants to read again.
//!         if client.wants_read() {
//!             if input.is_empty() {
//!                 let mut buffer = [0; 4096];
//!                 match transport.read(&mut buffer)? {
//!                     0 => client.receive_eof(now()),
//!                     n => input.extend_from_slice(&buffer[..n]),
//!                 }
//!             }
//!             let consumed = client.receive(now(), &input);
//!             input.drain(..consumed);
//!         }
//!     }
//! }
//! ```
//!
//! Three promises make it that simple:
//!
//! - **The peer never causes an `Err`.** If it breaks the protocol, the right stream error appears
//!   in the output and exactly one `Closed` event follows. An [`ApiMisuse`] is a mistake of the
//!   caller.
//! - **The caller owns the input.** [`receive`](Connection::receive) stops at the first event, so
//!   that the application can decide before later bytes are read, and back pressure costs nothing.
//! - **Every buffer and every wait has a cap**: see [`Limits`].
//!
//! # Map
//!
//! | you want | look at |
//! |---|---|
//! | a client | [`ClientConfig`], [`Client::new`], [`ClientEvent`] |
//! | a server | [`ServerConfig`], [`Server::new`], [`ServerEvent`] and the questions in it |
//! | streams between servers | [`s2s`]: [`Outgoing`](s2s::Outgoing), [`Incoming`](s2s::Incoming) |
//! | components | [`component`]: [`Component`](component::Component), [`Host`](component::Host) |
//! | to move bytes, for any role | [`Connection`], [`Role`] |
//! | to send, close and answer | [`Endpoint`] |
//! | stanzas | [`Stanza`], [`Message`], [`Presence`], [`Iq`], [`StanzaError`] |
//! | replies to requests | [`IqTracker`] |
//! | copies of what other resources send and receive | [`Carbon`] |
//! | what a peer accepts | [`StreamLimits`] |
//! | addresses | [`Jid`], [`BareJid`], [`FullJid`] |
//! | XML payloads | [`Element`], [`ElementRef`] |
//! | to lose no stanza | [`StreamManagement`], [`Endpoint::sent`], [`Resumption`], [`DetachedSessions`] |
//! | to notice a dead peer | [`KeepAlive`], [`Endpoint::set_keep_alive`] |
//! | how a connection ends | [`CloseReason`], [`StreamError`], [`SaslFailure`] |
//! | who may send what when | [`negotiation`] |
//!
//! # Features
//!
//! `std` (default) adds entropy from the operating system; without it the crate needs only `alloc`.
//! `serde` makes saved sessions and addresses serializable. `tracing` reports progress through the `tracing` crate, target `xmppwire`. At level `trace`, the
//! target `xmppwire::wire` shows every element and header on the wire, stanzas with all they say,
//! but no secret: what SASL, dialback and components exchange, passwords and tokens in forms and
//! stanzas are replaced by their length. Give each connection a span of its own to tell them apart.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod client;
pub mod component;
mod connection;
mod endpoint;
mod entropy;
mod error;
mod event;
mod identities;
mod keep_alive;
mod limits;
mod log;
mod managed;
pub mod negotiation;
mod role;
pub mod routing;
pub mod s2s;
mod sasl2;
mod saved_session;
mod server;
mod stanza;
mod stream;
mod stream_management;
mod time;
mod tls;
mod unacknowledged;
mod wire;
mod wire_log;

pub use xmppwire_jid::{
    BareJid, Domainpart, FullJid, Jid, JidError, Localpart, Part as JidPart,
    Reason as JidErrorReason, Resourcepart, escaping,
};
pub use xmppwire_sasl::{
    ChannelBindingType, ChannelBindings, ClientError as SaslClientError,
    Condition as SaslCondition, Credentials, CredentialsError, DecoyKey, EntropyUnavailable,
    KeysError, Mechanism, MechanismPolicy, MessageError as SaslMessageError, Password,
    SaltedPassword, SaslPrepError, ScramHash, ScramKeys, ScramServerError, TokenMechanism,
};
pub use xmppwire_xml::{
    Attr, Attrs, Children, Element, ElementBuilder, ElementRef, NodeRef, Nodes, ParseError,
    ReadError, ReadErrorKind, WriteError,
};

pub use self::client::{
    AccountError, Client, ClientConfig, ClientEvent, DerivationRequest, ResumeRefused, Resumption,
    TaskAnswer, TaskRequest, TlsPolicy, TokenEnd, WhyNotResumed,
};
pub use self::connection::Connection;
pub use self::endpoint::Endpoint;
pub use self::entropy::Entropy;
pub use self::error::{
    ApiMisuse, CloseReason, HandoffError, InvalidStanza, PeerIncompatible, PeerMisbehaved, Timer,
};
pub use self::event::RoleEvent;
pub use self::identities::CertificateIdentities;
pub use self::keep_alive::{KeepAlive, Probe};
pub use self::limits::{Limits, XmlLimits};
pub use self::managed::Managed;
pub use self::role::Role;
pub use self::sasl2::{
    InvalidUserAgentId, IssuedToken, Sasl2, SavedTokenError, Token, TokenPolicy, TokenSlots,
    TokenStore, TokenUpdate, UserAgent,
};
pub use self::saved_session::SavedSessionError;
pub use self::server::{
    BindAnswer, BindRequest, Detached, DetachedLimits, DetachedSessions, Host, HostAnswer,
    HostRequest, PushError, ResumeAnswer, ResumeRequest, SaslAnswer, SaslQuestion, SaslRequest,
    Server, ServerConfig, ServerEvent, TaskQuestion, TaskStep, TaskVerdict, TlsOffer, TokenAnswer,
    TokenLookup,
};
pub use self::stanza::{
    Carbon, CarbonDirection, ErrorType, FaultKind, Iq, IqTracker, IqType, Message, MessageType,
    Presence, PresenceType, Show, Stanza, StanzaError, StanzaErrorCondition, StanzaFault, ToJid,
};
pub use self::stream_management::StreamManagement;
pub use self::time::Instant;
pub use self::tls::{StartTls, TlsHandoff, TlsInfo};
pub use self::unacknowledged::Unacknowledged;
pub use self::wire::features::StreamFeatures;
pub use self::wire::ns;
pub use self::wire::sasl_failure::SaslFailure;
pub use self::wire::stream_error::{StreamError, StreamErrorCondition};
pub use self::wire::stream_limits::StreamLimits;
pub use self::wire::text::Text;
