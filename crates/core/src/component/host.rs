//! The server's end of a component's stream (XEP-0114 §3).

use alloc::string::String;

use xmppwire_jid::{Domainpart, Jid};
use xmppwire_xml::{Element, StreamHeader};

use super::scope::Scope;
use super::{AttachAnswer, AttachRequest, DomainAnswer, DomainRequest, HostConfig, Secret};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::entropy::Entropy;
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::event::{News, RoleEvent};
use crate::log::log;
use crate::negotiation::{self, Item, Phase};
use crate::ns;
use crate::role::{Role, Step, Steps};
use crate::stanza::{Parsed, Stanza, StanzaFault};
use crate::time::Instant;
use crate::tls::{StartTls, TlsInfo};
use crate::wire::stream_error::{StreamError, StreamErrorCondition};

/// An event of a [`Host`].
#[derive(Debug)]
#[non_exhaustive]
pub enum HostEvent {
    /// A component opened a stream: answer with [`Endpoint::answer_domain`].
    Opened(DomainRequest),
    /// The component has shown the right handshake: answer with [`Endpoint::answer_attach`].
    Attach(AttachRequest),
    /// A stanza arrived. Its `from` is an address that the component may use, and it has a `to`.
    Stanza(Stanza),
    /// A malformed stanza arrived. It was answered with an error if RFC 6120 §8 requires one.
    Refused(StanzaFault),
    /// The connection has ended. This is the last event.
    Closed(CloseReason),
}

/// The role of a server towards a component (XEP-0114).
///
/// [`new`](Self::new) gives a [`Connection`] for the driver. The application calls the [`Endpoint`]
/// in it. Every stanza that it sends needs `from`, and a `to` of the component's domain; any other
/// is [`ApiMisuse::Misaddressed`].
///
/// What a component does wrong ends the stream:
///
/// | the component | stream error |
/// |---|---|
/// | has a header of another content namespace | `invalid-namespace` |
/// | names no domain in `to` of its header | `improper-addressing` |
/// | sends a wrong handshake, or a stanza before it | `not-authorized` |
/// | sends a stanza whose `from` is missing or not its own | `invalid-from` |
/// | sends a stanza without `to` (RFC 6120 §8.1.1.2) | `improper-addressing` |
/// | sends anything else, such as a second handshake | `unsupported-stanza-type` |
///
/// A stanza that is malformed in another way is answered with a stanza error. Stanzas may also be in
/// `jabber:client`, as some components write them.
#[derive(Debug)]
pub struct Host {
    config: HostConfig,
    state: State,
    stream_id: String,
    /// The default language of the component's stanzas (RFC 6120 §4.7.4).
    peer_lang: Option<String>,
}

/// The state of the negotiation. Each variant holds the data that only its phase needs.
#[derive(Debug)]
enum State {
    Opening,
    /// The application is asked for the secret.
    ChoosingTerms {
        serial: u64,
    },
    Proving {
        scope: Scope,
        secret: Secret,
    },
    /// The application is asked whether the component may attach.
    Attaching {
        serial: u64,
        scope: Scope,
    },
    Bound(Scope),
}

impl RoleEvent for HostEvent {
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

impl Host {
    /// A connection over a transport without TLS. Accept these only from the loopback interface or
    /// a private network.
    pub fn new(config: HostConfig, entropy: Entropy, now: Instant) -> Connection<Self> {
        Self::start(config, entropy, now, None)
    }

    /// A connection over a transport that TLS protects from the first byte.
    pub fn with_direct_tls(
        config: HostConfig,
        entropy: Entropy,
        now: Instant,
        tls: TlsInfo,
    ) -> Connection<Self> {
        Self::start(config, entropy, now, Some(tls))
    }

    fn start(
        config: HostConfig,
        entropy: Entropy,
        now: Instant,
        tls: Option<TlsInfo>,
    ) -> Connection<Self> {
        let limits = config.limits.clone();
        let host = Self {
            config,
            state: State::Opening,
            stream_id: String::new(),
            peer_lang: None,
        };
        Endpoint::connect(host, limits, entropy, now, tls)
    }
}

impl Role for Host {
    type Event = HostEvent;
}

impl Steps for Host {
    type Told = HostEvent;

