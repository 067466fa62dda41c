//! The client machine and a hostile server.
//!
//! The input is a script (see `xmppwire_fuzz::script`). Settings: `d` TLS from the first byte, `o` TLS
//! where offered, `f` no TLS, `p` PLAIN is acceptable, `r` a resource is asked for, `l` a language is
//! set, `i` an idle time-out, `w` the server does not know the user's keys, `m` stream management is
//! wanted, `a` a session is to be resumed, `u` there is a user agent, `k` and a token for it, `t` tasks
//! are known. The server's building blocks, with what the rest of the line adds:
//!
//! ```text
//! h   a stream header                         s   features with STARTTLS
//! m   features with mechanisms: 0 to 4        p   <proceed/>
//! c   the right answer to the last SASL message
//! f   a SASL failure: its condition           b   features with binding
//! o   features with binding and session       r   a result for the last IQ: its payload
//! e   an error for the last IQ                 z   the closing tag
//! j   the bind result: a full JID, or a usual one
//! M   features with SASL2 and all that is inline: mechanisms as above
//! C   the right answer to the last SASL2 message: what <success/> holds beside the proof
//! F   a SASL2 failure: its condition
//! B   features with binding and stream management
//! E   <enabled/>: its attributes             A   <a/>: its number of one byte
//! R   <r/>                                   V   <resumed/>: its number of one byte
//! N   <failed/> of stream management
//! ```
//!
//! What holds beside the contract: no SASL2 and no token without TLS, and no session with a server that
//! has proven nothing.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::{
    Client, ClientConfig, ClientEvent, Connection, DecoyKey, Entropy, Instant, Jid, Mechanism,
    MechanismPolicy, Resumption, StreamManagement, TaskAnswer, TlsInfo, TlsPolicy, Token,
    Unacknowledged, UserAgent, ns,
};
use xmppwire_fuzz::driver::{self, Driver, Player, Told};
use xmppwire_fuzz::{accounts, script};
use xmppwire_sasl::{Offer, ServerAnswer, ServerExchange, ServerQuestion, ServerStep, wire};
use xmppwire_xml::{Element, Event as Item};

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let play = |piece| {
        let mut driver = Driver::new(Juliet::new(settings));
        driver.play(lines.clone(), piece);
        (driver.told, driver.wire.into_sent())
    };
    let (told, sent) = play(None);
    let (told_bytewise, sent_bytewise) = play(Some(1));
    assert_eq!(told, told_bytewise);
    assert!(sent == sent_bytewise, "the output depends on the pieces");
});

/// A client with its application, and what its server remembers.
struct Juliet {
    client: Connection<Client>,
    tls_required: bool,
    secured: bool,
    bound: bool,
    /// The server knows the user's keys.
    genuine: bool,
    /// The server's part of the SASL exchange, and its answer to the last message.
    exchange: Option<ServerExchange>,
    answer: Option<ServerStep>,
    /// The client was told success that was proven.
    proven: bool,
    id: String,
    acknowledged: u64,
}

impl Juliet {
    fn new(settings: &[u8]) -> Self {
        let has = |setting| settings.contains(&setting);
        let account = if has(b'r') {
            "juliet@example.org/balcony"
        } else {
            accounts::ACCOUNT
        };
        let jid = Jid::new(account).expect("an address");
        let tls = match (has(b'f'), has(b'o')) {
            (true, _) => TlsPolicy::Forbidden,
            (_, true) => TlsPolicy::Preferred,
            _ => TlsPolicy::Required,
        };
        let floor = if has(b'p') {
            Mechanism::Plain
        } else {
            Mechanism::ScramSha1
        };
        let mut config = ClientConfig::new(jid, accounts::PASSWORD)
            .expect("an account")
            .with_tls(tls)
            .with_mechanisms(MechanismPolicy::default().with_floor(floor))
            .with_limits(driver::limits(has(b'i')));
        if has(b'l') {
            config = config.with_lang("de");
        }
        if has(b'm') {
            config = config.with_stream_management(StreamManagement::new().with_ask_after(3, 400));
        }
        if has(b'u') {
            let id = "9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f";
            config = config.with_user_agent(UserAgent::from_id(id).expect("a UUID"));
        }
        if has(b'k') {
            config = config.with_token(Token::from_bytes(TOKEN).expect("a token"));
        }
        if has(b't') {
            config = config.with_tasks();
        }
        let (entropy, now) = (Entropy::from_seed([1; 32]), Instant::ORIGIN);
        let direct = has(b'd');
        let mut client = if direct {
            let tls = TlsInfo::new(accounts::bindings());
            Client::with_direct_tls(config, entropy, now, tls)
        } else {
            Client::new(config, entropy, now)
        };
        if has(b'a') {
            let session = Resumption::from_bytes(SESSION).expect("a session");
            client.resume(session).expect("of the same account");
        }
        Self {
            client,
            tls_required: tls == TlsPolicy::Required,
            secured: direct,
            bound: false,
            genuine: !has(b'w'),
            exchange: None,
            answer: None,
            proven: false,
            id: String::new(),
            acknowledged: 0,
        }
    }

