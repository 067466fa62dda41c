//! One machine with its driver: each call of [`Connection`], and the invariants around it.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use xmppwire::negotiation::{Phase, Side};
use xmppwire::{
    ApiMisuse, ChannelBindings, CloseReason, Connection, HandoffError, Instant, Limits,
    PeerMisbehaved, ScramHash, ScramKeys, Stanza, StartTls, StreamErrorCondition, TaskStep,
    TlsHandoff, TlsInfo,
};

use super::canonical::canonical;
use super::monitor::Monitor;
use super::party::{Answer, PASSWORD, Party, Question, Told};

/// The clock does not start at its origin, so that a deadline there lies in the past.
pub const START: Instant = Instant::from_origin(Duration::from_secs(1000));

/// Juliet's keys, as the server's application has them.
pub static KEYS: LazyLock<ScramKeys> = LazyLock::new(|| {
    ScramKeys::derive(ScramHash::Sha256, PASSWORD, b"pepper and salt.", 4096)
        .expect("the password can be prepared")
});

/// The limits of every machine here, with deadlines of every kind.
pub fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.idle_timeout = Some(Duration::from_secs(300));
    // Room for one stanza or two that wait for a session, so that the states stay few.
    limits.after_authentication.max_stanza_bytes = 1024;
    limits
}

type Checked = Result<(), String>;

/// A machine, its driver's state, and its events so far.
pub struct End<M: Party> {
    pub machine: Connection<M>,
    pub now: Instant,
    pub monitor: Monitor,
    /// Bytes that the driver has read and the machine has not consumed.
    pub unread: Vec<u8>,
    /// Whether the `<success/>` in there, if any, follows a proven login.
    pub genuine: bool,
    /// How much of the output the monitor has seen.
    seen: usize,
    pub start_tls: Option<StartTls>,
    pub handoff: Option<TlsHandoff>,
    pub question: Option<Question>,
    told_bound: bool,
    pub told_authenticated: bool,
    pub closed: Option<CloseReason>,
    pub eof: bool,
    /// Whether to compare the whole machine around calls that must not change it, which takes long.
    pub careful: bool,
}

impl<M: Party> End<M> {
    pub fn new(machine: Connection<M>, tls_required: bool, secured: bool) -> Self {
        let mut end = Self {
            machine,
            now: START,
            monitor: Monitor::new(M::END, tls_required, secured),
            unread: Vec::new(),
            genuine: true,
            seen: 0,
            start_tls: None,
            handoff: None,
            question: None,
            told_bound: false,
            told_authenticated: false,
            closed: None,
            eof: false,
            careful: true,
        };
        end.observe().expect("a machine begins as it should");
        end
    }

    pub fn is_over(&self) -> bool {
        self.machine.phase() == Phase::Closed
    }

    /// Checks what has to hold after every call.
    fn observe(&mut self) -> Checked {
        let output = self.machine.output();
        if output.len() < self.seen {
            ensure(output.is_empty(), || "it takes back a part of its output")?;
            self.seen = 0;
        }
        let new = output[self.seen..].to_vec();
        self.seen += new.len();
        self.monitor.say(&new)?;
        self.monitor.compare(self.machine.phase())?;
        ensure(
            !(self.is_over() && self.machine.wants_read()),
            || "it wants to read after its end",
        )?;
        if self.machine.is_finished() {
            ensure(self.closed.is_some(), || "it is finished without a Closed")?;
            ensure(
                self.machine.output().is_empty(),
                || "it is finished and owes output",
            )?;
            ensure(
                self.machine.poll_timeout().is_none(),
                || "it is finished and waits",
            )?;
        }
        Ok(())
    }

    // --- Bytes ------------------------------------------------------------------------------------

    /// Offers the unconsumed bytes again.
    pub fn receive(&mut self) -> Checked {
        if self.unread.is_empty() {
            return Ok(());
        }
        let wanted = self.machine.wants_read();
        let consumed = self.machine.receive(self.now, &self.unread);
        ensure(
            consumed <= self.unread.len(),
            || "it consumes more than there is",
        )?;
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
        let new = self.machine.output()[self.seen..].to_vec();
        self.seen += new.len();
        self.monitor.hear(&consumed, self.genuine, &new)?;
        self.observe()
    }

    pub fn receive_eof(&mut self) -> Checked {
        self.machine.receive_eof(self.now);
        self.eof = true;
        ensure(
            self.is_over(),
            || "it goes on after the end of the transport",
        )?;
        self.observe()
    }

    /// Writes all output.
    pub fn flush(&mut self) -> Checked {
        self.machine.consume_output(self.seen);
        self.seen = 0;
        self.observe()
    }

    // --- Time -------------------------------------------------------------------------------------

