//! How a stream ends, and by when.

use alloc::boxed::Box;

use super::hand_off::TlsState;
use super::{CLOSING_TAG, Due, Stream};
use crate::error::{CloseReason, PeerMisbehaved, Timer};
use crate::log::log;
use crate::time::Instant;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire_log::Way;

/// The end of a stream. What is still in the output may be written.
#[derive(Debug)]
pub(super) struct End {
    /// Why it ended; `None` once the event was taken.
    pub(super) reason: Option<CloseReason>,
    /// Whether it ended without a closing tag of either side, or with an error that is not about the
    /// session, so that a managed session can continue (XEP-0198 §5).
    pub(super) unclean: bool,
    /// When the unsent bytes began to wait; set by the first call that carries a time.
    since: Option<Instant>,
}

/// Whose step negotiation awaits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Awaited {
    Peer,
    /// The application of this side, which is a server.
    Server,
    /// The application of this side, which is a client or component.
    Client,
}

impl Awaited {
    /// The error that tells the peer why negotiation takes too long. A peer that waits for this side
    /// did not fail to answer (RFC 6120 §4.9.3.4).
    const fn error(self) -> Option<StreamErrorCondition> {
        match self {
            Self::Peer => Some(StreamErrorCondition::ConnectionTimeout),
            Self::Server => Some(StreamErrorCondition::InternalServerError),
            Self::Client => None,
        }
    }
}

