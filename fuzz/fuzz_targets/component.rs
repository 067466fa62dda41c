//! Both ends of a component's stream (XEP-0114), each with a hostile peer.
//!
//! The input is a script (see `xmppwire_fuzz::script`). Settings: `h` the server's end and not the component's, `d` TLS
//! from the first byte, `w` the component may use domains below its own, `i` an idle time-out, `q` the application takes
//! its time with questions. The peer's building blocks, with what the rest of the line adds:
//!
//! ```text
//! h   a stream header: more attributes
//! k   the right handshake                     K   a wrong one
//! a   the answer to a handshake               f   features
//! m   a message: a letter for the component's address, and `c` for jabber:client
//! z   the closing tag
//! ```
//!
//! and what its application may do besides:
//!
//! ```text
//! q   from now on it takes its time, or no longer does
//! y   it answers the open question            n   it answers with no
//! d   it drops the question                   s   it sends a message: a letter for the component's address
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::component::{
    AttachAnswer, AttachRequest, Component, ComponentConfig, ComponentEvent, DomainAnswer,
    DomainRequest, Host, HostConfig, HostEvent, Secret, Terms,
};
use xmppwire::negotiation::Phase;
use xmppwire::{
    ApiMisuse, Connection, Domainpart, Entropy, Instant, Jid, Message, Role, Stanza, TlsInfo, ns,
};
use xmppwire_fuzz::driver::{self, Driver, Player, Told};
use xmppwire_fuzz::{accounts, script};
use xmppwire_xml::Event as Item;

fuzz_target!(|data: &[u8]| {
    let (settings, _) = script::parse(data);
    match settings.contains(&b'h') {
        true => compare(data, Verona::new),
        false => compare(data, Gate::new),
    }
});

/// Plays the script in the pieces that it asks for and byte by byte, with the same result.
fn compare<P: Player>(data: &[u8], player: fn(&[u8]) -> P) {
    let (settings, lines) = script::parse(data);
    let play = |piece| {
        let mut driver = Driver::new(player(settings));
        driver.play(lines.clone(), piece);
        (driver.told, driver.wire.into_sent())
    };
    let (told, sent) = play(None);
    let (told_bytewise, sent_bytewise) = play(Some(1));
    assert_eq!(told, told_bytewise);
    assert!(sent == sent_bytewise, "the output depends on the pieces");
}

const DOMAIN: &str = "gate.example";

fn secret() -> Secret {
    Secret::new("sesame, open the gate")
}

/// Addresses of the component, and others that look alike.
fn address(rest: &[u8]) -> &'static str {
    match rest.first() {
        Some(b'a') => "agate.example",
        Some(b'b') => "u@below.gate.example",
        Some(b'e') => "juliet@example.org",
        Some(b'r') => "u@gate.example/r",
        Some(b'x') => "@",
        _ => DOMAIN,
    }
}

/// Whether a component may use the address.
fn is_own(address: &Jid, subdomains: bool) -> bool {
    let domain = address.domainpart();
    domain == DOMAIN || subdomains && domain.ends_with(".gate.example")
}

/// A message between the component and a user.
fn message(out: &mut Vec<u8>, rest: &[u8], to_component: bool) {
    let (own, user) = (address(rest), "romeo@example.net");
    let (from, to) = match to_component {
        true => (user, own),
        false => (own, user),
    };
    let ns = match rest.get(1) {
        Some(b'c') => " xmlns='jabber:client'",
        _ => "",
    };
    let message = format!("<message{ns} from='{from}' to='{to}'><body>x</body></message>");
    out.extend_from_slice(message.as_bytes());
}

