//! An address that nothing answers at.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// An address that swallows connections, as a firewall or a missing route does: its queue is full,
/// so the system does not answer.
pub struct BlackHole {
    pub address: SocketAddr,
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// A black hole on the loopback interface, and a listener beside it.
    ///
    /// # Panics
    ///
    /// Where the system queues connections without end; Linux does not.
    pub fn beside_a_listener() -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        (Self::new().unwrap(), listener)
    }

    fn new() -> io::Result<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(1)?;
        let address = listener.local_addr()?.as_socket();
        let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
        let mut queue = Vec::new();
        for _ in 0..64 {
            match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
                Ok(socket) => queue.push(socket),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Ok(Self {
                        address,
                        _listener: listener,
                        _queue: queue,
                    });
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("this system queues without end"))
    }
}
