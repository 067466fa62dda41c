//! The server's end of a stream.

mod config;
mod login;
mod question;

use alloc::boxed::Box;
use alloc::string::String;

use xmppwire_jid::{BareJid, Domainpart, FullJid, Jid, Resourcepart};
use xmppwire_sasl::{Condition, Offer, ServerExchange};
use xmppwire_xml::{Element, StreamHeader};

pub use self::config::{Host, ServerConfig, TlsOffer};
pub use self::question::{
    BindAnswer, BindRequest, HostAnswer, HostRequest, SaslAnswer, SaslQuestion, SaslRequest,
};
use crate::connection::Connection;
use crate::endpoint::{Endpoint, Role, Step, Steps};
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::event::{News, RoleEvent};
use crate::identities::CertificateIdentities;
use crate::log::log;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::stanza::{Iq, Parsed, Stanza, StanzaError, StanzaErrorCondition, StanzaFault};
use crate::time::Instant;
use crate::tls::{StartTls, TlsInfo};
use crate::wire::features::{FeatureOffer, StartTlsOffer};
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::version::speaks_1_0;

/// What a [`Server`] tells its application.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEvent {
    /// A stream was opened to a domain: answer with [`Endpoint::choose_host`].
    Opened(HostRequest),
    /// The transport has to change to TLS: give the token to [`Connection::begin_tls`].
    StartTls(StartTls),
    /// A client logs in: answer with [`Endpoint::answer_sasl`].
    Sasl(SaslRequest),
    /// The client has proven to be this account.
    Authenticated(BareJid),
    /// The client wants to bind a resource: answer with [`Endpoint::answer_bind`].
    Bind(BindRequest),
    /// A stanza arrived. Its `from` is the address that is bound here, whatever the client wrote
    /// (RFC 6120 §8.1.2.1).
    Stanza(Stanza),
    /// A malformed stanza arrived and was answered with an error where RFC 6120 wants one.
    Refused(StanzaFault),
    /// The connection has ended. Nothing follows.
    Closed(CloseReason),
}

/// The server's end of a stream: lets a client log in, then passes stanzas (RFC 6120 §2.3).
///
/// [`new`](Self::new) gives a [`Connection`] for the driver; the [`Endpoint`] in it is what the application
/// calls.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    state: State,
    host: Option<Hosting>,
    account: Option<BareJid>,
    /// The default language of the client's stanzas (RFC 6120 §4.7.4).
    peer_lang: Option<String>,
    failed_logins: u8,
    failed_binds: u8,
}

/// The domain that the stream is for and what it offers.
#[derive(Debug)]
struct Hosting {
    domain: Domainpart,
    host: Host,
}

/// Where the negotiation stands; each variant holds what only that phase needs.
#[derive(Debug)]
enum State {
    Opening,
    /// The application is asked for the host.
    ChoosingHost {
        serial: u64,
        domain: Domainpart,
    },
    Choosing,
    Tls,
    Sasl(Box<ServerExchange>),
    /// The application is asked for the user's keys.
    SaslQuestion {
        serial: u64,
        exchange: Box<ServerExchange>,
    },
    /// The application is asked for the resource.
    Binding {
        serial: u64,
        request: Iq,
    },
    Bound(FullJid),
}

impl State {
    const fn phase(&self) -> Phase {
        match self {
            Self::Opening => Phase::Opening,
            Self::ChoosingHost { .. } => Phase::Answering,
            Self::Choosing => Phase::Choosing,
            Self::Tls => Phase::Tls,
            Self::Sasl(_) | Self::SaslQuestion { .. } => Phase::Sasl,
            Self::Binding { .. } => Phase::Binding,
            Self::Bound(_) => Phase::Bound,
        }
    }

    /// Whether a question to the application is open: nothing is read until it is answered.
    const fn is_question(&self) -> bool {
        matches!(
            self,
            Self::ChoosingHost { .. } | Self::SaslQuestion { .. } | Self::Binding { .. }
        )
    }
}

