//! Plays a script for one machine and holds it to the contract of [`Connection`].
//!
//! At every step:
//! - a machine that wants to read consumes at least one byte, one that does not consumes none;
//! - there is one `Closed` event, and nothing after it: no event, no output, no wish for bytes or time;
//! - the output is XML streams, has a cap, and rests while TLS is handed over;
//! - an early `handle_timeout` changes nothing, a few in time move the deadline;
//! - the peer causes no `Err`;
//! - a stanza that is sent goes out as it is;
//! - on a managed stream each of them is acknowledged or given back, once;
//! - what is told of the end is what was said.
//!
//! And at the end of the script the machine comes to its end by deadlines alone.

use std::collections::VecDeque;
use std::time::Duration;

use xmppwire::{
    ApiMisuse, CloseReason, Connection, Element, HandoffError, Instant, InvalidStanza, Limits,
    Message, Stanza, StanzaError, StanzaErrorCondition, StanzaFault, StartTls, StreamError,
    StreamErrorCondition, TlsHandoff, TlsInfo, Unacknowledged, ns,
};
use xmppwire_xml::Event as Item;

use crate::accounts;
use crate::script::{self, Line};
use crate::wire::Wire;

/// A machine with its application, and its peer's building blocks.
pub trait Player {
    /// The machine.
    type Machine: xmppwire::Role;

    /// Whether white space before the first TLS record is dropped.
    const DROPS_WHITE_SPACE: bool;

    /// The content namespace of the stream.
    const CONTENT_NS: &'static str = ns::CLIENT;

    /// Whether stanzas go out without `from`, which the peer writes.
    const PEER_WRITES_FROM: bool = false;

    /// What the machine learns of the TLS connection.
    fn tls(&self) -> TlsInfo {
        TlsInfo::new(accounts::bindings())
    }

    /// The machine.
    fn machine(&mut self) -> &mut Connection<Self::Machine>;

    /// Whether the stream has ended, told or not.
    fn is_over(&self) -> bool;

    /// What the application makes of an event.
    fn react(&mut self, event: <Self::Machine as xmppwire::Role>::Event) -> Told;

    /// What the machine sent: checked, and remembered where a building block needs it.
    fn sent(&mut self, item: Item);

    /// The transport is protected from now on.
    fn secured(&mut self);

    /// Appends a building block to what the peer sends, or lets the application do something.
    fn block(&mut self, op: u8, rest: &[u8], out: &mut Vec<u8>) -> bool;

    /// The id of the last IQ in the output.
    fn last_id(&self) -> &str;

    /// The number of the last stanza that the peer has acknowledged, as the events tell.
    fn acknowledged(&self) -> u64 {
        0
    }

    /// What comes back once the connection has ended: the stanzas that are not acknowledged.
    fn given_back(&mut self) -> Vec<Unacknowledged> {
        self.machine().take_unacknowledged()
    }
}

/// An event, as the driver needs it and as it is compared.
#[derive(Debug)]
pub enum Told {
    /// TLS is asked for.
    StartTls(StartTls),
    /// Something of the negotiation.
    Step(String),
    /// A stanza.
    Stanza(Stanza),
    /// A stanza that was refused.
    Refused(StanzaFault),
    /// The end.
    Closed(CloseReason),
}

impl PartialEq for Told {
    fn eq(&self, other: &Self) -> bool {
        use xmppwire::PeerMisbehaved::Xml;
        match (self, other) {
            (Self::StartTls(_), Self::StartTls(_)) => true,
            (Self::Step(one), Self::Step(other)) => one == other,
            (Self::Stanza(one), Self::Stanza(other)) => one == other,
            (Self::Refused(one), Self::Refused(other)) => one == other,
            // What the reader says for people is not promised to be the same.
            (
                Self::Closed(CloseReason::Violation {
                    sent: one,
                    why: Xml(why),
                }),
                Self::Closed(CloseReason::Violation {
                    sent: other,
                    why: Xml(other_why),
                }),
            ) => one == other && why.kind() == other_why.kind(),
            (Self::Closed(one), Self::Closed(other)) => one == other,
            _ => false,
        }
    }
}

/// The most that a machine may owe with [`crate::driver::BACKLOG`] as its limit: no stanza goes over it, but the text
/// of the application's stream error does.
const MAX_OUTPUT: usize = BACKLOG + (1 << 16);

