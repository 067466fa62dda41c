//! The two ends of a stream between servers, for scripts in `scripts/outgoing` and
//! `scripts/incoming`.
//!
//! In these scripts `I:` is what the initiating server sends and `R:` what the receiving server
//! sends. The machine under test is `a.example` where it initiates; where it receives it serves
//! `b.example` and `c.example`.
//!
//! | line | meaning |
//! |---|---|
//! | `% certificate NAME` | the dNSName in the peer's certificate |
//! | `% own certificate` | the initiating server has a certificate, so that it tries EXTERNAL |
//! | `% dialback off` | the initiating server has no secret for keys |
//! | `% certified-peer` | the peer needs a certificate of its domain |
//! | `% bidi` | a stream in both directions is wanted, or offered |
//! | `% legacy` | streams without a version pass, and TLS is not needed |
//! | `% by-sender` | an authorised sender may send to every local domain |
//! | `% only-verifies` | the outgoing stream only verifies keys |
//! | `% tls direct`, `% tls none` | TLS from the first byte, or never |
//! | `% default-domain none` | the receiving server has no domain for errors |
//! | `% names A B` | the domains of this side and of the peer |
//! | `-- verdict valid\|invalid\|error` | the application knows what became of the oldest key |
//! | `-- verify SENDER TARGET ID KEY` | the application asks the peer about a key |
//! | `-- pair SENDER TARGET` | the application adds a pair |

use std::collections::VecDeque;

use xmppwire::s2s::{
    DialbackSecret, Incoming, IncomingConfig, IncomingEvent, LocalDomains, Outgoing,
    OutgoingConfig, OutgoingEvent, Pair, PeerAnswer, PeerPolicy, Refusal, Trust, Verdict,
    VerifyAnswer, VerifyRequest,
};
use xmppwire::{
    CertificateIdentities, Connection, Domainpart, Element, Entropy, Instant, StanzaErrorCondition,
    TlsInfo, TlsOffer, TlsPolicy,
};

use crate::machine::{self, Drive, Heard, Machine};

/// What a script says of its servers.
pub(crate) struct Setup {
    us: Domainpart,
    peer: Domainpart,
    outgoing: OutgoingConfig,
    policy: PeerPolicy,
    default_domain: bool,
    direct_tls: bool,
    tls: TlsInfo,
}

fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).unwrap()
}

impl Setup {
    pub(crate) fn parse(script: &str, initiating: bool) -> Self {
        let lines = || script.lines().filter_map(|line| line.strip_prefix("% "));
        let has = |setting: &str| lines().any(|line| line == setting);
        let names = lines().find_map(|line| line.strip_prefix("names ")?.split_once(' '));
        let (us, peer) = names.unwrap_or(match initiating {
            true => ("a.example", "b.example"),
            false => ("b.example", "a.example"),
        });
        let mut outgoing = OutgoingConfig::new();
        let mut policy = PeerPolicy::new(match has("legacy") || has("tls none") {
            true => TlsOffer::Unavailable,
            false => TlsOffer::Required,
        });
        if !has("dialback off") {
            outgoing = outgoing.with_dialback(DialbackSecret::new("xyzzy"));
        }
        if has("own certificate") {
            outgoing = outgoing.with_certificate();
        }
        if has("certified-peer") {
            (outgoing, policy) = (outgoing.with_certified_peer(), policy.with_certified_peer());
        }
        if has("bidi") {
            (outgoing, policy) = (outgoing.with_bidi(), policy.with_bidi());
        }
        if has("by-sender") {
            policy = policy.by_sender();
        }
        if has("only-verifies") {
            outgoing = outgoing.only_verifies();
        }
        if has("legacy") {
            (outgoing, policy) = (outgoing.with_legacy(), policy.with_legacy());
        }
        if has("legacy") || has("tls none") {
            outgoing = outgoing.with_tls(TlsPolicy::Forbidden);
        }
        let certificate = lines().find_map(|line| line.strip_prefix("certificate "));
        let tls = machine::tls();
        Self {
            us: domain(us),
            peer: domain(peer),
            outgoing: outgoing.with_lang("en"),
            policy,
            default_domain: !has("default-domain none"),
            direct_tls: has("tls direct"),
            tls: match certificate {
                Some(name) => tls.with_peer(CertificateIdentities::new().with_dns_id(name)),
                None => tls,
            },
        }
    }

    pub(crate) fn tls(&self) -> TlsInfo {
        self.tls.clone()
    }

    pub(crate) fn capulet(&self) -> Capulet {
        let pair = Pair::new(self.us.clone(), self.peer.clone());
        let (config, entropy) = (self.outgoing.clone(), Entropy::from_seed([4; 32]));
        Capulet {
            server: match self.direct_tls {
                true => {
                    Outgoing::with_direct_tls(config, pair, entropy, Instant::ORIGIN, self.tls())
                }
                false => Outgoing::new(config, pair, entropy, Instant::ORIGIN),
            },
            questions: VecDeque::new(),
        }
    }

    pub(crate) fn montague(&self) -> Montague {
        let domains: LocalDomains = [self.us.clone(), domain("c.example")].into_iter().collect();
        let config = IncomingConfig::new(domains).with_dialback(DialbackSecret::new("xyzzy"));
        let config = match self.default_domain {
            true => config.with_default_domain(self.us.clone()),
            false => config,
        };
        let entropy = Entropy::from_seed([5; 32]);
        Montague {
            server: match self.direct_tls {
                true => Incoming::with_direct_tls(config, entropy, Instant::ORIGIN, self.tls()),
                false => Incoming::new(config, entropy, Instant::ORIGIN),
            },
            policy: self.policy.clone(),
            questions: VecDeque::new(),
        }
    }
}

