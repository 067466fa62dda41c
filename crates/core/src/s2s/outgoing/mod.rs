//! The initiating server's end of a stream between servers.

mod event;
mod negotiate;

use alloc::vec::Vec;

use xmppwire_jid::Domainpart;
use xmppwire_xml::{Element, StreamHeader};

pub use self::event::OutgoingEvent;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::event::News;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::role::{Role, Step, Steps};
use crate::s2s::config::OutgoingConfig;
use crate::s2s::dialback::MAX_OPAQUE;
use crate::s2s::exchange::{Exchange, Policy, is_certified};
use crate::s2s::question::{KeyRequest, VerifyAnswer, VerifyRequest};
use crate::s2s::{Pair, PairAdded, Trust, Verdict};
use crate::stanza::Stanza;
use crate::stream::Stream;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::features::StreamFeatures;
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::StreamErrorCondition;

/// The initiating server's end of a stream between servers (RFC 6120 §4.5, XEP-0220 §2.1).
///
/// It proves the sender domain of each pair by SASL EXTERNAL or by dialback, passes the stanzas of
/// the pairs that the peer authorised, and asks the peer whether it made the keys that others
/// showed.
///
/// [`new`](Self::new) gives a [`Connection`] for the driver. The application calls the [`Endpoint`]
/// in it.
#[derive(Debug)]
pub struct Outgoing {
    config: OutgoingConfig,
    /// The pair that the headers name.
    pair: Pair,
    state: State,
    exchange: Exchange,
    features: Option<StreamFeatures>,
    /// The peer's header declares the namespace of dialback, which is how it was announced of old.
    declares_dialback: bool,
    /// Why SASL EXTERNAL is not tried again.
    refused: Option<SaslFailure>,
    /// What is wrong with the peer's header. It counts only from the first element on, because a
    /// server that refuses the stream says so under a header that need not be right.
    objection: Option<(StreamErrorCondition, &'static str)>,
}

/// Where the negotiation stands.
#[derive(Clone, Copy, Debug)]
enum State {
    Answering,
    Offering,
    StartingTls,
    Tls,
    Sasl,
    /// Negotiation is over, and no pair is ready yet.
    Choosing,
    Serving,
}

impl Outgoing {
    /// A connection over a transport in clear text to a server of the pair's target domain, which
    /// STARTTLS protects later (RFC 6120 §5). The stream header is owed at once.
    pub fn new(
        config: OutgoingConfig,
        pair: Pair,
        entropy: Entropy,
        now: Instant,
    ) -> Connection<Self> {
        Self::start(config, pair, entropy, now, None)
    }

    /// A connection over a transport that TLS protects from the first byte (XEP-0368).
    pub fn with_direct_tls(
        config: OutgoingConfig,
        pair: Pair,
        entropy: Entropy,
        now: Instant,
        tls: TlsInfo,
    ) -> Connection<Self> {
        Self::start(config, pair, entropy, now, Some(tls))
    }

    fn start(
        config: OutgoingConfig,
        pair: Pair,
        entropy: Entropy,
        now: Instant,
        tls: Option<TlsInfo>,
    ) -> Connection<Self> {
        let limits = config.limits.clone();
        let mut exchange = Exchange::new(config.pair_limits, config.secret.clone());
        if !config.only_verifies {
            exchange.speaker.add(pair.clone());
        }
        let outgoing = Self {
            config,
            pair,
            state: State::Answering,
            exchange,
            features: None,
            declares_dialback: false,
            refused: None,
            objection: None,
        };
        Endpoint::connect(outgoing, limits, entropy, now, tls)
    }
}

impl Role for Outgoing {
    type Event = OutgoingEvent;
}

impl Steps for Outgoing {
    type Told = OutgoingEvent;

    const SIDE: negotiation::Side = negotiation::Side::Outgoing;
    const CONTENT_NS: &'static str = ns::SERVER;

    fn phase(&self) -> Phase {
        match self.state {
            State::Answering => Phase::Answering,
            State::Offering => Phase::Offering,
            State::StartingTls => Phase::StartingTls,
            State::Tls => Phase::Tls,
            State::Sasl => Phase::Sasl,
            State::Choosing => Phase::Choosing,
            State::Serving => Phase::Serving,
        }
    }

