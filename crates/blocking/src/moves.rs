//! One step of a socket in each direction.

use std::io::{self, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;
use xmppwire_net::link::Wire;

use crate::clock::Clock;

/// Bytes read per system call. The buffer is on the stack of the caller, so an idle connection
/// holds none.
pub(crate) const CHUNK: usize = 16 * 1024;

/// One step in each direction. Returns whether anything moved; if not, both would block, and an
/// edge-triggered selector may be waited for.
pub(crate) fn step(
    socket: &mut TcpStream,
    wire: &mut dyn Wire,
    clock: Clock,
    chunk: &mut [u8],
) -> bool {
    let written = write(socket, wire);
    let read = read(socket, wire, clock, chunk);
    let shut_down = shut_down(socket, wire);
    let rung = ring(wire, clock);
    written || read || shut_down || rung
}

/// Writes once; returns whether anything came of it.
pub(crate) fn write(socket: &mut TcpStream, wire: &mut dyn Wire) -> bool {
    let output = wire.output();
    if output.is_empty() {
        return false;
    }
    match socket.write(output) {
        Ok(0) => wire.write_failed(io::ErrorKind::WriteZero.into()),
        Ok(written) => wire.consume_output(written),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(error) => wire.write_failed(error),
    }
    true
}

fn read(socket: &mut TcpStream, wire: &mut dyn Wire, clock: Clock, chunk: &mut [u8]) -> bool {
    if !wire.wants_read() {
        return false;
    }
    match socket.read(chunk) {
        Ok(0) => wire.receive_eof(),
        Ok(length) => wire.receive(clock.now(), chunk.get(..length).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
        Err(error) => wire.read_failed(error),
    }
    true
}

fn shut_down(socket: &TcpStream, wire: &mut dyn Wire) -> bool {
    let wanted = wire.wants_shutdown();
    if wanted {
        // A socket that cannot be shut down is no longer connected.
        let _ = socket.shutdown(Shutdown::Write);
        wire.shut_down();
    }
    wanted
}

fn ring(wire: &mut dyn Wire, clock: Clock) -> bool {
    let now = clock.now();
    let due = wire.poll_timeout().is_some_and(|deadline| deadline <= now);
    if due {
        wire.handle_timeout(now);
    }
    due
}
