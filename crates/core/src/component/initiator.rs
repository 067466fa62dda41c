//! The component's end of a stream (XEP-0114 §3).

use alloc::string::String;

use xmppwire_jid::{Domainpart, Jid};
use xmppwire_xml::{Element, StreamHeader};

use super::ComponentConfig;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::event::{News, RoleEvent};
use crate::log::log;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::role::{Pinged, Role, Step, Steps};
use crate::stanza::{Parsed, Stanza, StanzaFault};
use crate::time::Instant;
use crate::tls::{StartTls, TlsInfo};
use crate::wire::stream_error::StreamErrorCondition;

/// An event of a [`Component`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ComponentEvent {
    /// The component is attached to the server: stanzas flow.
    Bound,
    /// A stanza arrived. It may be for any domain: some servers give a component the stanzas of
    /// several. Its addresses are not completed.
    Stanza(Stanza),
    /// A malformed stanza arrived. It was answered with an error if RFC 6120 §8 requires one.
    Refused(StanzaFault),
    /// The connection has ended. This is the last event.
    Closed(CloseReason),
}

/// The role of a component towards its server (XEP-0114).
///
/// [`new`](Self::new) gives a [`Connection`] for the driver. The application calls the [`Endpoint`]
/// in it. Every stanza that it sends needs `to`, and a `from` of the component's domain; any other
/// is [`ApiMisuse::Misaddressed`], because the server would end the stream.
///
/// The answer to an IQ has them already; [`Message::reply`](crate::Message::reply) needs
/// [`with_from`](crate::Message::with_from).
///
/// A wrong secret ends the stream as [`CloseReason::PeerError`] with
/// [`NotAuthorized`](StreamErrorCondition::NotAuthorized). An unknown domain is
/// [`HostUnknown`](StreamErrorCondition::HostUnknown), or `NotAuthorized` from ejabberd; a domain
/// that is taken is [`Conflict`](StreamErrorCondition::Conflict).
#[derive(Debug)]
pub struct Component {
    config: ComponentConfig,
    state: State,
    stream_lang: Option<String>,
}

/// The state of the negotiation.
#[derive(Clone, Copy, Debug)]
enum State {
    Answering,
    /// The server's header has no id. A stream error may explain it: Prosody sends such a header
    /// before an error. The deadline starts with the first call that carries a time.
    Unidentified(Option<Instant>),
    Attaching,
    Bound,
}

impl RoleEvent for ComponentEvent {
    fn into_start_tls(self) -> Result<StartTls, Self> {
        Err(self)
    }

    fn close_reason(&self) -> Option<&CloseReason> {
        match self {
            Self::Closed(reason) => Some(reason),
            _ => None,
        }
    }
}

impl Component {
    /// A connection over a transport without TLS. The header is sent at once.
    pub fn new(config: ComponentConfig, now: Instant) -> Connection<Self> {
        Self::start(config, now, None)
    }

    /// A connection over a transport that TLS protects from the first byte.
    pub fn with_direct_tls(
        config: ComponentConfig,
        now: Instant,
        tls: TlsInfo,
    ) -> Connection<Self> {
        Self::start(config, now, Some(tls))
    }

    fn start(config: ComponentConfig, now: Instant, tls: Option<TlsInfo>) -> Connection<Self> {
        let limits = config.limits.clone();
        let component = Self {
            config,
            state: State::Answering,
            stream_lang: None,
        };
        // A component needs no secret random value: it asks no question, and only its server can
        // answer a ping.
        let entropy = Entropy::from_seed([0; 32]);
        Endpoint::connect(component, limits, entropy, now, tls)
    }
}

impl Endpoint<Component> {
    /// The domain of the component.
    pub const fn domain(&self) -> &Domainpart {
        self.role.config.domain()
    }

    /// The default language of the server's stanzas: that of a stanza whose
    /// [`lang`](crate::Stanza::lang) is `None` (RFC 6120 §8.1.5). `None` if the server's header
    /// does not say it.
    pub fn stream_lang(&self) -> Option<&str> {
        self.role.stream_lang.as_deref()
    }
}

impl Role for Component {
    type Event = ComponentEvent;
}

impl Steps for Component {
    type Told = ComponentEvent;

    const SIDE: negotiation::Side = negotiation::Side::Component;
    const CONTENT_NS: &'static str = ns::COMPONENT;
    const MAKES_STANZAS: bool = true;

    fn phase(&self) -> Phase {
        match self.state {
            State::Answering => Phase::Answering,
            State::Unidentified(_) => Phase::Proving,
            State::Attaching => Phase::Attaching,
            State::Bound => Phase::Bound,
        }
    }

    fn objection(&self) -> Option<(StreamErrorCondition, PeerMisbehaved)> {
        matches!(self.state, State::Unidentified(_)).then_some(NO_ID)
    }

