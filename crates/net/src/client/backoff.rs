//! When to connect again (RFC 6120 §3.3).
//!
//! Two kinds of losses need two answers:
//!
//! - The server went away: it said so, or refuses connections. Many clients lose their connections in
//!   the same second then. The first new attempt waits for an unpredictable time below a minute, so
//!   that they do not all come back in the same second.
//! - The network lost one connection: the first new attempt waits for some seconds at most. If it
//!   finds that the server is away, the first kind applies.
//!
//! Every further attempt that fails doubles the window: truncated binary exponential back-off. The
//! caller says with a [`Verdict`] whether another attempt can help at all: a client must not try a
//! refused password for ever.
//!
//! ```
//! use std::time::Duration;
//! use xmppwire_net::client::{Backoff, Cause, ReconnectPolicy, Verdict};
//!
//! let mut backoff = Backoff::new(ReconnectPolicy::default());
//! let mut delay = |cause| backoff.after(Verdict::Retryable, cause, Duration::ZERO, xmppwire_net::jitter());
//! assert!(delay(Cause::Network) <= Some(Duration::from_secs(5)));
//! assert!(delay(Cause::Server) <= Some(Duration::from_secs(60)));
//! assert_eq!(backoff.after(Verdict::Fatal, Cause::Server, Duration::ZERO, 0), None);
//! ```

use std::time::Duration;

/// How long to wait before connecting again, and how often.
///
/// ```
/// use std::time::Duration;
/// use xmppwire_net::client::ReconnectPolicy;
///
/// // For a service on the same machine as its server, which nothing else connects to.
/// let policy = ReconnectPolicy::default()
///     .with_first(Duration::from_secs(1))
///     .with_max(Duration::from_secs(30));
/// # let _ = policy;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectPolicy {
    /// The first window after a fault of the network. 5 seconds by default.
    pub quick: Duration,
    /// The first window where the server went away, and the longest after faults of the network. 60
    /// seconds by default, as RFC 6120 §3.3 recommends. It limits [`quick`](Self::quick) too.
    pub first: Duration,
    /// The longest window. Ten minutes by default. It limits the others too.
    pub max: Duration,
    /// After a session of at least this length, the delays start again from the first window. One
    /// minute by default.
    pub stable: Duration,
    /// Attempts in a row without a stable session after which to give up; `None`, the default, for
    /// no limit.
    pub attempts: Option<u32>,
}

impl Default for ReconnectPolicy {
    fn default() -> Self {
        Self {
            quick: Duration::from_secs(5),
            first: Duration::from_secs(60),
            max: Duration::from_secs(600),
            stable: Duration::from_secs(60),
            attempts: None,
        }
    }
}

impl ReconnectPolicy {
    /// No delay and no limit: for tests, and for a caller that has a policy of its own. Against a
    /// server of others it is a flood.
    #[must_use]
    pub fn at_once() -> Self {
        Self::default().with_max(Duration::ZERO)
    }

    /// Sets the first window after a fault of the network: [`quick`](Self::quick).
    #[must_use]
    pub const fn with_quick(mut self, window: Duration) -> Self {
        self.quick = window;
        self
    }

    /// Sets the first window where the server went away: [`first`](Self::first).
    #[must_use]
    pub const fn with_first(mut self, window: Duration) -> Self {
        self.first = window;
        self
    }

    /// Sets the longest window: [`max`](Self::max).
    #[must_use]
    pub const fn with_max(mut self, window: Duration) -> Self {
        self.max = window;
        self
    }

    /// Sets the length of a session that ends a row of failures: [`stable`](Self::stable).
    #[must_use]
    pub const fn with_stable(mut self, length: Duration) -> Self {
        self.stable = length;
        self
    }

    /// Sets the number of attempts in a row after which to give up: [`attempts`](Self::attempts).
    #[must_use]
    pub fn with_attempts(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.attempts = attempts.into();
        self
    }
}

