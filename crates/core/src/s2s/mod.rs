//! Streams between servers (RFC 6120 §4.5, §13.8.4), with Server Dialback (XEP-0220) and streams in
//! both directions (XEP-0288).
//!
//! A stream between servers carries stanzas in one direction, from the server that opened it, the
//! [`Outgoing`] end, to the other one, the [`Incoming`] end. What a stream is authorised for is not
//! a server but a [`Pair`] of domains, and one stream can carry several. Both ends are
//! [`Connection`](crate::Connection)s, so they take part in the same loop as a client.
//!
//! # Who proves what
//!
//! The initiating server proves the sender domain of a pair, by either
//!
//! - **SASL EXTERNAL**, with a verified certificate of the domain that the headers name, or
//! - **dialback**: it sends a key, which the receiving server shows to the server that the DNS
//!   gives for the sender domain. Only the servers of that domain know the [`DialbackSecret`] that
//!   tells right keys from wrong ones.
//!
//! | step | wire | from | to |
//! |---|---|---|---|
//! | 1 | `<db:result>` with a key | [`Outgoing`] of the initiating server | [`Incoming`] of the receiving one: [`IncomingEvent::Verify`] |
//! | 2 | `<db:verify>` with the key | [`Outgoing`] of the receiving server: [`Endpoint::verify`] | [`Incoming`] of the authoritative one |
//! | 3 | `<db:verify type=…>` | the same, back | [`OutgoingEvent::Verified`] |
//! | 4 | `<db:result type=…>` | [`Incoming`]: [`Endpoint::answer_verify`] | [`OutgoingEvent::Ready`] or [`OutgoingEvent::PairRefused`] |
//!
//! [`Endpoint::verify`]: crate::Endpoint::verify
//! [`Endpoint::answer_verify`]: crate::Endpoint::answer_verify
//!
//! Between steps 1 and 4 the application carries a [`VerifyRequest`] from one connection to
//! another, and a [`VerifyAnswer`] back. Both are plain data, so that the two connections may be in
//! different processes.
//!
//! How well the other server is known in the end is a [`Trust`], which comes with the events that
//! say that a pair is [`Ready`](OutgoingEvent::Ready) or [`Authorised`](IncomingEvent::Authorised).
//!
//! ```
//! use xmppwire::s2s::{
//!     DialbackSecret, Incoming, IncomingConfig, IncomingEvent, Outgoing, OutgoingConfig, OutgoingEvent, Pair,
//!     PeerAnswer, PeerPolicy, Trust, Verdict,
//! };
//! use xmppwire::{Domainpart, Entropy, Instant, TlsOffer, TlsPolicy};
//!
//! // Without TLS, to be short. By default both ends insist on it.
//! let secret = DialbackSecret::new("s3cr3tf0rd14lb4ck");
//! let config = OutgoingConfig::new().with_dialback(secret.clone()).with_tls(TlsPolicy::Forbidden);
//! let pair = Pair::new(Domainpart::new("capulet.example")?, Domainpart::new("montague.example")?);
//! let now = Instant::ORIGIN;
//! let mut capulet = Outgoing::new(config, pair.clone(), Entropy::from_seed([1; 32]), now);
//! let config = IncomingConfig::new(pair.target().clone());
//! let mut montague = Incoming::new(config, Entropy::from_seed([2; 32]), now);
//!
//! // The headers.
//! montague.receive(now, &capulet.take_output());
//! let Some(IncomingEvent::Opened(request)) = montague.poll_event() else { panic!() };
//! montague.accept(request, PeerAnswer::Accept(PeerPolicy::new(TlsOffer::Unavailable)))?;
//! capulet.receive(now, &montague.take_output());
//!
//! // Step 1. For steps 2 and 3 the application opens an `Outgoing` to `capulet.example`.
//! montague.receive(now, &capulet.take_output());
//! let Some(IncomingEvent::Verify(request)) = montague.poll_event() else { panic!() };
//! assert!(secret.made(request.pair(), request.stream_id(), request.key()));
//!
//! // Step 4.
//! montague.answer_verify(request.answer(Verdict::Valid));
//! capulet.receive(now, &montague.take_output());
//! let Some(OutgoingEvent::Ready(ready, trust)) = capulet.poll_event() else { panic!() };
//! assert_eq!((ready, trust), (pair, Trust::Dialback { tls: false }));
//! # Ok::<_, Box<dyn core::error::Error>>(())
//! ```

mod config;
mod dialback;
mod exchange;
mod incoming;
mod listener;
mod outgoing;
mod pair;
mod question;
mod speaker;
mod trust;

pub use self::config::{IncomingConfig, LocalDomains, OutgoingConfig, PairLimits, PeerPolicy};
pub use self::dialback::{DialbackCondition, DialbackError, DialbackSecret, Verdict};
pub use self::exchange::PairAdded;
pub use self::incoming::{Incoming, IncomingEvent, PeerAnswer, PeerRequest};
pub use self::outgoing::{Outgoing, OutgoingEvent};
pub use self::pair::Pair;
pub use self::question::{KeyRequest, VerifyAnswer, VerifyRequest};
pub use self::speaker::Refusal;
pub use self::trust::Trust;