impl RoleEvent for ServerEvent {
    fn into_start_tls(self) -> Result<StartTls, Self> {
        match self {
            Self::StartTls(request) => Ok(request),
            other => Err(other),
        }
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl Server {
    /// A connection over a transport in clear text, which STARTTLS protects later (RFC 6120 §5).
    pub fn new(config: ServerConfig, entropy: Entropy, now: Instant) -> Connection<Self> {
        Self::start(config, entropy, now, None)
    }

    /// A connection over a transport that TLS protects from the first byte (XEP-0368).
    pub fn with_direct_tls(
        config: ServerConfig,
        entropy: Entropy,
        now: Instant,
        tls: TlsInfo,
    ) -> Connection<Self> {
        Self::start(config, entropy, now, Some(tls))
    }

    fn start(
        config: ServerConfig,
        entropy: Entropy,
        now: Instant,
        tls: Option<TlsInfo>,
    ) -> Connection<Self> {
        let limits = config.limits.clone();
        let server = Self {
            config,
            state: State::Opening,
            host: None,
            account: None,
            peer_lang: None,
            failed_logins: 0,
            failed_binds: 0,
        };
        Endpoint::connect(server, limits, entropy, now, tls)
    }
}

/// What a server's application calls beside what every role has: the answers to its questions.
impl Endpoint<Server> {
    /// The address that is bound; `None` until then.
    pub const fn jid(&self) -> Option<&FullJid> {
        match &self.role.state {
            State::Bound(jid) => Some(jid),
            _ => None,
        }
    }

    /// Answers [`ServerEvent::Opened`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn choose_host(
        &mut self,
        request: HostRequest,
        answer: HostAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::ChoosingHost { serial, .. } if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let State::ChoosingHost { domain, .. } =
            core::mem::replace(&mut self.role.state, State::Opening)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        let refusal = match answer {
            HostAnswer::Serve(host) => {
                self.role.host = Some(Hosting { domain, host });
                self.answer_header();
                return Ok(());
            }
            HostAnswer::Unknown => StreamError::new(StreamErrorCondition::HostUnknown),
            HostAnswer::Gone => StreamError::new(StreamErrorCondition::HostGone),
            HostAnswer::SeeOtherHost(_) if !self.stream.secured() => {
                let host = Host::new(TlsOffer::Required, []);
                self.role.host = Some(Hosting { domain, host });
                self.answer_header();
                return Ok(());
            }
            HostAnswer::SeeOtherHost(other) | HostAnswer::SeeOtherHostInClear(other) => {
                StreamError::see_other_host(other)
            }
        };
        self.stream.close_with(refusal, CloseReason::Local);
        Ok(())
    }

    /// Answers [`ServerEvent::Bind`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn answer_bind(
        &mut self,
        request: BindRequest,
        answer: BindAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::Binding { serial, .. } if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let State::Binding { request: iq, .. } =
            core::mem::replace(&mut self.role.state, State::Choosing)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        match answer {
            BindAnswer::Bind(resource) => {
                let jid = request.account.with_resource(&resource);
                let payload = Element::builder("bind", ns::BIND)
                    .open("jid", ns::BIND)
                    .text(jid.as_str())
                    .build();
                if let Some(result) = iq.result(Some(&payload)) {
                    self.stream.push_own(result.element());
                }
                log!(debug, %jid, "bound");
                self.stream.set_bound();
                self.role.state = State::Bound(jid);
            }
            BindAnswer::Reject(error) => self.refuse_bind(&iq, &error),
        }
        Ok(())
    }
}

impl Role for Server {
    type Event = ServerEvent;
}

impl Steps for Server {
    type Told = ServerEvent;

    const SIDE: negotiation::Side = negotiation::Side::Server;
    const CONTENT_NS: &'static str = ns::CLIENT;

