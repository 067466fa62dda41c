//! The client's end of a stream.

mod bind;
mod config;
mod derivation;
mod login;
mod management;
mod resumption;
mod sasl2;
mod session;
mod task;
mod token;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use xmppwire_jid::{Domainpart, FullJid};
use xmppwire_sasl::MechanismPolicy;
use xmppwire_xml::{Element, StreamHeader};

use self::bind::answers;
use self::config::Settings;
pub use self::config::{AccountError, ClientConfig, TlsPolicy};
pub use self::derivation::DerivationRequest;
use self::login::Login;
pub use self::resumption::{ResumeRefused, Resumption, WhyNotResumed};
use self::session::{Asked, Kept};
pub use self::task::{TaskAnswer, TaskRequest};
pub use self::token::TokenEnd;
use crate::connection::Connection;
use crate::endpoint::{Endpoint, Pinged, Role, Step, Steps};
use crate::entropy::Entropy;
use crate::error::{CloseReason, PeerIncompatible, PeerMisbehaved};
use crate::event::{News, RoleEvent};
use crate::log::log;
use crate::managed::Managed;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::sasl2::Token;
use crate::stanza::{Parsed, Stanza, StanzaErrorCondition, StanzaFault};
use crate::stream::Stream;
use crate::time::Instant;
use crate::tls::{StartTls, TlsInfo};
use crate::unacknowledged::Unacknowledged;
use crate::wire::features::StreamFeatures;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::version::speaks_1_0;

/// An event of a [`Client`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The transport has to change to TLS: give the token to [`Connection::begin_tls`].
    StartTls(StartTls),
    /// The SCRAM login needs a derivation that is not computed in line: answer with
    /// [`Endpoint::answer_derivation`]. Only with [`ClientConfig::with_inline_iterations`].
    Derivation(DerivationRequest),
    /// A token to store in the place of the one before it, for
    /// [`ClientConfig::with_token`] of later connections: the server issued it, or the client has
    /// just tried to log in with it, which its count says. Only with
    /// [`ClientConfig::with_user_agent`].
    Token(Token),
    /// The stored token is of no use any more, and should be deleted.
    TokenGone(TokenEnd),
    /// The mechanism has succeeded, and the server asks for more: answer with
    /// [`Endpoint::answer_task`]. Only with [`ClientConfig::with_tasks`].
    Task(TaskRequest),
    /// The login is complete. Stanzas may be sent, from this address.
    Bound(FullJid),
    /// A stanza arrived.
    Stanza(Stanza),
    /// The server has agreed to manage the stream (XEP-0198 §3). What is sent has
    /// [numbers](Endpoint::sent) since [`Bound`](Self::Bound). Only with
    /// [`ClientConfig::with_stream_management`].
    Managed(Managed),
    /// The server has refused to manage the stream, although it offered to. The stream goes on, and
    /// the numbers of what was sent are void.
    Unmanaged(StanzaErrorCondition),
    /// The server has handled all stanzas up to the one with this [number](Endpoint::sent).
    Acknowledged(u64),
    /// The session continues on this connection (XEP-0198 §5), in place of [`Bound`](Self::Bound):
    /// what the server has not handled was sent again, and presence, roster and all other state are as
    /// they were. See [`Endpoint::resume`].
    Resumed {
        /// The address of the session.
        jid: FullJid,
        /// The server has handled all stanzas up to the one with this number.
        acknowledged: u64,
    },
    /// The session could not be resumed and is over. A resource is bound next.
    NotResumed {
        /// The server has handled all stanzas up to the one with this number.
        acknowledged: u64,
        /// The stanzas after it, in the order in which they were sent. The server may have handled
        /// them or not.
        unacknowledged: Vec<Unacknowledged>,
    },
    /// A malformed stanza arrived. It was answered with an error if RFC 6120 §8 requires one and
    /// its `from` is an address; otherwise it was dropped.
    Refused(StanzaFault),
    /// The connection has ended. This is the last event.
    Closed(CloseReason),
}

