//! The client machine and a hostile server.
//!
//! The input is a script (see `xmppwire_fuzz::script`). Settings: `d` TLS from the first byte, `o` TLS
//! where offered, `f` no TLS, `p` PLAIN is acceptable, `r` a resource is asked for, `l` a language is
//! set, `i` an idle time-out, `w` the server does not know the user's keys. The server's building
//! blocks, with what the rest of the line adds:
//!
//! ```text
//! h   a stream header                         s   features with STARTTLS
//! m   features with mechanisms: 0 to 4        p   <proceed/>
//! c   the right answer to the last SASL message
//! f   a SASL failure: its condition           b   features with binding
//! o   features with binding and session       r   a result for the last IQ: its payload
//! e   an error for the last IQ                 z   the closing tag
//! j   the bind result: a full JID, or a usual one
//! ```

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::negotiation::Phase;
use xmppwire::{
    Client, ClientConfig, ClientEvent, Connection, DecoyKey, Entropy, Instant, Jid, Mechanism,
    MechanismPolicy, TlsInfo, TlsPolicy, ns,
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
        let (entropy, now) = (Entropy::from_seed([1; 32]), Instant::ORIGIN);
        let direct = has(b'd');
        let client = if direct {
            let tls = TlsInfo::new(accounts::bindings());
            Client::with_direct_tls(config, entropy, now, tls)
        } else {
            Client::new(config, entropy, now)
        };
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
        }
    }

    /// The server's part of the exchange: what it answers to a message of the client.
    fn sasl(&mut self, element: &Element) {
        let text = element.text();
        let data = (!text.is_empty()).then(|| wire::decode(&text).expect("base64"));
        if element.is("auth", ns::SASL) {
            let name = element.attr("mechanism").unwrap_or_default();
            let mechanism = Mechanism::from_name(name).expect("a mechanism");
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
        let data = data.or_else(|| element.is("response", ns::SASL).then(Vec::new));
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
            _ => return false,
        };
        out.extend_from_slice(block.as_bytes());
        true
    }

    fn last_id(&self) -> &str {
        &self.id
    }
}

impl Juliet {
    fn is_plain(&self) -> bool {
        self.exchange
            .as_ref()
            .is_some_and(|exchange| exchange.mechanism() == Mechanism::Plain)
    }
}

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
    xmlns:stream='http://etherx.jabber.org/streams' from='example.org' id='s1' version='1.0'>";

fn features(content: &str) -> String {
    format!("<stream:features>{content}</stream:features>")
}

fn failure(condition: &str) -> String {
    format!("<failure xmlns='{}'><{condition}/></failure>", ns::SASL)
}

/// The mechanisms of the given digits, all without any.
fn mechanisms(digits: &[u8]) -> String {
    let mut content = String::new();
    for (digit, mechanism) in (b'0'..).zip(accounts::MECHANISMS) {
        if digits.is_empty() || digits.contains(&digit) {
            content += &format!("<mechanism>{mechanism}</mechanism>");
        }
    }
    features(&format!(
        "<mechanisms xmlns='{}'>{content}</mechanisms><sasl-channel-binding xmlns='{}'>\
         <channel-binding type='tls-exporter'/></sasl-channel-binding>",
        ns::SASL,
        ns::SASL_CB
    ))
}