    fn phase(&self) -> Phase {
        self.state.phase()
    }

    fn is_asking(&self) -> bool {
        self.state.is_question()
    }

    fn tell(news: News) -> ServerEvent {
        match news {
            News::StartTls(request) => ServerEvent::StartTls(request),
            News::Refused(fault) => ServerEvent::Refused(fault),
            News::Closed(reason) => ServerEvent::Closed(reason),
        }
    }

    fn take(endpoint: &mut Endpoint<Self>, step: Step) {
        match step {
            Step::Open => endpoint.open(),
            Step::Header(header) => endpoint.handle_header(header),
            Step::Item(item, element) => endpoint.handle_item(item, element),
            Step::Unexpected(_, element) => endpoint.unexpected(&element),
            Step::Stanza(element) => endpoint.handle_stanza(element),
            Step::Deadline(_) => {}
        }
    }
}

impl Endpoint<Server> {
    /// Awaits a stream: its header gets an id that was never used before (RFC 6120 §4.7.3), and what the
    /// header of an earlier one said is forgotten (§4.3.3).
    fn open(&mut self) {
        self.role.state = State::Opening;
        self.role.peer_lang = None;
        let mut header = StreamHeader::new(ns::CLIENT);
        header.version = Some("1.0".into());
        header.id = Some(self.entropy.id());
        header.lang = Some(self.role.config.lang.clone());
        // An error may come before it is known which domain this is for, and 'from' is never left out:
        // where there is no domain to name, it is empty (RFC 6120 §4.7.1, §4.9.1.3).
        let hosted = self.role.host.as_ref().map(|hosting| &hosting.domain);
        let domain = hosted.or(self.role.config.default_domain.as_ref());
        header.from = Some(domain.map(Domainpart::as_str).unwrap_or_default().into());
        self.stream.set_header(header);
    }

    // --- What arrives -----------------------------------------------------------------------------

    fn handle_header(&mut self, header: StreamHeader) {
        // The answer names the client even where it is an error (RFC 6120 §4.7.2, §4.9.1.2).
        if let Some(answer) = self.stream.header_mut() {
            let from = header.from.as_deref().map(Jid::new);
            answer.to = from.and_then(|from| Some(from.ok()?.bare_str().into()));
        }
        match self.check_header(&header) {
            Ok((domain, from)) => {
                self.role.peer_lang = header.lang;
                // After authentication the domain is settled, and nobody needs to be asked.
                if self.stream.authenticated() {
                    self.answer_header();
                } else {
                    let serial = self.serial();
                    self.role.state = State::ChoosingHost {
                        serial,
                        domain: domain.clone(),
                    };
                    self.event = Some(ServerEvent::Opened(HostRequest {
                        serial,
                        domain,
                        from,
                        secured: self.stream.secured(),
                    }));
                }
            }
            Err((condition, why)) => self.stream.fail(condition, PeerMisbehaved::Header(why)),
        }
    }

    fn check_header(
        &self,
        header: &StreamHeader,
    ) -> Result<(Domainpart, Option<Jid>), (StreamErrorCondition, &'static str)> {
        use StreamErrorCondition as E;
        if !Self::may_carry_stanzas(header) {
            let why = "the content namespace is not jabber:client";
            return Err((E::InvalidNamespace, why));
        }
        if !speaks_1_0(header.version.as_deref()) {
            return Err((E::UnsupportedVersion, "the version is below 1.0"));
        }
        let Some(to) = &header.to else {
            return Err((E::ImproperAddressing, "'to' is missing"));
        };
        let Ok(domain) = Domainpart::new(to) else {
            return Err((E::HostUnknown, "'to' is no domain"));
        };
        let Ok(from) = header.from.as_deref().map(Jid::new).transpose() else {
            return Err((E::InvalidFrom, "'from' is no address"));
        };
        if let Some(account) = &self.role.account {
            if account.domainpart() != domain.as_str() {
                return Err((E::HostUnknown, "'to' is not the domain of the account"));
            }
            // RFC 6120 §6.4.6: who opens the stream has to be who was authenticated.
            if from
                .as_ref()
                .is_some_and(|from| from.bare_str() != account.as_str())
            {
                return Err((E::InvalidFrom, "'from' is not the authenticated account"));
            }
        } else if let Some(from) = &from
            && self.certificate_contradicts(from)
        {
            let why = "'from' is not an address of the certificate";
            return Err((E::InvalidFrom, why));
        }
        Ok((domain, from))
    }

