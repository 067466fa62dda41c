//! A TLS session as bytes in and bytes out.

use std::io::{self, BufRead, Write};

use rustls::Connection;

use super::buffer::Buffer;

/// A rustls session and the records that wait to be written.
#[derive(Debug)]
pub(super) struct Channel {
    session: Connection,
    out: Buffer,
    closing: bool,
}

impl Channel {
    pub(super) fn new(session: Connection) -> Self {
        Self {
            session,
            out: Buffer::default(),
            closing: false,
        }
    }

    pub(super) const fn session(&self) -> &Connection {
        &self.session
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.session.is_handshaking()
    }

    /// Decrypts into `plain`, up to the first wrong record. Returns whether the peer has sent
    /// `close_notify`.
    pub(super) fn receive(
        &mut self,
        mut records: &[u8],
        plain: &mut Buffer,
    ) -> Result<bool, rustls::Error> {
        loop {
            // Reading from a slice does not fail, and the buffer of rustls is never full because it
            // is emptied each time.
            let taken = self.session.read_tls(&mut records).unwrap_or(0);
            let state = self.session.process_new_packets();
            let mut reader = self.session.reader();
            while let Ok(decrypted) = reader.fill_buf()
                && !decrypted.is_empty()
            {
                plain.end().extend_from_slice(decrypted);
                let length = decrypted.len();
                reader.consume(length);
            }
            if state?.peer_has_closed() {
                return Ok(true);
            }
            if taken == 0 || records.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Encrypts as many bytes as fit into the buffer of rustls, and returns their number.
    pub(super) fn encrypt(&mut self, plain: &[u8]) -> usize {
        if plain.is_empty() || self.closing || !self.out.is_empty() || self.is_handshaking() {
            return 0;
        }
        self.session.writer().write(plain).unwrap_or(0)
    }

    /// The records to write.
    pub(super) fn output(&mut self) -> &[u8] {
        while self.session.wants_write() {
            // Writing to a vector does not fail.
            let written: io::Result<usize> = self.session.write_tls(self.out.end());
            if !matches!(written, Ok(1..)) {
                break;
            }
        }
        self.out.pending()
    }

    pub(super) fn consume_output(&mut self, n: usize) {
        self.out.consume(n);
    }

    /// Sends `close_notify` (RFC 8446 §6.1). Idempotent.
    pub(super) fn close(&mut self) {
        if !self.closing {
            self.closing = true;
            self.session.send_close_notify();
        }
    }

    /// Bytes that wait to be written.
    pub(super) fn backlog(&self) -> usize {
        self.out.pending().len()
    }
}