    /// The server's part of the exchange: what it answers to a message of the client.
    fn sasl(&mut self, element: &Element) {
        let text = element.text();
        let data = match element.child("initial-response", ns::SASL2) {
            Some(initial) => Some(wire::decode(&initial.text()).expect("base64")),
            None if element.name() == "authenticate" => None,
            None => (!text.is_empty()).then(|| wire::decode(&text).expect("base64")),
        };
        if matches!(element.name(), "auth" | "authenticate") {
            let name = element.attr("mechanism").unwrap_or_default();
            let Some(mechanism) = Mechanism::from_name(name) else {
                // A login by token, which this server refuses: it has issued none.
                assert!(self.secured && element.child("fast", ns::FAST).is_some());
                self.exchange = None;
                self.answer = None;
                return;
            };
            assert!(self.secured || mechanism != Mechanism::Plain);
            let bindings = accounts::bindings();
            let decoy = DecoyKey::new([9; 32]);
            // What was offered is for the input to say, so nothing is said about it here.
            let offer = Offer::new(["SCRAM-SHA-256-PLUS"]);
            let exchange = ServerExchange::new(mechanism, &bindings, &offer, [5; 24], decoy);
            self.exchange = Some(exchange.without_downgrade_protection());
        }
        let Some(exchange) = &mut self.exchange else {
            return;
        };
        let data = data.or_else(|| (element.name() == "response").then(Vec::new));
        let mut step = exchange.step(data.as_deref());
        if step == ServerStep::Ask {
            let password = if self.genuine {
                accounts::PASSWORD
            } else {
                accounts::OTHER_PASSWORD
            };
            let answer = match exchange.question() {
                Some(ServerQuestion::ScramKeys { hash, .. }) => {
                    ServerAnswer::ScramKeys(accounts::keys(hash, password, true))
                }
                _ => ServerAnswer::Accept,
            };
            step = exchange.answer(answer);
        }
        self.proven |= matches!(step, ServerStep::Success { .. });
        self.answer = Some(step);
    }

    /// The same as [`answer`](Self::answer) in SASL2, with this in a `<success/>`.
    fn answer2(&self, content: &str) -> String {
        let inside = match &self.answer {
            Some(ServerStep::Challenge(data)) => {
                return format!(
                    "<challenge xmlns='{}'>{}</challenge>",
                    ns::SASL2,
                    wire::encode(data)
                );
            }
            Some(ServerStep::Success {
                additional_data, ..
            }) => additional_data.as_deref().map_or_else(String::new, |data| {
                format!("<additional-data>{}</additional-data>", wire::encode(data))
            }),
            _ => return failure2("not-authorized"),
        };
        format!("<success xmlns='{}'>{inside}{content}</success>", ns::SASL2)
    }

    fn answer(&self) -> String {
        let (name, data) = match &self.answer {
            Some(ServerStep::Challenge(data)) => ("challenge", wire::encode(data)),
            Some(ServerStep::Success {
                additional_data, ..
            }) => (
                "success",
                additional_data
                    .as_deref()
                    .map(wire::encode)
                    .unwrap_or_default(),
            ),
            _ => return failure("not-authorized"),
        };
        format!("<{name} xmlns='{}'>{data}</{name}>", ns::SASL)
    }
}

impl Player for Juliet {
    type Machine = Client;
    const DROPS_WHITE_SPACE: bool = false;
    const PEER_WRITES_FROM: bool = true;

    fn machine(&mut self) -> &mut Connection<Client> {
        &mut self.client
    }

    fn is_over(&self) -> bool {
        self.client.phase() == Phase::Closed
    }

