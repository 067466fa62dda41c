//! One end against a peer that may say anything at any time.

use core::time::Duration;

use xmppwire::negotiation::{Phase, Side};
use xmppwire::s2s::{
    DialbackSecret, KeyRequest, Pair, PeerRequest, Verdict, VerifyAnswer, VerifyRequest,
};
use xmppwire::{
    ApiMisuse, CloseReason, Connection, Domainpart, HandoffError, Instant, Jid, Message, Stanza,
    StanzaErrorCondition, StartTls, StreamErrorCondition, TlsHandoff,
};

use super::party::{Party, Terms, Told};
use super::tap::{Checked, Tap, pair_of};
use super::tls;
use super::words::{ANYONE, INITIATING, RECEIVING, Word};
use crate::canonical::canonical;
use crate::end::{START, ensure};
use crate::search::World;

pub fn secret() -> DialbackSecret {
    DialbackSecret::new("xyzzy")
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Act {
    Say(Word),
    Receive,
    Poll,
    Eof,
    Wait,
    Close,
    CloseWithError,
    Send(&'static str, &'static str),
    AddPair(&'static str, &'static str),
    Verify,
    BeginTls,
    Established(Option<&'static str>),
    Accept(Terms),
    Answer(Said),
    AnswerStale,
    AnswerKey,
}

/// What the authoritative server said.
#[derive(Clone, Copy, Debug)]
pub enum Said {
    Valid,
    Invalid,
    Error,
}

pub struct Lone<P: Party> {
    machine: Connection<P>,
    tap: Tap,
    now: Instant,
    unread: Vec<u8>,
    /// How much of the output the tap has seen.
    seen: usize,
    eof: bool,
    careful: bool,
    opened: Option<PeerRequest>,
    start_tls: Option<StartTls>,
    handoff: Option<TlsHandoff>,
    verify: Option<VerifyRequest>,
    /// A question of which another one took the place, or the stream of which is over.
    stale: Option<VerifyAnswer>,
    check: Option<KeyRequest>,
    /// Whether a verification was asked for and its answer is not told yet.
    verifying: bool,
    closed: Option<CloseReason>,
}

fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).expect("a domain")
}

fn pair(sender: &str, target: &str) -> Pair {
    Pair::new(domain(sender), domain(target))
}

fn message(from: &str, to: &str) -> Stanza {
    let message = Message::chat(Jid::new(to).expect("an address"), "x");
    message
        .with_from(Jid::new(from).expect("an address"))
        .into()
}

impl<P: Party> Lone<P> {
    pub fn new(machine: Connection<P>, certificate: Option<&'static str>) -> Self {
        let mut tap = Tap::new(P::END, secret());
        tap.given.secured = certificate.is_some();
        tap.certificate = certificate;
        let mut lone = Self {
            machine,
            tap,
            now: START,
            unread: Vec::new(),
            seen: 0,
            eof: false,
            careful: true,
            opened: None,
            start_tls: None,
            handoff: None,
            verify: None,
            stale: None,
            check: None,
            verifying: false,
            closed: None,
        };
        lone.observe().expect("nothing was said yet");
        lone
    }

    fn is_over(&self) -> bool {
        self.machine.phase() == Phase::Closed
    }

    fn snapshot(&self) -> String {
        match self.careful {
            true => canonical(&self.machine),
            false => String::new(),
        }
    }

    /// Holds what the machine wrote and says of itself against what passed.
    fn observe(&mut self) -> Checked {
        let output = self.machine.output();
        if output.len() < self.seen {
            ensure(output.is_empty(), || "it takes back a part of its output")?;
            self.seen = 0;
        }
        let new = output[self.seen..].to_vec();
        self.seen += new.len();
        self.tap.say(&new)?;
        self.tap.compare(self.machine.phase())?;
        ensure(
            !(self.is_over() && self.machine.wants_read()),
            || "it wants to read after its end",
        )?;
        for pair in [
            pair("a.example", "b.example"),
            pair("b.example", "a.example"),
        ] {
            let open = !self.is_over() && !self.tap.end_said;
            let stanza = match pair.sender().as_str() {
                "a.example" => message("u@a.example", "v@b.example"),
                _ => message("v@b.example", "u@a.example"),
            };
            if open && !self.tap.sends.contains(&pair) {
                let sent = self.machine.send(&stanza);
                ensure(
                    matches!(sent, Err(ApiMisuse::PairNotReady | ApiMisuse::NotBound)),
                    || format!("it sends from {pair}: {sent:?}"),
                )?;
            }
        }
        Ok(())
    }

