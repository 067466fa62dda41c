//! The server's end of a stream.

mod bind;
mod config;
mod detached;
mod detached_sessions;
mod event;
mod host;
mod login;
mod management;
mod question;
mod sasl2;
mod state;
mod task;
mod token;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;

use xmppwire_jid::{BareJid, Domainpart, FullJid};
use xmppwire_sasl::Condition;
use xmppwire_xml::Element;

use self::config::Settings;
pub use self::config::{Host, ServerConfig, TlsOffer};
pub use self::detached::Detached;
pub use self::detached_sessions::{DetachedLimits, DetachedSessions, PushError};
pub use self::event::ServerEvent;
pub use self::question::{
    BindAnswer, BindRequest, HostAnswer, HostRequest, ResumeAnswer, ResumeRequest, SaslAnswer,
    SaslQuestion, SaslRequest,
};
use self::state::State;
pub use self::task::{TaskQuestion, TaskStep, TaskVerdict};
pub use self::token::{TokenAnswer, TokenLookup};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::PeerMisbehaved;
use crate::event::News;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::role::{Pinged, Role, Step, Steps};
use crate::stanza::{Parsed, Stanza};
use crate::stream::Stream;
use crate::stream_management::StreamManagement;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::sasl::Profile;
use crate::wire::stream_error::StreamErrorCondition;

/// The role of a server towards a client: authenticates it, then exchanges stanzas (RFC 6120 §2.3).
///
/// [`new`](Self::new) gives a [`Connection`] for the driver. The application calls the [`Endpoint`]
/// in it.
///
/// # What remains for the application
///
/// A connection knows nothing of other connections and of addresses of the network. So RFC 6120 asks
/// these of whoever runs the server:
///
/// - The connections of one IP address, and its attempts in a time, have a limit, above which a new
///   connection is closed at once (§13.12). So have the resources of an account: refuse
///   [`Bind`](ServerEvent::Bind) with `resource-constraint`.
/// - The stanzas that a client sends to different recipients in a time, and the bytes, can have a
///   limit (§13.12). What is above it is answered with `policy-violation` by
///   [`Stanza::error_reply`](crate::Stanza::error_reply), or the driver reads less.
/// - The limit of a stanza is 10,000 bytes or more (§13.12):
///   [`Limits::after_authentication`](crate::Limits::after_authentication).
/// - The IP address of a client, and how it is connected, are not made public (§13.10.1), nor its
///   presence to those who may not see it (§13.10.2). Errors do not tell of it where
///   [`route`](crate::routing::route) decides.
/// - TLS is required, and passwords have a minimal strength (§13.6, §13.9.4).
///
/// ```
/// use xmppwire::{
///     DecoyKey, Entropy, Host, HostAnswer, Instant, Mechanism, Server, ServerConfig, ServerEvent,
///     TlsOffer,
/// };
///
/// let config = ServerConfig::new(DecoyKey::new([0x17; 32])); // a secret of the server
/// let (entropy, now) = (Entropy::from_seed([7; 32]), Instant::ORIGIN); // random in real use
/// let mut server = Server::new(config, entropy, now);
///
/// // What a client begins with. The server asks its application whether it serves the domain.
/// let header = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
///     to='example.org' version='1.0'>";
/// server.receive(now, header);
/// let Some(ServerEvent::Opened(question)) = server.poll_event() else { panic!() };
/// assert_eq!(question.domain().as_str(), "example.org");
///
/// let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256]);
/// server.choose_host(question, HostAnswer::Serve(host))?;
/// // It offers STARTTLS and nothing else.
/// let output = String::from_utf8(server.take_output())?;
/// assert!(output.contains("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"));
/// assert!(!output.contains("<mechanisms"));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Server {
    config: Arc<Settings>,
    state: State,
    host: Option<Box<Hosting>>,
    account: Option<BareJid>,
    /// The default language of the client's stanzas (RFC 6120 §4.7.4).
    peer_lang: Option<Box<str>>,
    /// Whether the client may say that it is active or not, once its resource is bound.
    csi: bool,
    /// The account that the client's header claims under TLS, until it logs in (RFC 6120 §6.4.6).
    claimed: Option<Box<BareJid>>,
    failed_logins: u8,
    failed_binds: u8,
    /// How the bound stream is managed, if the client asks for it.
    management: Option<Arc<StreamManagement>>,
    /// Events that wait for the one before them to be taken.
    news: Option<Box<Queue>>,
}

/// Events in the order in which they happened.
#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<ServerEvent>,
}

/// The domain of the stream, and what the server offers on it.
#[derive(Debug)]
struct Hosting {
    domain: Domainpart,
    host: Host,
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
        let config = config.settings;
        let limits = Arc::clone(&config.limits);
        let server = Self {
            config,
            state: State::Opening,
            host: None,
            account: None,
            peer_lang: None,
            csi: false,
            claimed: None,
            failed_logins: 0,
            failed_binds: 0,
            management: None,
            news: None,
        };
        Endpoint::connect(server, limits, entropy, now, tls)
    }
}