/// The role of a client: logs in, then exchanges stanzas (RFC 6120 §2.3).
///
/// [`new`](Self::new) gives a [`Connection`] for the driver. The application calls the [`Endpoint`]
/// in it.
///
/// ```
/// use xmppwire::{Client, ClientConfig, ClientEvent, Entropy, Instant, Jid};
///
/// let config = ClientConfig::new(Jid::new("juliet@example.org")?, "s3cr3t")?;
/// let (entropy, now) = (Entropy::from_seed([7; 32]), Instant::ORIGIN); // random in real use
/// let mut client = Client::new(config, entropy, now);
/// // The stream header can be written at once. It does not name the account yet.
/// let header = client.take_output();
/// assert!(header.ends_with(b" to='example.org' version='1.0'>"));
///
/// // What a server answers. Without TLS, the client does not go on.
/// let answer = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
///     from='example.org' id='a1' version='1.0'><stream:features>\
///     <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>";
/// client.receive(now, answer);
/// assert_eq!(client.take_output(), b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
///
/// client.receive(now, b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
/// assert!(matches!(client.poll_event(), Some(ClientEvent::StartTls(_))));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    config: Arc<Settings>,
    state: State,
    features: Option<StreamFeatures>,
    /// The mechanisms that may still be tried: fewer after each refusal.
    mechanisms: MechanismPolicy,
    /// The default language of the server's stanzas (RFC 6120 §4.7.4).
    stream_lang: Option<Box<str>>,
    /// Whether `from` in the server's header is another domain.
    misnamed: bool,
    /// Whether carbons were enabled together with the binding.
    carbons: bool,
    /// Whether the server wants to know the state of the client, where no features say so.
    csi: bool,
    /// Stanzas that arrived before the legacy session is there.
    kept: Option<Box<Kept>>,
    /// Whether the user looks at the client, as the application says.
    active: bool,
    /// The same, as the server knows it. Every stream begins as active (XEP-0352 §5.1).
    told_active: bool,
    /// The session to resume, until the server has decided.
    resumption: Option<Box<Resumption>>,
    /// The token to try, until it was tried.
    token: Option<Box<Token>>,
}

/// The state of the negotiation. Each variant holds the data that only its phase needs.
#[derive(Debug)]
enum State {
    Answering,
    Offering,
    StartingTls,
    Tls,
    Sasl(Box<Login>),
    /// The application is asked for the salted password.
    Deriving {
        serial: u64,
        login: Box<Login>,
    },
    /// The server's part of a task is awaited.
    Tasks(Box<Login>),
    /// The application is asked for its part of a task, or for its choice of one.
    TaskQuestion {
        serial: u64,
        login: Box<Login>,
    },
    Binding {
        id: Box<str>,
    },
    Session(Box<Asked>),
    /// The server was asked to resume the session.
    Resuming,
    Bound(FullJid),
}

impl State {
    fn phase(&self) -> Phase {
        match self {
            Self::Answering => Phase::Answering,
            Self::Offering => Phase::Offering,
            Self::StartingTls => Phase::StartingTls,
            Self::Tls => Phase::Tls,
            Self::Sasl(login) | Self::Deriving { login, .. } => login.profile.phase(),
            Self::Tasks(_) | Self::TaskQuestion { .. } => Phase::Tasks,
            Self::Binding { .. } => Phase::Binding,
            Self::Session(_) => Phase::Session,
            Self::Resuming => Phase::Resuming,
            Self::Bound(_) => Phase::Bound,
        }
    }
}

impl State {
    /// Whether neither a resource nor a session is asked for.
    const fn is_before_binding(&self) -> bool {
        !matches!(
            self,
            Self::Binding { .. } | Self::Session(_) | Self::Resuming | Self::Bound(_)
        )
    }
}

impl RoleEvent for ClientEvent {
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

impl Client {
    /// A connection over a transport in clear text, which STARTTLS protects later (RFC 6120 §5).
    /// The stream header is in the output at once.
    pub fn new(config: ClientConfig, entropy: Entropy, now: Instant) -> Connection<Self> {
        Self::start(config, entropy, now, None)
    }

    /// A connection over a transport that TLS protects from the first byte (XEP-0368).
    pub fn with_direct_tls(
        config: ClientConfig,
        entropy: Entropy,
        now: Instant,
        tls: TlsInfo,
    ) -> Connection<Self> {
        Self::start(config, entropy, now, Some(tls))
    }

