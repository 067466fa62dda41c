//! Direct TLS (XEP-0368).

use std::task::Poll;
use std::{fmt, io};

use rustls::server::Acceptor;
use xmppwire::{Instant, TlsInfo};

use super::buffer::Buffer;
use super::channel::Channel;
use super::{LinkError, TlsSide, Wire};
use crate::find::Mode;
use crate::tls::TlsSummary;

/// A TLS handshake before the first byte of XMPP (XEP-0368).
///
/// Drive its [`Wire`] until [`poll`](Self::poll) is ready.
pub struct Handshake {
    side: TlsSide,
    /// Reads the client's first message, where it decides which certificate is shown.
    acceptor: Option<Acceptor>,
    /// `None` before the client's first message and after the finished handshake.
    channel: Option<Channel>,
    /// The alert that answers a wrong first message.
    alert: Buffer,
    early: Buffer,
    deadline: Instant,
    failure: Option<LinkError>,
    /// The alert about the failure cannot be written, or there is none.
    given_up: bool,
}

/// A finished handshake, from which a [`Link`](super::Link) is made.
#[derive(Debug)]
pub struct Secured {
    pub(super) side: TlsSide,
    pub(super) channel: Channel,
    pub(super) early: Buffer,
    pub(super) summary: TlsSummary,
}

impl Secured {
    /// The properties of TLS that the connection needs.
    pub fn info(&self) -> TlsInfo {
        self.summary.info()
    }

    /// The properties of the handshake.
    pub const fn summary(&self) -> &TlsSummary {
        &self.summary
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake")
            .field("side", &self.side)
            .field("channel", &self.channel)
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

impl Handshake {
    /// Begins a handshake that has to be finished by `deadline`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Tls`] if the configuration cannot be used.
    pub fn new(side: TlsSide, deadline: Instant) -> Result<Self, LinkError> {
        let (acceptor, channel) = match side.chooses() {
            true => (Some(Acceptor::default()), None),
            false => (None, Some(Channel::new(side.begin(Mode::DirectTls)?))),
        };
        Ok(Self {
            side,
            acceptor,
            channel,
            alert: Buffer::default(),
            early: Buffer::default(),
            deadline,
            failure: None,
            given_up: false,
        })
    }

    /// Ready with the result of the handshake. Do not call it again after that.
    pub fn poll(&mut self, now: Instant) -> Poll<Result<Secured, LinkError>> {
        if now >= self.deadline {
            self.fail(io::Error::from(io::ErrorKind::TimedOut));
            self.given_up = true;
        }
        if self.failure.is_some() && (self.given_up || self.output().is_empty()) {
            self.channel = None;
            self.alert.clear();
        }
        let alerts = !self.alert.pending().is_empty();
        if alerts || (self.acceptor.is_some() && self.failure.is_none()) {
            return Poll::Pending;
        }
        if let Some(channel) = &self.channel
            && (channel.is_handshaking() || self.failure.is_some())
        {
            return Poll::Pending;
        }
        Poll::Ready(self.finish())
    }

    fn finish(&mut self) -> Result<Secured, LinkError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let unfinished = || LinkError::Tls(crate::tls::TlsError::Unfinished);
        let channel = self.channel.take().ok_or_else(unfinished)?;
        Ok(Secured {
            summary: self.side.summary(channel.session())?,
            side: self.side.clone(),
            channel,
            early: std::mem::take(&mut self.early),
        })
    }

    /// Takes bytes of the client's first message; with the last one the session begins.
    fn read_hello(&mut self, bytes: &mut &[u8]) {
        let Some(acceptor) = &mut self.acceptor else {
            return;
        };
        // Reading from a slice does not fail.
        while !bytes.is_empty() && matches!(acceptor.read_tls(bytes), Ok(1..)) {}
        let answered = match acceptor.accept() {
            Ok(None) => return,
            Ok(Some(hello)) => self.side.clone().answer(hello),
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                // Writing to a vector does not fail.
                let _ = alert.write_all(&mut bytes);
                Err((error.into(), bytes))
            }
        };
        self.acceptor = None;
        match answered {
            Ok((side, session)) => {
                self.side = side;
                self.channel = Some(Channel::new(session));
            }
            Err((error, alert)) => {
                self.alert.end().extend_from_slice(&alert);
                self.fail(error);
            }
        }
    }

    fn fail(&mut self, error: impl Into<LinkError>) {
        if self.failure.is_none() {
            self.failure = Some(error.into());
        }
    }
}

impl Wire for Handshake {
    fn wants_read(&self) -> bool {
        self.failure.is_none()
    }

    fn receive(&mut self, _now: Instant, mut bytes: &[u8]) {
        self.read_hello(&mut bytes);
        let Some(channel) = &mut self.channel else {
            return;
        };
        match channel.receive(bytes, &mut self.early) {
            Ok(false) => {}
            Ok(true) => self.receive_eof(),
            Err(error) => self.fail(error),
        }
    }

    fn receive_eof(&mut self) {
        self.read_failed(io::ErrorKind::UnexpectedEof.into());
    }

    fn output(&mut self) -> &[u8] {
        match &mut self.channel {
            Some(channel) => channel.output(),
            None => self.alert.pending(),
        }
    }

    fn consume_output(&mut self, n: usize) {
        match &mut self.channel {
            Some(channel) => channel.consume_output(n),
            None => self.alert.consume(n),
        }
    }

    fn write_failed(&mut self, error: io::Error) {
        self.read_failed(error);
    }

    fn read_failed(&mut self, error: io::Error) {
        self.fail(error);
        self.given_up = true;
    }

    fn wants_shutdown(&mut self) -> bool {
        false
    }

    fn shut_down(&mut self) {}

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn handle_timeout(&mut self, _now: Instant) {}
}