    fn may_send(&self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        let scope = &self.config.scope;
        let addressed =
            stanza.to().is_some() && stanza.from().is_some_and(|from| scope.covers(from));
        match self.state {
            State::Bound if !addressed => Err(ApiMisuse::Misaddressed),
            _ => Ok(()),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Unidentified(deadline) => Some(deadline.unwrap_or(Instant::ORIGIN)),
            _ => None,
        }
    }

    fn pinged(&self) -> Option<Pinged<'_>> {
        let server = self.config.server.as_ref()?;
        matches!(self.state, State::Bound).then(|| Pinged {
            from: Some(self.config.domain().as_str()),
            to: Some(server.as_str()),
        })
    }

    /// No other entity can have this address, because the server checks those of all stanzas.
    fn may_pong(&self, from: Option<&str>) -> bool {
        let server = self.config.server.as_ref();
        server.is_some_and(|server| from == Some(server.as_str()))
    }

    fn tell(news: News) -> ComponentEvent {
        match news {
            // Unreachable: the protocol has no STARTTLS.
            News::StartTls(_) => ComponentEvent::Closed(CloseReason::TlsRefused),
            News::Refused(fault) => ComponentEvent::Refused(fault),
            News::Closed(reason) => ComponentEvent::Closed(reason),
        }
    }

    fn take(endpoint: &mut Endpoint<Self>, step: Step) {
        match step {
            Step::Open => endpoint.begin(),
            Step::Header(header) => endpoint.take_header(header),
            Step::Item(item, element) => endpoint.take_item(item, &element),
            Step::Unexpected(_, element) => endpoint.refuse_element(element),
            Step::Stanza(element) => endpoint.take_stanza(element),
            Step::Deadline(now) => endpoint.handle_deadline(now),
        }
    }
}

/// What is wrong with a header that gives nothing to prove the secret with (RFC 6120 §4.7.3).
const NO_ID: (StreamErrorCondition, PeerMisbehaved) = (
    StreamErrorCondition::InvalidXml,
    PeerMisbehaved::Header("'id' is missing"),
);

impl Endpoint<Component> {
    fn begin(&mut self) {
        let mut header = StreamHeader::new(ns::COMPONENT);
        // 'to' is the component, not the server (XEP-0114 §3).
        header.to = Some(self.role.config.domain().as_str().into());
        header.lang.clone_from(&self.role.config.lang);
        self.stream.set_header(header);
        self.stream.write_header();
    }

    fn take_header(&mut self, header: StreamHeader) {
        if !Self::may_carry_stanzas(&header) {
            let why = "the content namespace is not jabber:component:accept";
            let condition = StreamErrorCondition::InvalidNamespace;
            return self.stream.fail(condition, PeerMisbehaved::Header(why));
        }
        if header.from.as_deref() != Some(self.domain().as_str()) {
            log!(debug, from = ?header.from, "the server answers under another name");
        }
        self.role.stream_lang = header.lang;
        let id = header.id.filter(|id| !id.is_empty());
        let Some(id) = id else {
            self.role.state = State::Unidentified(None);
            return;
        };
        let proof = self.role.config.secret.handshake(&id);
        let handshake = Element::builder("handshake", ns::COMPONENT).text(&proof);
        self.stream.push_own(&handshake.build());
        self.role.state = State::Attaching;
    }

    fn take_item(&mut self, item: Item, element: &Element) {
        match item {
            Item::ComponentHandshake => {
                log!(debug, domain = %self.domain(), "attached");
                self.stream.set_authorised();
                self.stream.set_bound();
                self.role.state = State::Bound;
                self.event = Some(ComponentEvent::Bound);
            }
            // The protocol has none. A server that offers some all the same is not to fail.
            Item::Features => {}
            _ => self.unexpected(element),
        }
    }

    fn take_stanza(&mut self, mut element: Element) {
        element.requalify(ns::COMPONENT, ns::CLIENT);
        match Stanza::parse(element, None) {
            Parsed::Stanza(stanza) => self.event = Some(ComponentEvent::Stanza(stanza)),
            Parsed::Fault(fault) => {
                // The server would end the stream because of an answer from a foreign domain.
                let to = fault.element().attr("to").and_then(|to| Jid::new(to).ok());
                if to.is_some_and(|to| self.role.config.scope.covers(&to)) {
                    self.refuse(fault);
                } else {
                    self.event = Some(ComponentEvent::Refused(fault));
                }
            }
            Parsed::Other(element) if Item::of(&element) == Item::Features => {}
            Parsed::Other(_) if self.stream.is_closing() => {}
            Parsed::Other(element) => self.refuse_element(element),
        }
    }

    /// Gives up a server whose header has no id and that does not say why.
    fn handle_deadline(&mut self, now: Instant) {
        let State::Unidentified(deadline) = &mut self.role.state else {
            return;
        };
        let closing = self.stream.is_closing();
        let next = now + self.stream.limits().close_timeout;
        match deadline {
            Some(when) if now < *when => {}
            Some(_) if !closing => {
                let (condition, why) = NO_ID;
                self.stream.fail(condition, why);
            }
            _ => *deadline = Some(next),
        }
    }
}