    fn react(&mut self, event: ClientEvent) -> Told {
        match event {
            ClientEvent::StartTls(request) => {
                assert!(!self.secured);
                Told::StartTls(request)
            }
            ClientEvent::Bound(jid) => {
                assert!(!self.bound && (self.secured || !self.tls_required));
                // A server that cannot prove to know the keys gets no session, unless it was told the
                // password itself.
                assert!(self.proven, "bound to a server that has proven nothing");
                assert!(self.genuine || self.is_plain());
                self.bound = true;
                Told::Step(format!("bound {jid}"))
            }
            ClientEvent::Resumed { jid, acknowledged } => {
                assert!(!self.bound && (self.secured || !self.tls_required));
                assert!(self.proven, "resumed by a server that has proven nothing");
                assert!(self.genuine || self.is_plain());
                self.bound = true;
                self.acknowledged = acknowledged;
                Told::Step(format!("resumed {jid} {acknowledged}"))
            }
            ClientEvent::Acknowledged(number) => {
                assert!(number > self.acknowledged, "an acknowledgement goes back");
                self.acknowledged = number;
                Told::Step(format!("acknowledged {number}"))
            }
            ClientEvent::Unmanaged(condition) => {
                // The numbers are void.
                self.acknowledged = u64::MAX;
                Told::Step(format!("unmanaged {condition:?}"))
            }
            ClientEvent::Token(_) => {
                assert!(self.secured, "a token without TLS");
                Told::Step(format!("{event:?}"))
            }
            ClientEvent::Task(request) => {
                let told = format!("{request:?}");
                let answer = match request.offered().first() {
                    Some(task) => TaskAnswer::Choose(task.clone(), Vec::new()),
                    None => TaskAnswer::Data(Vec::new()),
                };
                self.client.answer_task(request, answer).expect("it fits");
                Told::Step(told)
            }
            ClientEvent::NotResumed { .. } => {
                // The next session has numbers of its own.
                self.acknowledged = 0;
                Told::Step(format!("{event:?}"))
            }
            ClientEvent::Managed(_) | ClientEvent::TokenGone(_) => Told::Step(format!("{event:?}")),
            ClientEvent::Stanza(stanza) => {
                assert!(self.bound, "a stanza before a resource is bound");
                Told::Stanza(stanza)
            }
            ClientEvent::Refused(fault) => {
                assert!(self.bound);
                Told::Refused(fault)
            }
            ClientEvent::Closed(reason) => Told::Closed(reason),
            other => panic!("an unknown event: {other:?}"),
        }
    }

    fn sent(&mut self, item: Item) {
        match item {
            Item::Header(header) => {
                assert_eq!(header.from.is_some(), self.secured);
                self.id.clear();
            }
            Item::Element(element) if element.ns() == ns::SASL => {
                assert!(self.secured || !self.tls_required, "SASL without TLS");
                if element.name() != "abort" {
                    self.sasl(&element);
                }
            }
            Item::Element(element) if element.ns() == ns::SASL2 => {
                assert!(self.secured, "SASL2 without TLS");
                if matches!(element.name(), "authenticate" | "response") {
                    self.sasl(&element);
                }
            }
            Item::Element(element) if element.ns() == ns::SM => {
                assert!(self.proven && (self.secured || !self.tls_required));
            }
            Item::Element(element) if element.ns() == ns::CLIENT => {
                assert!(self.proven && (self.secured || !self.tls_required));
                if element.name() == "iq"
                    && let Some(id) = element.attr("id")
                {
                    id.clone_into(&mut self.id);
                }
            }
            Item::Element(element) => {
                assert!(element.is("starttls", ns::TLS) || element.is("error", ns::STREAMS));
            }
            _ => {}
        }
    }

