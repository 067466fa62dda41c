//! From an open connection to a session.

use std::io;
use std::task::{Poll, ready};

use xmppwire::{Client, DerivationRequest, Instant, SaltedPassword};

use super::continuity::{Continuity, Settled};
use super::role::News;
use super::{Error, Session, SessionConnector, SessionRole};
use crate::find::Mode;
use crate::link::{Handshake, Link, Secured, Wire, Wired};

/// A login over a transport that is open: direct TLS where the mode says so, then the negotiation up
/// to the bound resource of a client, or up to the answer to the handshake of a component (XEP-0114).
///
/// Drive its [wire](Wired) until [`poll`](Self::poll) is ready, and do what the [step](LoginStep)
/// says.
#[derive(Debug)]
pub struct Login<R: SessionRole = Client> {
    connector: SessionConnector<R>,
    deadline: Instant,
    stage: Stage<R>,
    /// Since when it is.
    complete: Option<Instant>,
    /// Whether a session continues.
    resumed: bool,
}

/// What a [`Login`] needs, or that it is complete.
#[derive(Debug)]
#[must_use]
pub enum LoginStep {
    /// The server asks with many SCRAM iterations: compute the salted password where that holds
    /// nothing up, and give it to [`Login::derived`]. Nothing needs to be moved over the wire
    /// meanwhile. The most iterations that are accepted by default take half a second.
    Derive(DerivationRequest),
    /// The stream is ready for stanzas: take the [session](Login::into_session).
    Complete,
}

#[derive(Debug)]
enum Stage<R: SessionRole> {
    Handshake(Box<Handshake>),
    Stream(Stream<R>),
}

/// The link of a login. Where it is dropped, the session that was to be resumed goes back to where it
/// came from.
#[derive(Debug)]
struct Stream<R: SessionRole> {
    /// `None` once the login is complete.
    link: Option<Box<Link<R>>>,
    continuity: Continuity,
    until: Option<Instant>,
}

impl<R: SessionRole> Drop for Stream<R> {
    fn drop(&mut self) {
        if let Some(link) = &mut self.link {
            self.continuity.recover(link.connection_mut(), self.until);
        }
    }
}

impl<R: SessionRole> Login<R> {
    /// Begins to log in. The login has to be complete within the connector's
    /// [time to connect](SessionConnector::with_total_timeout).
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the TLS configuration cannot be used, [`Error::Entropy`] if the operating
    /// system gives no randomness.
    pub fn new(connector: &SessionConnector<R>, mode: Mode, now: Instant) -> Result<Self, Error> {
        Self::until(connector, mode, now, now + connector.total_timeout())
    }

    /// Like [`new`](Self::new), with the deadline of the attempts that it belongs to.
    pub(crate) fn until(
        connector: &SessionConnector<R>,
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
            complete: None,
            resumed: false,
        })
    }

    /// Ready when there is something to compute, when the stream is ready for stanzas, or when the
    /// login has failed.
    pub fn poll(&mut self, now: Instant) -> Poll<Result<LoginStep, Error>> {
        loop {
            if self.complete.is_some() {
                return Poll::Ready(Ok(LoginStep::Complete));
            }
            if now >= self.deadline {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            }
            let link = match &mut self.stage {
                Stage::Handshake(handshake) => {
                    let secured = ready!(handshake.poll(now))?;
                    self.stage = stream(&self.connector, now, Some(secured), self.deadline)?;
                    continue;
                }
                Stage::Stream(stream) => stream.link.as_mut().ok_or(Error::NotConnected)?,
            };
            match ready!(link.poll_event(now)?).map(R::news) {
                Some(News::Ready) => self.complete = Some(now),
                Some(News::Resumed(acknowledged)) => {
                    self.connector.continuity.settle(Settled {
                        acknowledged,
                        unacknowledged: Vec::new(),
                    });
                    (self.resumed, self.complete) = (true, Some(now));
                }
                Some(News::NotResumed(acknowledged, unacknowledged)) => {
                    self.connector.continuity.settle(Settled {
                        acknowledged,
                        unacknowledged,
                    });
                }
                Some(News::Token(token)) => {
                    let continuity = &self.connector.continuity;
                    continuity.with_tokens(|tokens| tokens.told(*token));
                }
                Some(News::TokenGone(end)) => {
                    let continuity = &self.connector.continuity;
                    continuity.with_tokens(|tokens| tokens.gone(end));
                }
                Some(News::Derive(request)) => return Poll::Ready(Ok(LoginStep::Derive(request))),
                Some(News::Closed(reason)) => {
                    let in_clear = link.tls().is_none() && R::expects_tls(&self.connector.role);
                    return Poll::Ready(Err(match in_clear {
                        true => Error::ClosedInClear(Box::new(reason)),
                        false => reason.into(),
                    }));
                }
                // No stanza comes before the stream is ready, and nothing else matters.
                Some(_) => {}
                None => return Poll::Ready(Err(Error::NotConnected)),
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
            Stage::Stream(Stream {
                link: Some(link), ..
            }) => Ok(R::derived(link.connection_mut(), request, salted)?),
            _ => Err(Error::NotConnected),
        }
    }

    /// The session, once [`poll`](Self::poll) is ready.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] if the login is not complete, [`Error::Entropy`] if the operating
    /// system gives no randomness.
    pub fn into_session(self) -> Result<Session<R>, Error> {
        match (self.stage, self.complete) {
            (Stage::Stream(mut stream), Some(since)) => {
                let link = stream.link.take().ok_or(Error::NotConnected)?;
                Session::new(&self.connector, *link, self.resumed, since)
            }
            _ => Err(Error::NotConnected),
        }
    }
}

impl<R: SessionRole> Wired for Login<R> {
    fn wire(&mut self) -> &mut dyn Wire {
        match &mut self.stage {
            Stage::Handshake(handshake) => &mut **handshake,
            Stage::Stream(stream) => match &mut stream.link {
                Some(link) => &mut **link,
                None => unreachable!("the login is complete, and was turned into a session"),
            },
        }
    }
}

fn stream<R: SessionRole>(
    connector: &SessionConnector<R>,
    now: Instant,
    secured: Option<Secured>,
    deadline: Instant,
) -> Result<Stage<R>, Error> {
    let mut link = connector.link(now, secured)?;
    link.set_alarm(Some(deadline));
    let continuity = connector.continuity.clone();
    let until = continuity.resume(link.connection_mut(), now);
    Ok(Stage::Stream(Stream {
        link: Some(Box::new(link)),
        continuity,
        until,
    }))
}
