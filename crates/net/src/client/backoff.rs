//! When to connect again (RFC 6120 §3.3).
//!
//! The first new attempt waits for an unpredictable time below a minute, so that the clients of a
//! server that went down do not all connect again in the same second. Every further attempt that
//! fails doubles the window: truncated binary exponential back-off. The caller says with a
//! [`Verdict`] whether another attempt can help at all: a client must not try a refused password
//! for ever.
//!
//! ```
//! use std::time::Duration;
//! use xmppwire_net::client::{Backoff, ReconnectPolicy, Verdict};
//!
//! let mut backoff = Backoff::new(ReconnectPolicy::default());
//! let delay = backoff.after(Verdict::Retryable, Duration::ZERO, xmppwire_net::jitter());
//! assert!(delay.is_some_and(|delay| delay <= Duration::from_secs(60)));
//! assert_eq!(backoff.after(Verdict::Fatal, Duration::ZERO, 0), None);
//! ```

use std::time::Duration;

/// How long to wait before connecting again, and how often. Change the fields of
/// [`ReconnectPolicy::default`] to taste.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReconnectPolicy {
    /// The window of the first reconnection, which waits for a random part of it. 60 seconds by
    /// default, as RFC 6120 §3.3 recommends. The window doubles with every attempt that fails.
    pub first: Duration,
    /// The longest window. Ten minutes by default. It limits [`first`](Self::first) too.
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
            first: Duration::from_secs(60),
            max: Duration::from_secs(600),
            stable: Duration::from_secs(60),
            attempts: None,
        }
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

/// Counts the attempts in a row that failed, and gives the delay before the next one.
#[derive(Clone, Debug)]
pub struct Backoff {
    policy: ReconnectPolicy,
    failures: u32,
}

impl Backoff {
    /// Starts with no failed attempt.
    pub const fn new(policy: ReconnectPolicy) -> Self {
        Self {
            policy,
            failures: 0,
        }
    }

    /// How long to wait after a connection has ended or an attempt has failed; `None` if there
    /// should be no further attempt.
    ///
    /// `up` is how long the session was up, counted from its last negotiation step; zero if there
    /// was none. `random` is 32 random bits, spread over the whole window: after the first failure
    /// the delay lies between zero and [`ReconnectPolicy::first`], after each later one in the
    /// upper half of a window twice as wide as the one before, up to [`ReconnectPolicy::max`].
    pub fn after(&mut self, verdict: Verdict, up: Duration, random: u32) -> Option<Duration> {
        if verdict == Verdict::Fatal {
            return None;
        }
        if up >= self.policy.stable {
            self.reset();
        }
        if self
            .policy
            .attempts
            .is_some_and(|limit| self.failures >= limit)
        {
            return None;
        }
        let window = self.window();
        let least = if self.failures == 0 {
            Duration::ZERO
        } else {
            window / 2
        };
        self.failures = self.failures.saturating_add(1);
        Some(least.saturating_add(part(window.saturating_sub(least), random)))
    }

    /// Forgets the failures so far, as after a stable session: for when the user asks to connect
    /// now, or the network has come back.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }

    /// Attempts in a row that failed.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    fn window(&self) -> Duration {
        // The maximum, or the saturation, is reached long before 2^31.
        let doubled = 1u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.policy
            .first
            .saturating_mul(doubled)
            .min(self.policy.max)
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

    fn delays(policy: ReconnectPolicy, random: u32, count: usize) -> Vec<u64> {
        let mut backoff = Backoff::new(policy);
        (0..count)
            .map_while(|_| backoff.after(Verdict::Retryable, NEVER_UP, random))
            .map(|delay| delay.as_secs())
            .collect()
    }

    #[test]
    fn windows_double_up_to_the_cap() {
        let lowest = delays(ReconnectPolicy::default(), 0, 7);
        let highest = delays(ReconnectPolicy::default(), u32::MAX, 7);
        assert_eq!(lowest, [0, 60, 120, 240, 300, 300, 300]);
        assert_eq!(highest, [59, 119, 239, 479, 599, 599, 599]);
    }

    #[test]
    fn a_small_cap_limits_the_first_window_too() {
        let policy = ReconnectPolicy {
            max: Duration::from_secs(10),
            ..ReconnectPolicy::default()
        };
        assert_eq!(delays(policy, u32::MAX, 3), [9, 9, 9]);
    }

    #[test]
    fn a_stable_session_starts_over() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        for _ in 0..5 {
            backoff.after(Verdict::Retryable, NEVER_UP, 0);
        }
        let brief = Duration::from_secs(59);
        assert!(backoff.after(Verdict::Retryable, brief, 0) > Some(Duration::from_secs(60)));
        let stable = Duration::from_secs(60);
        assert_eq!(
            backoff.after(Verdict::Retryable, stable, 0),
            Some(Duration::ZERO)
        );
        assert_eq!(backoff.failures(), 1);
    }

    #[test]
    fn a_fatal_verdict_ends_it_even_after_a_stable_session() {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        assert_eq!(backoff.after(Verdict::Fatal, Duration::MAX, 1), None);
    }

    #[test]
    fn attempts_run_out_and_come_back() {
        let policy = ReconnectPolicy {
            attempts: Some(3),
            ..ReconnectPolicy::default()
        };
        let mut backoff = Backoff::new(policy);
        for _ in 0..3 {
            assert!(backoff.after(Verdict::Retryable, NEVER_UP, 0).is_some());
        }
        assert_eq!(backoff.after(Verdict::Retryable, NEVER_UP, 0), None);
        assert!(
            backoff
                .after(Verdict::Retryable, Duration::MAX, 0)
                .is_some()
        );
    }

    proptest! {
        #[test]
        fn delays_keep_to_their_window(
            first in 0u64..=u64::MAX, max in 0u64..=u64::MAX, randoms in prop::collection::vec(any::<u32>(), 1..80),
        ) {
            let policy = ReconnectPolicy {
                first: Duration::from_secs(first),
                max: Duration::from_secs(max),
                ..ReconnectPolicy::default()
            };
            let mut backoff = Backoff::new(policy.clone());
            for (n, random) in randoms.into_iter().enumerate() {
                let delay = backoff.after(Verdict::Retryable, NEVER_UP, random).unwrap();
                prop_assert!(delay <= policy.max);
                if n == 0 {
                    prop_assert!(delay <= policy.first);
                }
            }
        }
    }
}
