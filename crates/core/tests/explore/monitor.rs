//! A monitor of the bytes at one end of a stream. It knows the table of negotiation and RFC 6120,
//! and nothing of the machine.

use xmppwire::negotiation::{Item, Phase, RULES, Side};
use xmppwire::{CloseReason, Element, XmlLimits, ns};
use xmppwire_xml::{Event, Reader, StreamHeader};

/// Follows the input and output of one end.
pub struct Monitor {
    side: Side,
    /// Whether this end forbids a login in clear text.
    tls_required: bool,
    pub phase: Phase,
    pub secured: bool,
    pub authenticated: bool,
    hearing: Reader,
    saying: Reader,
    /// White space may precede a stream's header only where SASL restarted the stream.
    restarted: bool,
    header_said: bool,
    pub end_said: bool,
    /// The stream error that was sent, by its condition.
    error_said: Option<String>,
    /// Why this end has to close.
    fatal: Option<String>,
    mechanism: String,
    /// The id of the last IQ on the wire.
    pub iq_id: Option<String>,
    /// The id in the last header of this end.
    pub stream_id: Option<String>,
    /// Elements since the last look.
    pub said: Vec<Element>,
    /// The same as pieces of bytes, each with whether TLS protects it.
    pub packets: Vec<(bool, Vec<u8>)>,
    pub rules: u128,
    /// Whether the session can go on elsewhere, so that it is left without a closing tag.
    resumable: bool,
    /// Whether a second `<auth/>` passed in phase Sasl (RFC 6120 §6.4.2). A server that asks its
    /// application about the first one reads it later: it then answers both.
    second_auth: bool,
}

impl Monitor {
    pub fn new(side: Side, tls_required: bool, secured: bool) -> Self {
        Self {
            side,
            tls_required,
            phase: Phase::Opening,
            secured,
            authenticated: false,
            hearing: reader(),
            saying: reader(),
            restarted: false,
            header_said: false,
            end_said: false,
            error_said: None,
            fatal: None,
            mechanism: String::new(),
            iq_id: None,
            stream_id: None,
            said: Vec::new(),
            packets: Vec::new(),
            rules: 0,
            resumable: false,
            second_auth: false,
        }
    }

    // --- What passes ------------------------------------------------------------------------------

