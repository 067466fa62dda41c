//! A connection to or from another server, from its TLS handshake to its end.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::io;
use std::mem;
use std::sync::Arc;
use std::task::Poll;

use xmppwire::negotiation::Phase;
use xmppwire::s2s::{
    Incoming, IncomingEvent, KeyRequest, Outgoing, OutgoingEvent, Pair, PairAdded, PeerRequest,
    Refusal, Trust, Verdict, VerifyAnswer, VerifyRequest,
};
use xmppwire::{
    ApiMisuse, CloseReason, Endpoint, Instant, Role, Stanza, StanzaErrorCondition, StanzaFault,
};

use super::report::{Command, Order, What};
use super::{DomainPolicy, End, FederationConfig, Purpose, Told};
use crate::find::Mode;
use crate::link::{Handshake, Link, LinkError, Secured, Wire, Wired};
use crate::log::log;

/// Bytes of output above which a stanza waits in the session.
const SEND_AHEAD: usize = 64 * 1024;

/// What both ends of a stream between servers have in common.
pub(super) trait ServerRole: Role {
    /// What a link is made from, beside the configuration.
    type Terms: Debug + Send;

    /// Whether the peer can be asked about keys of its domain.
    const ASKS_ABOUT_KEYS: bool;

    fn link(
        config: &FederationConfig,
        terms: &Self::Terms,
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Self>, LinkError>;
    fn heard(event: Self::Event) -> Heard;
    fn accept(link: &mut Link<Self>, config: &FederationConfig, request: PeerRequest);
    fn add_pair(endpoint: &mut Endpoint<Self>, pair: Pair) -> PairAdded;
    fn verify(endpoint: &mut Endpoint<Self>, request: VerifyRequest) -> Result<(), VerifyRequest>;
    fn answer_verify(endpoint: &mut Endpoint<Self>, answer: VerifyAnswer) -> bool;
    fn answer_key(endpoint: &mut Endpoint<Self>, request: KeyRequest, verdict: Verdict) -> bool;
}

/// What a stream between servers tells, whichever end it is.
#[derive(Debug)]
pub(super) enum Heard {
    Opened(PeerRequest),
    Ready(Pair, Trust),
    PairRefused(Pair, Refusal),
    Verified(VerifyAnswer),
    Authorised(Pair, Trust),
    Verify(VerifyRequest),
    CheckKey(KeyRequest),
    Stanza(Stanza),
    Refused(StanzaFault),
    Closed(CloseReason),
    Other,
}

/// A connection, as a machine: orders go in, and what the pool has to know comes out.
#[derive(Debug)]
pub(super) struct Session<R: ServerRole> {
    config: Arc<FederationConfig>,
    terms: R::Terms,
    line: Line<R>,
    told: VecDeque<What>,
    /// Stanzas that wait for room in the output.
    waiting: VecDeque<Stanza>,
    /// Whether stanzas were given that the pool does not know to be written.
    owing: bool,
    /// Whether the stream takes nothing more. What waits is given back at its end.
    ending: bool,
    /// Whether the answer to a malformed stanza has found no room yet. Nothing is read meanwhile.
    held: bool,
    /// Whether the pool knows that the peer can be asked about keys.
    negotiated: bool,
    useful: bool,
}

#[derive(Debug)]
enum Line<R: Role> {
    /// Direct TLS begins (XEP-0368).
    Handshake(Box<Handshake>),
    Up(Box<Link<R>>),
    Failed(LinkError, Silence),
    Over(Silence),
}

/// What a session has to tell.
#[derive(Debug)]
pub(super) enum Progress {
    Told(What),
    /// The connection has ended. Nothing follows.
    Ended(Ended),
}

#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    /// The stanzas that were not written.
    pub(super) unsent: Vec<Stanza>,
    /// Whether the stream carried anything, so that no other address is worth a try.
    pub(super) useful: bool,
    pub(super) secured: bool,
}

