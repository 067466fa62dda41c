//! One end against a peer that may say anything at any time.

mod choices;

use core::time::Duration;

use xmppwire::negotiation::{Phase, Side};
use xmppwire::s2s::{
    DialbackSecret, KeyRequest, Pair, PeerRequest, Verdict, VerifyAnswer, VerifyRequest,
};
use xmppwire::{
    ApiMisuse, CloseReason, Connection, Domainpart, HandoffError, Instant, Jid, Message, Stanza,
    StartTls, TlsHandoff,
};

use super::party::{Party, Told};
use super::tap::{Checked, Tap, pair_of};
use super::tls;
use crate::canonical::canonical;
use crate::end::{START, ensure};

pub fn secret() -> DialbackSecret {
    DialbackSecret::new("xyzzy")
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

    /// Everything is written.
    fn flush(&mut self) -> Checked {
        self.machine.consume_output(self.seen);
        self.seen = 0;
        self.observe()
    }
}
