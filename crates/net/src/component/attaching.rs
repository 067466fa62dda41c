//! From an open connection to an attached component.

use std::task::{Poll, ready};

use xmppwire::Instant;
use xmppwire::component::{Component, ComponentEvent};

use super::ComponentConnector;
use crate::client::{Error, Session};
use crate::link::{Handshake, Link, Wire, Wired};

/// Attaches a component over a transport that is open: direct TLS if the connector asks for it, then
/// the handshake of XEP-0114.
///
/// Drive its [wire](Wired) until [`poll`](Self::poll) is ready, then take the
/// [session](Self::into_session).
#[derive(Debug)]
pub struct Attaching {
    connector: ComponentConnector,
    stage: Stage,
    attached: bool,
}

#[derive(Debug)]
enum Stage {
    Handshake(Box<Handshake>),
    Stream(Box<Link<Component>>),
}

impl Attaching {
    /// Begins to attach.
    ///
    /// # Errors
    ///
    /// [`Error::Tls`] if the TLS configuration cannot be used.
    pub fn new(connector: &ComponentConnector, now: Instant) -> Result<Self, Error> {
        let stage = match connector.handshake(now)? {
            Some(handshake) => Stage::Handshake(Box::new(handshake)),
            None => Stage::Stream(Box::new(connector.link(now, None))),
        };
        Ok(Self {
            connector: connector.clone(),
            stage,
            attached: false,
        })
    }

    /// Ready when the component is attached, or when that has failed.
    pub fn poll(&mut self, now: Instant) -> Poll<Result<(), Error>> {
        loop {
            if self.attached {
                return Poll::Ready(Ok(()));
            }
            match &mut self.stage {
                Stage::Handshake(handshake) => {
                    let secured = ready!(handshake.poll(now))?;
                    self.stage = Stage::Stream(Box::new(self.connector.link(now, Some(secured))));
                }
                Stage::Stream(link) => match ready!(link.poll_event(now)?) {
                    Some(ComponentEvent::Bound) => self.attached = true,
                    Some(ComponentEvent::Closed(reason)) => {
                        return Poll::Ready(Err(reason.into()));
                    }
                    Some(_) => {}
                    None => return Poll::Ready(Err(Error::NotConnected)),
                },
            }
        }
    }

    /// The session of the attached component.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`] before [`poll`](Self::poll) has succeeded; [`Error::Io`] if the
    /// operating system gives no randomness.
    pub fn into_session(self) -> Result<Session<Component>, Error> {
        match self.stage {
            Stage::Stream(link) if self.attached => Session::attached(&self.connector, *link),
            _ => Err(Error::NotConnected),
        }
    }
}

impl Wired for Attaching {
    fn wire(&mut self) -> &mut dyn Wire {
        match &mut self.stage {
            Stage::Handshake(handshake) => &mut **handshake,
            Stage::Stream(link) => &mut **link,
        }
    }
}