    fn secured(&mut self) {
        self.secured = true;
    }

    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool {
        let text = || String::from_utf8_lossy(rest);
        let id = &self.id;
        let block = match op {
            b'h' => HEADER.into(),
            b's' => features(&format!("<starttls xmlns='{}'/>", ns::TLS)),
            b'm' => mechanisms(rest),
            b'p' => format!("<proceed xmlns='{}'/>", ns::TLS),
            b'c' => self.answer(),
            b'f' => failure(&text()),
            b'b' => features(&format!("<bind xmlns='{}'/>", ns::BIND)),
            b'o' => features(&format!(
                "<bind xmlns='{}'/><session xmlns='{}'/>",
                ns::BIND,
                ns::SESSION
            )),
            b'r' => format!("<iq type='result' id='{id}'>{}</iq>", text()),
            b'e' => format!(
                "<iq type='error' id='{id}'><error type='cancel'><conflict \
                 xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            ),
            b'j' => {
                let jid = match rest {
                    [] => "juliet@example.org/balcony".into(),
                    _ => text(),
                };
                format!(
                    "<iq type='result' id='{id}'><bind xmlns='{}'><jid>{jid}</jid></bind></iq>",
                    ns::BIND
                )
            }
            b'z' => "</stream:stream>".into(),
            b'M' => mechanisms2(rest),
            b'C' => {
                let content = match rest {
                    [] => "<authorization-identifier>juliet@example.org</authorization-identifier>"
                        .into(),
                    _ => text(),
                };
                self.answer2(&content)
            }
            b'F' => failure2(&text()),
            b'B' => features(&format!(
                "<bind xmlns='{}'/><sm xmlns='{}'/>",
                ns::BIND,
                ns::SM
            )),
            b'E' => format!("<enabled xmlns='{}' {}/>", ns::SM, text()),
            b'A' => format!("<a xmlns='{}' h='{}'/>", ns::SM, script::number(rest)),
            b'R' => format!("<r xmlns='{}'/>", ns::SM),
            b'V' => {
                let number = script::number(rest);
                format!("<resumed xmlns='{}' previd='x' h='{number}'/>", ns::SM)
            }
            b'N' => format!(
                "<failed xmlns='{}'><item-not-found xmlns='{}'/></failed>",
                ns::SM,
                ns::STANZA_ERRORS
            ),
            _ => return false,
        };
        out.extend_from_slice(block.as_bytes());
        true
    }

    fn last_id(&self) -> &str {
        &self.id
    }

    fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    fn given_back(&mut self) -> Vec<Unacknowledged> {
        match self.client.take_resumption() {
            Some(session) => session.into_unacknowledged(),
            None => self.client.take_unacknowledged(),
        }
    }
}

impl Juliet {
    fn is_plain(&self) -> bool {
        self.exchange
            .as_ref()
            .is_some_and(|exchange| exchange.mechanism() == Mechanism::Plain)
    }
}

/// A session that has sent five stanzas, of which the last one is not acknowledged.
const SESSION: &[u8] = b"XWSM\x01\x01\x00\x00\x00\x07\x00\x00\x00\x00\x00\x00\x00\x04\
    \x00\x00\x00\x00\x00\x00\x00\x01x\x00\x00\x00\x1ajuliet@example.org/balcony\
    \x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\n<message/>";

/// A token that does not expire.
const TOKEN: &[u8] = b"XWTK\x01\x00\x00\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff\
    \x00\x00\x00\x12juliet@example.org\
    \x00\x00\x00\x249d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f\
    \x00\x00\x00\x0fHT-SHA-256-EXPR\x00\x00\x00\x04hush";

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='s1' version='1.0'>";

fn features(content: &str) -> String {
    format!("<stream:features>{content}</stream:features>")
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='{}'><{condition}/></failure>", ns::SASL)
}

fn failure2(condition: &str) -> String {
    format!(
        "<failure xmlns='{}'><{condition} xmlns='{}'/></failure>",
        ns::SASL2,
        ns::SASL
    )
}

/// The same as [`mechanisms`] in SASL2, with all that is inline.
fn mechanisms2(digits: &[u8]) -> String {
    let names = names(digits);
    // Types without a mechanism for them end the login (XEP-0440 §3).
    let bindings = if names.contains("-PLUS<") {
        BINDINGS
    } else {
        ""
    };
    features(&format!(
        "<authentication xmlns='{}'>{}<inline><sm xmlns='{}'/><bind xmlns='{}'><inline>\
         <feature var='{}'/></inline></bind><fast xmlns='{}'><mechanism>HT-SHA-256-EXPR</mechanism>\
         </fast></inline></authentication>{bindings}",
        ns::SASL2,
        names,
        ns::SM,
        ns::BIND2,
        ns::SM,
        ns::FAST
    ))
}

const BINDINGS: &str = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>\
    <channel-binding type='tls-exporter'/></sasl-channel-binding>";

/// The mechanisms of the given digits, all without any.
fn mechanisms(digits: &[u8]) -> String {
    let content = names(digits);
    features(&format!(
        "<mechanisms xmlns='{}'>{content}</mechanisms>{BINDINGS}",
        ns::SASL
    ))
}

fn names(digits: &[u8]) -> String {
    let mut content = String::new();
    for (digit, mechanism) in (b'0'..).zip(accounts::MECHANISMS) {
        if digits.is_empty() || digits.contains(&digit) {
            content += &format!("<mechanism>{mechanism}</mechanism>");
        }
    }
    content
}
