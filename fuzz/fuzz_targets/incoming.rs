//! The receiving end of a stream between servers, and a hostile initiating server.
//!
//! The input is a script (see `xmppwire_fuzz::script`). Settings: `d` TLS from the first byte, `e`
//! and the peer shows a certificate of `a.example`, `o` TLS is optional, `u` there is none, `b` the
//! stream may be bidirectional, `c` a certificate is required, `l` servers of before RFC 3920 are
//! let in, `s` the sender alone is authorised, `k` the application checks keys itself, `i` an idle
//! time-out, `q` the application takes its time with questions. The peer's building blocks, with
//! what the rest of the line adds:
//!
//! ```text
//! h   a stream header: another sender, of a to d     x   <starttls/>
//! a   <auth/>: the authorization identity            A   <abort/>
//! k   a key: two letters of a to d and z, for sender and target
//! v   a question about a key: two letters            w   an answer: two letters, and its type
//! m   a message: two letters                         b   <bidi/>
//! z   the closing tag
//! ```
//!
//! and what its application may do besides:
//!
//! ```text
//! q   from now on it takes its time, or no longer does
//! y   it answers the oldest question                 n   it answers with no
//! e   it answers with an error                       d   it drops the question
//! p   it adds a pair: two letters                    s   it sends a message: two letters
//! ```

#![no_main]

use std::collections::{BTreeSet, VecDeque};

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::s2s::{
    Incoming, IncomingConfig, IncomingEvent, KeyRequest, LocalDomains, Pair, PeerAnswer,
    PeerPolicy, PeerRequest, Verdict, VerifyRequest,
};
use xmppwire::{Connection, Entropy, Instant, StanzaErrorCondition, TlsInfo, TlsOffer, ns};
use xmppwire_fuzz::driver::{self, Driver, Player, Told};
use xmppwire_fuzz::script;
use xmppwire_fuzz::servers::{self, domain, pair};
use xmppwire_xml::Event as Item;

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let play = |piece| {
        let mut driver = Driver::new(Montague::new(settings));
        driver.play(lines.clone(), piece);
        (driver.told, driver.wire.into_sent())
    };
    let (told, sent) = play(None);
    let (told_bytewise, sent_bytewise) = play(Some(1));
    assert_eq!(told, told_bytewise);
    assert!(sent == sent_bytewise, "the output depends on the pieces");
});

/// The server of `b.example` and `c.example`, with what was authorised.
struct Montague {
    server: Connection<Incoming>,
    policy: PeerPolicy,
    certificate: bool,
    by_sender: bool,
    bidi: bool,
    slow: bool,
    questions: VecDeque<Question>,
    /// The id of the present stream.
    id: String,
    /// What was answered with valid.
    proven: BTreeSet<Pair>,
    authorised: BTreeSet<Pair>,
    ready: BTreeSet<Pair>,
}

enum Question {
    Opened(PeerRequest),
    Verify(VerifyRequest),
    CheckKey(KeyRequest),
}

impl Montague {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        let mut policy = PeerPolicy::new(match (has(b'u'), has(b'o')) {
            (true, _) => TlsOffer::Unavailable,
            (_, true) => TlsOffer::Optional,
            _ => TlsOffer::Required,
        });
        for (setting, change) in [
            (b'b', PeerPolicy::with_bidi as fn(_) -> _),
            (b'c', PeerPolicy::with_certified_peer),
            (b'l', PeerPolicy::with_legacy),
            (b's', PeerPolicy::by_sender),
        ] {
            if has(setting) {
                policy = change(policy);
            }
        }
        let domains: LocalDomains = [b'b', b'c'].map(domain).into_iter().collect();
        let mut config = IncomingConfig::new(domains)
            .with_default_domain(domain(b'b'))
            .with_limits(driver::limits(has(b'i')))
            .with_pair_limits(servers::limits());
        if !has(b'k') {
            config = config.with_dialback(servers::secret());
        }
        let (entropy, now) = (Entropy::from_seed([3; 32]), Instant::ORIGIN);
        let mut montague = Self {
            server: Incoming::new(config.clone(), entropy, now),
            policy,
            certificate: has(b'e'),
            by_sender: has(b's'),
            bidi: has(b'b'),
            slow: has(b'q'),
            questions: VecDeque::new(),
            id: String::new(),
            proven: BTreeSet::new(),
            authorised: BTreeSet::new(),
            ready: BTreeSet::new(),
        };
        if has(b'd') {
            let entropy = Entropy::from_seed([3; 32]);
            montague.server = Incoming::with_direct_tls(config, entropy, now, montague.tls());
        }
        montague
    }

    /// A verdict about a question of a stream that is gone has no effect.
    fn answer(&mut self, question: Question, verdict: Verdict) {
        match question {
            Question::Opened(request) => {
                let answer = match verdict {
                    Verdict::Valid => PeerAnswer::Accept(self.policy.clone()),
                    Verdict::Invalid => PeerAnswer::SeeOtherHost("[2001:db8::1]:5269".into()),
                    _ => PeerAnswer::Gone,
                };
                let outcome = self.server.accept(request, answer);
                assert_eq!(outcome, Ok(()), "the question was the open one");
            }
            Question::Verify(request) => {
                let pair = request.pair().clone();
                let valid = verdict == Verdict::Valid;
                let answer = request.answer(verdict);
                if self.server.answer_verify(answer.clone()) && valid {
                    self.proven.insert(pair);
                }
                assert!(!self.server.answer_verify(answer), "a verdict counts once");
            }
            Question::CheckKey(request) => {
                self.server.answer_key(request, verdict);
            }
        }
    }

    fn take(&mut self, question: Question) {
        if self.slow {
            self.questions.push_back(question);
        } else {
            self.answer(question, Verdict::Valid);
        }
    }
}