impl<R: ServerRole> Session<R> {
    /// Begins with TLS or in clear text. `side` is needed for the former.
    pub(super) fn new(
        config: Arc<FederationConfig>,
        terms: R::Terms,
        mode: Mode,
        side: Option<crate::link::TlsSide>,
        now: Instant,
    ) -> Self {
        let line = match (mode, side) {
            (Mode::DirectTls, Some(side)) => {
                let handshake = Handshake::new(side, now + config.connect_timeout());
                handshake.map(|handshake| Line::Handshake(Box::new(handshake)))
            }
            (Mode::DirectTls, None) => Err(LinkError::NoTlsConfigured),
            (Mode::StartTls, _) => {
                let link = R::link(&config, &terms, now, None);
                link.map(|link| Line::Up(Box::new(link)))
            }
        };
        Self {
            config,
            terms,
            line: line.unwrap_or_else(|error| Line::Failed(error, Silence)),
            told: VecDeque::new(),
            waiting: VecDeque::new(),
            owing: false,
            ending: false,
            held: false,
            negotiated: !R::ASKS_ABOUT_KEYS,
            useful: false,
        }
    }

    /// Takes what the pool wants of the connection.
    pub(super) fn order(&mut self, now: Instant, Order(command): Order) {
        let link = match &mut self.line {
            Line::Up(link) => link,
            Line::Handshake(_) if matches!(command, Command::Close) => {
                self.useful = true;
                self.line = Line::Over(Silence);
                return;
            }
            // The pool orders nothing before there is a stream, and after its end orders have no effect.
            _ => return,
        };
        let endpoint = link.connection_mut();
        match command {
            Command::Send(stanza) => {
                self.owing = true;
                self.waiting.push_back(stanza);
            }
            Command::AddPair(pair) => match R::add_pair(endpoint, pair.clone()) {
                PairAdded::Asked => {}
                PairAdded::Ready => self.told.push_back(What::Told(Told::Ready(pair))),
                PairAdded::NeedsOtherStream => {
                    let told = Told::NeedsOtherStream(pair);
                    self.told.push_back(What::Told(told));
                }
            },
            Command::Verify(request) => {
                if let Err(request) = R::verify(endpoint, request) {
                    let timeout = StanzaErrorCondition::RemoteServerTimeout;
                    let answer = request.answer(Verdict::error(timeout));
                    self.told.push_back(What::Told(Told::Verified(answer)));
                }
            }
            // The stream may have given up the question meanwhile.
            Command::Answer(answer) => drop(R::answer_verify(endpoint, answer)),
            Command::Resume => self.held = false,
            Command::Close => {
                self.useful = true;
                self.held = false;
                endpoint.close(now, None);
            }
        }
    }

