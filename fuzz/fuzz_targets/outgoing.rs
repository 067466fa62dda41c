//! The initiating end of a stream between servers, and a hostile receiving server.
//!
//! The input is a script (see `xmppwire_fuzz::script`). Settings: `d` TLS from the first byte, `e`
//! and the peer shows a certificate of `b.example`, `p` TLS is preferred only, `f` it is forbidden,
//! `c` this server has a certificate, `k` dialback is off, `C` the peer needs a certificate, `b`
//! the stream may be bidirectional, `l` servers of before RFC 3920 are taken, `v` the stream only
//! verifies, `i` an idle time-out. The peer's building blocks, with what the rest of the line adds:
//!
//! ```text
//! h   a stream header: a letter from a to d, and the id
//! f   features: t STARTTLS, e EXTERNAL, d dialback, r with errors, b bidi
//! x   <proceed/>          X   the failure of STARTTLS
//! s   <success/>          F   the failure of SASL             c   <challenge/>
//! r   an answer to a key: two letters, and v, i or e
//! w   an answer to a question about one: the same
//! k   a key: two letters  q   a question about one            m   a message: two letters
//! z   the closing tag
//! ```
//!
//! and what its application may do besides:
//!
//! ```text
//! a   it adds a pair: two letters                    V   it verifies a key: two letters
//! S   it sends a message: two letters                y   it answers the oldest question; n with no
//! ```

#![no_main]

use std::collections::{BTreeSet, VecDeque};

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::s2s::{
    Outgoing, OutgoingConfig, OutgoingEvent, Pair, PairAdded, Verdict, VerifyRequest,
};
use xmppwire::{Connection, Entropy, Instant, TlsInfo, TlsPolicy, ns};
use xmppwire_fuzz::driver::{self, Driver, Player, Told};
use xmppwire_fuzz::script;
use xmppwire_fuzz::servers::{self, pair};
use xmppwire_xml::Event as Item;

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let play = |piece| {
        let mut driver = Driver::new(Capulet::new(settings));
        driver.play(lines.clone(), piece);
        assert_eq!(driver.player.verifying, 0, "every request is answered");
        (driver.told, driver.wire.into_sent())
    };
    let (told, sent) = play(None);
    let (told_bytewise, sent_bytewise) = play(Some(1));
    assert_eq!(told, told_bytewise);
    assert!(sent == sent_bytewise, "the output depends on the pieces");
});

/// The server of `a.example`, with what it asked for.
struct Capulet {
    server: Connection<Outgoing>,
    certificate: bool,
    tls_required: bool,
    secured: bool,
    bidi: bool,
    asked: BTreeSet<Pair>,
    ready: BTreeSet<Pair>,
    authorised: BTreeSet<Pair>,
    proven: BTreeSet<Pair>,
    questions: VecDeque<VerifyRequest>,
    verifying: usize,
    id: String,
}

impl Capulet {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        let tls = match (has(b'f'), has(b'p')) {
            (true, _) => TlsPolicy::Forbidden,
            (_, true) => TlsPolicy::Preferred,
            _ => TlsPolicy::Required,
        };
        let mut config = OutgoingConfig::new()
            .with_tls(tls)
            .with_limits(driver::limits(has(b'i')))
            .with_pair_limits(servers::limits());
        if !has(b'k') {
            config = config.with_dialback(servers::secret());
        }
        for (setting, change) in [
            (b'c', OutgoingConfig::with_certificate as fn(_) -> _),
            (b'C', OutgoingConfig::with_certified_peer),
            (b'b', OutgoingConfig::with_bidi),
            (b'l', OutgoingConfig::with_legacy),
            (b'v', OutgoingConfig::only_verifies),
        ] {
            if has(setting) {
                config = change(config);
            }
        }
        let (entropy, now) = (Entropy::from_seed([3; 32]), Instant::ORIGIN);
        let mut capulet = Self {
            server: Outgoing::new(config.clone(), pair(b"ab"), entropy, now),
            certificate: has(b'e'),
            tls_required: tls == TlsPolicy::Required,
            secured: has(b'd'),
            bidi: has(b'b'),
            asked: [pair(b"ab")].into(),
            ready: BTreeSet::new(),
            authorised: BTreeSet::new(),
            proven: BTreeSet::new(),
            questions: VecDeque::new(),
            verifying: 0,
            id: String::new(),
        };
        if has(b'd') {
            let entropy = Entropy::from_seed([3; 32]);
            let tls = capulet.tls();
            capulet.server = Outgoing::with_direct_tls(config, pair(b"ab"), entropy, now, tls);
        }
        capulet
    }
}

impl Player for Capulet {
    type Machine = Outgoing;
    const DROPS_WHITE_SPACE: bool = false;
    const CONTENT_NS: &'static str = ns::SERVER;

    fn machine(&mut self) -> &mut Connection<Outgoing> {
        &mut self.server
    }