    /// Lets the next deadline pass.
    pub fn wait(&mut self) -> Checked {
        let Some(deadline) = self.machine.poll_timeout() else {
            return Ok(());
        };
        if deadline > self.now {
            // Just before the deadline nothing happens.
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
        // An end in between may set a new deadline once.
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

    // --- Commands ---------------------------------------------------------------------------------

    pub fn close(&mut self, error: Option<StreamErrorCondition>) -> Checked {
        self.machine.close(self.now, error.map(Into::into));
        self.observe()?;
        let before = (self.snapshot(), self.seen);
        self.machine.close(self.now, None);
        ensure(
            before == (self.snapshot(), self.machine.output().len()),
            || "closing again does something",
        )
    }

    pub fn send(&mut self, stanza: &Stanza) -> Checked {
        let before = self.machine.output().len();
        let expected = match (
            self.is_over() || self.monitor.end_said,
            self.monitor.is_bound(),
        ) {
            (false, false) => Err(ApiMisuse::NotBound),
            _ => Ok(()),
        };
        let sent = self.machine.send(&M::address(stanza.clone()));
        ensure(sent == expected, || format!("sending gives {sent:?}"))?;
        let written = self.machine.output().len() > before;
        let open = !self.is_over() && !self.monitor.end_said && self.monitor.is_bound();
        ensure(written == open, || {
            format!("sending writes: {written}, open: {open}")
        })?;
        self.observe()
    }

    /// Hands the transport to TLS, with the unread bytes.
    pub fn begin_tls(&mut self) -> Checked {
        let Some(request) = self.start_tls.take() else {
            return Ok(());
        };
        let over = self.is_over();
        let got = self.machine.begin_tls(request, &self.unread);
        // A server drops white space there; a client drops nothing.
        let is_dropped = |byte: &u8| M::END == Side::Server && b" \t\r\n".contains(byte);
        let fits = match &got {
            Ok(_) => !over && self.unread.iter().all(is_dropped),
            Err(HandoffError::UnreadInput(n)) => !over && *n == self.unread.len() && *n > 0,
            Err(HandoffError::Stale) => over,
            Err(_) => false,
        };
        ensure(fits, || format!("begin_tls gives {got:?}"))?;
        ensure(
            got.is_ok() || self.is_over(),
            || "it goes on after injected clear text",
        )?;
        if got.is_ok() {
            self.unread.clear();
        }
        self.handoff = got.ok();
        self.observe()
    }

    /// Completes the handshake.
    pub fn tls_established(&mut self, bindings: ChannelBindings) -> Checked {
        let Some(handoff) = self.handoff.take() else {
            return Ok(());
        };
        let over = self.is_over();
        let before = self.snapshot();
        let kind = format!("{bindings:?}");
        let got = self
            .machine
            .tls_established(self.now, handoff, TlsInfo::new(bindings));
        ensure(got.is_ok(), || format!("tls_established gives {got:?}"))?;
        if over {
            ensure(
                before == self.snapshot(),
                || "TLS revives a connection that is over",
            )?;
        } else {
            self.monitor.handshake()?;
            if self.careful {
                self.forgets(&kind)?;
            }
        }
        self.observe()
    }

    /// Clear text must have no effect under TLS (RFC 6120 §5.4.3.3): every path through STARTTLS
    /// has to lead to the same machine, except for its counters of attempts.
    fn forgets(&self, bindings: &str) -> Checked {
        static AFTER_TLS: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);
        let debug = self.snapshot();
        // The configuration comes first.
        let (config, _) = debug.split_once(" state:").unwrap_or_default();
        let told: Vec<_> = debug
            .split(", ")
            .filter(|field| !field.starts_with("failed_"))
            .collect();
        let told = told.join(", ");
        let mut seen = AFTER_TLS.lock().map_err(|why| why.to_string())?;
        let first = seen
            .entry(format!("{bindings} {config}"))
            .or_insert_with(|| told.clone());
        ensure(*first == told, || {
            format!("what passed in clear text matters under TLS:\n {first}\n {told}")
        })
    }

    /// Answers the open question.
    pub fn answer(&mut self, answer: &Answer) -> Checked {
        let Some(question) = self.question.take() else {
            return Ok(());
        };
        let misuse = matches!(
            (&question, answer),
            (Question::Sasl(request), Answer::Accept)
                if matches!(request.question(), xmppwire::SaslQuestion::ScramKeys { .. })
        ) || *answer == Answer::DeriveAnother
            || match &question {
                Question::Task(question) => {
                    *answer == Answer::TaskData && question.step() == TaskStep::Proven
                }
                Question::ClientTask(request) => match answer {
                    Answer::TaskChoose => request.offered().is_empty(),
                    Answer::TaskData => !request.offered().is_empty(),
                    _ => false,
                },
                _ => false,
            };
        let done = self.is_over() || self.monitor.end_said;
        let expected = match misuse && !done {
            true => Err(ApiMisuse::WrongAnswer),
            false => Ok(()),
        };
        let before = self.snapshot();
        let got = M::answer(&mut self.machine, question, answer, &KEYS);
        ensure(got == expected, || format!("an answer gives {got:?}"))?;
        ensure(
            !done || before == self.snapshot(),
            || "a late answer does something",
        )?;
        self.observe()
    }

    // --- Events -----------------------------------------------------------------------------------

    /// Takes one event; false when there is none.
    pub fn poll(&mut self) -> Result<bool, String> {
        let Some(event) = self.machine.poll_event() else {
            // Two more reasons not to read: a hand-off, and an open question.
            let waits = match self.machine.phase() {
                Phase::Closed | Phase::Tls => true,
                Phase::Answering
                | Phase::Sasl
                | Phase::Sasl2
                | Phase::Tasks
                | Phase::Binding
                | Phase::Attaching => !self.monitor.end_said,
                _ => false,
            };
            ensure(
                waits || self.machine.wants_read(),
                || "nothing keeps it from reading",
            )?;
            return Ok(false);
        };
        let told = M::sort(event);
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
            Told::Question(question) => self.question = Some(question),
            Told::Authenticated => {
                // With Bind 2 the application is asked for the resource before the client is told.
                let asks = matches!(self.monitor.phase, Phase::Sasl2 | Phase::Tasks);
                let known = (self.monitor.authenticated || asks) && !self.told_authenticated;
                ensure(known, || "it tells of a login that did not pass")?;
                self.told_authenticated = true;
            }
            Told::Bound => {
                let known = self.monitor.is_bound() && !self.told_bound;
                ensure(known, || "it tells of a binding that did not pass")?;
                self.told_bound = true;
            }
            Told::Stanza(stanza) => {
                let bound = self.monitor.is_bound();
                let told = !M::TELLS_BOUND || self.told_bound;
                ensure(bound && told, || "it tells of a stanza before it is bound")?;
                ensure(M::believes(&stanza), || "the peer speaks for someone else")?;
            }
            Told::Refused | Told::ClientState | Told::Aside => {}
            Told::Closed(reason) => {
                ensure(self.is_over(), || "it tells of its end before that")?;
                self.monitor.closed(&reason)?;
                self.expected(&reason)?;
                self.closed = Some(reason);
            }
            Told::Unknown(what) => return Err(format!("it tells {what}")),
        }
        self.observe()?;
        Ok(true)
    }

