//! A wire-tap at one end of a stream between servers, which knows the table of negotiation and
//! XEP-0220, and nothing of the machine behind.

use std::collections::BTreeSet;

use xmppwire::negotiation::{Given, Item, Phase, RULES, Side, next};
use xmppwire::s2s::{DialbackSecret, Pair};
use xmppwire::{Domainpart, Element, XmlLimits, ns};
use xmppwire_xml::{Event, Reader, StreamHeader};

pub type Checked = Result<(), String>;

/// Follows what one end hears and says, and which pairs that authorises.
pub struct Tap {
    role: Side,
    secret: DialbackSecret,
    pub phase: Phase,
    pub given: Given,
    hearing: Reader,
    saying: Reader,
    restarted: bool,
    header_said: bool,
    pub end_said: bool,
    error_said: bool,
    /// Why this end must not go on.
    fatal: Option<String>,
    /// The id of the stream, and the pair in the headers.
    id: String,
    pair: Option<Pair>,
    /// Keys without an answer: those that were said, and those that were heard.
    said_keys: BTreeSet<Pair>,
    heard_keys: Vec<Pair>,
    /// What this end may say, and what it may hear.
    pub sends: BTreeSet<Pair>,
    pub hears: BTreeSet<Pair>,
    /// What may be said to be valid: by a verdict, or by the certificate.
    pub proven: BTreeSet<Pair>,
    pub certificate: Option<&'static str>,
    pub rules: u128,
}

impl Tap {
    pub fn new(role: Side, secret: DialbackSecret) -> Self {
        Self {
            role,
            secret,
            phase: Phase::Opening,
            given: Given::default(),
            hearing: reader(),
            saying: reader(),
            restarted: false,
            header_said: false,
            end_said: false,
            error_said: false,
            fatal: None,
            id: String::new(),
            pair: None,
            said_keys: BTreeSet::new(),
            heard_keys: Vec::new(),
            sends: BTreeSet::new(),
            hears: BTreeSet::new(),
            proven: BTreeSet::new(),
            certificate: None,
            rules: 0,
        }
    }

    /// The key that the authoritative server of this test makes.
    pub fn key(&self, pair: &Pair) -> String {
        self.secret.key(pair, &self.id)
    }

    // --- What passes ------------------------------------------------------------------------------

    /// Bytes that the machine consumed.
    pub fn hear(&mut self, mut bytes: &[u8]) -> Checked {
        while !bytes.is_empty() {
            if self.restarted {
                bytes = bytes.trim_ascii_start();
                self.restarted = bytes.is_empty();
                continue;
            }
            if self.fatal.is_some() {
                return Err("it reads on where the stream is over".into());
            }
            match self.hearing.read(&mut bytes) {
                Ok(None | Some(Event::Whitespace(_))) => {}
                Ok(Some(Event::Header(header))) => self.hear_header(&header),
                Ok(Some(Event::Element(element))) if element.is("error", ns::STREAMS) => {
                    self.fatal = Some("a stream error".into());
                }
                Ok(Some(Event::Element(element))) => self.hear_element(&element),
                Ok(Some(Event::End)) => self.fatal = Some("a closing tag".into()),
                Err(why) => self.fatal = Some(format!("malformed input: {why}")),
            }
        }
        Ok(())
    }

    fn hear_header(&mut self, header: &StreamHeader) {
        let item = header_item(header);
        if self.end_said || self.step(self.role.peer(), item, None).is_err() {
            if !self.end_said {
                self.fatal = Some(format!("{item} in phase {:?}", self.phase));
            }
            return;
        }
        if self.role == Side::Outgoing {
            self.id = header.id.clone().unwrap_or_default();
        } else {
            let name = |it: &Option<String>| Domainpart::new(it.as_deref()?).ok();
            self.pair = name(&header.from)
                .zip(name(&header.to))
                .map(|(from, to)| Pair::new(from, to));
        }
    }

    fn hear_element(&mut self, element: &Element) {
        let item = Item::of(element);
        // Who has closed hears nothing but stanzas and the other closing tag (RFC 6120 §4.4).
        if self.end_said || self.fatal.is_some() {
            return;
        }
        let answer = matches!(item, Item::Valid | Item::Invalid | Item::Verified);
        if matches!(item, Item::Valid | Item::Invalid) {
            let Some(pair) = pair_of(element).map(|pair| pair.inverse()) else {
                return;
            };
            if !self.said_keys.contains(&pair) && self.phase_runs_dialback() {
                return;
            }
        }
        if self.step(self.role.peer(), item, Some(element)).is_err() {
            // An answer that was not asked for has no effect.
            if !(answer && self.phase_runs_dialback()) {
                self.fatal = Some(format!("{item} in phase {:?}", self.phase));
            }
        }
    }

