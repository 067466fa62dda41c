//! What can happen to an end, and what it does then.

use xmppwire::negotiation::{Phase, Side};
use xmppwire::s2s::{Verdict, VerifyAnswer, VerifyRequest};
use xmppwire::{StanzaErrorCondition, StreamErrorCondition};

use super::{Lone, message, pair};
use crate::canonical::canonical;
use crate::end::ensure;
use crate::search::World;
use crate::servers::party::{Party, Terms};
use crate::servers::tap::Checked;
use crate::servers::words::{ANYONE, INITIATING, RECEIVING, Word};

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

impl<P: Party> Lone<P> {
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
