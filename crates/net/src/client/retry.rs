//! Whether and when a lost connection is made anew.

use std::time::Duration;

use xmppwire::{FullJid, Instant, Stanza};

use super::{Backoff, Connector, Error, Policy, Verdict};
use crate::find::{Attempts, Mode, Redirect};
use crate::log::log;

/// What a client that reconnects tells its user.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReconnectEvent {
    /// Logged in under this address, for the first time or anew. It is a new session: presence has to be sent again,
    /// and what the last one was still owed does not come.
    Connected(FullJid),
    /// A stanza arrived.
    Stanza(Stanza),
    /// The connection was lost, or an attempt to make one failed.
    Disconnected {
        /// Why.
        reason: Error,
        /// How long the next attempt waits, from now on.
        retry_in: Duration,
    },
}

/// The memory of a client that reconnects: how often in a row it failed, since when it is up, and where it was sent to.
///
/// Before the first session every final failure ends it, since something is set up wrongly. Afterwards only the domain's
/// own word does: anybody on the network can cut a stream in clear text or show a wrong certificate, and will be gone
/// the next day.
#[derive(Debug)]
pub struct Retry {
    connector: Connector,
    backoff: Backoff,
    was_up: bool,
    up: Option<Up>,
    redirect: Option<(Redirect, Mode)>,
}

/// The session that is up.
#[derive(Clone, Copy, Debug)]
struct Up {
    since: Instant,
    mode: Mode,
}

impl Retry {
    /// Starts with no failed attempt.
    pub fn new(connector: Connector, policy: Policy) -> Self {
        Self {
            connector,
            backoff: Backoff::new(policy),
            was_up: false,
            up: None,
            redirect: None,
        }
    }

    /// What to try now: first the host that the last session was ended with, if it was pointed to one (RFC 6120
    /// §4.9.3.19).
    pub fn attempts(&mut self) -> Attempts {
        match self.redirect.take() {
            Some((redirect, mode)) => Attempts::after(&self.connector, redirect, mode),
            None => Attempts::new(&self.connector),
        }
    }

    /// Takes down that a session is up, over a link of this mode.
    pub const fn connected(&mut self, now: Instant, mode: Mode) {
        self.was_up = true;
        self.up = Some(Up { since: now, mode });
    }

    /// How long to wait after a session or an attempt has ended like this.
    ///
    /// # Errors
    ///
    /// The reason itself, where trying again cannot help.
    pub fn ended(&mut self, now: Instant, reason: Error) -> Result<ReconnectEvent, Error> {
        let up = self.up.take();
        // A redirected attempt has been followed to its end by now, unlike a redirected session.
        self.redirect = up.and_then(|up| Some((Redirect::of(&reason)?, up.mode)));
        let lasted = up.map_or(Duration::ZERO, |up| now.saturating_since(up.since));
        let verdict = match self.was_up && !reason.is_proven() {
            true => Verdict::Retryable,
            false => reason.verdict(),
        };
        match self.backoff.after(verdict, lasted, crate::jitter()) {
            Some(retry_in) => {
                log!(info, %reason, ?retry_in, "disconnected");
                Ok(ReconnectEvent::Disconnected { reason, retry_in })
            }
            None => {
                log!(info, %reason, "disconnected for good");
                Err(reason)
            }
        }
    }

    /// Forgets the failures so far: the user asks to connect now, or the network has come back.
    pub fn reset(&mut self) {
        self.backoff.reset();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ConnectError;
    use crate::find::{PlanError, Step};
    use crate::tls::TlsError;
    use xmppwire::{CloseReason, SaslCondition, SaslFailure, StreamError, StreamErrorCondition};

    fn retry() -> Retry {
        let connector = Connector::account("juliet@example.org", "s3cr3t").unwrap();
        let connector = connector.with_server("a.example", 5222, Mode::StartTls);
        Retry::new(connector, Policy::default())
    }

    fn first_host(retry: &mut Retry) -> String {
        match retry.attempts().next_step() {
            Some(Step::Connect(attempt)) => attempt.target.host,
            step => panic!("{step:?}"),
        }
    }

    #[test]
    fn a_session_that_was_sent_elsewhere_begins_there_once() {
        let mut retry = retry();
        let elsewhere = || CloseReason::PeerError(StreamError::see_other_host("b.example:5223"));
        assert_eq!(first_host(&mut retry), "a.example");
        assert!(retry.ended(Instant::ORIGIN, elsewhere().into()).is_ok());
        assert_eq!(first_host(&mut retry), "a.example", "the attempt was over");
        retry.connected(Instant::ORIGIN, Mode::DirectTls);
        assert!(retry.ended(Instant::ORIGIN, elsewhere().into()).is_ok());
        assert_eq!(first_host(&mut retry), "b.example");
        assert_eq!(first_host(&mut retry), "a.example");
    }

    #[test]
    fn refused_credentials_are_not_shown_again() {
        let failure = SaslFailure::new(SaslCondition::NotAuthorized);
        let refused = CloseReason::AuthFailed(failure).into();
        assert!(matches!(
            retry().ended(Instant::ORIGIN, refused),
            Err(Error::Closed(_))
        ));
    }

    #[test]
    fn what_anybody_can_bring_about_is_final_only_before_the_first_session() {
        let unknown = CloseReason::PeerError(StreamErrorCondition::HostUnknown.into());
        let conflict = CloseReason::PeerError(StreamErrorCondition::Conflict.into());
        let refused = CloseReason::AuthFailed(SaslFailure::new(SaslCondition::NotAuthorized));
        let no_server = || ConnectError::NoServer(PlanError::Unavailable).into();
        for (reason, later) in [
            (Error::Tls(TlsError::NoPlatformRoots), true),
            (Error::ClosedInClear(Box::new(unknown.clone())), true),
            (no_server(), true),
            (unknown.into(), false),
            (conflict.into(), false),
            (refused.clone().into(), false),
            (Error::ClosedInClear(Box::new(refused)), false),
        ] {
            assert_eq!(reason.verdict(), Verdict::Fatal, "{reason}");
            let mut retry = retry();
            retry.connected(Instant::ORIGIN, Mode::StartTls);
            let shown = reason.to_string();
            assert_eq!(
                retry.ended(Instant::ORIGIN, reason).is_ok(),
                later,
                "{shown}"
            );
        }
        assert!(retry().ended(Instant::ORIGIN, no_server()).is_err());
    }
}