    fn phase_runs_dialback(&self) -> bool {
        matches!(self.phase, Phase::Choosing | Phase::Serving)
    }

    /// Bytes that the machine wrote.
    pub fn say(&mut self, mut bytes: &[u8]) -> Checked {
        while !bytes.is_empty() {
            if self.end_said {
                return Err("it writes behind its closing tag".into());
            }
            match self.saying.read(&mut bytes) {
                Ok(Some(Event::Header(header))) => self.say_header(&header)?,
                Ok(Some(Event::Element(element))) => self.say_element(&element)?,
                Ok(Some(Event::End)) => self.end_said = true,
                Ok(Some(Event::Whitespace(_)) | None) => {
                    return Err("it writes half of something".into());
                }
                Err(why) => return Err(format!("it writes what is malformed: {why}")),
            }
        }
        Ok(())
    }

    fn say_header(&mut self, header: &StreamHeader) -> Checked {
        self.header_said = true;
        if self.step(self.role, header_item(header), None).is_err() {
            // A header that only an error needs (RFC 6120 §4.9.1.2).
            if self.role == Side::Outgoing {
                return Err(format!("it writes a header in phase {:?}", self.phase));
            }
            self.fatal = Some("a header that only an error needs".into());
        }
        if self.role == Side::Incoming {
            let id = header.id.clone().unwrap_or_default();
            if id == self.id || id.len() < 32 {
                return Err("its stream id is used twice, or can be guessed".into());
            }
            self.id = id;
        }
        Ok(())
    }

    fn say_element(&mut self, element: &Element) -> Checked {
        if self.error_said {
            return Err(format!("it writes {} behind its error", element.to_xml()));
        }
        if element.is("error", ns::STREAMS) {
            self.error_said = true;
            return Ok(());
        }
        let item = Item::of(element);
        match (item, pair_of(element)) {
            (Item::Key, Some(pair)) if element.text() != self.key(&pair) => {
                return Err("its key is for another stream".into());
            }
            (Item::Valid, Some(pair)) => {
                let pair = pair.inverse();
                if !self.heard_keys.contains(&pair) {
                    return Err(format!("nobody gave a key for {pair}"));
                }
                let certified = self.certificate == Some(pair.sender().as_str());
                if !self.proven.contains(&pair) && !certified {
                    return Err(format!("it believes in {pair}"));
                }
            }
            (Item::Stanza, pair) if !pair.as_ref().is_some_and(|it| self.sends.contains(it)) => {
                return Err(format!("it sends for {pair:?}, which is not ready"));
            }
            (Item::Success, _) => {
                let sender = self.pair.as_ref().map(|pair| pair.sender().as_str());
                if sender.is_none() || sender != self.certificate {
                    return Err("it believes in a certificate of another domain".into());
                }
            }
            _ => {}
        }
        self.step(self.role, item, Some(element))
            .map_err(|()| format!("it writes {item} in phase {:?}", self.phase))
    }

    /// The TLS handshake is done.
    pub fn handshake(&mut self, certificate: Option<&'static str>) -> Checked {
        self.step(Side::Outgoing, Item::Handshake, None)
            .map_err(|()| format!("a TLS handshake in phase {:?}", self.phase))?;
        self.given.secured = true;
        self.given.bidirectional = false;
        self.certificate = certificate;
        self.restart();
        self.restarted = false;
        Ok(())
    }

    // --- The table --------------------------------------------------------------------------------

