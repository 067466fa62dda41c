//! A component that attaches again, as a machine.

use std::time::Duration;

use xmppwire::{CloseReason, Instant, Stanza, StreamErrorCondition};

use crate::client::{Backoff, Error, Next, ReconnectPolicy, Verdict};
use crate::log::log;
#[cfg(feature = "tracing")]
use crate::told::Chain;

/// An event of a component that reconnects.
#[derive(Debug)]
#[non_exhaustive]
pub enum ComponentUpdate {
    /// The component is attached. What the server sent while it was not is lost.
    Attached,
    /// A stanza arrived.
    Stanza(Stanza),
    /// The connection was lost, or an attempt to connect failed.
    Disconnected {
        /// Why.
        reason: Error,
        /// How long the next attempt waits, from now on.
        retry_in: Duration,
    },
}

/// A component that reconnects, as a machine: whether and when to connect again.
///
/// `C` is the connection of the driver, with its socket. The machine keeps it while the component is
/// attached and does not look into it. The driver asks [`next`](Self::next) what to do and tells what
/// came of it.
///
/// A wrong secret and an unknown domain are final: a person has to change something. A
/// `<conflict/>` is not, because the other component of the domain may go away; RFC 6120 §3.3 gives
/// the delays. A wrong certificate is final only if the component was never attached.
#[derive(Debug)]
pub struct ReconnectingComponent<C> {
    backoff: Backoff,
    was_attached: bool,
    /// The application has closed.
    is_closing: bool,
    state: State<C>,
}

#[derive(Debug)]
enum State<C> {
    Waiting { until: Instant },
    Attached { component: C, since: Instant },
    Over,
}

impl<C> ReconnectingComponent<C> {
    /// Begins with an attempt to connect.
    pub const fn new(policy: ReconnectPolicy, now: Instant) -> Self {
        Self {
            backoff: Backoff::new(policy),
            was_attached: false,
            is_closing: false,
            state: State::Waiting { until: now },
        }
    }

    /// What to do next. The driver calls [`attached`](Self::attached) or
    /// [`not_attached`](Self::not_attached) after [`Next::Connect`], and
    /// [`received`](Self::received) after [`Next::Drive`].
    pub fn next(&mut self, now: Instant) -> Next<'_, C> {
        match &mut self.state {
            State::Waiting { until } if *until > now => Next::SleepUntil(*until),
            State::Waiting { .. } => Next::Connect,
            State::Attached { component, .. } => Next::Drive(component),
            State::Over => Next::Stop,
        }
    }

    /// The component is attached.
    pub fn attached(&mut self, now: Instant, component: C) -> ComponentUpdate {
        log!(info, "the component is attached");
        self.was_attached = true;
        let since = now;
        self.state = State::Attached { component, since };
        ComponentUpdate::Attached
    }

    /// No connection came about.
    ///
    /// # Errors
    ///
    /// The reason itself, if another attempt cannot help.
    pub fn not_attached(&mut self, now: Instant, error: Error) -> Result<ComponentUpdate, Error> {
        self.ended(now, error)
    }

    /// What the connection gave when it was asked for the next stanza: `None` at the end of the
    /// stream. Gives `None` if that is the end that the application asked for.
    ///
    /// # Errors
    ///
    /// The reason of the end, if another attempt cannot help, or if the application had closed.
    pub fn received(
        &mut self,
        now: Instant,
        next: Result<Option<Stanza>, Error>,
    ) -> Result<Option<ComponentUpdate>, Error> {
        match next {
            Ok(Some(stanza)) => Ok(Some(ComponentUpdate::Stanza(stanza))),
            ended if self.is_closing => {
                self.state = State::Over;
                ended.map(|_| None)
            }
            // An end without a reason is that of the server: this side did not close the stream.
            Ok(None) | Err(Error::NotConnected) => {
                self.ended(now, CloseReason::Peer.into()).map(Some)
            }
            Err(error) => self.ended(now, error).map(Some),
        }
    }

    /// Begins to end. The driver begins to close the connection that this returns, and goes on
    /// until there is nothing more to do.
    pub fn close(&mut self) -> Option<&mut C> {
        self.is_closing = true;
        match &mut self.state {
            State::Attached { component, .. } => Some(component),
            state => {
                *state = State::Over;
                None
            }
        }
    }

    /// The connection, while the component is attached.
    pub const fn component(&self) -> Option<&C> {
        match &self.state {
            State::Attached { component, .. } => Some(component),
            _ => None,
        }
    }

    /// The same, to send over.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`]
    pub const fn component_mut(&mut self) -> Result<&mut C, Error> {
        match &mut self.state {
            State::Attached { component, .. } => Ok(component),
            _ => Err(Error::NotConnected),
        }
    }

    /// Ends the wait for the next attempt and forgets the failures so far. Without effect on an
    /// attached component.
    pub const fn connect_now(&mut self, now: Instant) {
        self.backoff.reset();
        if let State::Waiting { until } = &mut self.state {
            *until = now;
        }
    }

    fn ended(&mut self, now: Instant, reason: Error) -> Result<ComponentUpdate, Error> {
        let attached = match &self.state {
            State::Attached { since, .. } => Some(*since),
            _ => None,
        };
        let lasted = attached.map_or(Duration::ZERO, |since| now.saturating_since(since));
        let cause = reason.cause(attached.is_some());
        let verdict = verdict(&reason, self.was_attached);
        match self.backoff.after(verdict, cause, lasted, crate::jitter()) {
            Some(retry_in) => {
                log!(info, reason = %Chain(&reason), ?retry_in, "the component is detached");
                let until = now + retry_in;
                self.state = State::Waiting { until };
                Ok(ComponentUpdate::Disconnected { reason, retry_in })
            }
            None => {
                log!(info, reason = %Chain(&reason), "the component is detached for good");
                self.state = State::Over;
                Err(reason)
            }
        }
    }
}