/// Whether another attempt can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The network, the name service or the server may be better later: refused and lost
    /// connections, time-outs, `<system-shutdown/>`, a temporary authentication failure.
    Retryable,
    /// Another attempt ends the same way until a person changes something: refused credentials, a
    /// certificate that does not match, an unknown host, a `<conflict/>` with another session of
    /// the same resource.
    Fatal,
}

/// What a lost connection or a failed attempt says about the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Nothing says that the server is away: the session broke without a word from it, it fell
    /// silent, or no packet reaches it. Other clients may still be connected.
    Network,
    /// The server went away, or is not well: it closed the stream, refuses connections, or lets
    /// no client log in. Its other clients have the same to do.
    Server,
}

/// Counts the attempts in a row that failed, and gives the delay before the next one.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: ReconnectPolicy,
    network: u32,
    server: u32,
}

impl Backoff {
    /// Starts with no failed attempt.
    pub const fn new(policy: ReconnectPolicy) -> Self {
        Self {
            policy,
            network: 0,
            server: 0,
        }
    }

    /// How long to wait after a connection has ended or an attempt has failed; `None` if there
    /// should be no further attempt.
    ///
    /// `up` is how long the session was up, counted from its last negotiation step; zero if there
    /// was none. `random` is 32 random bits, spread over the window: after the first failure of its
    /// [cause](Cause) the delay lies between zero and [`ReconnectPolicy::quick`] or
    /// [`ReconnectPolicy::first`]. After the second it lies in the upper half of that window, and
    /// after each later one in the upper half of a window twice as wide as the one before, up to
    /// [`ReconnectPolicy::first`] after faults of the network and [`ReconnectPolicy::max`]
    /// otherwise.
    pub fn after(
        &mut self,
        verdict: Verdict,
        cause: Cause,
        up: Duration,
        random: u32,
    ) -> Option<Duration> {
        if verdict == Verdict::Fatal {
            return None;
        }
        if up >= self.policy.stable {
            self.reset();
        }
        if self
            .policy
            .attempts
            .is_some_and(|limit| self.failures() >= limit)
        {
            return None;
        }
        let (failures, first, longest) = match cause {
            Cause::Network => (&mut self.network, self.policy.quick, self.policy.first),
            Cause::Server => (&mut self.server, self.policy.first, self.policy.max),
        };
        // The maximum, or the saturation, is reached long before 2^31.
        let doubled = 1u32
            .checked_shl(failures.saturating_sub(1))
            .unwrap_or(u32::MAX);
        let longest = longest.min(self.policy.max);
        let window = first.saturating_mul(doubled).min(longest);
        let least = match *failures {
            0 => Duration::ZERO,
            _ => window / 2,
        };
        *failures = failures.saturating_add(1);
        Some(least.saturating_add(part(window.saturating_sub(least), random)))
    }

    /// Forgets the failures so far, as after a stable session: for when the user asks to connect
    /// now, or the network has come back.
    pub const fn reset(&mut self) {
        (self.network, self.server) = (0, 0);
    }

    /// Attempts in a row that failed.
    pub const fn failures(&self) -> u32 {
        self.network.saturating_add(self.server)
    }
}