/// Sends a message for the application.
fn send<R: Role>(machine: &mut Connection<R>, rest: &[u8], to_component: bool, subdomains: bool) {
    let Ok(own) = Jid::new(address(rest)) else {
        return;
    };
    let is_own = is_own(&own, subdomains);
    let user = Jid::new("romeo@example.net").expect("an address");
    let (from, to) = match to_component {
        true => (user, own),
        false => (own, user),
    };
    let phase = machine.phase();
    let stanza: Stanza = Message::chat(to, "x").with_from(from).into();
    let sent = machine.send(&stanza);
    let closing = sent.is_ok();
    let expected = match phase {
        Phase::Bound if !is_own => Err(ApiMisuse::Misaddressed),
        Phase::Bound | Phase::Closed => Ok(()),
        _ => Err(ApiMisuse::NotBound),
    };
    // Once it has closed, a machine takes everything and sends nothing.
    assert!(sent == expected || closing, "{sent:?} in {phase:?}");
}

/// What both peers say in the same way.
fn common(op: u8, id: &str, out: &mut Vec<u8>) -> bool {
    let text = match op {
        b'k' => format!("<handshake>{}</handshake>", secret().handshake(id)),
        b'K' => format!("<handshake>{}</handshake>", secret().handshake("another")),
        b'a' => "<handshake/>".into(),
        b'f' => "<stream:features/>".into(),
        b'z' => "</stream:stream>".into(),
        _ => return false,
    };
    out.extend_from_slice(text.as_bytes());
    true
}

fn header(name: &str, rest: &[u8], out: &mut Vec<u8>) {
    let begin = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
                 xmlns:stream='http://etherx.jabber.org/streams' ";
    out.extend_from_slice(begin.as_bytes());
    out.extend_from_slice(name.as_bytes());
    out.push(b' ');
    out.extend_from_slice(rest);
    out.push(b'>');
}

// --- The component's end ---------------------------------------------------------------------

/// A component of `gate.example`.
struct Gate {
    component: Connection<Component>,
    subdomains: bool,
    bound: bool,
}

impl Gate {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        let domain = Domainpart::new(DOMAIN).expect("a domain");
        let mut config =
            ComponentConfig::new(domain, secret()).with_limits(driver::limits(has(b'i')));
        if has(b'w') {
            config = config.with_subdomains();
        }
        let (now, tls) = (Instant::ORIGIN, TlsInfo::new(accounts::bindings()));
        Self {
            component: match has(b'd') {
                true => Component::with_direct_tls(config, now, tls),
                false => Component::new(config, now),
            },
            subdomains: has(b'w'),
            bound: false,
        }
    }
}

impl Player for Gate {
    type Machine = Component;
    const DROPS_WHITE_SPACE: bool = false;
    const CONTENT_NS: &'static str = ns::COMPONENT;

    fn machine(&mut self) -> &mut Connection<Component> {
        &mut self.component
    }

    fn is_over(&self) -> bool {
        self.component.phase() == Phase::Closed
    }

    fn react(&mut self, event: ComponentEvent) -> Told {
        match event {
            ComponentEvent::Bound => {
                assert!(!self.bound, "bound twice");
                self.bound = true;
                Told::Step("Bound".into())
            }
            ComponentEvent::Stanza(stanza) => {
                assert!(self.bound, "a stanza before the handshake");
                Told::Stanza(stanza)
            }
            ComponentEvent::Refused(fault) => Told::Refused(fault),
            ComponentEvent::Closed(reason) => Told::Closed(reason),
            other => panic!("an unknown event: {other:?}"),
        }
    }

    fn sent(&mut self, item: Item) {
        if let Item::Header(header) = item {
            assert_eq!(header.to.as_deref(), Some(DOMAIN));
        }
    }

    fn secured(&mut self) {
        panic!("there is no STARTTLS");
    }

    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool {
        match op {
            b'h' => header("from='gate.example'", rest, out),
            b'm' => message(out, rest, true),
            b's' => send(&mut self.component, rest, false, self.subdomains),
            _ => return common(op, "", out),
        }
        true
    }

    fn last_id(&self) -> &str {
        ""
    }
}

// --- The server's end ------------------------------------------------------------------------