    fn receive(&mut self) -> Checked {
        let wanted = self.machine.wants_read();
        let consumed = self.machine.receive(self.now, &self.unread);
        ensure(
            wanted || consumed == 0,
            || "it reads where it does not want to",
        )?;
        ensure(!wanted || consumed > 0, || "it wants to read and does not")?;
        ensure(
            consumed == self.unread.len() || !self.machine.wants_read(),
            || "it leaves bytes behind that it wants",
        )?;
        let consumed: Vec<_> = self.unread.drain(..consumed).collect();
        self.tap.hear(&consumed)?;
        self.observe()
    }

    /// The verdict about an open question is known; it may be about a stream that is gone.
    fn answer(&mut self, answer: VerifyAnswer, live: bool) -> Checked {
        let valid = *answer.verdict() == Verdict::Valid;
        let pair = answer.pair().clone();
        let before = self.snapshot();
        if live && valid {
            self.tap.proven.insert(pair);
        }
        let done = self.is_over() || self.tap.end_said;
        let again = answer.clone();
        let awaited = P::answer_verify(&mut self.machine, answer);
        ensure(!(done && awaited), || "a late verdict is taken")?;
        ensure(
            awaited || before == self.snapshot(),
            || "a verdict that is not awaited does something",
        )?;
        self.observe()?;
        let twice = P::answer_verify(&mut self.machine, again);
        ensure(!twice, || "a verdict is taken twice")?;
        self.observe()
    }

    /// Takes one event; false when there is none.
    fn poll(&mut self) -> Result<bool, String> {
        let Some(event) = self.machine.poll_event() else {
            let waits = match self.machine.phase() {
                Phase::Closed | Phase::Tls => true,
                Phase::Answering => P::END == Side::Incoming && !self.tap.end_said,
                _ => false,
            };
            ensure(
                waits || self.machine.wants_read(),
                || "nothing keeps it from reading",
            )?;
            return Ok(false);
        };
        let told = P::sort(event);
        ensure(self.closed.is_none(), || {
            format!("after Closed it tells {told:?}")
        })?;
        match told {
            Told::StartTls(request) => {
                ensure(
                    self.machine.output().is_empty(),
                    || "TLS overtakes the output",
                )?;
                self.start_tls = Some(request);
            }
            Told::Opened(request) => self.opened = Some(request),
            Told::Verify(request) => {
                if let Some(old) = self.verify.replace(request) {
                    self.stale = Some(old.answer(Verdict::Valid));
                }
            }
            Told::CheckKey(request) => self.check = Some(request),
            Told::Verified => {
                ensure(self.verifying, || "it tells a verdict that nobody wanted")?;
                self.verifying = false;
            }
            Told::Authorised(pair, trust) => {
                let known = self.is_over() || self.tap.hears.contains(&pair);
                ensure(known, || format!("it authorises {pair}"))?;
                let certified = self.tap.certificate == Some(pair.sender().as_str());
                ensure(self.is_over() || trust.is_certified() == certified, || {
                    format!("it takes {pair} for {trust:?}")
                })?;
            }
            Told::Ready(pair) => {
                let known = self.is_over() || self.tap.sends.contains(&pair);
                ensure(known, || format!("it takes {pair} for ready"))?;
            }
            Told::Stanza(stanza) => {
                let pair = pair_of(stanza.element());
                let may = pair.is_some_and(|pair| self.tap.hears.contains(&pair));
                ensure(may, || format!("it believes {stanza:?}"))?;
            }
            Told::PairRefused | Told::Refused | Told::Unsolicited => {}
            Told::Closed(reason) => {
                ensure(self.is_over(), || "it tells of its end before that")?;
                ensure(!self.verifying, || "a verdict is not told at the end")?;
                if !matches!(reason, CloseReason::TransportEof) {
                    self.tap.parted()?;
                }
                self.closed = Some(reason);
            }
            Told::Unknown(what) => return Err(format!("it tells {what}")),
        }
        self.observe()?;
        Ok(true)
    }