/// `random / 2^32` of `window`, to the nanosecond.
fn part(window: Duration, random: u32) -> Duration {
    let nanos = window
        .as_nanos()
        .saturating_mul(u128::from(random))
        .checked_shr(32)
        .unwrap_or_default();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEVER_UP: Duration = Duration::ZERO;

    fn after(backoff: &mut Backoff, cause: Cause, up: Duration, random: u32) -> Option<Duration> {
        backoff.after(Verdict::Retryable, cause, up, random)
    }

    fn delays(policy: ReconnectPolicy, cause: Cause, random: u32, count: usize) -> Vec<u64> {
        let mut backoff = Backoff::new(policy);
        (0..count)
            .map_while(|_| after(&mut backoff, cause, NEVER_UP, random))
            .map(|delay| delay.as_secs())
            .collect()
    }

    #[test]
    fn windows_double_up_to_the_cap() {
        let policy = ReconnectPolicy::default;
        let lowest = delays(policy(), Cause::Server, 0, 7);
        let highest = delays(policy(), Cause::Server, u32::MAX, 7);
        assert_eq!(lowest, [0, 30, 60, 120, 240, 300, 300]);
        assert_eq!(highest, [59, 59, 119, 239, 479, 599, 599]);
        let lowest = delays(policy(), Cause::Network, 0, 7);
        let highest = delays(policy(), Cause::Network, u32::MAX, 7);
        assert_eq!(lowest, [0, 2, 5, 10, 20, 30, 30]);
        assert_eq!(highest, [4, 4, 9, 19, 39, 59, 59]);
    }

    #[test]
    fn a_small_cap_limits_the_first_window_too() {
        let policy = ReconnectPolicy::default().with_max(Duration::from_secs(3));
        for cause in [Cause::Network, Cause::Server] {
            assert_eq!(delays(policy.clone(), cause, u32::MAX, 3), [2, 2, 2]);
        }
        assert_eq!(
            delays(ReconnectPolicy::at_once(), Cause::Server, u32::MAX, 3),
            [0, 0, 0]
        );
    }

    /// A network that comes and goes does not make a client hurry to a server that is away, nor the
    /// other way round.
    #[test]
    fn each_cause_has_a_count_of_its_own() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        let mut least = |cause| after(&mut backoff, cause, NEVER_UP, 0).unwrap().as_secs();
        assert_eq!(least(Cause::Network), 0);
        assert_eq!(least(Cause::Server), 0);
        assert_eq!(least(Cause::Network), 2);
        assert_eq!(least(Cause::Server), 30);
        assert_eq!(least(Cause::Network), 5);
        assert_eq!(least(Cause::Server), 60);
        assert_eq!(backoff.failures(), 6);
    }

    #[test]
    fn a_stable_session_starts_over() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        for _ in 0..5 {
            after(&mut backoff, Cause::Server, NEVER_UP, 0);
        }
        let brief = Duration::from_secs(59);
        let delay = after(&mut backoff, Cause::Server, brief, 0);
        assert!(delay > Some(Duration::from_secs(60)));
        let stable = Duration::from_secs(60);
        let delay = after(&mut backoff, Cause::Server, stable, 0);
        assert_eq!(delay, Some(Duration::ZERO));
        assert_eq!(backoff.failures(), 1);
    }

    #[test]
    fn a_fatal_verdict_ends_it_even_after_a_stable_session() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        let delay = backoff.after(Verdict::Fatal, Cause::Network, Duration::MAX, 1);
        assert_eq!(delay, None);
    }

    #[test]
    fn attempts_run_out_and_come_back() {
        let mut backoff = Backoff::new(ReconnectPolicy::default().with_attempts(3));
        for cause in [Cause::Network, Cause::Server, Cause::Server] {
            assert!(after(&mut backoff, cause, NEVER_UP, 0).is_some());
        }
        assert_eq!(after(&mut backoff, Cause::Network, NEVER_UP, 0), None);
        assert!(after(&mut backoff, Cause::Server, Duration::MAX, 0).is_some());
    }

    proptest! {
        #[test]
        fn delays_keep_to_their_window(
            quick in 0u64..=u64::MAX, first in 0u64..=u64::MAX, max in 0u64..=u64::MAX,
            randoms in prop::collection::vec((any::<bool>(), any::<u32>()), 1..80),
        ) {
            let policy = ReconnectPolicy::default()
                .with_quick(Duration::from_secs(quick))
                .with_first(Duration::from_secs(first))
                .with_max(Duration::from_secs(max));
            let mut backoff = Backoff::new(policy.clone());
            for (network, random) in randoms {
                let cause = if network { Cause::Network } else { Cause::Server };
                let started = backoff.server > 0;
                let delay = after(&mut backoff, cause, NEVER_UP, random).unwrap();
                prop_assert!(delay <= policy.max);
                if network || !started {
                    prop_assert!(delay <= policy.first);
                }
            }
        }
    }
}