    pub(super) fn poll(&mut self, now: Instant) -> Poll<Progress> {
        loop {
            if let Some(what) = self.told.pop_front() {
                self.useful = true;
                return Poll::Ready(Progress::Told(what));
            }
            match &mut self.line {
                Line::Up(_) => match self.poll_link(now) {
                    Poll::Ready(Some(progress)) => return Poll::Ready(progress),
                    Poll::Ready(None) => {}
                    Poll::Pending => return Poll::Pending,
                },
                Line::Handshake(handshake) => match handshake.poll(now) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(secured) => {
                        let link = secured.and_then(|secured| {
                            R::link(&self.config, &self.terms, now, Some(secured))
                        });
                        let link = link.map(|link| Line::Up(Box::new(link)));
                        self.line = link.unwrap_or_else(|error| Line::Failed(error, Silence));
                    }
                },
                Line::Failed(error, _) => {
                    let end = End::of(error);
                    return Poll::Ready(self.end(end));
                }
                Line::Over(_) => return Poll::Ready(self.end(End::Closed(CloseReason::Local))),
            }
        }
    }

    /// `Ready(None)` means to look again.
    fn poll_link(&mut self, now: Instant) -> Poll<Option<Progress>> {
        let Line::Up(link) = &mut self.line else {
            return Poll::Ready(None);
        };
        while !self.ending
            && link.backlog() <= SEND_AHEAD
            && let Some(stanza) = self.waiting.pop_front()
        {
            match link.connection_mut().send(&stanza) {
                Ok(()) => {}
                // No other stream would take it, and those behind it have done nothing wrong.
                Err(ApiMisuse::InvalidStanza(why)) => {
                    log!(warn, %why, "a stanza cannot be sent to another server");
                    return Poll::Ready(Some(Progress::Told(What::Unsendable(stanza, why))));
                }
                Err(_) => {
                    self.waiting.push_front(stanza);
                    link.connection_mut().close(now, None);
                    self.ending = true;
                }
            }
        }
        if self.owing && !self.ending && self.waiting.is_empty() && link.backlog() == 0 {
            self.owing = false;
            self.useful = true;
            return Poll::Ready(Some(Progress::Told(What::Told(Told::Flushed))));
        }
        if self.held {
            return Poll::Pending;
        }
        let event = match link.poll_event(now) {
            Poll::Pending if self.negotiated => return Poll::Pending,
            Poll::Pending => {
                let phase = link.connection().phase();
                self.negotiated = matches!(phase, Phase::Choosing | Phase::Serving);
                return match self.negotiated {
                    true => Poll::Ready(Some(Progress::Told(What::Told(Told::Connected)))),
                    false => Poll::Pending,
                };
            }
            Poll::Ready(event) => event,
        };
        let event = match event {
            Some(Ok(event)) => R::heard(event),
            Some(Err(error)) => return Poll::Ready(Some(self.end(End::of(&error)))),
            None => return Poll::Ready(Some(self.end(End::Unreachable))),
        };
        let secured = link.tls().is_some();
        let what = match event {
            Heard::Opened(request) => {
                R::accept(link, &self.config, request);
                return Poll::Ready(None);
            }
            Heard::CheckKey(request) => {
                // Without a secret this server makes no keys.
                R::answer_key(link.connection_mut(), request, Verdict::Invalid);
                return Poll::Ready(None);
            }
            Heard::Refused(fault) => match fault.error_reply() {
                Some(answer) => {
                    self.held = true;
                    What::Malformed(answer)
                }
                None => return Poll::Ready(None),
            },
            Heard::Verify(request) => {
                // The policy of the domain in the header need not be that of the key's domain.
                match self.config.refusal(request.pair().sender(), secured) {
                    None => What::Verify(request),
                    Some(condition) => {
                        let answer = request.answer(Verdict::error(condition));
                        R::answer_verify(link.connection_mut(), answer);
                        return Poll::Ready(None);
                    }
                }
            }
            Heard::Ready(pair, trust) => What::Ready(pair, trust),
            Heard::PairRefused(pair, why) => What::Told(Told::Refused(pair, why)),
            Heard::Verified(answer) => What::Told(Told::Verified(answer)),
            Heard::Authorised(pair, trust) => What::Authorised(pair, trust),
            Heard::Stanza(stanza) => What::Stanza(stanza),
            Heard::Closed(reason) => return Poll::Ready(Some(self.end(End::Closed(reason)))),
            Heard::Other => return Poll::Ready(None),
        };
        self.useful = true;
        Poll::Ready(Some(Progress::Told(what)))
    }

    fn end(&mut self, end: End) -> Progress {
        let line = mem::replace(&mut self.line, Line::Over(Silence));
        Progress::Ended(Ended {
            end,
            unsent: mem::take(&mut self.waiting).into(),
            useful: self.useful,
            secured: matches!(line, Line::Up(link) if link.tls().is_some()),
        })
    }
}

impl<R: ServerRole> Wired for Session<R> {
    fn wire(&mut self) -> &mut dyn Wire {
        match &mut self.line {
            Line::Handshake(handshake) => handshake.as_mut(),
            Line::Up(link) => link.as_mut(),
            Line::Failed(_, silence) | Line::Over(silence) => silence,
        }
    }
}

impl ServerRole for Outgoing {
    type Terms = (Pair, Purpose, DomainPolicy);
    const ASKS_ABOUT_KEYS: bool = true;

