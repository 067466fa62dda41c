//! One end of a connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::DerefMut;

use rustls::{ConnectionCommon, SideData, StreamOwned};
use xmppwire::{ChannelBindings, Connection, Instant, Role, StartTls, TlsInfo};
use xmppwire_net::tls::{TlsError, TlsSummary};

use crate::trace::{Side, Trace};
use crate::{PATIENCE, Result};

/// A machine, the socket below it, and the input that it has not consumed yet.
pub(crate) struct End<'a, R: Role> {
    pub(crate) machine: Connection<R>,
    clock: std::time::Instant,
    tcp: TcpStream,
    /// The same socket, by itself or under TLS.
    transport: Box<dyn Transport>,
    input: Vec<u8>,
    trace: Option<&'a mut Trace>,
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

impl<'a, R: Role> End<'a, R> {
    pub(crate) fn new(
        machine: Connection<R>,
        tcp: TcpStream,
        trace: Option<&'a mut Trace>,
    ) -> Result<Self> {
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            machine,
            clock: std::time::Instant::now(),
            transport: Box::new(tcp.try_clone()?),
            tcp,
            input: Vec::new(),
            trace,
        })
    }

    /// The time since the connection began: the machine reads no clock.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_origin(self.clock.elapsed())
    }

    /// Moves bytes until something happens; `None` when the connection is over.
    pub(crate) fn next_event(&mut self) -> Result<Option<R::Event>> {
        loop {
            self.machine.handle_timeout(self.now());
            if let Some(event) = self.machine.poll_event() {
                return Ok(Some(event));
            }
            let output = self.machine.take_output();
            if !output.is_empty() {
                self.show(Side::Client, &output);
                self.transport.write_all(&output)?;
                self.transport.flush()?;
            } else if self.machine.is_finished() {
                // The other side may be gone already.
                let _ = self.transport.end();
                return Ok(None);
            } else if self.machine.wants_read() {
                if self.input.is_empty() {
                    let mut buffer = [0; 4096];
                    match self.transport.read(&mut buffer)? {
                        0 => self.machine.receive_eof(self.now()),
                        n => self.input.extend(buffer.iter().take(n)),
                    }
                }
                // Bytes that are not consumed are offered again when the machine wants to read.
                let consumed = self.machine.receive(self.now(), &self.input);
                let consumed: Vec<u8> = self.input.drain(..consumed).collect();
                self.show(Side::Server, &consumed);
            }
        }
    }

    /// Hands the socket to TLS, as the machine asked.
    pub(crate) fn secure<T, S>(
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
        let exporter = summary(&tls)?.exporter.ok_or("TLS 1.3 has an exporter")?;
        self.transport = Box::new(StreamOwned::new(tls, self.tcp.try_clone()?));
        if let Some(trace) = &mut self.trace {
            trace.tls(&exporter);
        }
        let info = TlsInfo::new(ChannelBindings::tls13(exporter));
        Ok(self.machine.tls_established(self.now(), handoff, info)?)
    }

    fn show(&mut self, side: Side, bytes: &[u8]) {
        if let Some(trace) = &mut self.trace {
            trace.pass(side, bytes);
        }
    }
}
