//! Dialback on one stream, for both ends: who may send what, and what is being asked.

use alloc::collections::VecDeque;
use alloc::string::String;

use xmppwire_jid::{Domainpart, Jid};
use xmppwire_xml::Element;

use super::config::PairLimits;
use super::dialback::{Dialback, DialbackFault, DialbackSecret, Verdict};
use super::listener::{Checked, Keyed, Listener, Setting};
use super::question::{KeyRequest, VerifyAnswer, VerifyRequest};
use super::speaker::{Refusal, Speaker, Unanswered};
use super::{Pair, Trust};
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::log::log;
use crate::stanza::{Stanza, StanzaFault};
use crate::stream::Stream;
use crate::time::Instant;
use crate::tls::TlsInfo;
use crate::wire::stream_error::StreamErrorCondition;

/// What dialback has to tell the application; both roles have an event for each of these.
#[derive(Debug)]
pub(super) enum News {
    Ready(Pair, Trust),
    PairRefused(Pair, Refusal),
    Authorised(Pair, Trust),
    Verify(VerifyRequest),
    CheckKey(KeyRequest),
    Verified(VerifyAnswer),
    Unsolicited(Element),
    Stanza(Stanza),
    Refused(StanzaFault),
}

/// The result of [`Endpoint::add_pair`](crate::Endpoint::add_pair).
#[must_use = "a pair that needs another stream is not asked for on this one"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairAdded {
    /// The peer is asked; the event `Ready` or `PairRefused` follows.
    Asked,
    /// Stanzas may be sent for the pair already.
    Ready,
    /// This stream cannot carry the pair: it carries as many as it may, it has no means to prove
    /// the sender domain, it has ended, or the target domain is another one and the peer does not
    /// announce that it takes several (XEP-0220 §2.6.2). Open another stream for it.
    NeedsOtherStream,
}

/// The state of dialback on one connection.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) listener: Listener,
    pub(super) speaker: Speaker,
    pub(super) limits: PairLimits,
    /// What keys of this server are made from. Without it none is sent, and the application checks
    /// them.
    pub(super) secret: Option<DialbackSecret>,
    /// The id in the response header of the present stream.
    pub(super) stream_id: String,
    /// The default language of the peer's stanzas (RFC 6120 §4.7.4).
    pub(super) peer_lang: Option<String>,
    /// Whether both sides may send on this stream (XEP-0288).
    pub(super) bidi: bool,
    pub(super) news: VecDeque<News>,
}

/// What an element asks of this side is decided with this.
pub(super) struct Policy<'a> {
    /// Whether a domain is one of this server's.
    pub(super) serves: &'a dyn Fn(&str) -> bool,
    /// Whether TLS is missing that is required.
    pub(super) lacks_tls: bool,
    /// Whether dialback alone is not enough.
    pub(super) certified_only: bool,
}

impl Exchange {
    pub(super) fn new(limits: PairLimits, secret: Option<DialbackSecret>) -> Self {
        Self {
            listener: Listener::default(),
            speaker: Speaker::default(),
            limits,
            secret,
            stream_id: String::new(),
            peer_lang: None,
            bidi: false,
            news: VecDeque::new(),
        }
    }

    // --- What is sent -----------------------------------------------------------------------------

    /// Asks the peer to authorise one more pair. `reaches` tells whether the peer takes keys for
    /// its target domain on this stream, `open` whether a key can be sent at once.
    pub(super) fn add_pair(
        &mut self,
        stream: &mut Stream,
        pair: Pair,
        reaches: bool,
        open: bool,
    ) -> PairAdded {
        if stream.is_over() || stream.is_closing() {
            return PairAdded::NeedsOtherStream;
        }
        if self.speaker.trust(&pair).is_some() {
            return PairAdded::Ready;
        }
        if self.speaker.is_asked(&pair) {
            return PairAdded::Asked;
        }
        if !reaches || self.secret.is_none() || !self.speaker.has_room(self.limits) {
            return PairAdded::NeedsOtherStream;
        }
        self.speaker.add(pair);
        if open {
            self.send_requests(stream);
        }
        PairAdded::Asked
    }

    /// Sends what was waiting for the negotiation.
    pub(super) fn send_requests(&mut self, stream: &mut Stream) {
        for element in self.speaker.send(self.secret.as_ref(), &self.stream_id) {
            stream.push_own(&element.to_element());
        }
    }

    /// The peer may send for this pair from now on; on a bidirectional stream this side may for its
    /// inverse.
    pub(super) fn authorise(&mut self, pair: &Pair, trust: Trust) {
        log!(debug, %pair, ?trust, "the peer is authorised");
        self.listener.authorise(pair.clone(), trust);
        self.news.push_back(News::Authorised(pair.clone(), trust));
        if self.bidi && self.speaker.trust(&pair.inverse()).is_none() {
            self.speaker.set_ready(pair.inverse(), trust);
            self.news.push_back(News::Ready(pair.inverse(), trust));
        }
    }