    fn objection(&self) -> Option<(StreamErrorCondition, PeerMisbehaved)> {
        let (condition, why) = self.objection?;
        Some((condition, PeerMisbehaved::Header(why)))
    }

    fn is_bidirectional(&self) -> bool {
        self.exchange.bidi
    }

    fn may_send(&self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        self.exchange.may_send(stanza)
    }

    fn has_news(&self) -> bool {
        !self.exchange.news.is_empty()
    }

    fn next_event(&mut self, stream: &Stream) -> Option<OutgoingEvent> {
        let news = self.exchange.poll(stream)?;
        Some(OutgoingEvent::from(news))
    }

    fn deadline(&self) -> Option<Instant> {
        self.exchange.deadline()
    }

    fn tell(news: News) -> OutgoingEvent {
        match news {
            News::StartTls(request) => OutgoingEvent::StartTls(request),
            News::Refused(fault) => OutgoingEvent::Refused(fault),
            News::Closed(reason) => OutgoingEvent::Closed(reason),
        }
    }

    fn take(endpoint: &mut Endpoint<Self>, step: Step) {
        match step {
            Step::Open => endpoint.begin(),
            Step::Header(header) => endpoint.take_header(&header),
            Step::Item(item, element) => endpoint.take_item(item, &element),
            Step::Unexpected(item, element) => endpoint.take_unexpected(item, &element),
            Step::Stanza(element) => endpoint.take_stanza(element),
            Step::Deadline(now) => {
                let Endpoint { role, stream, .. } = endpoint;
                role.exchange.handle_deadline(stream, now);
            }
        }
    }
}

/// What the application of an outgoing stream can do beside what every role can.
impl Endpoint<Outgoing> {
    /// The pair that the stream was opened for.
    pub const fn pair(&self) -> &Pair {
        &self.role.pair
    }

    /// How well the peer is known as the target of this pair; `None` where nothing may be sent for
    /// it yet.
    pub fn ready(&self, pair: &Pair) -> Option<Trust> {
        self.role.exchange.speaker.trust(pair)
    }

    /// How well the peer is known as the sender of this pair; `None` where it may not send for it,
    /// as on every stream that is not bidirectional.
    pub fn authorised(&self, pair: &Pair) -> Option<Trust> {
        self.role.exchange.listener.trust(pair)
    }

    /// What the peer offered on the present stream; `None` until then, and from servers of before
    /// RFC 3920.
    pub const fn features(&self) -> Option<&StreamFeatures> {
        self.role.features.as_ref()
    }

    /// Asks the peer to authorise one more pair by dialback (XEP-0220 §2.6).
    ///
    /// The caller has to know that the target domain leads to this peer: that its name resolves to
    /// the same address and port. Where the configuration insists on a certificate of the peer,
    /// another target domain has to be in it as well.
    pub fn add_pair(&mut self, pair: Pair) -> PairAdded {
        let target = pair.target();
        let role = &self.role;
        let takes_key = role.handles_errors() || role.exchange.listener.is_sender(target);
        // The certificate was looked at for the target domain of the headers alone.
        let proven = !role.config.certified_peer || is_certified(self.stream.tls(), target);
        let reaches = target == role.pair.target() || (takes_key && proven);
        let open = self.role.is_open();
        self.role
            .exchange
            .add_pair(&mut self.stream, pair, reaches, open)
    }

    /// Asks the peer, as the authoritative server of its domain, whether it made a key. The event
    /// [`OutgoingEvent::Verified`] brings the answer.
    ///
    /// # Errors
    /// The request itself, where this stream cannot ask: its target is not the sender domain of the
    /// key, as many requests are open as may be, or it has ended.
    pub fn verify(&mut self, request: VerifyRequest) -> Result<(), VerifyRequest> {
        let speaker = &mut self.role.exchange.speaker;
        let fits = speaker.has_room_to_verify(self.role.config.pair_limits);
        if !fits
            || self.stream.is_over()
            || self.stream.is_closing()
            || request.pair().sender() != self.role.pair.target()
        {
            return Err(request);
        }
        speaker.verify(request);
        if self.role.is_open() {
            self.role.exchange.send_requests(&mut self.stream);
        }
        Ok(())
    }