/// The verdict in the words of a script.
fn verdict(word: &str) -> Verdict {
    match word {
        "valid" => Verdict::Valid,
        "invalid" => Verdict::Invalid,
        _ => Verdict::error(StanzaErrorCondition::RemoteServerNotFound),
    }
}

fn pair(words: &str) -> Pair {
    let (sender, target) = words.split_once(' ').expect("two domains");
    Pair::new(domain(sender), domain(target))
}

// --- Events in the words of a script --------------------------------------------------------------

fn ready(pair: &Pair, trust: Trust) -> String {
    format!("ready {pair} by {trust:?}")
}

fn authorised(pair: &Pair, trust: Trust) -> String {
    format!("authorised {pair} by {trust:?}")
}

fn pair_refused(pair: &Pair, why: &Refusal) -> String {
    format!("pair refused {pair}: {why}, bounce {}", why.bounce())
}

fn verify(request: &VerifyRequest) -> String {
    let (pair, id) = (request.pair(), request.stream_id());
    format!("verify {pair} on {id}: {}", request.key())
}

fn verified(answer: &VerifyAnswer) -> String {
    format!("verified {}: {}", answer.pair(), answer.verdict())
}

fn unsolicited(element: &Element) -> String {
    format!("unsolicited {}", element.to_xml())
}

// --- The initiating server --------------------------------------------------------------------------

/// The initiating server with its application.
pub struct Capulet {
    server: Connection<Outgoing>,
    questions: VecDeque<VerifyRequest>,
}

impl Machine for Capulet {
    const IS_CLIENT: bool = true;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.server
    }

    fn stream_lang(&self) -> Option<&str> {
        None
    }

    fn act(&mut self, verb: &str, rest: &str) -> bool {
        match verb {
            "verify" => {
                let words: Vec<_> = rest.split(' ').collect();
                let pair = Pair::new(domain(words[0]), domain(words[1]));
                let request = VerifyRequest::new(pair, words[2].into(), words[3].into());
                self.server.verify(request).expect("the stream can ask");
            }
            "pair" => {
                let _ = self.server.add_pair(pair(rest));
            }
            "verdict" => {
                let request = self.questions.pop_front().expect("a key");
                let answer = request.answer(verdict(rest));
                assert!(self.server.answer_verify(answer));
            }
            _ => return false,
        }
        true
    }

    fn poll(&mut self, heard: &mut Heard) -> Option<String> {
        Some(match self.server.poll_event()? {
            OutgoingEvent::StartTls(request) => {
                heard.start_tls = Some(request);
                "start TLS".into()
            }
            OutgoingEvent::Ready(pair, trust) => ready(&pair, trust),
            OutgoingEvent::PairRefused(pair, why) => pair_refused(&pair, &why),
            OutgoingEvent::Verified(answer) => verified(&answer),
            OutgoingEvent::Authorised(pair, trust) => authorised(&pair, trust),
            OutgoingEvent::Verify(request) => {
                let text = verify(&request);
                self.questions.push_back(request);
                text
            }
            OutgoingEvent::Stanza(stanza) => heard.stanza(stanza),
            OutgoingEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            OutgoingEvent::Unsolicited(element) => unsolicited(&element),
            OutgoingEvent::Closed(reason) => machine::closed(&reason),
            other => format!("{other:?}"),
        })
    }
}

// --- The receiving server ---------------------------------------------------------------------------

/// The receiving server with its application.
pub struct Montague {
    server: Connection<Incoming>,
    policy: PeerPolicy,
    questions: VecDeque<VerifyRequest>,
}

impl Machine for Montague {
    const IS_CLIENT: bool = false;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.server
    }

    fn stream_lang(&self) -> Option<&str> {
        None
    }

    fn act(&mut self, verb: &str, rest: &str) -> bool {
        match verb {
            "verdict" => {
                let request = self.questions.pop_front().expect("a key");
                let answer = request.answer(verdict(rest));
                assert!(self.server.answer_verify(answer));
            }
            "pair" => {
                let _ = self.server.add_pair(pair(rest));
            }
            _ => return false,
        }
        true
    }

    fn poll(&mut self, heard: &mut Heard) -> Option<String> {
        Some(match self.server.poll_event()? {
            IncomingEvent::Opened(request) => {
                let remote = request.remote().map_or("nobody", |domain| domain.as_str());
                let text = format!("opened {} by {remote}", request.local());
                let answer = PeerAnswer::Accept(self.policy.clone());
                let accepted = self.server.accept(request, answer);
                accepted.expect("the question is open");
                text
            }
            IncomingEvent::StartTls(request) => {
                heard.start_tls = Some(request);
                "start TLS".into()
            }
            IncomingEvent::Verify(request) => {
                let text = verify(&request);
                self.questions.push_back(request);
                text
            }
            IncomingEvent::Authorised(pair, trust) => authorised(&pair, trust),
            IncomingEvent::Ready(pair, trust) => ready(&pair, trust),
            IncomingEvent::PairRefused(pair, why) => pair_refused(&pair, &why),
            IncomingEvent::Stanza(stanza) => heard.stanza(stanza),
            IncomingEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            IncomingEvent::Unsolicited(element) => unsolicited(&element),
            IncomingEvent::Closed(reason) => machine::closed(&reason),
            other => format!("{other:?}"),
        })
    }
}