/// The limit on the output's backlog: more than what one piece of input can cause, so that it
/// makes no difference how the input is cut.
pub const BACKLOG: usize = 1 << 18;

/// The most bytes that a script may send: more would only be slow.
const MAX_INPUT: usize = 1 << 16;

/// The limits of the machines: with a small backlog, and an idle time-out if asked for.
pub fn limits(idle: bool) -> Limits {
    let mut limits = Limits::new();
    limits.output_backlog = BACKLOG;
    limits.idle_timeout = idle.then_some(Duration::from_secs(2));
    limits
}

/// So many bytes come in pieces as small as asked for.
const SMALL_PIECES: usize = 2048;

/// Plays a script for one machine.
pub struct Driver<P: Player> {
    /// The machine and its application.
    pub player: P,
    /// What was told.
    pub told: Vec<Told>,
    /// What was sent.
    pub wire: Wire,
    now: Instant,
    input: Vec<u8>,
    taken: usize,
    piece: usize,
    /// The pieces are not those of the script.
    forced: bool,
    reads: bool,
    polls: bool,
    answers: bool,
    eof: bool,
    closed: bool,
    /// The peer did not always read.
    deaf: bool,
    /// The stream error that was sent.
    error: Option<String>,
    /// The stanzas that were queued and have not gone out.
    owed: VecDeque<Element>,
    /// The stanzas that were numbered, with their numbers.
    numbered: Vec<(u64, Stanza)>,
    start_tls: Option<StartTls>,
    handoff: Option<TlsHandoff>,
}

impl<P: Player> Driver<P> {
    /// Takes over a fresh machine.
    pub fn new(player: P) -> Self {
        Self {
            player,
            told: Vec::new(),
            wire: Wire::default(),
            now: Instant::ORIGIN,
            input: Vec::new(),
            taken: 0,
            piece: usize::MAX,
            forced: false,
            reads: true,
            polls: true,
            answers: false,
            eof: false,
            closed: false,
            deaf: false,
            error: None,
            owed: VecDeque::new(),
            numbered: Vec::new(),
            start_tls: None,
            handoff: None,
        }
    }

