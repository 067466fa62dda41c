//! The receiving server's end of a stream between servers.

mod event;
mod login;
mod peer;

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::Domainpart;
use xmppwire_sasl::{Condition, Offer};
use xmppwire_xml::{Element, StreamHeader};

pub use self::event::IncomingEvent;
pub use self::peer::{PeerAnswer, PeerRequest};
use crate::connection::Connection;
use crate::endpoint::{Endpoint, Role, Step, Steps};
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::event::News;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::s2s::config::{IncomingConfig, PeerPolicy};
use crate::s2s::exchange::{Exchange, Policy, is_certified};
use crate::s2s::question::{KeyRequest, VerifyAnswer};
use crate::s2s::{Pair, PairAdded, Trust, Verdict};
use crate::server::TlsOffer;
use crate::stanza::Stanza;
use crate::stream::Stream;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::features::{FeatureOffer, StartTlsOffer};
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::version::speaks_1_0;

/// The receiving server's end of a stream between servers (RFC 6120 §4.5, XEP-0220 §2.2).
///
/// It lets the peer prove its domains by SASL EXTERNAL or by dialback, passes the stanzas of the
/// pairs that were authorised, and answers whether keys are of this server.
///
/// [`new`](Self::new) gives a [`Connection`] for the driver; the [`Endpoint`] in it is what the
/// application calls.
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

    // --- The steps of negotiation -----------------------------------------------------------------

    fn take_header(&mut self, header: &StreamHeader) {
        self.role.exchange.peer_lang.clone_from(&header.lang);
        match self.check_header(header) {
            Ok((local, remote, legacy)) => {
                if self.role.proven.is_some() {
                    return self.answer_header(legacy);
                }
                let serial = self.serial();
                let tls = self.stream.tls();
                let certified = remote.as_ref().is_some_and(|it| is_certified(tls, it));
                let request = PeerRequest {
                    serial,
                    local: local.clone(),
                    remote: remote.clone(),
                    secured: self.stream.secured(),
                    certified,
                    legacy,
                };
                let named = header.to.as_ref().is_some_and(|to| !to.is_empty());
                self.role.state = State::ChoosingTerms {
                    serial,
                    local,
                    remote,
                    named,
                    legacy,
                };
                self.event = Some(IncomingEvent::Opened(request));
            }
            Err((condition, why)) => self.stream.fail(condition, PeerMisbehaved::Header(why)),
        }
    }

    fn check_header(
        &mut self,
        header: &StreamHeader,
    ) -> Result<(Domainpart, Option<Domainpart>, bool), (StreamErrorCondition, &'static str)> {
        use StreamErrorCondition as E;
        // Some servers write an empty attribute for one that is not there.
        let domain = |name: &Option<String>| {
            let name = name.as_deref().filter(|name| !name.is_empty());
            name.map(Domainpart::new).transpose()
        };
        let (to, from) = (domain(&header.to), domain(&header.from));
        // An error is told under the names that are known (RFC 6120 §4.9.1.2).
        let local = to.as_ref().ok().and_then(Option::as_ref);
        let local = local.filter(|it| self.role.serves(it.as_str()));
        let remote = from.as_ref().ok().and_then(Option::as_ref);
        self.address_header(local, remote);

        if !Self::may_carry_stanzas(header) {
            let why = "the content namespace is not jabber:server";
            return Err((E::InvalidNamespace, why));
        }
        let legacy = !speaks_1_0(header.version.as_deref());
        if legacy && (self.stream.secured() || self.stream.authenticated()) {
            let why = "a server without a version has neither TLS nor SASL";
            return Err((E::UnsupportedVersion, why));
        }
        let to = to.map_err(|_| (E::HostUnknown, "'to' is no domain"))?;
        let from = from.map_err(|_| (E::InvalidFrom, "'from' is no domain"))?;
        // Before RFC 3920 the header named no one; the dialback requests do.
        let to = match to {
            None if legacy => self.role.config.default_domain.clone(),
            to => to,
        };
        let Some(to) = to else {
            return Err((E::ImproperAddressing, "'to' is missing"));
        };
        if !self.role.serves(to.as_str()) {
            return Err((E::HostUnknown, "'to' is not served here"));
        }
        if from
            .as_ref()
            .is_some_and(|it| self.role.serves(it.as_str()))
        {
            return Err((E::InvalidFrom, "'from' is a domain of this server"));
        }
        if let Some(proven) = &self.role.proven {
            // RFC 6120 §6.4.6: who opens the stream has to be who was authenticated.
            if to != *proven.target() {
                return Err((E::HostUnknown, "'to' is not what was authenticated for"));
            }
            if from.as_ref().is_some_and(|from| from != proven.sender()) {
                return Err((E::InvalidFrom, "'from' is not who was authenticated"));
            }
        }
        Ok((to, from, legacy))
    }

    /// Writes the names of both sides into the header that is sent next (RFC 6120 §4.7.1, §4.7.2).
    fn address_header(&mut self, local: Option<&Domainpart>, remote: Option<&Domainpart>) {
        // A header before an error names a domain that is served. An empty 'from' would be allowed
        // (RFC 6120 §4.9.1.3), but ejabberd 23.01 takes it for invalid XML and misses the error.
        let config = &self.role.config;
        let default = config.default_domain.as_ref();
        let local = local.or(default).or_else(|| config.domains.first());
        let local = local.map(Domainpart::as_str).unwrap_or_default().into();
        if let Some(header) = self.stream.header_mut() {
            header.from = Some(local);
            header.to = remote.map(|it| it.as_str().into());
        }
    }

    /// Sends our header and the features that fit the moment (RFC 6120 §4.3.2).
    fn answer_header(&mut self, legacy: bool) {
        if let Some(header) = self.stream.header_mut()
            && legacy
        {
            header.version = None;
        }
        self.stream.write_header();
        if !legacy {
            let features = self.features();
            self.stream.push_own(&features);
        }
        self.role.state = State::Choosing;
        if let Some(proven) = &self.role.proven {
            // SASL authorised the pair that the headers name.
            self.role.exchange.authorise(proven, Trust::Certificate);
        }
        self.serve();
    }

    fn features(&self) -> Element {
        let Some(Peer { policy, .. }) = &self.role.peer else {
            return Element::builder("features", ns::STREAMS).build();
        };
        let (secured, authenticated) = (self.stream.secured(), self.stream.authenticated());
        let starttls = match policy.tls {
            _ if secured => None,
            TlsOffer::Required => Some(StartTlsOffer::Required),
            TlsOffer::Optional => Some(StartTlsOffer::Optional),
            _ => None,
        };
        let external = !authenticated && self.role.is_certified(self.stream.tls());
        let mechanisms = external.then_some("EXTERNAL");
        let mut extra = Vec::new();
        // What can only be refused before TLS is not offered before (RFC 6120 §5.3.1).
        if !self.role.lacks_tls(secured) {
            let dialback = Element::builder("dialback", ns::DIALBACK_FEATURE);
            extra.push(dialback.open("errors", ns::DIALBACK_FEATURE).build());
        }
        if policy.bidi && !authenticated {
            extra.push(Element::builder("bidi", ns::BIDI_FEATURE).build());
        }
        if authenticated {
            extra.extend(policy.features.iter().cloned());
        }
        FeatureOffer {
            starttls,
            sasl: &Offer::new(mechanisms),
            bind: false,
            extra: &extra,
        }
        .to_element()
    }

    fn handle_start_tls(&mut self) {
        let policy = self.role.peer.as_ref().map(|peer| &peer.policy);
        if policy.is_some_and(|policy| policy.tls != TlsOffer::Unavailable) {
            // Nothing may come between <starttls/>, <proceed/> and TLS, and keys of this stream are
            // void then.
            self.role.exchange.listener.abandon();
            self.stream
                .push_own(&Element::builder("proceed", ns::TLS).build());
            let serial = self.serial();
            self.stream.hand_off(serial, true);
            self.role.peer = None;
            self.role.state = State::Tls;
        } else {
            // RFC 6120 §5.4.2.2: a failure, the closing tag, and the end.
            self.stream
                .push_own(&Element::builder("failure", ns::TLS).build());
            self.stream.end_with_footer(CloseReason::Violation {
                sent: None,
                why: PeerMisbehaved::Negotiation("STARTTLS was not offered"),
            });
        }
    }

    fn handle_bidi(&mut self) {
        let offered = self.role.peer.as_ref().is_some_and(|peer| peer.policy.bidi);
        if offered {
            self.role.exchange.bidi = true;
        } else {
            let why = PeerMisbehaved::Negotiation("a bidirectional stream was not offered");
            self.stream
                .fail(StreamErrorCondition::UnsupportedFeature, why);
        }
    }

    /// Goes over to passing stanzas as soon as any may pass.
    fn serve(&mut self) {
        if matches!(self.role.state, State::Choosing) && self.role.exchange.is_open() {
            self.role.state = State::Serving;
            self.stream.set_authorised();
            self.stream.set_bound();
        }
    }

    /// Awaits a stream: its header gets an id that was never used before, because dialback rests on
    /// it (RFC 6120 §4.7.3).
    fn begin(&mut self) {
        let role = &mut self.role;
        role.state = State::Opening;
        role.exchange.restart();
        role.exchange.stream_id = self.entropy.id();
        if role.proven.is_none() {
            role.peer = None;
            role.exchange.bidi = false;
        }
        let mut header = StreamHeader::new(ns::SERVER);
        header.version = Some("1.0".into());
        header.id = Some(role.exchange.stream_id.clone());
        header.lang = Some(role.config.lang.clone());
        header.declare_prefix("db", ns::DIALBACK);
        self.stream.set_header(header);
        let names = self
            .role
            .peer
            .as_ref()
            .map(|peer| (peer.local.clone(), peer.remote.clone()));
        let (local, remote) = names.unzip();
        self.address_header(local.as_ref(), remote.flatten().as_ref());
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
            self.unexpected(&element);
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
