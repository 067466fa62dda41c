//! From an open connection to a session.

use std::io;
use std::task::{Poll, ready};

use xmppwire::{Client, ClientEvent, FullJid, Instant};

use super::{Connector, Error, Session};
use crate::find::Mode;
use crate::link::{Handshake, Link, Secured, Wire, Wired};

/// A login over a transport that is open: direct TLS where the mode says so, then the negotiation
/// up to the bound resource.
///
/// Drive its [wire](Wired) until [`poll`](Self::poll) is ready, then take the
/// [session](Self::into_session).
#[derive(Debug)]
pub struct Login {
    connector: Connector,
    deadline: Instant,
    stage: Stage,
    bound: Option<FullJid>,
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

    /// Ready when the resource is bound, or when the login has failed.
    pub fn poll(&mut self, now: Instant) -> Poll<Result<(), Error>> {
        loop {
            if self.bound.is_some() {
                return Poll::Ready(Ok(()));
            }
            if now >= self.deadline {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            }
            match &mut self.stage {
                Stage::Handshake(handshake) => {
                    let secured = ready!(handshake.poll(now))?;
                    self.stage = stream(&self.connector, now, Some(secured), self.deadline)?;
                }
                Stage::Stream(link) => self.bound = Some(ready!(poll_bound(link, now))?),
            }
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
    let mut link = connector.link(now, secured)?;
    link.set_alarm(Some(deadline));
    Ok(Stage::Stream(Box::new(link)))
}

/// Waits for the login to complete.
fn poll_bound(link: &mut Link<Client>, now: Instant) -> Poll<Result<FullJid, Error>> {
    loop {
        match link.poll_event(now)? {
            Poll::Ready(Some(ClientEvent::Bound(jid))) => return Poll::Ready(Ok(jid)),
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