    /// Plays the script with the input cut as it says, or into pieces of `piece` bytes, to the end.
    /// Far into the input such pieces grow, because what has not mattered by then never does.
    pub fn play<'a>(&mut self, lines: impl Iterator<Item = Line<'a>>, piece: Option<usize>) {
        self.piece = piece.unwrap_or(usize::MAX);
        self.forced = piece.is_some();
        self.pump();
        for line in lines {
            match line.op {
                b'/' if self.forced => {}
                b'/' => {
                    self.piece = match script::number(line.rest) {
                        0 => usize::MAX,
                        most => most,
                    };
                }
                _ => self.step(line),
            }
            if !line.held {
                self.pump();
            }
        }
        self.finish();
    }

    fn step(&mut self, line: Line<'_>) {
        match line.op {
            b'~' => self.pass(Duration::from_millis(
                250 * script::number(line.rest) as u64,
            )),
            b'^' => self.expire(),
            b'>' => {
                self.reads = !self.reads;
                self.deaf = true;
            }
            b'?' => self.polls = !self.polls,
            b'=' => self.answers = !self.answers,
            b'!' => self.close(line.rest),
            b'@' => self.send_text(line.rest),
            b'#' => self.end_of_input(),
            b't' => self.begin_tls(),
            b'u' => self.establish_tls(),
            b'T' => {
                self.begin_tls();
                self.establish_tls();
            }
            b'*' => {
                let (times, rest) = line.rest.split_at(line.rest.len().min(1));
                for _ in 0..script::number(times) {
                    self.feed(rest);
                }
            }
            op => {
                let mut block = Vec::new();
                if self.player.block(op, line.rest, &mut block) {
                    self.feed(&block);
                } else {
                    let raw = script::raw(line.all, self.player.last_id());
                    self.feed(&raw);
                }
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        if !self.eof && self.input.len() + bytes.len() <= MAX_INPUT {
            self.input.extend_from_slice(bytes);
        }
    }

    /// Serves the machine until nothing moves.
    fn pump(&mut self) {
        loop {
            let mut moved = false;
            while self.polls
                && let Some(event) = self.player.machine().poll_event()
            {
                assert!(!self.closed, "an event after Closed");
                let told = self.player.react(event);
                self.learn(told);
                moved = true;
            }
            moved |= self.reads && self.drain();
            moved |= self.offer();
            self.check();
            if !moved {
                return;
            }
        }
    }

    fn learn(&mut self, told: Told) {
        match told {
            Told::StartTls(request) => {
                assert!(self.player.machine().output().is_empty());
                // A token cannot be copied; what is kept to compare is that there was one.
                self.start_tls = Some(request);
                self.told.push(Told::Step("StartTls".into()));
                return;
            }
            Told::Closed(_) => self.closed = true,
            Told::Stanza(ref stanza) if self.answers => {
                if let Some(answer) = answer(stanza) {
                    let sent = self.send(&answer);
                    // Written, an answer may be several times as long as what it answers.
                    let too_large = Err(ApiMisuse::InvalidStanza(InvalidStanza::TooLarge));
                    // Streams between servers may go in one direction, and a component may be given
                    // stanzas for addresses that are not its own.
                    let may_not = [ApiMisuse::PairNotReady, ApiMisuse::Misaddressed].map(Err);
                    // What arrives is not refused for all that a client may not send (RFC 6120 §8).
                    let is_forbidden = matches!(
                        sent,
                        Err(ApiMisuse::InvalidStanza(
                            InvalidStanza::NoCondition
                                | InvalidStanza::StrayError
                                | InvalidStanza::PayloadNamespace
                                | InvalidStanza::Lang
                        ))
                    );
                    assert!(
                        sent == Ok(())
                            || sent == too_large
                            || is_forbidden
                            || may_not.contains(&sent),
                        "{sent:?}"
                    );
                }
            }
            Told::Stanza(_) | Told::Step(_) | Told::Refused(_) => {}
        }
        self.told.push(told);
    }

    fn drain(&mut self) -> bool {
        let machine = self.player.machine();
        // Half is written first, as a socket may do.
        let half = machine.output().len().div_ceil(2);
        if half == 0 {
            return false;
        }
        let front = machine.output()[..half].to_vec();
        machine.consume_output(half);
        let back = machine.take_output();
        assert!(machine.output().is_empty());
        for bytes in [&front, &back] {
            self.wire.read(bytes, |item| {
                if let Item::Element(element) = &item
                    && element.is("error", ns::STREAMS)
                {
                    let condition = element.first_child().expect("an error has a condition");
                    self.error = Some(condition.name().to_owned());
                }
                if let (Item::Element(element), Some(owed)) = (&item, self.owed.front())
                    && element == owed
                {
                    self.owed.pop_front();
                }
                self.player.sent(item);
            });
        }
        true
    }

    fn offer(&mut self) -> bool {
        let rest = self.input.get(self.taken..).unwrap_or_default();
        let most = match self.forced && self.taken > SMALL_PIECES {
            true => self.piece.saturating_mul(61),
            false => self.piece,
        };
        let piece = &rest[..most.min(rest.len())];
        if piece.is_empty() {
            return false;
        }
        let machine = self.player.machine();
        let wanted = machine.wants_read();
        let consumed = machine.receive(self.now, piece);
        assert!(consumed <= piece.len());
        assert_eq!(wanted, consumed > 0, "wants_read {wanted}, took {consumed}");
        self.taken += consumed;
        wanted
    }

    /// What holds at any time.
    fn check(&mut self) {
        let closed = self.closed;
        let over = self.player.is_over();
        let machine = self.player.machine();
        assert!(machine.output().len() <= MAX_OUTPUT, "too much output");
        if closed {
            assert!(over);
            assert_eq!(machine.is_finished(), machine.output().is_empty());
        } else {
            assert!(!machine.is_finished());
        }
        if over {
            assert!(!machine.wants_read());
            // What is still owed has a deadline, and nothing else has.
            assert_eq!(
                machine.poll_timeout().is_none(),
                machine.output().is_empty()
            );
        }
        if self.handoff.is_some() {
            assert!(machine.output().is_empty(), "output during the hand-off");
        }
    }

    // --- Time -----------------------------------------------------------------------------------

    fn pass(&mut self, span: Duration) {
        self.now = self.now + span;
        let now = self.now;
        let machine = self.player.machine();
        let (before, backlog) = (machine.poll_timeout(), machine.output().len());
        machine.handle_timeout(now);
        if before.is_none_or(|when| now < when) {
            assert_eq!(machine.poll_timeout(), before, "an early call");
            assert_eq!(machine.output().len(), backlog, "an early call");
        } else {
            // Each call acts on one deadline, and there are few of them.
            let is_due = |after: Option<Instant>| after.is_some_and(|when| when <= now);
            for _ in 0..4 {
                if is_due(machine.poll_timeout()) {
                    machine.handle_timeout(now);
                }
            }
            assert!(!is_due(machine.poll_timeout()), "a tight loop");
        }
    }

    fn expire(&mut self) {
        if let Some(when) = self.player.machine().poll_timeout() {
            self.pass(when.saturating_since(self.now));
        }
    }

    // --- What the application does --------------------------------------------------------------

    fn close(&mut self, condition: &[u8]) {
        let error = core::str::from_utf8(condition)
            .ok()
            .filter(|text| !text.is_empty())
            .map(|text| match text.strip_prefix('>') {
                Some(host) => StreamError::see_other_host(host),
                None => StreamErrorCondition::from_name(text)
                    .map(StreamError::new)
                    .unwrap_or_else(|| {
                        StreamError::new(StreamErrorCondition::Reset).with_text(text)
                    }),
            });
        let now = self.now;
        self.player.machine().close(now, error);
    }

    fn send_text(&mut self, body: &[u8]) {
        let to = xmppwire::Jid::new("romeo@example.net").expect("an address");
        let stanza = Message::chat(to, String::from_utf8_lossy(body)).into();
        // The application's own mistakes are not the peer's: too early, or no text for XML.
        let _ = self.send(&stanza);
    }

    fn send(&mut self, stanza: &Stanza) -> Result<(), ApiMisuse> {
        let machine = self.player.machine();
        let (before, number) = (machine.output().len(), machine.sent());
        machine.send(stanza)?;
        if let Some(number) = machine.sent().filter(|now| Some(*now) > number) {
            self.numbered.push((number, stanza.clone()));
        }
        let is_queued = machine.output().len() > before;
        if is_queued && !self.player.is_over() {
            let mut stanza = stanza.clone();
            if P::PEER_WRITES_FROM {
                stanza.set_from(None);
            }
            self.owed.push_back(stanza.to_element(P::CONTENT_NS));
        }
        Ok(())
    }

    fn end_of_input(&mut self) {
        self.eof = true;
        let now = self.now;
        self.player.machine().receive_eof(now);
    }

    fn begin_tls(&mut self) {
        let Some(request) = self.start_tls.take() else {
            return;
        };
        let over = self.player.is_over();
        let unread = self.input.get(self.taken..).unwrap_or_default();
        match self.player.machine().begin_tls(request, unread) {
            Ok(handoff) => {
                let dropped = handoff.white_space_before_tls(unread);
                assert_eq!(dropped, unread.len(), "clear text went into TLS");
                assert!(P::DROPS_WHITE_SPACE || unread.is_empty());
                assert!(!over);
                self.input.truncate(self.taken);
                self.handoff = Some(handoff);
            }
            Err(HandoffError::UnreadInput(count)) => {
                assert!(count > 0 && count == unread.len());
                assert!(self.player.is_over());
            }
            Err(_) => assert!(over, "the request was the open one"),
        }
    }

    fn establish_tls(&mut self) {
        let Some(handoff) = self.handoff.take() else {
            return;
        };
        let over = self.player.is_over();
        let bytes_before = self.player.machine().output().len();
        let (now, tls) = (self.now, self.player.tls());
        let outcome = self.player.machine().tls_established(now, handoff, tls);
        assert_eq!(
            outcome,
            Ok(()),
            "the proof was that of the running hand-off"
        );
        if over {
            assert_eq!(self.player.machine().output().len(), bytes_before);
        } else {
            self.wire.restart();
            self.player.secured();
            // What the peer sent in clear text during the handshake is no longer there to be read.
            self.input.clear();
            self.taken = 0;
        }
    }

    // --- The end --------------------------------------------------------------------------------

    /// Lets the deadlines pass that there are, and sees to it that they end the connection.
    fn finish(&mut self) {
        (self.reads, self.polls) = (true, true);
        self.start_tls = None;
        self.handoff = None;
        self.input.truncate(self.taken);
        self.pump();
        for attempt in 0.. {
            if self.closed {
                break;
            }
            // Open questions have deadlines of their own, before the stream ends.
            assert!(attempt < 8, "the connection does not end");
            if self.player.machine().poll_timeout().is_none() {
                let now = self.now;
                self.player.machine().close(now, None);
            }
            self.expire();
            self.pump();
        }
        self.last_words();
        self.check_fates();
        self.afterwards();
    }

    /// Each stanza that was numbered is acknowledged or comes back, once and as it was. What a session
    /// brought along that was resumed comes back before them.
    fn check_fates(&mut self) {
        let acknowledged = self.player.acknowledged();
        let given_back = self.player.given_back();
        assert!(given_back.is_sorted_by(|one, next| one.number < next.number));
        assert!(given_back.iter().all(|lost| lost.number > acknowledged));
        for (number, stanza) in &self.numbered {
            if *number <= acknowledged {
                continue;
            }
            let lost = given_back.iter().find(|lost| lost.number == *number);
            let lost = lost
                .expect("a stanza is lost")
                .stanza
                .to_element(P::CONTENT_NS);
            let mut stanza = stanza.clone();
            if P::PEER_WRITES_FROM {
                stanza.set_from(None);
            }
            assert_eq!(lost, stanza.to_element(P::CONTENT_NS));
        }
    }

    /// What was said at the end is what the application was told of it.
    fn last_words(&self) {
        assert!(self.wire.is_complete(), "the machine stops in mid-sentence");
        if self.deaf {
            return;
        }
        assert!(self.owed.is_empty(), "a stanza did not go out as it was");
        match self.told.last() {
            Some(Told::Closed(CloseReason::Violation { sent, .. })) => {
                let sent = sent.as_ref().map(|error| error.condition().name());
                assert_eq!(sent, self.error.as_deref());
                assert!(self.wire.is_ended() || sent.is_none());
            }
            Some(Told::Closed(
                CloseReason::Peer
                | CloseReason::PeerError(_)
                | CloseReason::Incompatible(_)
                | CloseReason::AuthFailed(_)
                | CloseReason::BindFailed(_)
                | CloseReason::TlsRefused,
            )) => assert!(self.wire.is_ended() || self.eof),
            Some(Told::Closed(
                CloseReason::Local | CloseReason::TransportEof | CloseReason::TimedOut(_),
            )) => {}
            other => panic!("{other:?} at the end"),
        }
    }

    /// After the end every call is a no-op.
    fn afterwards(&mut self) {
        let total = self.wire.total();
        let now = self.now + Duration::from_secs(1);
        let machine = self.player.machine();
        assert!(machine.is_finished());
        machine.handle_timeout(now);
        machine.receive_eof(now);
        machine.close(now, None);
        machine.close(now, Some(StreamError::new(StreamErrorCondition::Reset)));
        assert_eq!(machine.receive(now, b"<presence/>"), 0);
        let to = xmppwire::Jid::new("example.net").expect("an address");
        assert_eq!(machine.send(&Message::new(to).into()), Ok(()));
        assert!(machine.poll_event().is_none());
        assert!(machine.poll_timeout().is_none());
        self.pump();
        assert_eq!(self.wire.total(), total, "output after the end");
    }
}

/// An answer to a stanza, as applications give it: whatever came in can go out.
fn answer(stanza: &Stanza) -> Option<Stanza> {
    let error = StanzaError::new(StanzaErrorCondition::ItemNotFound);
    match stanza {
        Stanza::Message(message) => match message.body() {
            Some(body) => message.reply(body).map(Stanza::Message),
            None => Some(stanza.clone()),
        },
        Stanza::Presence(_) => Some(stanza.clone()),
        Stanza::Iq(iq) => match iq.child() {
            Some(child) if iq.is_request() && child.has_text() => {
                iq.result(Some(&child.to_element())).map(Into::into)
            }
            _ => stanza.error_reply(&error).or_else(|| Some(stanza.clone())),
        },
    }
}