impl Stream {
    // --- Time -------------------------------------------------------------------------------------

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline().map(|(when, _)| when)
    }

    /// Acts on the deadline that has passed by `now`. Returns what the keep-alive asks for.
    /// `awaited` says whose step negotiation awaits.
    pub(crate) fn handle_timeout(&mut self, now: Instant, awaited: Awaited) -> Due {
        let Some((when, timer)) = self.deadline() else {
            return Due::Nothing;
        };
        if now < when {
            return Due::Nothing;
        }
        let mut due = Due::Nothing;
        match self.ended() {
            // The peer does not read: what it is owed is dropped, so that the connection can be freed.
            Some(End { since: Some(_), .. }) => self.mute(),
            Some(_) => {}
            None if self.since.is_none() => self.since = Some(now),
            None if timer == Timer::KeepAlive => {
                due = match &mut self.liveness {
                    Some(liveness) => liveness.due(now),
                    None => Due::Nothing,
                };
                if due == Due::Gone {
                    self.time_out(timer, Some(StreamErrorCondition::ConnectionTimeout));
                }
            }
            None if timer == Timer::Acknowledgement => self.management_due(now),
            // RFC 6120 §13.7.2.3
            None if timer == Timer::Certificate => {
                self.time_out(timer, Some(StreamErrorCondition::Reset));
            }
            // The peer owes nothing, so it made no error (RFC 6120 §4.9.3.4).
            None if timer == Timer::Idle => self.time_out(timer, None),
            // Of the negotiation, or of the closing handshake, in which no error is sent any more.
            None => self.time_out(timer, awaited.error()),
        }
        // This call carries the time, so the wait for the last bytes starts here.
        if let Some(end) = self.end.as_mut().filter(|_| self.over) {
            end.since.get_or_insert(now);
        }
        due
    }

    fn time_out(&mut self, timer: Timer, error: Option<StreamErrorCondition>) {
        let reason = CloseReason::TimedOut(timer);
        // With a closing tag the session would be over, which the peer may still have.
        if self.bound && self.is_resumable() && leaves_session(&reason) {
            return self.cut(reason);
        }
        match error {
            Some(condition) => self.close_with(StreamError::new(condition), reason),
            None => self.end_with_footer(reason),
        }
    }

    /// The next deadline, and what ends when it passes.
    fn deadline(&self) -> Option<(Instant, Timer)> {
        if let Some(end) = self.ended() {
            let when = |since| since + self.limits.close_timeout;
            // The time of the end is unknown: a deadline in the past makes the driver tell it.
            (!self.out.is_empty()).then(|| (end.since.map_or(Instant::ORIGIN, when), Timer::Close))
        } else if self.closing {
            // The time of closing may be unknown, like that of the end.
            let when = |since| since + self.limits.close_timeout;
            let when = self.since.map_or(Instant::ORIGIN, when);
            Some((when, Timer::Close))
        } else if !self.bound {
            let since = self.since.unwrap_or(Instant::ORIGIN);
            Some((since + self.limits.negotiation_timeout, Timer::Negotiation))
        } else {
            // The time of binding is unknown: a deadline in the past makes the driver tell it.
            let idle = self.limits.idle_timeout.map(|idle| {
                let when = self.since.map_or(Instant::ORIGIN, |last| last + idle);
                (when, Timer::Idle)
            });
            let silent = self.liveness.as_ref();
            let silent = silent
                .and_then(|liveness| liveness.deadline(self.since, self.peer_limits.idle_time()));
            let silent = silent.map(|when| (when, Timer::KeepAlive));
            let managed = self.management.as_ref().and_then(|m| m.deadline());
            let managed = managed.map(|when| (when, Timer::Acknowledgement));
            let expires = self.expiry().map(|when| (when, Timer::Certificate));
            let all = idle.into_iter().chain(silent).chain(managed).chain(expires);
            all.min_by_key(|(when, _)| *when)
        }
    }

    // --- The end ----------------------------------------------------------------------------------

    /// The local side closes (RFC 6120 §4.4): with an error at once, else by handshake.
    pub(crate) fn close(&mut self, now: Instant, error: Option<StreamError>) {
        if self.over {
            return;
        }
        match error {
            Some(error) => self.close_with(error, CloseReason::Local),
            // During a hand-off nothing may be written, and before the header no stream is open.
            None if self.is_mute() || self.header.is_some() => self.finish(CloseReason::Local),
            None if !self.closing => {
                self.send_acknowledgement();
                self.ask_before_closing();
                self.write_footer();
                self.closing = true;
                self.since = Some(now);
            }
            None => {}
        }
    }

    /// Ends the stream because the peer broke the protocol, with the error that tells it how.
    pub(crate) fn fail(&mut self, error: impl Into<StreamError>, why: PeerMisbehaved) {
        let error = error.into();
        log!(debug, condition = error.condition().name(), %why, "the peer broke the protocol");
        let sent = (!self.is_mute() && !self.closing).then(|| error.clone());
        self.close_with(error, CloseReason::Violation { sent, why });
    }

    /// Sends a stream error where that is still possible, and ends (RFC 6120 §4.9.1.1).
    pub(crate) fn close_with(&mut self, error: StreamError, reason: CloseReason) {
        if self.over {
            return;
        }
        if !self.is_mute() && !self.closing {
            // A header has to precede the error (RFC 6120 §4.9.1.2).
            self.write_header();
            let mut element = error.to_element();
            let written = self.writer.element(self.out.end(), element.root());
            if written.is_err() {
                // The application's text has a character that XML does not allow; the condition has none.
                element = StreamError::new(error.condition()).to_element();
                let _ = self.writer.element(self.out.end(), element.root());
            }
            self.wire.element(Way::Sent, element.root());
        }
        self.end_with_footer(reason);
    }

    /// Closes with a closing tag, without an error, and waits for that of the peer (RFC 6120 §4.4).
    /// Then the stream ends for this reason.
    pub(crate) fn close_for(&mut self, reason: CloseReason) {
        if self.over || self.closing {
            return;
        }
        self.write_footer();
        self.closing = true;
        self.since = None;
        self.end = Some(Box::new(End {
            reason: Some(reason),
            unclean: false,
            since: None,
        }));
    }

    /// Ends with a closing tag at once, without an error.
    pub(crate) fn end_with_footer(&mut self, reason: CloseReason) {
        self.write_footer();
        self.finish(reason);
    }

    pub(super) fn write_footer(&mut self) {
        if !self.over && !self.closing && !self.is_mute() {
            self.write_header();
            self.writer.end(self.out.end());
            self.wire.other(Way::Sent, CLOSING_TAG);
        }
    }

    pub(super) fn finish(&mut self, reason: CloseReason) {
        if !self.over {
            let announced = self.end.take().and_then(|end| end.reason);
            let reason = announced.unwrap_or(reason);
            log!(debug, ?reason, "the stream ended");
            let unclean = !self.closing && leaves_session(&reason);
            self.end = Some(Box::new(End {
                reason: Some(reason),
                unclean,
                since: None,
            }));
            self.over = true;
        }
    }

    /// The end, once the stream is over.
    fn ended(&self) -> Option<&End> {
        self.end.as_deref().filter(|_| self.over)
    }

    /// The reason of the end while the event was not taken.
    pub(crate) fn end_reason(&self) -> Option<&CloseReason> {
        self.ended()?.reason.as_ref()
    }

    /// The reason of the end, once.
    pub(crate) fn poll_closed(&mut self) -> Option<CloseReason> {
        let end = self.end.as_mut().filter(|_| self.over)?;
        end.reason.take()
    }

    /// Whether bytes written now would disturb a TLS handshake.
    const fn is_mute(&self) -> bool {
        matches!(self.tls, TlsState::HandOff { .. })
    }

    /// Drops the output: it cannot be delivered any more.
    pub(super) fn mute(&mut self) {
        if let Some(management) = &mut self.management {
            management.salvage(self.out.pending());
        }
        self.out.take();
        self.header = None;
    }
}

/// Whether a managed session outlives a stream that ended so, if this side has not closed it.
fn leaves_session(reason: &CloseReason) -> bool {
    use StreamErrorCondition as E;
    match reason {
        CloseReason::TransportEof
        | CloseReason::TimedOut(Timer::Idle | Timer::KeepAlive | Timer::Acknowledgement) => true,
        // The server may have kept the session (XEP-0198 §5).
        CloseReason::PeerError(error) => matches!(
            error.condition(),
            E::ConnectionTimeout | E::Reset | E::SystemShutdown
        ),
        _ => false,
    }
}