    /// Answers [`OutgoingEvent::Verify`]; see
    /// [`IncomingEvent::Verify`](super::IncomingEvent::Verify).
    pub fn answer_verify(&mut self, answer: VerifyAnswer) -> bool {
        !self.is_done() && self.role.exchange.answer_verify(&mut self.stream, &answer)
    }

    /// Answers [`OutgoingEvent::CheckKey`]; see
    /// [`IncomingEvent::CheckKey`](super::IncomingEvent::CheckKey).
    pub fn answer_key(&mut self, request: KeyRequest, verdict: Verdict) -> bool {
        let exchange = &mut self.role.exchange;
        !(self.stream.is_over() || self.stream.is_closing())
            && exchange.answer_key(&mut self.stream, request, verdict)
    }

    // --- What arrives -----------------------------------------------------------------------------

    fn take_item(&mut self, item: Item, element: &Element) {
        match item {
            Item::Features => self.handle_features(element),
            Item::Proceed => {
                let serial = self.serial();
                self.stream.hand_off(serial, false);
                self.role.state = State::Tls;
            }
            Item::TlsFailure => self.stream.close_for(CloseReason::TlsRefused),
            Item::Challenge => self.handle_challenge(),
            Item::Success => self.handle_success(),
            Item::SaslFailure => self.handle_sasl_failure(element),
            Item::Valid | Item::Invalid | Item::Verified => self.receive(element),
            _ => self.unexpected(element),
        }
    }

    fn take_unexpected(&mut self, item: Item, element: &Element) {
        if item.is_dialback_answer() && self.role.phase().runs_dialback() {
            self.role.exchange.ignore(element);
        } else {
            self.unexpected(element);
        }
    }

    fn take_stanza(&mut self, element: Element) {
        let item = Item::of(&element);
        let closing = self.stream.is_closing();
        if !self.allows(item) {
            if !closing {
                self.take_unexpected(item, &element);
            }
        } else if item == Item::Stanza && element.ns() != ns::SERVER {
            if !closing {
                self.unexpected(&element);
            }
        } else if item == Item::Stanza {
            let Self { role, stream, .. } = self;
            let exchange = &mut role.exchange;
            exchange.receive_stanza(stream, element, |_| false);
        } else if item == Item::Features {
            // They may be offered anew at any time (RFC 6120 §4.3.5).
            self.role.features = Some(StreamFeatures::new(element));
        } else if !closing {
            self.receive(&element);
        }
    }

    fn receive(&mut self, element: &Element) {
        let serial = self.serial();
        let Outgoing {
            config, exchange, ..
        } = &mut self.role;
        let senders: Vec<_> = exchange.speaker.senders().cloned().collect();
        let policy = Policy {
            // On a bidirectional stream the peer may send to the domains that it authorised
            // (XEP-0288 §2.2).
            serves: &|domain| senders.iter().any(|sender| sender.as_str() == domain),
            lacks_tls: false,
            certified_only: config.certified_peer,
        };
        exchange.receive(&mut self.stream, element, serial, &policy);
        if exchange.is_open() {
            self.role.state = State::Serving;
            self.stream.set_authorised();
        }
    }
}

impl Outgoing {
    /// Whether negotiation is over, so that requests can be sent.
    const fn is_open(&self) -> bool {
        matches!(self.state, State::Choosing | State::Serving)
    }

    /// Whether the peer announces that an error leaves the stream open (XEP-0220 §2.4.2).
    fn handles_errors(&self) -> bool {
        let features = self.features.as_ref();
        features.is_some_and(StreamFeatures::dialback_errors)
    }

    fn check_header(&self, header: &StreamHeader) -> Option<(StreamErrorCondition, &'static str)> {
        use StreamErrorCondition as E;
        // RFC 6120 §4.7.1: who answers has to be who was asked.
        let is_target =
            |from: &str| Domainpart::new(from).is_ok_and(|it| it == *self.pair.target());
        let mut named = header.from.iter().filter(|from| !from.is_empty());
        if named.any(|from| !is_target(from)) {
            return Some((E::InvalidFrom, "'from' is not the target domain"));
        }
        // RFC 6120 §4.7.3: without it no key can be made.
        match header.id.as_deref().unwrap_or_default().len() {
            0 => Some((E::InvalidXml, "'id' is missing")),
            1..=MAX_OPAQUE => None,
            _ => Some((E::PolicyViolation, "'id' is too long")),
        }
    }
}
