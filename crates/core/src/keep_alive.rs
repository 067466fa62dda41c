//! When a silent peer is checked, and when it counts as gone (RFC 6120 §4.6).

use core::time::Duration;

/// Checks of a peer that is silent (RFC 6120 §4.6): what is sent after which silence, and how long the
/// peer then has to show that it is there.
///
/// Only bytes from the peer count as life, whatever they are. A peer that shows none ends the stream
/// as [`TimedOut(Timer::KeepAlive)`](crate::Timer::KeepAlive), with `<connection-timeout/>`
/// (§4.6.2). There is no check before stanzas may be exchanged, where
/// [`Limits::negotiation_timeout`](crate::Limits::negotiation_timeout) holds.
///
/// The time runs only while this side would read. An application that does not take an event does
/// not make its peer look dead. A peer that does not read is judged by the output instead: it counts
/// as gone only if it takes no byte for the time in which it should have answered.
///
/// ```
/// use core::time::Duration;
/// use xmppwire::KeepAlive;
///
/// // For a desktop client that wants to notice a dead connection within a minute.
/// let keep_alive = KeepAlive::ping()
///     .with_silence(Duration::from_secs(45))
///     .with_patience(Duration::from_secs(15));
/// # let _ = keep_alive;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct KeepAlive {
    silence: Duration,
    probe: Probe,
    patience: Option<Duration>,
}

/// What is sent to a silent peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Probe {
    /// A ping (XEP-0199). Every peer answers it, if only with an error, because it is an IQ request
    /// (RFC 6120 §8.2.3). The answer is not given to the application.
    Ping,
    /// One space between stanzas (RFC 6120 §4.6.1). No answer exists. It keeps the state of NATs and
    /// firewalls alive, and makes TCP find out that the connection is dead.
    WhiteSpace,
}

impl KeepAlive {
    /// A ping after five minutes of silence, and 30 seconds for the answer.
    ///
    /// RFC 6120 §4.6.4 recommends at most one check in five minutes: each of them wakes the radio of
    /// a telephone. A role that cannot ping sends white space: the roles between servers, because
    /// the answer to a ping arrives on another stream, a component that was not told the
    /// [domain of its server](crate::component::ComponentConfig::with_server), and the server of a
    /// component, which need not answer.
    pub const fn ping() -> Self {
        Self {
            silence: Duration::from_secs(300),
            probe: Probe::Ping,
            patience: Some(Duration::from_secs(30)),
        }
    }

    /// White space after five minutes of silence. Without
    /// [`with_patience`](Self::with_patience) it never ends the stream.
    pub const fn white_space() -> Self {
        Self {
            silence: Duration::from_secs(300),
            probe: Probe::WhiteSpace,
            patience: None,
        }
    }

    /// Sets the time without a byte from the peer after which it is checked, at least one second.
    pub const fn with_silence(mut self, silence: Duration) -> Self {
        self.silence = at_least_a_second(silence);
        self
    }

    /// Sets the time that the peer then has to send a byte, at least one second. For white space, set
    /// it only if the peer is known to send something at least as often.
    pub const fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(at_least_a_second(patience));
        self
    }

    /// The time without a byte from the peer after which it is checked.
    pub const fn silence(&self) -> Duration {
        self.silence
    }

    /// What is sent.
    pub const fn probe(&self) -> Probe {
        self.probe
    }

    /// The time that the peer then has to send a byte; `None` for no limit.
    pub const fn patience(&self) -> Option<Duration> {
        self.patience
    }
}

/// A shorter time would flood the peer, or take a healthy one for a dead one.
const fn at_least_a_second(time: Duration) -> Duration {
    if time.as_secs() == 0 {
        Duration::from_secs(1)
    } else {
        time
    }
}