impl Endpoint<Server> {
    /// The address that is bound; `None` until then.
    pub const fn jid(&self) -> Option<&FullJid> {
        match &self.role.state {
            State::Bound(jid) => Some(jid),
            _ => None,
        }
    }

    /// The language for the application's texts to this client: the one of
    /// [`ServerConfig::with_langs`] that fits the client's header best, as the server's header says
    /// (RFC 6120 §4.7.4).
    pub fn text_lang(&self) -> &str {
        let asked = self.role.peer_lang.as_deref();
        self.role.config.lang_for(asked)
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

    fn has_news(&self) -> bool {
        self.news.is_some()
    }

    fn next_event(&mut self, _: &Stream) -> Option<ServerEvent> {
        let news = self.news.as_mut()?;
        let event = news.events.pop_front();
        if news.events.is_empty() {
            self.news = None;
        }
        event
    }

    fn pinged(&self) -> Option<Pinged<'_>> {
        let State::Bound(jid) = &self.state else {
            return None;
        };
        Some(Pinged {
            from: Some(jid.domainpart()),
            to: Some(jid.as_str()),
        })
    }

    fn tell(news: News) -> ServerEvent {
        match news {
            News::StartTls(request) => ServerEvent::StartTls(request),
            News::Refused(fault) => ServerEvent::Refused(fault),
            News::Closed(reason) => ServerEvent::Closed(reason),
        }
    }

    fn manage(endpoint: &mut Endpoint<Self>, item: Item, element: &Element) {
        endpoint.handle_management(item, element);
    }

    fn parting(&mut self, stream: &mut Stream) -> Option<ServerEvent> {
        self.part(stream)
    }

    fn take(endpoint: &mut Endpoint<Self>, step: Step) {
        match step {
            Step::Open => endpoint.open(),
            Step::Header(header) => endpoint.handle_header(header),
            Step::Item(item, element) => endpoint.handle_item(item, element),
            Step::Unexpected(item, element) => endpoint.handle_unexpected(item, &element),
            Step::Stanza(element) => endpoint.handle_stanza(element),
            Step::Deadline(_) => {}
        }
    }
}

impl Endpoint<Server> {
    fn handle_item(&mut self, item: Item, element: Element) {
        match (
            core::mem::replace(&mut self.role.state, State::Choosing),
            item,
        ) {
            (_, Item::StartTls) => self.handle_start_tls(),
            // RFC 6120 §6.4.2: the new exchange takes the place of the one that runs. That one
            // counts as a failed attempt.
            (State::Sasl(_), Item::Auth) => {
                if self.count_failed_login() {
                    self.handle_auth(&element);
                }
            }
            (_, Item::Auth) => self.handle_auth(&element),
            (_, Item::Authenticate) => self.handle_authenticate(&element),
            (State::Sasl(login), Item::Response | Item::Response2) => {
                self.handle_response(login, &element);
            }
            (_, Item::Abort) => self.refuse_with(Profile::Sasl, Condition::Aborted),
            (_, Item::Abort2) => self.refuse_with(Profile::Sasl2, Condition::Aborted),
            (State::Tasks { offered, admitted }, Item::Next | Item::TaskData) => {
                self.handle_task(&offered, admitted, element);
            }
            (_, Item::Bind) => self.handle_bind(element),
            (_, Item::Resume) => self.handle_resume(element.root()),
            (_, _) => self.unexpected(&element),
        }
    }

    /// Tells events one after the other.
    fn tell_all(&mut self, events: impl IntoIterator<Item = ServerEvent>) {
        for event in events {
            if self.event.is_none() && self.role.news.is_none() {
                self.event = Some(event);
            } else {
                let news = self.role.news.get_or_insert_default();
                news.events.push_back(event);
            }
        }
    }

    fn too_many_attempts(&mut self) {
        self.stream.fail(
            StreamErrorCondition::PolicyViolation,
            PeerMisbehaved::TooManyAttempts,
        );
    }

    fn handle_stanza(&mut self, mut element: Element) {
        let State::Bound(jid) = &self.role.state else {
            return;
        };
        let active = element.is("active", ns::CSI);
        if self.role.csi && (active || element.is("inactive", ns::CSI)) {
            self.event = Some(ServerEvent::Active(active));
            return;
        }
        // RFC 6120 §8.1.2.1: the bound address replaces whatever the client wrote.
        element.set_attr("from", Some(jid.as_str()));
        match Stanza::parse(element, Some(jid)) {
            Parsed::Stanza(mut stanza) => {
                if let Stanza::Presence(presence) = &mut stanza
                    && presence
                        .presence_type()
                        .is_some_and(|kind| kind.is_subscription())
                {
                    presence.set_from(Some(jid.to_bare().into()));
                }
                if self.role.peer_lang.is_some() && stanza.lang().is_none() {
                    stanza.set_lang(self.role.peer_lang.as_deref());
                }
                match self.answer_legacy(&stanza) {
                    Some(answer) => self.stream.push_own(answer.element()),
                    None => self.event = Some(ServerEvent::Stanza(stanza)),
                }
            }
            Parsed::Fault(fault) => self.refuse(fault),
            Parsed::Other(_) if self.stream.is_closing() => {}
            Parsed::Other(element) => self.unexpected(&element),
        }
    }
}
