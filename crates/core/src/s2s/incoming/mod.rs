//! The receiving server's end of a stream between servers.

mod event;
mod login;
mod negotiate;
mod peer;

use xmppwire_jid::Domainpart;
use xmppwire_sasl::Condition;
use xmppwire_xml::Element;

pub use self::event::IncomingEvent;
pub use self::peer::{PeerAnswer, PeerRequest};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, CloseReason};
use crate::event::News;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::role::{Role, Step, Steps};
use crate::s2s::config::{IncomingConfig, PeerPolicy};
use crate::s2s::exchange::{Exchange, Policy, is_certified};
use crate::s2s::question::{KeyRequest, VerifyAnswer};
use crate::s2s::{Pair, PairAdded, Trust, Verdict};
use crate::server::TlsOffer;
use crate::stanza::Stanza;
use crate::stream::Stream;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};

/// The receiving server's end of a stream between servers (RFC 6120 §4.5, XEP-0220 §2.2).
///
/// It lets the peer prove its domains by SASL EXTERNAL or by dialback, passes the stanzas of the
/// pairs that were authorised, and answers whether keys are of this server.
///
/// [`new`](Self::new) gives a [`Connection`] for the driver. The application calls the [`Endpoint`]
/// in it.
#[derive(Debug)]
pub struct Incoming {
    config: IncomingConfig,
    state: State,
    peer: Option<Peer>,
    /// What SASL proved; what the header of the stream after it has to repeat.
    proven: Option<Pair>,
    exchange: Exchange,
    failed_logins: u8,
}

/// Whom the present stream is between, and on which terms.
#[derive(Debug)]
struct Peer {
    local: Domainpart,
    remote: Option<Domainpart>,
    /// Whether the header of the stream named `local`.
    named: bool,
    policy: PeerPolicy,
}

/// Where the negotiation stands; each variant holds what only that phase needs.
#[derive(Debug)]
enum State {
    Opening,
    /// The application is asked for the terms.
    ChoosingTerms {
        serial: u64,
        local: Domainpart,
        remote: Option<Domainpart>,
        named: bool,
        legacy: bool,
    },
    Choosing,
    Tls,
    Sasl,
    Serving,
}

impl Incoming {
    /// A connection over a transport in clear text, which STARTTLS protects later (RFC 6120 §5).
    pub fn new(config: IncomingConfig, entropy: Entropy, now: Instant) -> Connection<Self> {
        Self::start(config, entropy, now, None)
    }

    /// A connection over a transport that TLS protects from the first byte (XEP-0368).
    pub fn with_direct_tls(
        config: IncomingConfig,
        entropy: Entropy,
        now: Instant,
        tls: TlsInfo,
    ) -> Connection<Self> {
        Self::start(config, entropy, now, Some(tls))
    }

    fn start(
        config: IncomingConfig,
        entropy: Entropy,
        now: Instant,
        tls: Option<TlsInfo>,
    ) -> Connection<Self> {
        let limits = config.limits.clone();
        let incoming = Self {
            exchange: Exchange::new(config.pair_limits, config.secret.clone()),
            config,
            state: State::Opening,
            peer: None,
            proven: None,
            failed_logins: 0,
        };
        Endpoint::connect(incoming, limits, entropy, now, tls)
    }
}

impl Role for Incoming {
    type Event = IncomingEvent;
}

impl Steps for Incoming {
    type Told = IncomingEvent;

    const SIDE: negotiation::Side = negotiation::Side::Incoming;
    const CONTENT_NS: &'static str = ns::SERVER;

    fn phase(&self) -> Phase {
        match self.state {
            State::Opening => Phase::Opening,
            State::ChoosingTerms { .. } => Phase::Answering,
            State::Choosing => Phase::Choosing,
            State::Tls => Phase::Tls,
            State::Sasl => Phase::Sasl,
            State::Serving => Phase::Serving,
        }
    }