    fn start(
        config: ClientConfig,
        entropy: Entropy,
        now: Instant,
        tls: Option<TlsInfo>,
    ) -> Connection<Self> {
        let config = config.settings;
        let limits = Arc::clone(&config.limits);
        let client = Self {
            mechanisms: config.mechanisms,
            token: config.sasl2.token.clone(),
            config,
            state: State::Answering,
            features: None,
            stream_lang: None,
            misnamed: false,
            carbons: false,
            csi: false,
            kept: None,
            active: true,
            resumption: None,
            told_active: true,
        };
        Endpoint::connect(client, limits, entropy, now, tls)
    }
}

impl Endpoint<Client> {
    /// The address that is bound; `None` until then.
    pub const fn jid(&self) -> Option<&FullJid> {
        match &self.role.state {
            State::Bound(jid) => Some(jid),
            _ => None,
        }
    }

    /// What the server offered on the present stream: the last features that it sent.
    pub const fn features(&self) -> Option<&StreamFeatures> {
        self.role.features.as_ref()
    }

    /// The default language of the server's stanzas: that of a stanza whose
    /// [`lang`](crate::Stanza::lang) is `None` (RFC 6120 §8.1.5). It is what the header of the
    /// present stream said (§4.7.4); `None` where that said nothing.
    pub fn stream_lang(&self) -> Option<&str> {
        self.role.stream_lang.as_deref()
    }
}

/// Client State Indication (XEP-0352).
impl Endpoint<Client> {
    /// Tells the server whether the user looks at the client (XEP-0352), so that it can hold back
    /// what has time. A client begins as active.
    ///
    /// May be called at any time. Before a resource is bound the wish is kept, and a server that
    /// does not offer this ([`StreamFeatures::csi`]) is told nothing.
    pub fn set_active(&mut self, active: bool) {
        self.role.active = active;
        self.tell_state();
    }

    /// Whether the user looks at the client, as the application said last.
    pub const fn is_active(&self) -> bool {
        self.role.active
    }

    /// Tells the server the state of the client, if it does not know it and wants to.
    pub(super) fn tell_state(&mut self) {
        let offered = self.features().map_or(self.role.csi, StreamFeatures::csi);
        let bound = matches!(self.role.state, State::Bound(_)) && !self.is_done();
        if self.role.active != self.role.told_active && offered && bound {
            self.role.told_active = self.role.active;
            let name = if self.role.active {
                "active"
            } else {
                "inactive"
            };
            self.stream
                .push_application(&Element::builder(name, ns::CSI).build());
        }
    }
}

impl Role for Client {
    type Event = ClientEvent;
}

impl Steps for Client {
    type Told = ClientEvent;

    const SIDE: negotiation::Side = negotiation::Side::Client;
    const CONTENT_NS: &'static str = ns::CLIENT;
    const PEER_WRITES_FROM: bool = true;
    const MAKES_STANZAS: bool = true;

    fn phase(&self) -> Phase {
        self.state.phase()
    }

    fn is_asking(&self) -> bool {
        matches!(
            self.state,
            State::Deriving { .. } | State::TaskQuestion { .. }
        )
    }

    fn has_news(&self) -> bool {
        !matches!(self.state, State::Session(_)) && self.kept.is_some()
    }

    fn next_event(&mut self, _: &Stream) -> Option<ClientEvent> {
        match self.state {
            // What arrives before the session exists waits for that.
            State::Session(_) => None,
            _ => {
                let event = self.kept.as_mut()?.pop();
                if self.kept.as_ref().is_some_and(|kept| kept.is_empty()) {
                    self.kept = None;
                }
                event
            }
        }
    }

    fn objection(&self) -> Option<(StreamErrorCondition, PeerMisbehaved)> {
        // RFC 6120 §4.7.1, §6.4.6: the server that answers has to be the one that was asked for,
        // because TLS and SASL prove that name. The header alone is accepted: a server that does
        // not serve the domain sends its error under another name.
        let why = PeerMisbehaved::Header("'from' is not the domain of the account");
        self.misnamed
            .then_some((StreamErrorCondition::InvalidFrom, why))
    }