    /// Whether the verified client certificate names accounts, and this is none of them (RFC 6120 §13.7.2).
    /// Of one that names none only the application can know whose it is.
    fn certificate_contradicts(&self, from: &Jid) -> bool {
        let peer = self.stream.tls().and_then(TlsInfo::peer);
        let accounts = peer
            .map(CertificateIdentities::accounts)
            .unwrap_or_default();
        let is_from = |account: &BareJid| account.as_str() == from.bare_str();
        !accounts.is_empty() && !accounts.iter().any(is_from)
    }

    /// Sends our header and the features that fit the moment (RFC 6120 §4.3.2).
    fn answer_header(&mut self) {
        let Some(Hosting { domain, host }) = &self.role.host else {
            return;
        };
        if let Some(header) = self.stream.header_mut() {
            header.from = Some(domain.as_str().into());
        }
        let features = if self.stream.authenticated() {
            FeatureOffer {
                starttls: None,
                sasl: &Offer::default(),
                bind: true,
                extra: &host.features,
            }
            .to_element()
        } else {
            FeatureOffer {
                starttls: self.starttls_offer(host),
                sasl: &self.sasl_offer(),
                bind: false,
                extra: &[],
            }
            .to_element()
        };
        self.stream.write_header();
        self.stream.push_own(&features);
        self.role.state = State::Choosing;
    }

    const fn starttls_offer(&self, host: &Host) -> Option<StartTlsOffer> {
        if self.stream.secured() {
            return None;
        }
        match host.tls {
            TlsOffer::Required => Some(StartTlsOffer::Required),
            TlsOffer::Optional => Some(StartTlsOffer::Optional),
            TlsOffer::Unavailable => None,
        }
    }

    fn handle_item(&mut self, item: Item, element: Element) {
        match (
            core::mem::replace(&mut self.role.state, State::Choosing),
            item,
        ) {
            (_, Item::StartTls) => self.handle_start_tls(),
            (_, Item::Auth) => self.handle_auth(&element),
            (State::Sasl(exchange), Item::Response) => self.handle_response(exchange, &element),
            (_, Item::Abort) => self.refuse_login(&SaslFailure::new(Condition::Aborted)),
            (_, Item::Bind) => self.handle_bind(element),
            (_, _) => self.unexpected(&element),
        }
    }

    // --- The steps of negotiation -----------------------------------------------------------------

    fn handle_start_tls(&mut self) {
        let offered = self
            .role
            .host
            .as_ref()
            .and_then(|hosting| self.starttls_offer(&hosting.host))
            .is_some();
        if offered && self.tls_available {
            self.stream
                .push_own(&Element::builder("proceed", ns::TLS).build());
            let serial = self.serial();
            self.stream.hand_off(serial, true);
            self.role.host = None;
            self.role.state = State::Tls;
            return;
        }
        // RFC 6120 §5.4.2.2: a failure, the closing tag, and the end.
        self.stream
            .push_own(&Element::builder("failure", ns::TLS).build());
        self.stream.end_with_footer(match offered {
            true => CloseReason::TlsRefused,
            false => CloseReason::Violation {
                sent: None,
                why: PeerMisbehaved::Negotiation("STARTTLS was not offered"),
            },
        });
    }

