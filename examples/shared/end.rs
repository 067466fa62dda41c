//! One end of a connection.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::DerefMut;
use std::time::Duration;

use rustls::{ConnectionCommon, SideData, StreamOwned};
use xmppwire::{Connection, Instant, Role, StartTls, TlsInfo};
use xmppwire_net::tls::{TlsError, TlsSummary};

use crate::trace::Wire;

/// The result of what may fail in many ways.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Longest wait for the other side, which runs in this process.
const PATIENCE: Duration = Duration::from_secs(10);

/// A machine, the socket below it, and the input that it has not consumed yet.
pub struct End<R: Role> {
    /// The machine: to answer its questions, to send and to close.
    pub machine: Connection<R>,
    clock: std::time::Instant,
    tcp: TcpStream,
    /// The same socket, by itself or under TLS.
    transport: Box<dyn Transport>,
    input: Vec<u8>,
    wire: Option<Wire>,
}

trait Transport: Read + Write {
    /// Says to the other side that no more will follow.
    fn end(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for TcpStream {}

impl<T, S> Transport for StreamOwned<T, TcpStream>
where
    T: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn end(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        self.flush()
    }
}

impl<R: Role> End<R> {
    /// The machine over this socket. What passes on the wire is shown, where a display is given.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn new(machine: Connection<R>, tcp: TcpStream, wire: Option<Wire>) -> Result<Self> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            machine,
            clock: std::time::Instant::now(),
            transport: Box::new(tcp.try_clone()?),
            tcp,
            input: Vec::new(),
            wire,
        })
    }

    /// The same with TLS from the first byte (XEP-0368). The machine is made of what TLS found out.
    ///
    /// # Errors
    ///
    /// Those of the socket and of TLS.
    pub fn direct<T, S>(
        mut tcp: TcpStream,
        mut tls: T,
        summary: impl FnOnce(&T) -> std::result::Result<TlsSummary, TlsError>,
        machine: impl FnOnce(TlsInfo) -> Connection<R>,
        wire: Option<Wire>,
    ) -> Result<Self>
    where
        T: DerefMut<Target = ConnectionCommon<S>> + 'static,
        S: SideData + 'static,
    {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tls.complete_io(&mut tcp)?;
        let summary = summary(&tls)?;
        let mut end = Self::new(machine(summary.info()), tcp, wire)?;
        end.encrypt(tls, &summary)?;
        Ok(end)
    }

    /// The time since the connection began: the machine reads no clock.
    pub fn now(&self) -> Instant {
        Instant::from_origin(self.clock.elapsed())
    }

    /// Moves bytes until something happens; `None` when the connection is over.
    ///
    /// # Errors
    ///
    /// Those of the socket and of TLS.
    pub fn next_event(&mut self) -> Result<Option<R::Event>> {
        loop {
            self.machine.handle_timeout(self.now());
            if let Some(event) = self.machine.poll_event() {
                return Ok(Some(event));
            }
            let output = self.machine.take_output();
            if !output.is_empty() {
                if let Some(wire) = &mut self.wire {
                    wire.sent(&output);
                }
                self.transport.write_all(&output)?;
                self.transport.flush()?;
            } else if self.machine.is_finished() {
                // The other side may be gone already.
                let _ = self.transport.end();
                return Ok(None);
            } else if self.machine.wants_read() {
                if self.input.is_empty() {
                    let mut buffer = [0; 4096];
                    match self.transport.read(&mut buffer) {
                        Ok(0) => self.machine.receive_eof(self.now()),
                        Ok(n) => self.input.extend(buffer.iter().take(n)),
                        Err(error) if is_loss(&error) => self.machine.receive_eof(self.now()),
                        Err(error) => return Err(error.into()),
                    }
                }
                // Bytes that are not consumed are offered again when the machine wants to read.
                let consumed = self.machine.receive(self.now(), &self.input);
                let consumed: Vec<u8> = self.input.drain(..consumed).collect();
                if let Some(wire) = &mut self.wire {
                    wire.received(&consumed);
                }
            }
        }
    }

    /// Begins to close the stream.
    pub fn close(&mut self) {
        let now = self.now();
        self.machine.close(now, None);
    }

    /// Breaks the connection, as a network may: what the machine has written is lost on its way.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn cut(&mut self) -> Result<()> {
        let lost = self.machine.take_output();
        if let Some(wire) = &mut self.wire {
            wire.sent(&lost);
        }
        self.tcp.shutdown(Shutdown::Both)?;
        self.machine.receive_eof(self.now());
        Ok(())
    }

    /// Hands the socket to TLS, as the machine asked.
    ///
    /// # Errors
    ///
    /// Those of TLS.
    pub fn secure<T, S>(
        &mut self,
        request: StartTls,
        mut tls: T,
        summary: impl FnOnce(&T) -> std::result::Result<TlsSummary, TlsError>,
    ) -> Result<()>
    where
        T: DerefMut<Target = ConnectionCommon<S>> + 'static,
        S: SideData + 'static,
    {
        let handoff = self.machine.begin_tls(request, &self.input)?;
        self.input.clear();
        tls.complete_io(&mut self.tcp)?;
        let summary = summary(&tls)?;
        self.encrypt(tls, &summary)?;
        Ok(self
            .machine
            .tls_established(self.now(), handoff, summary.info())?)
    }

    /// Moves all bytes through this TLS session from now on.
    fn encrypt<T, S>(&mut self, tls: T, summary: &TlsSummary) -> io::Result<()>
    where
        T: DerefMut<Target = ConnectionCommon<S>> + 'static,
        S: SideData + 'static,
    {
        self.transport = Box::new(StreamOwned::new(tls, self.tcp.try_clone()?));
        if let Some(wire) = &self.wire {
            wire.tls(summary);
        }
        Ok(())
    }

    /// The display so far.
    pub const fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref()
    }

    /// The display, when the connection is over.
    pub fn into_wire(self) -> Option<Wire> {
        self.wire
    }
}

/// Whether the connection is gone. Without the closing message of TLS that is an error of its own,
/// because anyone on the path can cut a connection.
fn is_loss(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionReset | UnexpectedEof
    )
}