    fn pinged(&self) -> Option<Pinged<'_>> {
        Some(Pinged {
            from: None,
            to: Some(self.config.jid.domainpart()),
        })
    }

    /// The server answers in its own name. Some write the account or the resource into `from`, or
    /// nothing. Only the server can make a stanza with one of these (RFC 6120 §8.1.2.1).
    fn may_pong(&self, from: Option<&str>) -> bool {
        let Some(from) = from else { return true };
        let State::Bound(jid) = &self.state else {
            return false;
        };
        [jid.domainpart(), jid.bare_str(), jid.as_str()].contains(&from)
    }

    fn tell(news: News) -> ClientEvent {
        match news {
            News::StartTls(request) => ClientEvent::StartTls(request),
            News::Refused(fault) => ClientEvent::Refused(fault),
            News::Closed(reason) => ClientEvent::Closed(reason),
        }
    }

    fn manage(endpoint: &mut Endpoint<Self>, item: Item, element: &Element) {
        endpoint.handle_management(item, element);
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

impl Endpoint<Client> {
    fn open(&mut self) {
        self.role.state = State::Answering;
        self.role.features = None;
        self.role.stream_lang = None;
        let mut header = StreamHeader::new(ns::CLIENT);
        header.version = Some("1.0".into());
        header.to = Some(self.role.config.jid.domainpart().into());
        header.lang.clone_from(&self.role.config.lang);
        // The account stays private until TLS protects the stream (RFC 6120 §4.7.1).
        if self.stream.secured() && self.role.config.jid.localpart().is_some() {
            header.from = Some(self.role.config.jid.as_str().into());
        }
        self.stream.set_header(header);
        self.stream.write_header();
    }

    // --- What arrives -----------------------------------------------------------------------------

    fn handle_header(&mut self, header: StreamHeader) {
        if !Self::may_carry_stanzas(&header) {
            return self.stream.fail(
                StreamErrorCondition::InvalidNamespace,
                PeerMisbehaved::Header("the content namespace is not jabber:client"),
            );
        }
        if !speaks_1_0(header.version.as_deref()) {
            let error = StreamError::new(StreamErrorCondition::UnsupportedVersion);
            let reason = CloseReason::Incompatible(PeerIncompatible::Version);
            return self.stream.close_with(error, reason);
        }
        let domain = self.role.config.jid.domainpart();
        let named = |from: &String| Domainpart::new(from).is_ok_and(|from| from.as_str() == domain);
        self.role.misnamed = header.from.as_ref().is_some_and(|from| !named(from));
        self.role.stream_lang = header.lang.map(String::into_boxed_str);
        self.role.state = State::Offering;
    }

    fn handle_item(&mut self, item: Item, element: Element) {
        match (
            core::mem::replace(&mut self.role.state, State::Offering),
            item,
        ) {
            (State::Session(asked), Item::Result | Item::Error) if answers(&element, &asked.id) => {
                self.handle_session_answer(asked.jid, &element);
            }
            (State::Session(asked), _) => self.keep(asked, element),
            (_, Item::Features) => self.handle_features(&element),
            (_, Item::Proceed) => self.handle_proceed(),
            (_, Item::TlsFailure) => self.stream.close_for(CloseReason::TlsRefused),
            (State::Sasl(login), Item::Challenge | Item::Challenge2) => {
                self.handle_challenge(login, &element);
            }
            (State::Sasl(login), Item::Success) => self.handle_success(*login, &element),
            (
                State::Sasl(login) | State::Tasks(login),
                Item::Success2 | Item::Bound2 | Item::Resumed2,
            ) => {
                self.handle_success2(*login, &element);
            }
            (State::Sasl(login) | State::Tasks(login), Item::Continue) => {
                self.handle_continue(login, &element);
            }
            (State::Tasks(login), Item::TaskData) => self.handle_task_data(login, element),
            (State::Sasl(login) | State::Tasks(login), Item::SaslFailure | Item::Failure2) => {
                self.handle_sasl_failure(&login, &element)
            }
            (State::Resuming, Item::Resumed) => self.handle_resumed(element.root()),
            (State::Resuming, Item::ManagementFailed) => self.handle_not_resumed(element.root()),
            (State::Binding { id }, Item::Result | Item::Error) if answers(&element, &id) => {
                self.handle_bind_answer(&element);
            }
            (_, _) => self.unexpected(&element),
        }
    }

    fn handle_stanza(&mut self, element: Element) {
        match Stanza::parse(element, self.jid()) {
            Parsed::Stanza(stanza) => self.event = Some(ClientEvent::Stanza(stanza)),
            Parsed::Fault(fault) => self.refuse(fault),
            // A server may offer features again at any time; no action is required (RFC 6120
            // §4.3.5).
            Parsed::Other(element) if Item::of(&element) == Item::Features => {
                let features = StreamFeatures::new(element);
                self.stream.obey(features.limits());
                // Those that follow Bind 2 tell what else there is.
                let first = self.role.features.replace(features).is_none();
                if first && !self.stream.is_closing() && !self.stream.is_managed() {
                    self.request_management();
                }
                self.tell_state();
            }
            Parsed::Other(_) if self.stream.is_closing() => {}
            // RFC 6120 §11.4: a client ignores what it does not know. What belongs to negotiation or
            // to streams as such is known, and has no place here.
            Parsed::Other(element)
                if Item::of(&element) == Item::Other && element.ns() != ns::STREAMS =>
            {
                log!(
                    debug,
                    name = element.name(),
                    ns = element.ns(),
                    "an unknown element is ignored"
                );
            }
            Parsed::Other(element) => self.unexpected(&element),
        }
    }

    // --- The steps of negotiation -----------------------------------------------------------------

    fn handle_features(&mut self, element: &Element) {
        let features = StreamFeatures::new(element.compacted());
        log!(debug, features = %element.to_xml(), "the server offers features");
        self.stream.obey(features.limits());
        let next = self.choose(&features);
        self.role.features = Some(features);
        match next {
            Ok(state) => self.role.state = state,
            Err(why) => self.give_up(why),
        }
    }

    /// Ends a stream whose server lacks something. A server that requires what this side does not
    /// support gets a stream error (RFC 6120 §4.9.3.23); one that merely lacks a feature made no
    /// error.
    fn give_up(&mut self, why: PeerIncompatible) {
        use PeerIncompatible as P;
        let insists = matches!(why, P::UnknownRequiredFeature { .. } | P::TlsRequired);
        let reason = CloseReason::Incompatible(why);
        if insists {
            let error = StreamError::new(StreamErrorCondition::UnsupportedFeature);
            self.stream.close_with(error, reason);
        } else {
            self.stream.close_for(reason);
        }
    }

    /// Takes the next step that the features allow: TLS, then SASL, then binding.
    fn choose(&mut self, features: &StreamFeatures) -> Result<State, PeerIncompatible> {
        if let Some((name, ns)) = features.unknown_required() {
            return Err(PeerIncompatible::UnknownRequiredFeature { name, ns });
        }
        if !self.stream.secured() && !self.stream.authenticated() {
            match self.role.config.tls {
                TlsPolicy::Forbidden if features.starttls_required() => {
                    return Err(PeerIncompatible::TlsRequired);
                }
                TlsPolicy::Forbidden => {}
                _ if features.starttls() => return Ok(self.start_tls()),
                TlsPolicy::Required => return Err(PeerIncompatible::NoTls),
                TlsPolicy::Preferred => {}
            }
        }
        if !self.stream.authenticated() {
            return self.authenticate(features, None);
        }
        if let Some(resuming) = self.request_resumption(features) {
            return Ok(resuming);
        }
        if features.bind() {
            return Ok(self.bind());
        }
        Err(PeerIncompatible::NoBind)
    }

    fn start_tls(&mut self) -> State {
        self.stream
            .push_own(&Element::builder("starttls", ns::TLS).build());
        State::StartingTls
    }

    fn handle_proceed(&mut self) {
        let serial = self.serial();
        self.stream.hand_off(serial, false);
        self.role.state = State::Tls;
    }
}
