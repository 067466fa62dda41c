//! The client's end of a stream.

mod activity;
mod bind;
mod config;
mod derivation;
mod event;
mod login;
mod management;
mod resumption;
mod sasl2;
mod session;
mod state;
mod task;
mod token;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

use xmppwire_jid::{Domainpart, FullJid};
use xmppwire_sasl::MechanismPolicy;
use xmppwire_xml::{Element, StreamHeader};

use self::bind::answers;
use self::config::Settings;
pub use self::config::{AccountError, ClientConfig, TlsPolicy};
pub use self::derivation::DerivationRequest;
pub use self::event::ClientEvent;
pub use self::resumption::{ResumeRefused, Resumption, WhyNotResumed};
use self::session::Kept;
use self::state::State;
pub use self::task::{TaskAnswer, TaskRequest};
pub use self::token::TokenEnd;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{CloseReason, PeerIncompatible, PeerMisbehaved};
use crate::event::News;
use crate::log::log;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::role::{Pinged, Role, Step, Steps};
use crate::sasl2::Token;
use crate::stanza::{Parsed, Stanza};
use crate::stream::Stream;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::features::StreamFeatures;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::version::speaks_1_0;

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