impl Player for Montague {
    type Machine = Incoming;
    const DROPS_WHITE_SPACE: bool = true;
    const CONTENT_NS: &'static str = ns::SERVER;

    fn machine(&mut self) -> &mut Connection<Incoming> {
        &mut self.server
    }

    fn is_over(&self) -> bool {
        self.server.phase() == Phase::Closed
    }

    fn tls(&self) -> TlsInfo {
        servers::tls(self.certificate.then_some("a.example"))
    }

    fn react(&mut self, event: IncomingEvent) -> Told {
        let told = format!("{event:?}");
        match event {
            IncomingEvent::StartTls(request) => return Told::StartTls(request),
            IncomingEvent::Opened(request) => self.take(Question::Opened(request)),
            IncomingEvent::Verify(request) => self.take(Question::Verify(request)),
            IncomingEvent::CheckKey(request) => self.take(Question::CheckKey(request)),
            IncomingEvent::Authorised(pair, trust) => {
                let certified = self.certificate && *pair.sender() == domain(b'a');
                let answered = self.ready.contains(&pair.inverse());
                assert!(
                    certified || self.proven.contains(&pair) || (self.bidi && answered),
                    "{pair} by {trust:?}"
                );
                self.authorised.insert(pair);
            }
            IncomingEvent::Ready(pair, _) => {
                assert!(self.bidi);
                self.ready.insert(pair);
            }
            IncomingEvent::Stanza(stanza) => {
                let pair = Pair::of(&stanza).expect("a stanza has addresses");
                let sender = || {
                    self.authorised
                        .iter()
                        .any(|it| it.sender() == pair.sender())
                };
                assert!(
                    self.authorised.contains(&pair) || (self.by_sender && sender()),
                    "a stanza for {pair}"
                );
                return Told::Stanza(stanza);
            }
            IncomingEvent::Refused(fault) => return Told::Refused(fault),
            IncomingEvent::PairRefused(..) | IncomingEvent::Unsolicited(_) => {}
            IncomingEvent::Closed(reason) => return Told::Closed(reason),
            other => panic!("an unknown event: {other:?}"),
        }
        Told::Step(told)
    }

    fn sent(&mut self, item: Item) {
        if let Item::Header(header) = item {
            let id = header.id.expect("a response has an id");
            assert!(id.len() >= 32 && id != self.id);
            assert!(header.from.is_some());
            self.id = id;
        }
    }

    fn secured(&mut self) {
        self.proven.clear();
        self.authorised.clear();
        self.ready.clear();
    }

    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool {
        match op {
            b'h' => servers::header(rest.first().copied().unwrap_or(b'a'), b'b', "", out),
            b'a' => servers::auth(rest, out),
            b'A' => servers::sasl("abort", out),
            b'k' => servers::key(&pair(rest), &self.id, out),
            b'v' => servers::question(&pair(rest), &self.id, out),
            b'w' => servers::result(&pair(rest), rest.get(2..).unwrap_or_default(), out),
            b'm' => servers::stanza(&pair(rest), out),
            b'x' => servers::starttls("starttls", out),
            b'b' => out.extend_from_slice(b"<bidi xmlns='urn:xmpp:bidi'/>"),
            b'z' => out.extend_from_slice(b"</stream:stream>"),
            b'q' => self.slow = !self.slow,
            b'y' | b'n' | b'e' => {
                let verdict = match op {
                    b'y' => Verdict::Valid,
                    b'n' => Verdict::Invalid,
                    _ => Verdict::error(StanzaErrorCondition::RemoteServerNotFound),
                };
                if let Some(question) = self.questions.pop_front() {
                    self.answer(question, verdict);
                }
            }
            b'd' => drop(self.questions.pop_front()),
            b'p' => {
                let _ = self.server.add_pair(pair(rest));
            }
            b's' => servers::send(&mut self.server, &pair(rest)),
            _ => return false,
        }
        true
    }

    fn last_id(&self) -> &str {
        &self.id
    }
}
