//! Whether the peer is still there (RFC 6120 §4.6).

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use xmppwire_xml::{Element, ElementRef};

use super::Stream;
use crate::keep_alive::{KeepAlive, Probe};
use crate::time::Instant;
use crate::wire_log::{self, Way};

/// Pings whose answers are still recognised. A peer that sends other bytes and answers no ping makes
/// the oldest one be forgotten.
const OPEN_PINGS: usize = 4;

/// How late a driver may tell that the time for an answer is over. One that is later did not run, so
/// bytes of the peer may wait to be read.
const LATE: Duration = Duration::from_secs(1);

/// The checks of a silent peer.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    policy: Option<KeepAlive>,
    /// From when on silence counts, if that is later than the last input: the last white space, and
    /// the last moment at which this side did not read.
    from: Option<Instant>,
    /// The check that runs.
    check: Option<Check>,
    /// The ids of pings that were not answered.
    pings: VecDeque<String>,
}

/// A check whose answer is awaited.
#[derive(Debug)]
struct Check {
    patience: Duration,
    /// When the wait began. `None` once the last byte of the check was written: the wait begins with
    /// the next call that carries a time.
    since: Option<Instant>,
    /// Bytes of the output up to the end of the check.
    behind: usize,
    /// Bytes of it were written since the wait began.
    progress: bool,
    /// A late call has extended the wait.
    extended: bool,
}

/// What a deadline of the keep-alive asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// The peer has to be checked.
    Check,
    /// The peer is gone.
    Gone,
}

impl Liveness {
    pub(super) fn set_policy(&mut self, policy: Option<KeepAlive>) {
        self.policy = policy;
        if policy.is_none() {
            self.check = None;
        }
    }

    /// Bytes arrived: the peer is there.
    pub(super) fn heard(&mut self) {
        self.check = None;
    }

    /// This side does not read, so until now the peer cannot show that it is there.
    pub(super) fn not_reading(&mut self, now: Instant) {
        if self.policy.is_some() {
            self.from = Some(now);
        }
        if let Some(check) = &mut self.check {
            check.since = Some(now);
        }
    }

    pub(super) fn written(&mut self, bytes: usize) {
        if let Some(check) = &mut self.check
            && check.behind > 0
            && bytes > 0
        {
            check.behind = check.behind.saturating_sub(bytes);
            check.progress = check.behind > 0;
            if check.behind == 0 {
                check.since = None;
            }
        }
    }

    /// When [`Liveness::due`] has to be asked. `last_input` is `None` where it is not known yet.
    ///
    /// `idle` is the silence that the peer allows: this side checks it before, so that the peer hears
    /// something.
    pub(super) fn deadline(
        &self,
        last_input: Option<Instant>,
        idle: Option<Duration>,
    ) -> Option<Instant> {
        match &self.check {
            // The time of the last byte is unknown: a deadline in the past makes the driver tell it.
            Some(check) => Some(
                check
                    .since
                    .map_or(Instant::ORIGIN, |since| since + check.patience),
            ),
            None => {
                let silence = self.policy?.silence();
                let silence = idle.map_or(silence, |idle| silence.min(in_time(idle)));
                let since = self.from.max(last_input);
                Some(
                    last_input
                        .and(since)
                        .map_or(Instant::ORIGIN, |since| since + silence),
                )
            }
        }
    }

    /// What to do at this deadline.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let Some(check) = &mut self.check else {
            return Due::Check;
        };
        let Some(since) = check.since else {
            check.since = Some(now);
            return Due::Nothing;
        };
        let late = now.saturating_since(since + check.patience) > LATE;
        if check.progress || (late && !check.extended) {
            check.extended |= !check.progress;
            check.progress = false;
            check.since = Some(now);
            return Due::Nothing;
        }
        Due::Gone
    }
}

/// When to send something to a peer that allows this silence: earlier by a quarter, but at least
/// after a second.
fn in_time(idle: Duration) -> Duration {
    (idle / 4 * 3).max(Duration::from_secs(1))
}