    fn step(&mut self, sender: Side, item: Item, element: Option<&Element>) -> Result<(), ()> {
        let (phase, given) = (self.phase, self.given);
        let next = next(phase, sender, item, given).ok_or(())?;
        let index = RULES.iter().position(|rule| {
            (rule.phase, rule.sender, rule.item, rule.next) == (phase, sender, item, next)
                && rule.secured.is_none_or(|needed| needed == given.secured)
                && rule
                    .authenticated
                    .is_none_or(|needed| needed == given.authenticated)
        });
        self.rules |= 1 << index.ok_or(())?;
        self.phase = next;
        let mine = sender == self.role;
        match (item, element.and_then(pair_of)) {
            (Item::Bidi, _) => self.given.bidirectional = true,
            (Item::Success, _) => {
                self.given.authenticated = true;
                self.restart();
            }
            (Item::Features, _) if phase == Phase::Offering && given.authenticated => {
                if let Some(pair) = self.pair.clone().or_else(|| Some(ours())) {
                    self.authorised(pair, self.role == Side::Outgoing);
                }
            }
            (Item::Key, Some(pair)) if mine => {
                self.said_keys.insert(pair);
            }
            (Item::Key, Some(pair)) => {
                self.heard_keys.push(pair);
            }
            (Item::Invalid, Some(pair)) if mine => {
                self.answered(&pair.inverse());
            }
            (Item::Invalid, Some(pair)) => {
                self.said_keys.remove(&pair.inverse());
            }
            (Item::Valid, Some(pair)) => {
                if mine {
                    self.answered(&pair.inverse());
                } else {
                    self.said_keys.remove(&pair.inverse());
                }
                self.authorised(pair.inverse(), !mine);
            }
            _ => {}
        }
        Ok(())
    }

    /// The time of every key that was said is over: an answer that comes now is none.
    pub fn give_up_keys(&mut self) {
        self.said_keys.clear();
    }

    /// A key that was heard has its answer.
    fn answered(&mut self, pair: &Pair) {
        if let Some(at) = self.heard_keys.iter().position(|key| key == pair) {
            self.heard_keys.remove(at);
        }
    }

    /// Stanzas may pass for the pair, from this end or to it.
    fn authorised(&mut self, pair: Pair, from_here: bool) {
        let (to, back) = match from_here {
            true => (&mut self.sends, &mut self.hears),
            false => (&mut self.hears, &mut self.sends),
        };
        if self.given.bidirectional {
            back.insert(pair.inverse());
        }
        to.insert(pair);
    }

    fn restart(&mut self) {
        self.hearing = reader();
        self.saying = reader();
        self.restarted = true;
        self.header_said = false;
        self.said_keys.clear();
        self.heard_keys.clear();
        self.sends.clear();
        self.hears.clear();
        self.proven.clear();
    }

    /// Holds the machine's phase against what passed.
    pub fn compare(&self, phase: Phase) -> Checked {
        if phase == Phase::Closed {
            return Ok(());
        }
        if let Some(fatal) = &self.fatal {
            return Err(format!("it goes on after {fatal}"));
        }
        if self.error_said {
            return Err("it goes on after its own stream error".into());
        }
        if !self.end_said && phase != self.phase {
            let table = self.phase;
            return Err(format!(
                "it is in phase {phase:?}, by the table in {table:?}"
            ));
        }
        Ok(())
    }

    /// A stream that was opened is closed on the wire, unless there is nobody to hear it (RFC 6120
    /// §4.4).
    pub fn parted(&self) -> Checked {
        let open = self.header_said && !self.end_said && self.phase != Phase::Tls;
        match open {
            true => Err("it leaves without a closing tag".into()),
            false => Ok(()),
        }
    }

    /// What tells this tap from others.
    pub fn state(&self) -> String {
        let table = (self.phase, self.given, self.restarted, self.fatal.is_some());
        let said = (self.header_said, self.end_said, self.error_said);
        let pairs = (&self.said_keys, &self.heard_keys, &self.proven);
        let open = (&self.sends, &self.hears, self.certificate, &self.pair);
        format!("{table:?} {said:?} {pairs:?} {open:?}")
    }
}

/// The pair that an outgoing stream is for.
fn ours() -> Pair {
    let domain = |name| Domainpart::new(name).expect("a domain");
    Pair::new(domain("a.example"), domain("b.example"))
}

/// The domains of an element's addresses.
pub fn pair_of(element: &Element) -> Option<Pair> {
    let domain = |name| {
        let jid = xmppwire::Jid::new(element.attr(name)?).ok()?;
        Domainpart::new(jid.domainpart()).ok()
    };
    Some(Pair::new(domain("from")?, domain("to")?))
}

fn header_item(header: &StreamHeader) -> Item {
    match header.version.as_deref() {
        Some("1.0") => Item::Header,
        _ => Item::LegacyHeader,
    }
}

fn reader() -> Reader {
    Reader::new(XmlLimits::default())
}
