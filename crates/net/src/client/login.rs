//! From an open connection to a session.

use std::io;
use std::task::{Poll, ready};

use xmppwire::{Client, ClientEvent, DerivationRequest, FullJid, Instant, SaltedPassword};

use super::{Connector, Error, Session};
use crate::find::Mode;
use crate::link::{Handshake, Link, Secured, Wire, Wired};

/// Iterations of a SCRAM login that are computed in line: less than 20 milliseconds. Above it, the
/// driver is asked.
const INLINE_ITERATIONS: u32 = 20_000;

/// A login over a transport that is open: direct TLS where the mode says so, then the negotiation
/// up to the bound resource.
///
/// Drive its [wire](Wired) until [`poll`](Self::poll) is ready, and do what the [step](LoginStep)
/// says.
#[derive(Debug)]
pub struct Login {
    connector: Connector,
    deadline: Instant,
    stage: Stage,
    bound: Option<FullJid>,
}

/// What a [`Login`] needs, or that it is complete.
#[derive(Debug)]
#[must_use]
pub enum LoginStep {
    /// The server asks with many SCRAM iterations: compute the salted password where that holds
    /// nothing up, and give it to [`Login::derived`]. Nothing needs to be moved over the wire
    /// meanwhile. The most iterations that are accepted by default take half a second.
    Derive(DerivationRequest),
    /// The resource is bound: take the [session](Login::into_session).
    Complete,
}

#[derive(Debug)]
enum Stage {
    Handshake(Box<Handshake>),
    Stream(Box<Link<Client>>),
}

impl Login {
    /// Begins to log in. The login has to be complete within the connector's
    /// [time to connect](Connector::with_total_timeout).
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the TLS configuration cannot be used, [`Error::Entropy`] if the operating
    /// system gives no randomness.
    pub fn new(connector: &Connector, mode: Mode, now: Instant) -> Result<Self, Error> {
        Self::until(connector, mode, now, now + connector.total_timeout())
    }

    /// Like [`new`](Self::new), with the deadline of the attempts that it belongs to.
    pub(crate) fn until(
        connector: &Connector,
        mode: Mode,
        now: Instant,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let stage = match mode {
            Mode::DirectTls => {
                let end = deadline.min(now + connector.connect_timeout());
                Stage::Handshake(Box::new(connector.handshake(end)?))
            }
            Mode::StartTls => stream(connector, now, None, deadline)?,
        };
        Ok(Self {
            connector: connector.clone(),
            deadline,
            stage,
            bound: None,
        })
    }

    /// Ready when there is something to compute, when the resource is bound, or when the login has
    /// failed.
    pub fn poll(&mut self, now: Instant) -> Poll<Result<LoginStep, Error>> {
        loop {
            if self.bound.is_some() {
                return Poll::Ready(Ok(LoginStep::Complete));
            }
            if now >= self.deadline {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            }
            match &mut self.stage {
                Stage::Handshake(handshake) => {
                    let secured = ready!(handshake.poll(now))?;
                    self.stage = stream(&self.connector, now, Some(secured), self.deadline)?;
                }
                Stage::Stream(link) => match ready!(poll_stream(link, now))? {
                    Progress::Bound(jid) => self.bound = Some(jid),
                    Progress::Derive(request) => {
                        return Poll::Ready(Ok(LoginStep::Derive(request)));
                    }
                },
            }
        }
    }

    /// Takes the answer to [`LoginStep::Derive`].
    ///
    /// # Errors
    ///
    /// [`Error::Misuse`] for the answer to another question.
    pub fn derived(
        &mut self,
        request: DerivationRequest,
        salted: &SaltedPassword,
    ) -> Result<(), Error> {
        match &mut self.stage {
            Stage::Stream(link) => {
                let endpoint = link.connection_mut();
                Ok(endpoint.answer_derivation(request, salted)?)
            }
            Stage::Handshake(_) => Err(Error::NotConnected),
        }
    }

    /// The session, once [`poll`](Self::poll) is ready.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the login is not complete, [`Error::Entropy`] if the operating
    /// system gives no randomness.
    pub fn into_session(self) -> Result<Session, Error> {
        match (self.stage, self.bound) {
            (Stage::Stream(link), Some(jid)) => Session::new(&self.connector, *link, jid),
            _ => Err(Error::NotConnected),
        }
    }
}

impl Wired for Login {
    fn wire(&mut self) -> &mut dyn Wire {
        match &mut self.stage {
            Stage::Handshake(handshake) => &mut **handshake,
            Stage::Stream(link) => &mut **link,
        }
    }
}

fn stream(
    connector: &Connector,
    now: Instant,
    secured: Option<Secured>,
    deadline: Instant,
) -> Result<Stage, Error> {
    let connector = connector.clone().asking_above(INLINE_ITERATIONS);
    let mut link = connector.link(now, secured)?;
    link.set_alarm(Some(deadline));
    Ok(Stage::Stream(Box::new(link)))
}

enum Progress {
    Bound(FullJid),
    Derive(DerivationRequest),
}

/// Waits for the login to complete, or for a question.
fn poll_stream(link: &mut Link<Client>, now: Instant) -> Poll<Result<Progress, Error>> {
    loop {
        match link.poll_event(now)? {
            Poll::Ready(Some(ClientEvent::Bound(jid))) => {
                return Poll::Ready(Ok(Progress::Bound(jid)));
            }
            Poll::Ready(Some(ClientEvent::Derivation(request))) => {
                return Poll::Ready(Ok(Progress::Derive(request)));
            }
            Poll::Ready(Some(ClientEvent::Closed(reason))) => {
                return Poll::Ready(Err(match link.tls() {
                    Some(_) => reason.into(),
                    None => Error::ClosedInClear(Box::new(reason)),
                }));
            }
            // No other event that matters to a client comes before `Bound`.
            Poll::Ready(Some(_)) => {}
            Poll::Ready(None) => return Poll::Ready(Err(Error::NotConnected)),
            Poll::Pending => return Poll::Pending,
        }
    }
}