    const SIDE: negotiation::Side = negotiation::Side::Host;
    const CONTENT_NS: &'static str = ns::COMPONENT;

    fn phase(&self) -> Phase {
        match self.state {
            State::Opening => Phase::Opening,
            State::ChoosingTerms { .. } => Phase::Answering,
            State::Proving { .. } => Phase::Proving,
            State::Attaching { .. } => Phase::Attaching,
            State::Bound(_) => Phase::Bound,
        }
    }

    fn is_asking(&self) -> bool {
        matches!(
            self.state,
            State::ChoosingTerms { .. } | State::Attaching { .. }
        )
    }

    fn may_send(&self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        match &self.state {
            State::Bound(scope)
                if stanza.from().is_none() || !stanza.to().is_some_and(|to| scope.covers(to)) =>
            {
                Err(ApiMisuse::Misaddressed)
            }
            _ => Ok(()),
        }
    }

    fn tell(news: News) -> HostEvent {
        match news {
            // Unreachable: the protocol has no STARTTLS.
            News::StartTls(_) => HostEvent::Closed(CloseReason::TlsRefused),
            News::Refused(fault) => HostEvent::Refused(fault),
            News::Closed(reason) => HostEvent::Closed(reason),
        }
    }

    fn take(endpoint: &mut Endpoint<Self>, step: Step) {
        match step {
            Step::Open => endpoint.begin(),
            Step::Header(header) => endpoint.take_header(header),
            Step::Item(item, element) => endpoint.take_item(item, &element),
            Step::Unexpected(_, element) => endpoint.refuse_element(element),
            Step::Stanza(element) => endpoint.take_stanza(element),
            Step::Deadline(_) => {}
        }
    }
}

/// What the application of a host can do beside what every role can.
impl Endpoint<Host> {
    /// The domain of the component; `None` until it is attached.
    pub const fn domain(&self) -> Option<&Domainpart> {
        match &self.role.state {
            State::Bound(scope) => Some(&scope.domain),
            _ => None,
        }
    }

    /// Answers [`HostEvent::Opened`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn answer_domain(
        &mut self,
        request: DomainRequest,
        answer: DomainAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        let open = matches!(&self.role.state, State::ChoosingTerms { serial, .. } if *serial == request.serial);
        if !open {
            return Err(ApiMisuse::StaleRequest);
        }
        let refusal = match answer {
            DomainAnswer::Serve(terms) => {
                let scope = Scope {
                    domain: request.domain,
                    subdomains: terms.subdomains,
                };
                let secret = terms.secret;
                self.role.state = State::Proving { scope, secret };
                self.stream.write_header();
                return Ok(());
            }
            DomainAnswer::Unknown => StreamError::new(StreamErrorCondition::HostUnknown),
            DomainAnswer::Refuse(error) => error,
        };
        self.stream.close_with(refusal, CloseReason::Local);
        Ok(())
    }