    fn wait(&mut self) -> Checked {
        let Some(deadline) = self.machine.poll_timeout() else {
            return Ok(());
        };
        if deadline > self.now {
            let before = self.snapshot();
            let early = deadline.since_origin() - Duration::from_nanos(1);
            self.machine.handle_timeout(Instant::from_origin(early));
            ensure(
                before == self.snapshot(),
                || "an early time-out does something",
            )?;
            self.now = deadline;
        }
        self.machine.handle_timeout(self.now);
        // Every deadline of dialback is over at once here.
        self.tap.give_up_keys();
        if self
            .machine
            .poll_timeout()
            .is_some_and(|next| next <= self.now)
        {
            self.machine.handle_timeout(self.now);
        }
        let next = self.machine.poll_timeout();
        ensure(
            next.is_none_or(|next| next > self.now),
            || "its deadline stays in the past",
        )?;
        self.observe()
    }

    fn begin_tls(&mut self) -> Checked {
        let Some(request) = self.start_tls.take() else {
            return Ok(());
        };
        let over = self.is_over();
        let got = self.machine.begin_tls(request, &self.unread);
        let fits = match &got {
            // White space behind <starttls/> is let pass.
            Ok(_) => !over && self.unread.trim_ascii_start().is_empty(),
            Err(HandoffError::UnreadInput(n)) => !over && *n > 0,
            Err(HandoffError::Stale) => over,
            Err(_) => false,
        };
        ensure(fits, || format!("begin_tls gives {got:?}"))?;
        if got.is_ok() {
            self.unread.clear();
        }
        self.handoff = got.ok();
        self.observe()
    }

    fn established(&mut self, certificate: Option<&'static str>) -> Checked {
        let Some(handoff) = self.handoff.take() else {
            return Ok(());
        };
        let over = self.is_over();
        let got = self
            .machine
            .tls_established(self.now, handoff, tls(certificate));
        ensure(got.is_ok(), || format!("tls_established gives {got:?}"))?;
        if !over {
            self.tap.handshake(certificate)?;
            self.leave_behind();
        }
        self.observe()
    }

    /// The questions of a stream that is over can only be answered too late.
    fn leave_behind(&mut self) {
        if let Some(request) = self.verify.take() {
            self.stale = Some(request.answer(Verdict::Valid));
        }
    }

    fn text(&self, word: &Word) -> String {
        let mut text = word.text.to_owned();
        for (mark, pair) in [
            ("{a>b}", pair("a.example", "b.example")),
            ("{c>a}", pair("c.example", "a.example")),
        ] {
            text = text.replace(mark, &self.tap.key(&pair));
        }
        text
    }