    /// This side may send for this pair from now on; on a bidirectional stream the peer may for its
    /// inverse.
    pub(super) fn ready(&mut self, pair: &Pair, trust: Trust) {
        log!(debug, %pair, ?trust, "the pair is ready");
        self.speaker.set_ready(pair.clone(), trust);
        self.news.push_back(News::Ready(pair.clone(), trust));
        if self.bidi && self.listener.trust(&pair.inverse()).is_none() {
            self.listener.authorise(pair.inverse(), trust);
            self.news.push_back(News::Authorised(pair.inverse(), trust));
        }
    }

    /// Whether this side may send the stanza.
    pub(super) fn may_send(&self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        let pair = stanza.from().zip(stanza.to());
        let may = pair
            .is_some_and(|(from, to)| self.speaker.may_send(from.domainpart(), to.domainpart()));
        may.then_some(()).ok_or(ApiMisuse::PairNotReady)
    }

    /// Whether any stanza may pass.
    pub(super) fn is_open(&self) -> bool {
        !self.listener.is_empty() || !self.speaker.is_empty()
    }

    // --- What arrives -----------------------------------------------------------------------------

    /// Handles an element of the dialback namespace that the table allows.
    pub(super) fn receive(
        &mut self,
        stream: &mut Stream,
        element: &Element,
        serial: u64,
        policy: &Policy<'_>,
    ) {
        match Dialback::parse(element) {
            Ok(Dialback::Key { pair, key }) => {
                self.receive_key(stream, &pair, key, serial, policy);
            }
            Ok(Dialback::Verify {
                pair,
                stream_id,
                key,
            }) => self.receive_question(stream, pair, stream_id, key, serial, policy),
            Ok(Dialback::Result { pair, verdict }) => {
                let trust = dialback_trust(stream.tls(), pair.target());
                match self.speaker.take_result(&pair, verdict, trust) {
                    Some(Ok(trust)) => self.ready(&pair, trust),
                    Some(Err(why)) => {
                        log!(debug, %pair, %why, "the pair is refused");
                        self.news.push_back(News::PairRefused(pair, why));
                    }
                    None => self.ignore(element),
                }
            }
            Ok(Dialback::Verified {
                pair,
                stream_id,
                verdict,
            }) => match self.speaker.take_verified(&pair, &stream_id, verdict) {
                Some(answer) => self.news.push_back(News::Verified(answer)),
                None => self.ignore(element),
            },
            // An answer that cannot be read answers nothing.
            Err(_) if element.attr("type").is_some() => self.ignore(element),
            Err(fault) => {
                let (condition, why) = match fault {
                    DialbackFault::Name => (
                        StreamErrorCondition::UnsupportedStanzaType,
                        "no such dialback element",
                    ),
                    DialbackFault::Addressing => (
                        StreamErrorCondition::ImproperAddressing,
                        "a dialback request lacks an address",
                    ),
                    DialbackFault::TooLong => (
                        StreamErrorCondition::PolicyViolation,
                        "a dialback key or stream id is too long",
                    ),
                };
                stream.fail(condition, PeerMisbehaved::Negotiation(why));
            }
        }
    }

    /// An answer that was not asked for has no effect (XEP-0220 §3.1). The application is told,
    /// because it may be an attempt to pose as another server.
    pub(super) fn ignore(&mut self, element: &Element) {
        log!(warn, "a dialback answer that was not asked for is ignored");
        self.news.push_back(News::Unsolicited(element.clone()));
    }

    fn receive_key(
        &mut self,
        stream: &mut Stream,
        pair: &Pair,
        key: String,
        serial: u64,
        policy: &Policy<'_>,
    ) {
        let certified = is_certified(stream.tls(), pair.sender());
        let setting = self.setting(policy);
        let keyed =
            self.listener
                .receive_key(pair, &self.stream_id, key, certified, serial, &setting);
        let verdict = match keyed {
            Keyed::Ask(request) => return self.news.push_back(News::Verify(request)),
            Keyed::Authorised(trust) => {
                if self.listener.trust(pair).is_none() {
                    self.authorise(pair, trust);
                }
                Verdict::Valid
            }
            Keyed::Refused(error) => Verdict::Error(error),
        };
        self.answer(stream, pair, verdict);
    }

    fn receive_question(
        &mut self,
        stream: &mut Stream,
        pair: Pair,
        stream_id: String,
        key: String,
        serial: u64,
        policy: &Policy<'_>,
    ) {
        let setting = self.setting(policy);
        let secret = self.secret.as_ref();
        let id = stream_id.clone();
        match self
            .listener
            .check_key(&pair, id, key, secret, serial, &setting)
        {
            Checked::Ask(request) => self.news.push_back(News::CheckKey(request)),
            Checked::Answer(verdict) => stream.push_own(
                &Dialback::Verified {
                    pair,
                    stream_id,
                    verdict,
                }
                .to_element(),
            ),
        }
    }

