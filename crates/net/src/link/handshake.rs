//! Direct TLS (XEP-0368).

use std::io;
use std::task::Poll;

use xmppwire::{Instant, TlsInfo};

use super::buffer::Buffer;
use super::channel::Channel;
use super::{LinkError, TlsSide, Wire};
use crate::find::Mode;
use crate::tls::TlsSummary;

/// A TLS handshake before the first byte of XMPP (XEP-0368).
///
/// Drive its [`Wire`] until [`poll`](Self::poll) is ready.
#[derive(Debug)]
pub struct Handshake {
    side: TlsSide,
    /// Taken by the finished handshake.
    channel: Option<Channel>,
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

impl Handshake {
    /// Begins a handshake that has to be finished by `deadline`.
    ///
    /// # Errors
    ///
    /// [`LinkError::Tls`] if the configuration cannot be used.
    pub fn new(side: TlsSide, deadline: Instant) -> Result<Self, LinkError> {
        let channel = Channel::new(side.begin(Mode::DirectTls)?);
        Ok(Self {
            side,
            channel: Some(channel),
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

    fn receive(&mut self, _now: Instant, bytes: &[u8]) {
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
        self.channel.as_mut().map_or(&[], Channel::output)
    }

    fn consume_output(&mut self, n: usize) {
        if let Some(channel) = &mut self.channel {
            channel.consume_output(n);
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
