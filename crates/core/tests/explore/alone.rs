//! One machine against a peer that may say anything at any time.

use xmppwire::component::Secret;
use xmppwire::negotiation::{Item, Phase};
use xmppwire::{
    ChannelBindings, Element, Iq, Message, Stanza, StanzaError, StanzaErrorCondition,
    StreamErrorCondition, ns,
};

use super::end::{End, ensure};
use super::party::{Answer, Party, SECRET};
use super::search::World;
use super::words::{ANYONE, Word};

/// The peer of the machine.
pub trait Adversary {
    /// The words that only this adversary has.
    fn words(&self) -> Vec<Word>;

    /// Takes an element that the machine sent.
    fn hear(&mut self, element: &Element, bindings: &ChannelBindings);

    /// The channel bindings of the adversary's login.
    fn bindings(&self) -> &'static [Bindings];

    /// The value for a word's braces; `None` if the adversary does not know it.
    fn knows(&self, name: &str) -> Option<String>;

    /// Returns true if a machine may accept the login after these words and answers since the login
    /// began.
    fn has_earned(&self, login: &[String]) -> bool;

    /// The adversary's knowledge, to tell states apart.
    fn state(&self) -> String;
}

/// An action on a lone machine.
#[derive(Clone, Debug)]
pub enum Act {
    Say(Word),
    /// Offer the unread bytes again.
    Receive,
    Poll,
    Flush,
    Eof,
    Wait,
    Close,
    CloseWithError,
    Send(What),
    BeginTls,
    Established(Bindings),
    Answer(Answer),
}

/// What an application may send.
#[derive(Clone, Copy, Debug)]
pub enum What {
    Message,
    Request,
    Result,
    Error,
    BindRequest,
}

#[derive(Clone, Copy, Debug)]
pub enum Bindings {
    None,
    Tls13,
}

const SENT: [What; 5] = [
    What::Message,
    What::Request,
    What::Result,
    What::Error,
    What::BindRequest,
];

pub struct Alone<M: Party, A> {
    end: End<M>,
    adversary: A,
    bindings: ChannelBindings,
    /// If true, other explorations cover what follows authentication.
    only_login: bool,
    /// How the application answers where SASL2 is explored, instead of serving the domain without
    /// it. What follows binding is explored elsewhere.
    sasl2: Option<Answer>,
    /// The word that the machine has not consumed yet.
    unheard: Option<Word>,
    /// The part of an incomplete element that has arrived.
    half: Vec<&'static str>,
    /// The words and answers since a login began.
    login: Vec<String>,
}

impl<M: Party, A: Adversary> Alone<M, A> {
    pub fn new(end: End<M>, adversary: A) -> Self {
        let bindings = ChannelBindings::none();
        let mut alone = Self {
            end,
            adversary,
            bindings,
            only_login: false,
            sasl2: None,
            unheard: None,
            half: Vec::new(),
            login: Vec::new(),
        };
        alone.after().expect("nothing was said yet");
        alone
    }

    pub fn only_login(mut self) -> Self {
        self.only_login = true;
        self
    }

    /// Explores SASL2, on which a server's application serves the domain with this answer.
    pub fn of_sasl2(mut self, answer: Answer) -> Self {
        self.sasl2 = Some(answer);
        self
    }