    const fn setting<'a>(&self, policy: &Policy<'a>) -> Setting<'a> {
        Setting {
            serves: policy.serves,
            limits: self.limits,
            lacks_tls: policy.lacks_tls,
            certified_only: policy.certified_only,
        }
    }

    fn answer(&self, stream: &mut Stream, pair: &Pair, verdict: Verdict) {
        let pair = pair.clone();
        stream.push_own(&Dialback::Result { pair, verdict }.to_element());
    }

    /// Handles an element once stanzas may pass, after the closing tag of this side too.
    pub(super) fn receive_stanza(
        &mut self,
        stream: &mut Stream,
        element: Element,
        serves: impl Fn(&str) -> bool,
    ) {
        let parsed = Stanza::try_from(element);
        let checked = match &parsed {
            Ok(stanza) => self.check(stanza.from(), stanza.to(), serves),
            // Its addresses count even where it is malformed in another way.
            Err(fault) => {
                let address = |name| fault.element().attr(name).and_then(|it| Jid::new(it).ok());
                self.check(address("from").as_ref(), address("to").as_ref(), serves)
            }
        };
        if let Err(condition) = checked {
            let element = match &parsed {
                Ok(stanza) => stanza.element(),
                Err(fault) => fault.element(),
            };
            let why = PeerMisbehaved::Unauthorised {
                from: element.attr("from").unwrap_or_default().into(),
                to: element.attr("to").unwrap_or_default().into(),
            };
            return stream.fail(condition, why);
        }
        self.news.push_back(match parsed {
            Ok(mut stanza) => {
                if self.peer_lang.is_some() && stanza.lang().is_none() {
                    stanza.set_lang(self.peer_lang.as_deref());
                }
                News::Stanza(stanza)
            }
            Err(fault) => News::Refused(fault),
        });
    }

    fn check(
        &self,
        from: Option<&Jid>,
        to: Option<&Jid>,
        serves: impl Fn(&str) -> bool,
    ) -> Result<(), StreamErrorCondition> {
        match (from, to) {
            (Some(from), Some(to)) => {
                self.listener
                    .check(from.domainpart(), to.domainpart(), serves)
            }
            _ => Err(StreamErrorCondition::ImproperAddressing),
        }
    }

    // --- The application's answers ----------------------------------------------------------------

    /// Takes the answer to a [`VerifyRequest`]; returns whether it was awaited here.
    pub(super) fn answer_verify(&mut self, stream: &mut Stream, answer: &VerifyAnswer) -> bool {
        let pair = answer.pair();
        let trust = dialback_trust(stream.tls(), pair.sender());
        let Some(verdict) = self.listener.take_answer(answer, &self.stream_id) else {
            return false;
        };
        match verdict {
            Verdict::Valid => {
                self.authorise(pair, trust);
                self.answer(stream, pair, Verdict::Valid);
            }
            Verdict::Invalid => {
                self.answer(stream, pair, Verdict::Invalid);
                // The stream has no other purpose (XEP-0220 §2.2.1).
                stream.end_with_footer(CloseReason::Violation {
                    sent: None,
                    why: PeerMisbehaved::InvalidKey(pair.clone()),
                });
            }
            Verdict::Error(_) => self.answer(stream, pair, verdict),
        }
        true
    }

    /// Takes the answer to a [`KeyRequest`]; returns whether it was awaited here.
    pub(super) fn answer_key(
        &mut self,
        stream: &mut Stream,
        request: KeyRequest,
        verdict: Verdict,
    ) -> bool {
        let awaited = self.listener.take_key_answer(&request);
        if awaited {
            let answer = Dialback::Verified {
                pair: request.pair,
                stream_id: request.stream_id,
                verdict,
            };
            stream.push_own(&answer.to_element());
        }
        awaited
    }

    // --- Time and end -----------------------------------------------------------------------------

    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.listener.deadline().into_iter();
        deadlines.chain(self.speaker.deadline()).min()
    }

    pub(super) fn handle_deadline(&mut self, stream: &mut Stream, now: Instant) {
        for element in self.listener.expire(now, self.limits) {
            stream.push_own(&element.to_element());
        }
        while let Some(unanswered) = self.speaker.expire(now, self.limits) {
            self.news.push_back(match unanswered {
                Unanswered::Pair(pair, why) => News::PairRefused(pair, why),
                Unanswered::Verification(answer) => News::Verified(answer),
            });
        }
    }

    /// What is to be told next. At the end of the stream every request of the application gets its
    /// answer.
    pub(super) fn poll(&mut self, stream: &Stream) -> Option<News> {
        if self.news.is_empty()
            && stream.is_over()
            && let Some(answer) = self.speaker.give_up(stream.end_reason())
        {
            return Some(News::Verified(answer));
        }
        self.news.pop_front()
    }
}

/// Whether a verified certificate of the peer vouches for the domain.
pub(super) fn is_certified(tls: Option<&TlsInfo>, domain: &Domainpart) -> bool {
    let certificate = tls.and_then(TlsInfo::peer);
    certificate.is_some_and(|certificate| certificate.is_of_server(domain))
}

/// How well the peer is known as `domain` after dialback.
pub(super) fn dialback_trust(tls: Option<&TlsInfo>, domain: &Domainpart) -> Trust {
    match is_certified(tls, domain) {
        true => Trust::CertifiedDialback,
        false => Trust::Dialback { tls: tls.is_some() },
    }
}