/// A server that lets components attach.
struct Verona {
    host: Connection<Host>,
    subdomains: bool,
    slow: bool,
    question: Option<Question>,
    /// The id of the stream.
    id: String,
    attached: bool,
}

enum Question {
    Domain(DomainRequest),
    Attach(AttachRequest),
}

impl Verona {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        let config = HostConfig::new().with_limits(driver::limits(has(b'i')));
        let (entropy, now) = (Entropy::from_seed([3; 32]), Instant::ORIGIN);
        let tls = TlsInfo::new(accounts::bindings());
        Self {
            host: match has(b'd') {
                true => Host::with_direct_tls(config, entropy, now, tls),
                false => Host::new(config, entropy, now),
            },
            subdomains: has(b'w'),
            slow: has(b'q'),
            question: None,
            id: String::new(),
            attached: false,
        }
    }

    fn answer(&mut self, question: Question, yes: bool) {
        let outcome = match question {
            Question::Domain(request) => {
                let known = request.domain().as_str() == DOMAIN;
                let mut terms = Terms::new(secret()).expect("a long secret");
                if self.subdomains {
                    terms = terms.with_subdomains();
                }
                let answer = match yes && known {
                    true => DomainAnswer::Serve(terms),
                    false => DomainAnswer::Unknown,
                };
                self.host.answer_domain(request, answer)
            }
            Question::Attach(request) => {
                self.attached |= yes;
                let answer = match yes {
                    true => AttachAnswer::Accept,
                    false => AttachAnswer::Conflict,
                };
                self.host.answer_attach(request, answer)
            }
        };
        assert_eq!(outcome, Ok(()), "the question was the open one");
    }

    fn take(&mut self, question: Question) {
        if self.slow {
            self.question = Some(question);
        } else {
            self.answer(question, true);
        }
    }
}

impl Player for Verona {
    type Machine = Host;
    const DROPS_WHITE_SPACE: bool = false;
    const CONTENT_NS: &'static str = ns::COMPONENT;

    fn machine(&mut self) -> &mut Connection<Host> {
        &mut self.host
    }

    fn is_over(&self) -> bool {
        self.host.phase() == Phase::Closed
    }

    fn react(&mut self, event: HostEvent) -> Told {
        let told = format!("{event:?}");
        match event {
            HostEvent::Opened(request) => self.take(Question::Domain(request)),
            HostEvent::Attach(request) => {
                assert_eq!(request.domain().as_str(), DOMAIN, "it has no other secret");
                self.take(Question::Attach(request));
            }
            HostEvent::Stanza(stanza) => {
                assert!(self.attached, "a stanza before the handshake");
                let from = stanza.from().expect("a stanza has a sender");
                assert!(is_own(from, self.subdomains), "a stanza from {from}");
                assert!(stanza.to().is_some());
                return Told::Stanza(stanza);
            }
            HostEvent::Refused(fault) => return Told::Refused(fault),
            HostEvent::Closed(reason) => return Told::Closed(reason),
            other => panic!("an unknown event: {other:?}"),
        }
        Told::Step(told)
    }

    fn sent(&mut self, item: Item) {
        if let Item::Header(header) = item {
            self.id = header.id.expect("a response has an id");
            assert!(self.id.len() >= 32 && header.from.is_some());
        }
    }

    fn secured(&mut self) {
        panic!("there is no STARTTLS");
    }

    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool {
        match op {
            b'h' => header("to='gate.example'", rest, out),
            b'm' => message(out, rest, false),
            b's' => send(&mut self.host, rest, true, self.subdomains),
            b'q' => self.slow = !self.slow,
            b'y' | b'n' => {
                if let Some(question) = self.question.take() {
                    self.answer(question, op == b'y');
                }
            }
            b'd' => drop(self.question.take()),
            _ => return common(op, &self.id, out),
        }
        true
    }

    fn last_id(&self) -> &str {
        &self.id
    }
}