    fn is_over(&self) -> bool {
        self.server.phase() == Phase::Closed
    }

    fn tls(&self) -> TlsInfo {
        servers::tls(self.certificate.then_some("b.example"))
    }

    fn react(&mut self, event: OutgoingEvent) -> Told {
        let told = format!("{event:?}");
        match event {
            OutgoingEvent::StartTls(request) => return Told::StartTls(request),
            OutgoingEvent::Ready(pair, trust) => {
                assert!(self.secured || !self.tls_required, "ready without TLS");
                let back = self.bidi && self.proven.contains(&pair.inverse());
                assert!(self.asked.contains(&pair) || back, "{pair} by {trust:?}");
                let target = pair.target().as_str() == "b.example";
                assert_eq!(
                    trust.is_certified(),
                    self.certificate && self.secured && target
                );
                self.ready.insert(pair);
            }
            OutgoingEvent::Authorised(pair, _) => {
                assert!(self.bidi);
                let back = self.ready.contains(&pair.inverse());
                assert!(
                    back || self.proven.contains(&pair) || self.certificate,
                    "{pair}"
                );
                self.authorised.insert(pair);
            }
            OutgoingEvent::Verify(request) => {
                assert!(self.bidi);
                self.questions.push_back(request);
            }
            OutgoingEvent::Verified(answer) => {
                assert_eq!(answer.pair().sender().as_str(), "b.example");
                self.verifying -= 1;
            }
            OutgoingEvent::Stanza(stanza) => {
                let pair = Pair::of(&stanza).expect("a stanza has addresses");
                assert!(self.authorised.contains(&pair), "a stanza for {pair}");
                return Told::Stanza(stanza);
            }
            OutgoingEvent::Refused(fault) => return Told::Refused(fault),
            OutgoingEvent::PairRefused(..)
            | OutgoingEvent::CheckKey(_)
            | OutgoingEvent::Unsolicited(_) => {}
            OutgoingEvent::Closed(reason) => return Told::Closed(reason),
            other => panic!("an unknown event: {other:?}"),
        }
        Told::Step(told)
    }

    fn sent(&mut self, item: Item) {
        match item {
            Item::Header(header) => {
                assert_eq!(header.version.as_deref(), Some("1.0"));
                assert!(header.id.is_none());
                assert_eq!(header.from.as_deref(), Some("a.example"));
                assert_eq!(header.to.as_deref(), Some("b.example"));
            }
            Item::Element(element) => {
                let needs_tls = matches!(element.ns(), ns::SASL | ns::DIALBACK | ns::SERVER);
                assert!(
                    !needs_tls || self.secured || !self.tls_required,
                    "{element:?}"
                );
            }
            _ => {}
        }
    }

    fn secured(&mut self) {
        self.secured = true;
    }

    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool {
        match op {
            b'h' => {
                let id: String = rest
                    .iter()
                    .skip(1)
                    .filter(|byte| byte.is_ascii_alphanumeric())
                    .map(|byte| char::from(*byte))
                    .collect();
                let from = rest.first().copied().unwrap_or(b'b');
                servers::header(from, b'a', &format!("id='{id}'"), out);
                self.id = id;
            }
            b'f' => servers::features(rest, out),
            b'x' => servers::starttls("proceed", out),
            b'X' => servers::starttls("failure", out),
            b's' => servers::sasl("success", out),
            b'F' => servers::sasl("failure", out),
            b'c' => servers::sasl("challenge", out),
            b'r' => servers::result(&pair(rest), rest.get(2..).unwrap_or_default(), out),
            b'w' => servers::verified(&pair(rest), rest.get(2..).unwrap_or_default(), out),
            b'k' => servers::key(&pair(rest), &self.id, out),
            b'q' => servers::question(&pair(rest), "", out),
            b'm' => servers::stanza(&pair(rest), out),
            b'z' => out.extend_from_slice(b"</stream:stream>"),
            b'a' => {
                let pair = pair(rest);
                if self.server.add_pair(pair.clone()) == PairAdded::Asked {
                    self.asked.insert(pair);
                }
            }
            b'V' => {
                let request = VerifyRequest::new(pair(rest), "s".into(), "k".into());
                self.verifying += usize::from(self.server.verify(request).is_ok());
            }
            b'S' => servers::send(&mut self.server, &pair(rest)),
            b'y' | b'n' => {
                if let Some(request) = self.questions.pop_front() {
                    let pair = request.pair().clone();
                    let verdict = match op {
                        b'y' => Verdict::Valid,
                        _ => Verdict::Invalid,
                    };
                    if self.server.answer_verify(request.answer(verdict)) && op == b'y' {
                        self.proven.insert(pair);
                    }
                }
            }
            _ => return false,
        }
        true
    }

    fn last_id(&self) -> &str {
        &self.id
    }
}