    /// Compares the reason of the end with the driver's calls.
    fn expected(&self, reason: &CloseReason) -> Checked {
        let true_reason = match reason {
            CloseReason::TransportEof => self.eof && self.machine.output().is_empty(),
            CloseReason::TimedOut(_) => self.now > START,
            CloseReason::Violation {
                why: PeerMisbehaved::ClearTextAfterStartTls,
                ..
            } => !self.unread.is_empty(),
            _ => true,
        };
        ensure(true_reason, || {
            format!("it ends for no reason with {reason:?}")
        })
    }

    // --- The end ----------------------------------------------------------------------------------

    /// After the end, every call is a harmless no-op.
    pub fn check_after_the_end(&mut self) -> Checked {
        ensure(self.machine.is_finished(), || "it does not finish")?;
        let before = self.snapshot();
        let now = self.now + Duration::from_secs(3600);
        let consumed = self.machine.receive(now, b"<stream:stream>");
        ensure(consumed == 0, || "it reads after its end")?;
        self.machine.receive_eof(now);
        self.machine.handle_timeout(now);
        self.machine.consume_output(1);
        self.machine
            .close(now, Some(StreamErrorCondition::Reset.into()));
        self.machine.close(now, None);
        if let Some(question) = &self.question {
            self.answer(&question.answers()[0].clone())?;
        }
        self.begin_tls()?;
        self.tls_established(ChannelBindings::none())?;
        let quiet = self.machine.poll_event().is_none()
            && self.machine.take_output().is_empty()
            && self.machine.is_finished();
        ensure(
            quiet && before == self.snapshot(),
            || "something happens after its end",
        )
    }

    /// The machine as text, to detect changes.
    fn snapshot(&self) -> String {
        match self.careful {
            true => canonical(&self.machine),
            false => String::new(),
        }
    }

    /// The state as text, to tell ends apart.
    pub fn state(&self) -> String {
        let machine = canonical(&self.machine);
        if self.is_over() {
            return self.state_after_the_end(&machine);
        }
        let question = self.question.as_ref().map(Question::answers);
        let tokens = (self.start_tls.is_some(), self.handoff.is_some(), question);
        let told = (self.told_bound, self.told_authenticated, &self.closed);
        let unread = String::from_utf8_lossy(&self.unread);
        let input = (unread, self.genuine, self.eof, self.now);
        let monitor = self.monitor.state();
        format!("{machine} {monitor} {tokens:?} {told:?} {input:?}")
    }
}

impl<M: Party> End<M> {
    /// A finished machine: only its unread events and unwritten output still matter.
    fn state_after_the_end(&self, machine: &str) -> String {
        let (_, end) = machine.split_once("end: ").unwrap_or_default();
        let (end, _) = end.split_once("state: ").unwrap_or_default();
        let (_, event) = machine.rsplit_once("event: ").unwrap_or_default();
        let output = self.machine.output().is_empty();
        let tokens = (self.start_tls.is_some(), self.handoff.is_some());
        let question = self.question.as_ref().map(Question::answers);
        format!(
            "{end} {event} {output} {tokens:?} {question:?} {:?}",
            self.closed
        )
    }
}

/// An invariant.
pub fn ensure<W: Into<String>>(holds: bool, why: impl FnOnce() -> W) -> Checked {
    if holds { Ok(()) } else { Err(why().into()) }
}