    fn text(&self, word: &Word) -> Option<String> {
        let mut text = String::new();
        let mut rest = word.text;
        while let Some((before, (name, after))) = rest
            .split_once('{')
            .and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            let monitor = &self.end.monitor;
            let value = match name {
                "id" => monitor.iq_id.clone(),
                "proof" => {
                    let id = monitor.stream_id.as_deref()?;
                    Some(Secret::new(SECRET).handshake(id))
                }
                _ => self.adversary.knows(name),
            };
            text.push_str(before);
            text.push_str(&value?);
            rest = after;
        }
        Some(text + rest)
    }

    /// The words that can make a difference now.
    fn words(&self) -> impl Iterator<Item = Word> {
        const CLOSING: &[&str] = &[
            "header", "starttls", "proceed", "success", "PLAIN", "message",
        ];
        const MALFORMED: &[&str] = &["mismatched tags", "stream error", "closing tag"];
        const UNREAD: &[&str] = &["message", "white space", "half a message", "closing tag"];
        const HALF: &[&str] = &["the rest of a message", "the rest of a tag", "proceed"];
        const NOTHING: &[&str] = &[];
        let (monitor, half) = (&self.end.monitor, !self.half.is_empty());
        // A machine that does not read takes no word, and one that closes ignores all but the end
        // of the stream and stanzas.
        let few = if !self.end.machine.wants_read() {
            Some([UNREAD, NOTHING])
        } else if self.half.len() > 1 {
            Some([NOTHING, NOTHING])
        } else if half {
            Some([HALF, NOTHING])
        } else if monitor.end_said {
            Some([CLOSING, MALFORMED])
        } else {
            None
        };
        let words = self.adversary.words().into_iter();
        words
            .filter(|word| self.only_login || !word.name.contains("SCRAM"))
            .chain(ANYONE.iter().copied())
            .filter(move |word| few.is_none_or(|few| few.concat().contains(&word.name)))
            // Under TLS the same would be explored again.
            .filter(|word| word.name != "header in Italian" || !monitor.secured)
            .filter(|word| self.text(word).is_some())
    }

    /// The word by which a server proves that it knows the keys. In SCRAM the signature may also
    /// come in a challenge before it (RFC 5802 §3); PLAIN has no proof.
    fn proof(&self) -> &'static str {
        let before = |word| self.login.iter().any(|heard| heard == word);
        if self.end.monitor.mechanism() == "PLAIN" || before("challenge with a signature") {
            "success"
        } else {
            "success by the keys"
        }
    }

    fn hear_word(&mut self, word: Word) -> Result<(), String> {
        let before = self.end.unread.len();
        self.unheard = Some(word);
        self.end.receive()?;
        if self.end.unread.len() == before {
            return Ok(());
        }
        if self.end.unread.is_empty() {
            self.unheard = None;
        }
        if word.name == "white space" {
            return Ok(());
        }
        self.half.push(word.name);
        if self.end.monitor.hears_nothing_half() || self.end.is_over() {
            self.half.clear();
        }
        if !self.end.monitor.end_said {
            // Another `<auth/>` replaces the login that is under way (RFC 6120 §6.4.2).
            if word.text.starts_with("<auth ") {
                self.login.clear();
            }
            self.note(word.name.into());
        }
        Ok(())
    }

    /// Adds a word or an answer to the login that is under way. Tasks can go on without end, and
    /// say nothing that was not said before.
    fn note(&mut self, what: String) {
        let of_task = ["Task", "task", "next", "continue"];
        let of_task = of_task.iter().any(|part| what.contains(part));
        if !of_task || !self.login.contains(&what) {
            self.login.push(what);
        }
    }

    /// Gives the machine's output to the adversary.
    fn after(&mut self) -> Result<(), String> {
        self.end.monitor.packets.clear();
        for element in std::mem::take(&mut self.end.monitor.said) {
            if matches!(
                Item::of(&element),
                Item::Success | Item::Success2 | Item::Bound2 | Item::Resumed2 | Item::Continue
            ) {
                let login = &self.login;
                ensure(self.adversary.has_earned(login), || {
                    format!("it believes in the login {login:?}")
                })?;
            }
            self.adversary.hear(&element, &self.bindings);
        }
        let login = matches!(
            self.end.monitor.phase,
            Phase::Sasl | Phase::Sasl2 | Phase::Tasks
        );
        if !login || self.end.is_over() {
            self.login.clear();
        }
        Ok(())
    }
}

impl<M: Party, A: Adversary> World for Alone<M, A> {
    type Action = Act;