/// Whether another attempt can help.
fn verdict(reason: &Error, was_attached: bool) -> Verdict {
    match (reason, reason.close_reason()) {
        // The other component of the domain may go away.
        (_, Some(CloseReason::PeerError(error)))
            if error.condition() == StreamErrorCondition::Conflict =>
        {
            Verdict::Retryable
        }
        // Someone on the network path may have shown the wrong certificate.
        (Error::Tls(_), _) if was_attached => Verdict::Retryable,
        _ => reason.verdict(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmppwire::StreamError;

    fn closed(condition: StreamErrorCondition) -> Error {
        CloseReason::PeerError(StreamError::new(condition)).into()
    }

    #[test]
    fn what_arrives_while_it_closes_is_given() {
        let now = Instant::ORIGIN;
        let mut machine = ReconnectingComponent::new(ReconnectPolicy::default(), now);
        machine.attached(now, ());
        assert!(machine.close().is_some());
        let stanza = xmppwire::Presence::available().into();
        let told = machine.received(now, Ok(Some(stanza)));
        assert!(
            matches!(told, Ok(Some(ComponentUpdate::Stanza(_)))),
            "{told:?}"
        );
        assert!(matches!(machine.received(now, Ok(None)), Ok(None)));
        assert!(matches!(machine.next(now), Next::Stop));
        assert!(machine.close().is_none());
    }

    #[test]
    fn only_what_may_change_by_itself_is_tried_again() {
        use StreamErrorCondition as E;
        for (reason, verdict) in [
            (closed(E::NotAuthorized), Verdict::Fatal),
            (closed(E::HostUnknown), Verdict::Fatal),
            (closed(E::InvalidFrom), Verdict::Fatal),
            (closed(E::InvalidNamespace), Verdict::Fatal),
            (closed(E::Conflict), Verdict::Retryable),
            (closed(E::SystemShutdown), Verdict::Retryable),
            (closed(E::ConnectionTimeout), Verdict::Retryable),
            (CloseReason::TransportEof.into(), Verdict::Retryable),
            (std::io::Error::other("refused").into(), Verdict::Retryable),
        ] {
            for was_attached in [false, true] {
                assert_eq!(super::verdict(&reason, was_attached), verdict, "{reason}");
            }
        }
    }

    #[test]
    fn a_lost_connection_is_made_again_and_a_wrong_secret_ends_it() {
        let now = Instant::ORIGIN;
        let mut machine = ReconnectingComponent::new(ReconnectPolicy::default(), now);
        assert!(matches!(machine.next(now), Next::Connect));
        machine.attached(now, ());
        assert!(matches!(machine.next(now), Next::Drive(())));
        let end = CloseReason::TransportEof.into();
        let update = machine.received(now, Err(end)).unwrap();
        let Some(ComponentUpdate::Disconnected { retry_in, .. }) = update else {
            panic!("{update:?}");
        };
        assert!(machine.component_mut().is_err());
        let before = now + retry_in / 2;
        assert!(retry_in.is_zero() || matches!(machine.next(before), Next::SleepUntil(_)));
        let now = now + retry_in;
        assert!(matches!(machine.next(now), Next::Connect));
        let refused = closed(StreamErrorCondition::NotAuthorized);
        assert!(machine.not_attached(now, refused).is_err());
        assert!(matches!(machine.next(now), Next::Stop));
    }
}