    /// What can be said now and makes a difference.
    fn words(&self) -> impl Iterator<Item = Word> {
        const UNREAD: &[&str] = &["stanza a>b"];
        const NOTHING: &[&str] = &[];
        const CLOSING: &[&str] = &[
            "header",
            "key a>b",
            "valid a>b",
            "stanza a>b",
            "stanza b>a",
            "starttls",
            "proceed",
            "success",
            "malformed",
            "stream error",
            "closing tag",
        ];
        // What an end cannot tell from another word is left out, for there are enough states.
        let (own, same): (_, &[&str]) = match P::END {
            Side::Incoming => (
                INITIATING,
                &["key c>a", "invalid a>b", "stanza b>a", "header of d"],
            ),
            _ => (RECEIVING, &["key a>b", "key without from", "stanza d>b"]),
        };
        let few = match (self.machine.wants_read(), self.tap.end_said) {
            (false, _) if self.tap.phase == Phase::Tls => Some(UNREAD),
            (false, _) => Some(NOTHING),
            (true, true) => Some(CLOSING),
            (true, false) => None,
        };
        let opening = matches!(
            (P::END, self.tap.phase),
            (Side::Incoming, Phase::Opening) | (Side::Outgoing, Phase::Answering)
        );
        own.iter()
            .chain(ANYONE)
            .copied()
            .filter(|word| !same.contains(&word.name))
            .filter(move |word| few.is_none_or(|few| few.contains(&word.name)))
            // A second header is malformed, and nothing but a header is well-formed where one is
            // awaited.
            .filter(move |word| {
                let neutral = matches!(word.name, "white space" | "malformed" | "junk");
                neutral || few.is_some() || word.name.starts_with("header") == opening
            })
    }

    /// Everything is written.
    fn flush(&mut self) -> Checked {
        self.machine.consume_output(self.seen);
        self.seen = 0;
        self.observe()
    }

    fn happens(&mut self, action: &Act) -> Checked {
        match action {
            Act::Say(word) => {
                self.unread = self.text(word).into_bytes();
                self.receive()
            }
            Act::Receive => self.receive(),
            Act::Poll => self.poll().map(|_| ()),
            Act::Eof => {
                self.machine.receive_eof(self.now);
                self.eof = true;
                ensure(
                    self.is_over(),
                    || "it goes on after the end of the transport",
                )?;
                self.observe()
            }
            Act::Wait => self.wait(),
            Act::Close => {
                self.machine.close(self.now, None);
                self.observe()
            }
            Act::CloseWithError => {
                let error = StreamErrorCondition::Reset.into();
                self.machine.close(self.now, Some(error));
                self.observe()
            }
            Act::Send(from, to) => {
                let pair = pair(
                    from.split_once('@').unwrap_or_default().1,
                    to.split_once('@').unwrap_or_default().1,
                );
                let before = self.machine.output().len();
                let sent = self.machine.send(&message(from, to));
                let done = self.is_over() || self.tap.end_said;
                let may = self.tap.sends.contains(&pair);
                let written = self.machine.output().len() > before;
                ensure(sent.is_ok() == (done || may), || {
                    format!("sending gives {sent:?}")
                })?;
                ensure(written == (may && !done), || {
                    format!("sending writes: {written}")
                })?;
                self.observe()
            }
            Act::AddPair(sender, target) => {
                P::add_pair(&mut self.machine, pair(sender, target));
                self.observe()
            }
            Act::Verify => {
                let ours = pair("b.example", "a.example");
                let request = VerifyRequest::new(ours, "s".into(), "k".into());
                let taken = P::verify(&mut self.machine, request);
                let done = self.is_over() || self.tap.end_said;
                ensure(!(taken && done), || "it verifies after its end")?;
                self.verifying |= taken;
                self.observe()
            }
            Act::BeginTls => self.begin_tls(),
            Act::Established(certificate) => self.established(*certificate),
            Act::Accept(terms) => match self.opened.take() {
                Some(request) => {
                    let got = P::accept(&mut self.machine, request, *terms);
                    ensure(got.is_ok(), || format!("an answer gives {got:?}"))?;
                    self.observe()
                }
                None => Ok(()),
            },
            Act::Answer(said) => match self.verify.take() {
                Some(request) => {
                    let answer = request.answer(match said {
                        Said::Valid => Verdict::Valid,
                        Said::Invalid => Verdict::Invalid,
                        Said::Error => Verdict::error(StanzaErrorCondition::RemoteServerTimeout),
                    });
                    self.answer(answer, true)
                }
                None => Ok(()),
            },
            Act::AnswerStale => match self.stale.take() {
                Some(answer) => {
                    // One of two questions of the same stream is live, if another took its place.
                    let live =
                        self.tap.phase == Phase::Choosing || self.tap.phase == Phase::Serving;
                    self.answer(answer, live)
                }
                None => Ok(()),
            },
            Act::AnswerKey => match self.check.take() {
                Some(request) => {
                    P::answer_key(&mut self.machine, request, Verdict::Valid);
                    self.observe()
                }
                None => Ok(()),
            },
        }
    }
}