    fn ways_out(&self) -> &'static [usize] {
        // The end of the transport and a close are actions, and what follows them has its own ways.
        if self.end.is_over() { &[0] } else { &[0, 1] }
    }

    fn actions(&self) -> Vec<Act> {
        let end = &self.end;
        let mut acts = Vec::new();
        if end.closed.is_none() {
            acts.push(Act::Poll);
        }
        if !end.machine.output().is_empty() {
            acts.push(Act::Flush);
        }
        if end.start_tls.is_some() {
            acts.push(Act::BeginTls);
        }
        if end.handoff.is_some() {
            let bindings = self.adversary.bindings().iter().copied();
            acts.extend(bindings.map(Act::Established));
        }
        if let Some(question) = &end.question {
            let answers = question.answers().iter().cloned();
            // Deriving keys takes long, so only explorations of the login do it.
            let slow = |answer: &Answer| matches!(answer, Answer::Keys | Answer::Refuse);
            acts.extend(
                answers
                    .filter(|answer| self.only_login || !slow(answer))
                    .map(Act::Answer),
            );
        }
        if end.machine.poll_timeout().is_some() {
            acts.push(Act::Wait);
        }
        if end.is_over() {
            return acts;
        }
        acts.extend([Act::Eof, Act::Close, Act::CloseWithError]);
        let done = self.only_login && end.monitor.authenticated;
        if done || (self.sasl2.is_some() && end.monitor.is_bound()) {
            return acts;
        }
        if !end.unread.is_empty() {
            acts.push(Act::Receive);
        } else if end.machine.output().is_empty() || end.monitor.phase == Phase::Tls {
            // Unwritten output only changes when TLS begins.
            acts.extend(SENT.map(Act::Send));
            acts.extend(self.words().map(Act::Say));
        }
        acts
    }

    fn set_careful(&mut self, careful: bool) {
        self.end.careful = careful;
    }

    fn act(&mut self, action: &Act) -> Result<(), String> {
        match action {
            Act::Say(word) => {
                let text = self.text(word).ok_or("nobody knows what to say")?;
                self.end.unread = text.into_bytes();
                let by_secret = word.name.starts_with("handshake by the secret");
                let by_sasl2 = word.name.starts_with("SASL2") && !word.name.ends_with("of another");
                self.end.genuine = by_secret || by_sasl2 || word.name == self.proof();
                self.hear_word(*word)?;
            }
            Act::Receive => {
                if let Some(word) = self.unheard {
                    self.hear_word(word)?;
                }
            }
            Act::Poll => {
                self.end.poll()?;
            }
            Act::Flush => self.end.flush()?,
            Act::Eof => self.end.receive_eof()?,
            Act::Wait => self.end.wait()?,
            Act::Close => self.end.close(None)?,
            Act::CloseWithError => self.end.close(Some(StreamErrorCondition::Reset))?,
            Act::Send(what) => self.end.send(&what.stanza())?,
            Act::BeginTls => self.end.begin_tls()?,
            Act::Established(bindings) => {
                self.bindings = match bindings {
                    Bindings::None => ChannelBindings::none(),
                    Bindings::Tls13 => ChannelBindings::tls13([7; 32]),
                };
                self.end.tls_established(self.bindings.clone())?;
            }
            Act::Answer(answer) => {
                self.note(format!("{answer:?}"));
                let answer = match (&self.sasl2, answer) {
                    (Some(serve), Answer::TlsRequired) => serve,
                    _ => answer,
                };
                self.end.answer(answer)?;
            }
        }
        self.after()
    }

    fn state(&self) -> String {
        let heard = (&self.half, &self.login, self.unheard);
        let knows = self.adversary.state();
        format!("{} {heard:?} {knows}", self.end.state())
    }

    fn is_finished(&self) -> bool {
        self.end.machine.is_finished()
    }

    fn settle(&mut self, way: usize) -> Result<(), String> {
        // 0: The peer and the application are silent. 1: The peer does not even read.
        for _ in 0..8 {
            while self.end.poll()? {}
            if way != 1 {
                self.end.flush()?;
            }
            if self.end.machine.is_finished() {
                return self.end.check_after_the_end();
            }
            self.end.wait()?;
        }
        Err("it does not end".into())
    }

    fn rules(&self) -> u128 {
        self.end.monitor.rules
    }
}

impl What {
    pub fn stanza(self) -> Stanza {
        let payload = |name, ns| Element::builder(name, ns).build();
        let ping = Iq::get("ping", &payload("ping", ns::PING));
        match self {
            Self::Message => Message::chat(romeo(), "hi").into(),
            Self::Request => ping.into(),
            Self::Result => ping.result(None).expect("a get is answered").into(),
            Self::Error => {
                let error = StanzaError::new(StanzaErrorCondition::FeatureNotImplemented);
                ping.error_reply(&error).expect("a get is answered").into()
            }
            Self::BindRequest => Iq::set("bind", &payload("bind", ns::BIND)).into(),
        }
    }
}

fn romeo() -> xmppwire::Jid {
    xmppwire::Jid::new("romeo@example.net").expect("an address")
}
