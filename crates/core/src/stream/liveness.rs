//! Whether the peer is still there (RFC 6120 §4.6).

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use xmppwire_xml::{Element, ElementRef};

use super::Stream;
use super::wait::Wait;
use crate::keep_alive::{KeepAlive, Probe};
use crate::time::Instant;
use crate::wire_log::Way;

/// Pings whose answers are still recognised. A peer that sends other bytes and answers no ping makes
/// the oldest one be forgotten.
const OPEN_PINGS: usize = 4;

/// The checks of a silent peer, and how long its certificate is valid.
#[derive(Debug, Default)]
pub(crate) struct Liveness {
    policy: Option<KeepAlive>,
    /// From when on silence counts, if that is later than the last input: the last white space, and
    /// the last moment at which this side did not read.
    from: Option<Instant>,
    /// When the certificate of the peer is no longer valid (RFC 6120 §13.7.2.3). It stands here
    /// because few streams have one without a policy.
    expires: Option<Instant>,
    /// The check that runs.
    check: Option<Wait>,
    /// The ids of pings that were not answered.
    pings: VecDeque<String>,
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
    /// Without a policy, for a peer whose certificate is valid until then.
    pub(super) fn until(expires: Instant) -> Self {
        Self {
            expires: Some(expires),
            ..Self::default()
        }
    }

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
            check.not_reading(now);
        }
    }

    pub(super) fn written(&mut self, bytes: usize) {
        if let Some(check) = &mut self.check {
            check.written(bytes);
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
            Some(check) => Some(check.deadline()),
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
        match &mut self.check {
            None => Due::Check,
            Some(check) => match check.is_over(now) {
                true => Due::Gone,
                false => Due::Nothing,
            },
        }
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

    /// Tells until when the certificate of the peer is valid.
    pub(super) fn set_expiry(&mut self, expires: Instant) {
        self.liveness.get_or_insert_default().expires = Some(expires);
    }

    pub(super) fn expiry(&self) -> Option<Instant> {
        self.liveness.as_ref()?.expires
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
        if let Some(management) = &mut self.management {
            management.not_reading(now);
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
            Some(check) => check.restart(now, patience),
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
        self.bound && !self.over && !self.closing
    }

    fn send_check(&mut self, ping: Option<(String, Element)>) {
        // Where the output is full, the bytes in it check the peer: it has to take them.
        if !self.has_room_to_answer() {
            return;
        }
        match ping {
            // The answer is as good as a pong, and the stanza of a ping would be counted and kept.
            Some(_) if self.is_managed() => self.push_request(),
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
                self.wire.other(Way::Sent, " ");
            }
        }
    }

    fn await_life(&mut self, now: Instant, patience: Duration) {
        let behind = self.out.len();
        self.liveness.get_or_insert_default().check = Some(Wait::new(patience, Some(now), behind));
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