impl<P: Party> World for Lone<P> {
    type Action = Act;

    fn actions(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        if self.closed.is_none() {
            acts.push(Act::Poll);
        }
        if self.start_tls.is_some() {
            acts.push(Act::BeginTls);
        }
        if self.handoff.is_some() {
            acts.push(Act::Established(None));
        }
        if self.opened.is_some() {
            let terms = [Terms::Strict, Terms::Lax, Terms::Refuse];
            acts.extend(terms.map(Act::Accept));
        }
        if self.verify.is_some() {
            let said = [Said::Valid, Said::Invalid, Said::Error];
            acts.extend(said.map(Act::Answer));
        }
        if self.stale.is_some() {
            acts.push(Act::AnswerStale);
        }
        if self.check.is_some() {
            acts.push(Act::AnswerKey);
        }
        if self.machine.poll_timeout().is_some() {
            acts.push(Act::Wait);
        }
        if self.is_over() {
            return acts;
        }
        acts.extend([Act::Eof, Act::Close, Act::CloseWithError]);
        if !self.unread.is_empty() {
            acts.push(Act::Receive);
        } else {
            acts.extend([
                Act::Send("u@a.example", "v@b.example"),
                Act::Send("v@b.example", "u@a.example"),
            ]);
            // Requests whose end is not told yet would only add up.
            let told = self.machine.wants_read();
            if told {
                acts.push(Act::AddPair("c.example", "a.example"));
            }
            if told && P::END == Side::Outgoing && !self.verifying {
                acts.push(Act::Verify);
            }
            acts.extend(self.words().map(Act::Say));
        }
        acts
    }

    fn set_careful(&mut self, careful: bool) {
        self.careful = careful;
    }

    fn act(&mut self, action: &Act) -> Checked {
        self.happens(action)?;
        // Output that waits is explored with clients and servers.
        self.flush()
    }

    fn state(&self) -> String {
        let tokens = (
            self.opened.is_some(),
            self.start_tls.is_some(),
            self.handoff.is_some(),
            self.verify.as_ref().map(VerifyRequest::pair),
            self.stale.as_ref().map(VerifyAnswer::pair),
            self.check.is_some(),
        );
        let closed = self.closed.is_some();
        if self.is_over() {
            // How it came to an end matters no more.
            let output = self.machine.output().is_empty();
            let wants = self.machine.poll_timeout().is_some();
            return format!("{closed} {output} {wants} {tokens:?} {}", self.verifying);
        }
        let machine = canonical(&self.machine);
        let unread = String::from_utf8_lossy(&self.unread);
        let input = (unread, self.eof, self.now, self.verifying);
        format!(
            "{machine} {} {tokens:?} {closed} {input:?}",
            self.tap.state()
        )
    }

    fn is_finished(&self) -> bool {
        self.machine.is_finished()
    }

    fn ways_out(&self) -> &'static [usize] {
        // The end of the transport and a close are actions, and ways begin at what follows them.
        match self.is_over() || self.tap.end_said {
            true => &[0, 1],
            false => &[],
        }
    }

    fn settle(&mut self, way: usize) -> Checked {
        // 0: The peer and the application are silent. 1: The peer does not even read.
        for _ in 0..16 {
            while self.poll()? {}
            if way != 1 {
                self.flush()?;
            }
            if self.machine.is_finished() {
                ensure(self.closed.is_some(), || "it is finished without a Closed")?;
                return Ok(());
            }
            self.wait()?;
        }
        Err("it does not end".into())
    }

    fn rules(&self) -> u128 {
        self.tap.rules
    }
}