    /// Answers [`HostEvent::Attach`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn answer_attach(
        &mut self,
        request: AttachRequest,
        answer: AttachAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        let scope = match &self.role.state {
            State::Attaching { serial, scope } if *serial == request.serial => scope.clone(),
            _ => return Err(ApiMisuse::StaleRequest),
        };
        let refusal = match answer {
            AttachAnswer::Accept => {
                log!(debug, domain = %scope.domain, "attached");
                let handshake = Element::builder("handshake", ns::COMPONENT);
                self.stream.push_own(&handshake.build());
                self.stream.set_authorised();
                self.stream.set_bound();
                self.role.state = State::Bound(scope);
                return Ok(());
            }
            AttachAnswer::Conflict => StreamError::new(StreamErrorCondition::Conflict),
            AttachAnswer::Refuse(error) => error,
        };
        self.stream.close_with(refusal, CloseReason::Local);
        Ok(())
    }

    // --- The steps of negotiation -----------------------------------------------------------------

    /// Awaits the stream. Its id is unused and unpredictable, because the handshake would be good
    /// for every stream of the same id.
    fn begin(&mut self) {
        self.role.stream_id = self.entropy.id();
        let mut header = StreamHeader::new(ns::COMPONENT);
        header.from = Some(String::new());
        header.id = Some(self.role.stream_id.clone());
        header.lang = Some(self.role.config.lang.clone());
        self.stream.set_header(header);
    }

    fn take_header(&mut self, header: StreamHeader) {
        let domain = match self.check_header(&header) {
            Ok(domain) => domain,
            Err((condition, why)) => {
                return self.stream.fail(condition, PeerMisbehaved::Header(why));
            }
        };
        self.role.peer_lang = header.lang;
        let serial = self.serial();
        let secured = self.stream.secured();
        self.role.state = State::ChoosingTerms { serial };
        self.event = Some(HostEvent::Opened(DomainRequest {
            serial,
            domain,
            secured,
        }));
    }

    fn check_header(
        &mut self,
        header: &StreamHeader,
    ) -> Result<Domainpart, (StreamErrorCondition, &'static str)> {
        use StreamErrorCondition as E;
        let to = header.to.as_deref().filter(|to| !to.is_empty());
        let domain = to.map(Domainpart::new);
        // Our header is from the domain that the component asked for, also before an error.
        if let (Some(Ok(domain)), Some(answer)) = (&domain, self.stream.header_mut()) {
            answer.from = Some(domain.as_str().into());
        }
        if !Self::may_carry_stanzas(header) {
            let why = "the content namespace is not jabber:component:accept";
            return Err((E::InvalidNamespace, why));
        }
        match domain {
            Some(Ok(domain)) => Ok(domain),
            Some(Err(_)) => Err((E::HostUnknown, "'to' is no domain")),
            None => Err((E::ImproperAddressing, "'to' is missing")),
        }
    }

    fn take_item(&mut self, item: Item, element: &Element) {
        let State::Proving { scope, secret } = &self.role.state else {
            return self.unexpected(element);
        };
        if item != Item::ComponentHandshake {
            return self.unexpected(element);
        }
        if !secret.made(&self.role.stream_id, &element.text()) {
            let condition = StreamErrorCondition::NotAuthorized;
            return self.stream.fail(condition, PeerMisbehaved::WrongHandshake);
        }
        let scope = scope.clone();
        let serial = self.serial();
        self.event = Some(HostEvent::Attach(AttachRequest {
            serial,
            domain: scope.domain.clone(),
        }));
        self.role.state = State::Attaching { serial, scope };
    }

    fn take_stanza(&mut self, mut element: Element) {
        element.requalify(ns::COMPONENT, ns::CLIENT);
        let checked = match Stanza::parse(element, None) {
            Parsed::Stanza(stanza) => self
                .check(stanza.from(), stanza.element())
                .map(|()| Ok(stanza)),
            // Its addresses count even where it is malformed in another way.
            Parsed::Fault(fault) => {
                let from = fault.element().attr("from");
                let from = from.and_then(|from| Jid::new(from).ok());
                self.check(from.as_ref(), fault.element())
                    .map(|()| Err(fault))
            }
            Parsed::Other(_) if self.stream.is_closing() => return,
            Parsed::Other(element) => return self.refuse_element(element),
        };
        match checked {
            Ok(Ok(mut stanza)) => {
                if self.role.peer_lang.is_some() && stanza.lang().is_none() {
                    stanza.set_lang(self.role.peer_lang.as_deref());
                }
                self.event = Some(HostEvent::Stanza(stanza));
            }
            Ok(Err(fault)) => self.refuse(fault),
            Err((condition, why)) => self.stream.fail(condition, why),
        }
    }

    /// Judges the addresses of a stanza of the component (XEP-0114 §3, RFC 6120 §8.1.1.2,
    /// §8.1.2.2).
    fn check(
        &self,
        from: Option<&Jid>,
        element: &Element,
    ) -> Result<(), (StreamErrorCondition, PeerMisbehaved)> {
        let State::Bound(scope) = &self.role.state else {
            return Ok(());
        };
        let to = element.attr("to");
        let condition = if !from.is_some_and(|from| scope.covers(from)) {
            StreamErrorCondition::InvalidFrom
        } else if to.is_none() {
            StreamErrorCondition::ImproperAddressing
        } else {
            return Ok(());
        };
        let why = PeerMisbehaved::Unauthorised {
            from: element.attr("from").unwrap_or_default().into(),
            to: to.unwrap_or_default().into(),
        };
        Err((condition, why))
    }
}