    fn is_asking(&self) -> bool {
        matches!(self.state, State::ChoosingTerms { .. })
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

    fn next_event(&mut self, stream: &Stream) -> Option<IncomingEvent> {
        let news = self.exchange.poll(stream)?;
        IncomingEvent::of(news)
    }

    fn deadline(&self) -> Option<Instant> {
        self.exchange.deadline()
    }

    fn tell(news: News) -> IncomingEvent {
        match news {
            News::StartTls(request) => IncomingEvent::StartTls(request),
            News::Refused(fault) => IncomingEvent::Refused(fault),
            News::Closed(reason) => IncomingEvent::Closed(reason),
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

/// What the application of an incoming stream can do beside what every role can.
impl Endpoint<Incoming> {
    /// Answers [`IncomingEvent::Opened`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn accept(&mut self, request: PeerRequest, answer: PeerAnswer) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::ChoosingTerms { serial, .. } if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let State::ChoosingTerms {
            local,
            remote,
            named,
            legacy,
            ..
        } = core::mem::replace(&mut self.role.state, State::Opening)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        let refusal = match answer {
            PeerAnswer::Accept(policy) if legacy && !policy.takes_legacy() => {
                StreamError::new(StreamErrorCondition::UnsupportedVersion)
            }
            PeerAnswer::Accept(policy) => {
                self.role.exchange.listener.set_by_sender(policy.by_sender);
                self.role.peer = Some(Peer {
                    local,
                    remote,
                    named,
                    policy,
                });
                self.answer_header(legacy);
                return Ok(());
            }
            PeerAnswer::Gone => StreamError::new(StreamErrorCondition::HostGone),
            PeerAnswer::SeeOtherHost(other) => StreamError::see_other_host(other),
            PeerAnswer::Refuse(error) => error,
        };
        self.address_header(Some(&local), remote.as_ref());
        self.stream.close_with(refusal, CloseReason::Local);
        Ok(())
    }

    /// Answers [`IncomingEvent::Verify`], at any time. Returns whether the answer was for an open
    /// question of this connection: one whose stream has ended or whose time was over is dropped
    /// (XEP-0220 §2.1.2).
    pub fn answer_verify(&mut self, answer: VerifyAnswer) -> bool {
        if self.is_done() {
            return false;
        }
        let awaited = self.role.exchange.answer_verify(&mut self.stream, &answer);
        self.serve();
        awaited
    }

    /// Answers [`IncomingEvent::CheckKey`], at any time. Returns whether the answer was for an open
    /// question of this connection.
    pub fn answer_key(&mut self, request: KeyRequest, verdict: Verdict) -> bool {
        if self.is_done() {
            return false;
        }
        let exchange = &mut self.role.exchange;
        exchange.answer_key(&mut self.stream, request, verdict)
    }

    /// The domain of this server that the stream is for. Where the header names none, it is that of
    /// the first dialback key, and the default domain until then. `None` before the peer was
    /// accepted.
    pub fn local(&self) -> Option<&Domainpart> {
        self.role.peer.as_ref().map(|peer| &peer.local)
    }

    /// The domain that the peer says it is, which need not be proven. Where the header names none,
    /// it is that of the first dialback key.
    pub fn remote(&self) -> Option<&Domainpart> {
        self.role.peer.as_ref()?.remote.as_ref()
    }

    /// How well the peer is known as the sender of this pair; `None` where it may not send for it.
    pub fn authorised(&self, pair: &Pair) -> Option<Trust> {
        self.role.exchange.listener.trust(pair)
    }

    /// How well the peer is known as the target of this pair; `None` where nothing may be sent to
    /// it for the pair, as on every stream that is not bidirectional.
    pub fn ready(&self, pair: &Pair) -> Option<Trust> {
        self.role.exchange.speaker.trust(pair)
    }

    /// Asks the peer to authorise one more pair by dialback, on a bidirectional stream (XEP-0288
    /// §2.2). Its target domain has to be one that the peer may send for; the sender domain is
    /// another one of this server.
    pub fn add_pair(&mut self, pair: Pair) -> PairAdded {
        let reaches = self.role.exchange.bidi
            && matches!(self.role.state, State::Serving)
            && self.role.exchange.listener.is_sender(pair.target());
        self.role
            .exchange
            .add_pair(&mut self.stream, pair, reaches, true)
    }

    // --- What arrives -----------------------------------------------------------------------------

    fn take_item(&mut self, item: Item, element: &Element) {
        match item {
            Item::StartTls => self.handle_start_tls(),
            Item::Bidi => self.handle_bidi(),
            Item::Auth => self.handle_auth(element),
            Item::Response => self.handle_response(element),
            Item::Abort => self.refuse_login(Condition::Aborted),
            Item::Key | Item::Verify => self.receive(element),
            _ => self.unexpected(element),
        }
    }

    fn take_unexpected(&mut self, item: Item, element: &Element) {
        // A stream in one direction is never asked anything by this side (XEP-0220 §2.2).
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
            let Incoming {
                config, exchange, ..
            } = role;
            exchange.receive_stanza(stream, element, |domain| config.domains.contains(domain));
        } else if !closing {
            self.receive(&element);
        }
    }

    fn receive(&mut self, element: &Element) {
        if Item::of(element) == Item::Key {
            self.role.take_names(element);
        }
        let serial = self.serial();
        let secured = self.stream.secured();
        let Incoming {
            config,
            peer,
            exchange,
            ..
        } = &mut self.role;
        let policy = peer.as_ref().map(|peer| &peer.policy);
        let policy = Policy {
            serves: &|domain| config.domains.contains(domain),
            lacks_tls: !secured && policy.is_none_or(|it| it.tls == TlsOffer::Required),
            certified_only: policy.is_none_or(|it| it.certified_peer),
        };
        exchange.receive(&mut self.stream, element, serial, &policy);
        self.serve();
    }
}

impl Incoming {
    fn serves(&self, domain: &str) -> bool {
        self.config.domains.contains(domain)
    }

    /// Takes the names that the header left out from a dialback key, and replaces none.
    fn take_names(&mut self, key: &Element) {
        let domain = |name| Domainpart::new(key.attr(name)?).ok();
        let (local, remote) = (domain("to"), domain("from"));
        let local = local.filter(|local| self.serves(local.as_str()));
        if let Some(peer) = &mut self.peer
            && let (Some(local), Some(remote)) = (local, remote)
        {
            if !core::mem::replace(&mut peer.named, true) {
                peer.local = local;
            }
            peer.remote.get_or_insert(remote);
        }
    }

    /// Whether TLS is missing that the policy requires.
    fn lacks_tls(&self, secured: bool) -> bool {
        let policy = self.peer.as_ref().map(|peer| &peer.policy);
        !secured && policy.is_none_or(|policy| policy.tls == TlsOffer::Required)
    }

    /// Whether the peer's certificate is of the domain in its header.
    fn is_certified(&self, tls: Option<&TlsInfo>) -> bool {
        let remote = self.peer.as_ref().and_then(|peer| peer.remote.as_ref());
        remote.is_some_and(|remote| is_certified(tls, remote))
    }
}