    /// Takes bytes that the machine consumed in one call, and what it wrote meanwhile. `genuine` is
    /// true if a `<success/>` in them follows a proven login.
    pub fn hear(&mut self, mut bytes: &[u8], genuine: bool, mut said: &[u8]) -> Result<(), String> {
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
                // A client bears it (XEP-0388 §2.4).
                Ok(Some(Event::Whitespace(_)))
                    if self.side == Side::Server
                        && matches!(self.phase, Phase::Sasl2 | Phase::Tasks)
                        && !self.end_said =>
                {
                    self.fatal = Some("white space during SASL2".into());
                }
                Ok(None | Some(Event::Whitespace(_))) => {}
                Ok(Some(Event::Header(_))) => self.heard(Item::Header, None, &mut said)?,
                Ok(Some(Event::Element(element))) if element.is("error", ns::STREAMS) => {
                    self.fatal = Some("a stream error".into());
                }
                Ok(Some(Event::Element(element))) => {
                    let item = match Item::of(&element) {
                        // Until a session is there, other answers are stanzas that have to wait.
                        Item::Result | Item::Error
                            if self.phase == Phase::Session
                                && element.attr("id") != self.iq_id.as_deref() =>
                        {
                            Item::Stanza
                        }
                        item => item,
                    };
                    let expected = match item {
                        Item::Success
                        | Item::Success2
                        | Item::Bound2
                        | Item::Resumed2
                        | Item::Continue => genuine,
                        Item::ComponentHandshake => genuine || self.side == Side::Component,
                        Item::Result | Item::Error if self.phase != Phase::Bound => {
                            element.attr("id") == self.iq_id.as_deref()
                        }
                        _ => true,
                    };
                    if !expected && !self.end_said {
                        self.fatal = Some(format!("an unproven {item}"));
                    }
                    self.heard(item, Some(&element), &mut said)?;
                }
                Ok(Some(Event::End)) => self.fatal = Some("a closing tag".into()),
                Err(why) => self.fatal = Some(format!("malformed input: {why}")),
            }
        }
        self.say(said)
    }

    fn heard(
        &mut self,
        item: Item,
        element: Option<&Element>,
        said: &mut &[u8],
    ) -> Result<(), String> {
        loop {
            // An end that has closed only waits for the other closing tag (RFC 6120 §4.4).
            if self.end_said || self.fatal.is_some() {
                return Ok(());
            }
            let before = self.phase;
            if self.step(self.side.peer(), item, element).is_ok() {
                self.second_auth |= (before, item) == (Phase::Sasl, Item::Auth);
                return Ok(());
            }
            // A word that has no place yet may have one after the answer to the word before it.
            if said.is_empty() {
                let phase = self.phase;
                self.fatal = Some(format!("{item} in phase {phase:?}"));
                return Ok(());
            }
            self.say_piece(said)?;
        }
    }

    /// Takes bytes that the machine wrote.
    pub fn say(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        while !bytes.is_empty() {
            self.say_piece(&mut bytes)?;
        }
        Ok(())
    }

    fn say_piece(&mut self, bytes: &mut &[u8]) -> Result<(), String> {
        if self.end_said {
            return Err("it writes behind its closing tag".into());
        }
        let before = *bytes;
        let event = self.saying.read(bytes);
        let piece = &before[..before.len() - bytes.len()];
        self.packets.push((self.secured, piece.to_vec()));
        match event {
            Ok(Some(Event::Header(header))) => self.say_header(&header),
            Ok(Some(Event::Element(element))) => self.say_element(element),
            Ok(Some(Event::End)) => {
                self.end_said = true;
                Ok(())
            }
            Ok(Some(Event::Whitespace(_))) => Err("it writes white space".into()),
            Ok(None) => Err("it writes half of something".into()),
            Err(why) => Err(format!("it writes what is malformed: {why}")),
        }
    }

    fn say_header(&mut self, header: &StreamHeader) -> Result<(), String> {
        self.header_said = true;
        self.stream_id.clone_from(&header.id);
        // A client names its account only under TLS (RFC 6120 §4.7.1).
        if self.side == Side::Client && !self.secured && header.from.is_some() {
            return Err("its header tells in clear text who it is".into());
        }
        if self.step(self.side, Item::Header, None).is_err() {
            // A server answers a header that it cannot read, or none at all, with a header of its
            // own and an error in it (RFC 6120 §4.9.1.2).
            if matches!(self.side, Side::Client | Side::Component) {
                return Err(format!("it writes a header in phase {:?}", self.phase));
            }
            self.fatal = Some("a header that only an error needs".into());
        }
        Ok(())
    }

    fn say_element(&mut self, element: Element) -> Result<(), String> {
        if self.error_said.is_some() {
            return Err(format!("it writes {} behind its error", element.to_xml()));
        }
        if element.is("error", ns::STREAMS) {
            let condition = element.children().find(|child| child.name() != "text");
            self.error_said = condition.map(|condition| condition.name().into());
            return Ok(());
        }
        let item = Item::of(&element);
        let login = matches!(
            item,
            Item::Auth | Item::Response | Item::Challenge | Item::Success
        );
        let of_sasl2 = element.ns() == ns::SASL2;
        if (login && self.tls_required || of_sasl2) && !self.secured {
            return Err(format!("it writes {item} in clear text"));
        }
        if matches!(item, Item::Auth | Item::Authenticate) {
            self.mechanism = element.attr("mechanism").unwrap_or_default().into();
            if self.mechanism == "PLAIN" && !self.secured {
                return Err("it writes a password in clear text".into());
            }
        }
        if item == Item::Features && self.side == Side::Server && !self.secured {
            let starttls = element.child("starttls", ns::TLS);
            self.tls_required =
                starttls.is_some_and(|starttls| starttls.child("required", ns::TLS).is_some());
            let mechanisms = element.child("mechanisms", ns::SASL);
            if element.child("authentication", ns::SASL2).is_some() {
                return Err("it offers SASL2 in clear text".into());
            }
            if mechanisms.is_some_and(|offer| {
                self.tls_required || offer.children().any(|name| name.text() == "PLAIN")
            }) {
                return Err("it offers a login in clear text".into());
            }
        }
        if element.is("iq", ns::CLIENT) {
            self.iq_id = element.attr("id").map(Into::into);
        }
        let phase = self.phase;
        if self.step(self.side, item, Some(&element)).is_err() {
            let answers = matches!(item, Item::SaslFailure | Item::Success | Item::Challenge);
            let second = answers && core::mem::take(&mut self.second_auth);
            let peer = self.side.peer();
            if !second
                || self.step(peer, Item::Auth, None).is_err()
                || self.step(self.side, item, Some(&element)).is_err()
            {
                return Err(format!("it writes {item} in phase {phase:?}"));
            }
        }
        self.said.push(element);
        Ok(())
    }

    /// Takes the end of the TLS handshake.
    pub fn handshake(&mut self) -> Result<(), String> {
        let made = self.step(Side::Client, Item::Handshake, None);
        made.map_err(|()| format!("a TLS handshake in phase {:?}", self.phase))?;
        self.secured = true;
        self.restart();
        // TLS does not protect earlier bytes, not even white space.
        self.restarted = false;
        Ok(())
    }

    // --- The table --------------------------------------------------------------------------------

    fn step(&mut self, sender: Side, item: Item, element: Option<&Element>) -> Result<(), ()> {
        let rule = RULES.iter().position(|rule| {
            (rule.phase, rule.sender, rule.item) == (self.phase, sender, item)
                && rule.secured.is_none_or(|needed| needed == self.secured)
                && rule
                    .authenticated
                    .is_none_or(|needed| needed == self.authenticated)
        });
        let index = rule.ok_or(())?;
        self.rules |= 1 << index;
        self.phase = RULES[index].next;
        if !matches!(self.phase, Phase::Sasl | Phase::Sasl2 | Phase::Tasks) {
            self.mechanism.clear();
        }
        if matches!(item, Item::Success2 | Item::Bound2 | Item::Resumed2) {
            self.authenticated = true;
            let bound = element.and_then(|success| success.child("bound", ns::BIND2));
            let managed = bound.is_some_and(|bound| bound.child("enabled", ns::SM).is_some());
            self.resumable = managed || item == Item::Resumed2;
        }
        if item == Item::Success && element.is_some() {
            self.authenticated = true;
            self.restart();
        }
        Ok(())
    }

    fn restart(&mut self) {
        self.hearing = reader();
        self.saying = reader();
        self.restarted = true;
        self.header_said = false;
        self.iq_id = None;
    }

    // --- The machine's own account ---------------------------------------------------------

    /// Compares the machine's phase with the bytes.
    pub fn compare(&mut self, phase: Phase) -> Result<(), String> {
        if phase == Phase::Closed {
            return Ok(());
        }
        if let Some(fatal) = &self.fatal {
            return Err(format!("it goes on after {fatal}"));
        }
        if self.error_said.is_some() {
            return Err("it goes on after its own stream error".into());
        }
        // A server that does not answer a session request itself has emitted it as a stanza.
        if (self.side, self.phase, phase) == (Side::Server, Phase::Session, Phase::Bound) {
            self.phase = Phase::Bound;
        }
        // A closing machine negotiates no more.
        if !self.end_said && phase != self.phase {
            return Err(format!(
                "it is in phase {phase:?}, by the table in {:?}",
                self.phase
            ));
        }
        Ok(())
    }

    /// Compares the reason of the end with the bytes.
    pub fn closed(&self, reason: &CloseReason) -> Result<(), String> {
        let told = match reason {
            CloseReason::Violation { sent, .. } => {
                sent.as_ref().map(|error| error.condition().to_string())
            }
            // These reasons depend on the moment.
            CloseReason::Local
            | CloseReason::TimedOut(_)
            | CloseReason::Incompatible(_)
            | CloseReason::TransportEof
            | CloseReason::Peer
            | CloseReason::PeerError(_) => return self.parted(reason),
            _ => None,
        };
        if told != self.error_said {
            let said = &self.error_said;
            return Err(format!(
                "it says that it sent {told:?} and sent {said:?}: {reason:?}"
            ));
        }
        self.parted(reason)
    }

    /// A stream that was opened is closed on the wire, unless the transport has ended or is being
    /// handed to TLS (RFC 6120 §4.4).
    fn parted(&self, reason: &CloseReason) -> Result<(), String> {
        let open = self.header_said && !self.end_said && self.phase != Phase::Tls;
        let lost = matches!(reason, CloseReason::TimedOut(_)) && self.resumable;
        if open && !lost && !matches!(reason, CloseReason::TransportEof) {
            return Err(format!("it leaves without a closing tag: {reason:?}"));
        }
        Ok(())
    }

    /// The mechanism of the login that is under way.
    pub fn mechanism(&self) -> &str {
        &self.mechanism
    }

    /// Returns true if no element is incomplete.
    pub fn hears_nothing_half(&self) -> bool {
        self.hearing.is_idle()
    }

    /// Whether stanzas may pass.
    pub const fn is_bound(&self) -> bool {
        // A component proves itself without SASL, and has to before it is bound.
        let proven = self.authenticated || matches!(self.side, Side::Component | Side::Host);
        matches!(self.phase, Phase::Bound) && proven
    }

    /// The state as text, to tell monitors apart.
    pub fn state(&self) -> String {
        let table = (self.phase, self.secured, self.authenticated);
        let heard = (self.hearing.is_idle(), self.restarted, self.fatal.is_some());
        let said = (self.header_said, self.end_said, &self.error_said);
        let asked = (&self.mechanism, self.iq_id.is_some());
        format!("{table:?} {heard:?} {said:?} {asked:?}")
    }
}

fn reader() -> Reader {
    Reader::new(XmlLimits::default())
}