impl Stream {
    pub(crate) fn set_keep_alive(&mut self, policy: Option<KeepAlive>) {
        if policy.is_some() || self.liveness.is_some() {
            self.liveness.get_or_insert_default().set_policy(policy);
        }
    }

    pub(crate) fn keep_alive(&self) -> Option<KeepAlive> {
        self.liveness.as_ref()?.policy
    }

    /// Tells that so many bytes of the output were written.
    pub(super) fn written(&mut self, bytes: usize) {
        if let Some(liveness) = &mut self.liveness {
            liveness.written(bytes);
        }
    }

    /// Tells that nothing is read until now, because the application has to take an event first.
    pub(crate) fn not_reading(&mut self, now: Instant) {
        if let Some(liveness) = &mut self.liveness {
            liveness.not_reading(now);
        }
    }

    /// Whether the policy sends pings, rather than white space.
    pub(crate) fn pings(&self) -> bool {
        self.keep_alive()
            .is_some_and(|policy| matches!(policy.probe(), Probe::Ping))
    }

    /// Checks a silent peer: with this ping, or with white space where there is none.
    pub(crate) fn check(&mut self, now: Instant, ping: Option<(String, Element)>) {
        let patience = self.keep_alive().and_then(|policy| policy.patience());
        let pinged = ping.is_some();
        self.send_check(ping);
        self.liveness.get_or_insert_default().from = Some(now);
        // White space asks for no answer, unless the application knows that there will be one.
        let awaited = pinged || !self.pings();
        if let Some(patience) = patience.filter(|_| awaited) {
            self.await_life(now, patience);
        }
    }

    /// Checks the peer now. It counts as gone if it sends nothing for `patience`.
    pub(crate) fn check_within(
        &mut self,
        now: Instant,
        patience: Duration,
        ping: (String, Element),
    ) {
        match self
            .liveness
            .as_mut()
            .and_then(|liveness| liveness.check.as_mut())
        {
            // The check that runs is answered no later than another one would be.
            Some(check) => {
                check.patience = patience;
                check.since = check.since.map(|_| now);
                check.progress = false;
                check.extended = false;
            }
            None => {
                self.send_check(Some(ping));
                self.await_life(now, patience);
            }
        }
    }

    /// Makes TCP find out whether the connection is there.
    pub(crate) fn send_white_space(&mut self) {
        self.send_check(None);
    }

    /// Whether stanzas are exchanged, so that the peer may be checked.
    pub(crate) fn may_check(&self) -> bool {
        self.bound && self.end.is_none() && !self.closing
    }

    fn send_check(&mut self, ping: Option<(String, Element)>) {
        // Where the output is full, the bytes in it check the peer: it has to take them.
        if !self.has_room_to_answer() {
            return;
        }
        match ping {
            Some((id, ping)) => {
                self.push_own(&ping);
                let pings = &mut self.liveness.get_or_insert_default().pings;
                if pings.len() >= OPEN_PINGS {
                    pings.pop_front();
                }
                pings.push_back(id);
            }
            None => {
                self.out.end().push(b' ');
                wire_log::other(Way::Sent, " ");
            }
        }
    }

    fn await_life(&mut self, now: Instant, patience: Duration) {
        let behind = self.out.len();
        self.liveness.get_or_insert_default().check = Some(Check {
            patience,
            since: Some(now),
            behind,
            progress: false,
            extended: false,
        });
    }

    /// Whether the IQ answers a ping of this side, which is then forgotten.
    pub(crate) fn take_pong(&mut self, iq: ElementRef<'_>) -> bool {
        let Some(liveness) = &mut self.liveness else {
            return false;
        };
        let pings = &mut liveness.pings;
        let Some(id) = iq.attr("id").filter(|_| !pings.is_empty()) else {
            return false;
        };
        let Some(at) = pings.iter().position(|ping| ping == id) else {
            return false;
        };
        pings.remove(at);
        true
    }
}