    fn handle_bind(&mut self, element: Element) {
        let iq = match Iq::parse(element) {
            Ok(iq) => iq,
            Err(fault) => return self.refuse(fault),
        };
        let asked = iq
            .payload("bind", ns::BIND)
            .and_then(|bind| bind.child("resource", ns::BIND))
            .map(|resource| resource.text().into_owned())
            .filter(|resource| !resource.is_empty());
        let requested = match asked.as_deref().map(Resourcepart::new).transpose() {
            Ok(requested) => requested,
            // RFC 6120 §7.7.2.1
            Err(_) => {
                let error = StanzaError::new(StanzaErrorCondition::BadRequest)
                    .with_text("the resource cannot be prepared");
                return self.refuse_bind(&iq, &error);
            }
        };
        let made = Resourcepart::new(&self.entropy.id());
        let (Some(account), Some(suggested)) =
            (self.role.account.clone(), requested.clone().or(made.ok()))
        else {
            let error = StanzaError::new(StanzaErrorCondition::InternalServerError);
            return self.refuse_bind(&iq, &error);
        };
        let serial = self.serial();
        self.role.state = State::Binding {
            serial,
            request: iq,
        };
        self.event = Some(ServerEvent::Bind(BindRequest {
            serial,
            account,
            requested,
            suggested,
        }));
    }

    fn refuse_bind(&mut self, iq: &Iq, error: &StanzaError) {
        if let Some(reply) = iq.error_reply(error) {
            self.stream.push_own(reply.element());
        }
        self.role.state = State::Choosing;
        self.role.failed_binds = self.role.failed_binds.saturating_add(1);
        if self.role.failed_binds >= self.stream.limits().bind_attempts {
            self.too_many_attempts();
        }
    }

    fn too_many_attempts(&mut self) {
        self.stream.fail(
            StreamErrorCondition::PolicyViolation,
            PeerMisbehaved::TooManyAttempts,
        );
    }

    // --- Stanzas ----------------------------------------------------------------------------------

    fn handle_stanza(&mut self, mut element: Element) {
        let State::Bound(jid) = &self.role.state else {
            return;
        };
        if Item::of(&element) == Item::Other {
            if !self.stream.is_closing() {
                self.unexpected(&element);
            }
            return;
        }
        // RFC 6120 §8.1.2.1: whatever the client wrote, this is who sent it.
        element.set_attr("from", Some(jid.as_str()));
        match Stanza::parse(element) {
            Parsed::Stanza(mut stanza) => {
                if let Stanza::Presence(presence) = &mut stanza
                    && presence
                        .presence_type()
                        .is_some_and(|kind| kind.is_subscription())
                {
                    presence.set_from(Some(jid.to_bare().into()));
                }
                if stanza.lang().is_none() && self.role.peer_lang.is_some() {
                    stanza.set_lang(self.role.peer_lang.as_deref());
                }
                match self.answer_legacy(&stanza) {
                    Some(answer) => self.stream.push_own(answer.element()),
                    None => self.event = Some(ServerEvent::Stanza(stanza)),
                }
            }
            Parsed::Fault(fault) => self.refuse(fault),
            Parsed::Other(element) => self.unexpected(&element),
        }
    }

    /// The answer to negotiation requests that come after binding: a session is there already
    /// (RFC 3921 §3), and a second resource is not to be had (RFC 6120 §7.1).
    fn answer_legacy(&self, stanza: &Stanza) -> Option<Iq> {
        let Stanza::Iq(iq) = stanza else { return None };
        let ours = match (iq.to(), &self.role.account) {
            (None, _) => true,
            (Some(to), Some(account)) => {
                to.as_str() == account.as_str() || to.as_str() == account.domainpart()
            }
            (Some(_), None) => false,
        };
        match Item::of(iq.element()) {
            Item::Session if ours => iq.result(None),
            Item::Bind if ours => {
                iq.error_reply(&StanzaError::new(StanzaErrorCondition::NotAllowed))
            }
            _ => None,
        }
    }
}