    fn link(
        config: &FederationConfig,
        (pair, purpose, policy): &Self::Terms,
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Self>, LinkError> {
        config.outgoing(now, pair, *purpose, *policy, secured)
    }

    fn heard(event: OutgoingEvent) -> Heard {
        match event {
            OutgoingEvent::Ready(pair, trust) => Heard::Ready(pair, trust),
            OutgoingEvent::PairRefused(pair, why) => Heard::PairRefused(pair, why),
            OutgoingEvent::Verified(answer) => Heard::Verified(answer),
            OutgoingEvent::Authorised(pair, trust) => Heard::Authorised(pair, trust),
            OutgoingEvent::Verify(request) => Heard::Verify(request),
            OutgoingEvent::CheckKey(request) => Heard::CheckKey(request),
            OutgoingEvent::Stanza(stanza) => Heard::Stanza(stanza),
            OutgoingEvent::Refused(fault) => Heard::Refused(fault),
            OutgoingEvent::Closed(reason) => Heard::Closed(reason),
            _ => Heard::Other,
        }
    }

    fn accept(_link: &mut Link<Self>, _config: &FederationConfig, _request: PeerRequest) {}

    fn add_pair(endpoint: &mut Endpoint<Self>, pair: Pair) -> PairAdded {
        endpoint.add_pair(pair)
    }

    fn verify(endpoint: &mut Endpoint<Self>, request: VerifyRequest) -> Result<(), VerifyRequest> {
        endpoint.verify(request)
    }

    fn answer_verify(endpoint: &mut Endpoint<Self>, answer: VerifyAnswer) -> bool {
        endpoint.answer_verify(answer)
    }

    fn answer_key(endpoint: &mut Endpoint<Self>, request: KeyRequest, verdict: Verdict) -> bool {
        endpoint.answer_key(request, verdict)
    }
}

impl ServerRole for Incoming {
    type Terms = ();
    const ASKS_ABOUT_KEYS: bool = false;

    fn link(
        config: &FederationConfig,
        (): &(),
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Self>, LinkError> {
        config.accept(now, secured)
    }

    fn heard(event: IncomingEvent) -> Heard {
        match event {
            IncomingEvent::Opened(request) => Heard::Opened(request),
            IncomingEvent::Ready(pair, trust) => Heard::Ready(pair, trust),
            IncomingEvent::PairRefused(pair, why) => Heard::PairRefused(pair, why),
            IncomingEvent::Authorised(pair, trust) => Heard::Authorised(pair, trust),
            IncomingEvent::Verify(request) => Heard::Verify(request),
            IncomingEvent::CheckKey(request) => Heard::CheckKey(request),
            IncomingEvent::Stanza(stanza) => Heard::Stanza(stanza),
            IncomingEvent::Refused(fault) => Heard::Refused(fault),
            IncomingEvent::Closed(reason) => Heard::Closed(reason),
            _ => Heard::Other,
        }
    }

    fn accept(link: &mut Link<Self>, config: &FederationConfig, request: PeerRequest) {
        let (answer, side) = config.terms(&request);
        if let Some(side) = side {
            link.set_tls(side);
        }
        // The question is the open one.
        let _ = link.connection_mut().accept(request, answer);
    }

    fn add_pair(endpoint: &mut Endpoint<Self>, pair: Pair) -> PairAdded {
        endpoint.add_pair(pair)
    }

    /// Keys are verified on connections that this server opened.
    fn verify(_endpoint: &mut Endpoint<Self>, request: VerifyRequest) -> Result<(), VerifyRequest> {
        Err(request)
    }

    fn answer_verify(endpoint: &mut Endpoint<Self>, answer: VerifyAnswer) -> bool {
        endpoint.answer_verify(answer)
    }

    fn answer_key(endpoint: &mut Endpoint<Self>, request: KeyRequest, verdict: Verdict) -> bool {
        endpoint.answer_key(request, verdict)
    }
}

/// A wire on which nothing moves.
#[derive(Debug)]
pub(super) struct Silence;

impl Wire for Silence {
    fn wants_read(&self) -> bool {
        false
    }

    fn receive(&mut self, _now: Instant, _bytes: &[u8]) {}

    fn receive_eof(&mut self) {}

    fn output(&mut self) -> &[u8] {
        &[]
    }

    fn consume_output(&mut self, _n: usize) {}

    fn write_failed(&mut self, _error: io::Error) {}

    fn read_failed(&mut self, _error: io::Error) {}

    fn wants_shutdown(&mut self) -> bool {
        false
    }

    fn shut_down(&mut self) {}

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _now: Instant) {}
}
