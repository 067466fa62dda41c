//! Options of TCP sockets.

use std::io;
use std::time::Duration;

pub use socket2::SockRef;
use socket2::TcpKeepalive;

/// Sets the options of a connected TCP socket that XMPP is better with.
///
/// - No delay: stanzas are written whole, so holding the last segment back would only delay it.
/// - Keep-alive after two minutes of silence, which many NATs and firewalls need to keep their
///   state, and which finds out within two more minutes that the other host is gone. It costs the
///   application nothing. What it cannot notice is a process that hangs; see
///   [`KeepAlive`](xmppwire::KeepAlive).
///
/// ```
/// use std::net::{TcpListener, TcpStream};
/// use xmppwire_net::socket::{SockRef, prepare};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let socket = TcpStream::connect(listener.local_addr()?)?;
/// prepare(&SockRef::from(&socket))?;
/// assert!(socket.nodelay()?);
/// # Ok::<_, std::io::Error>(())
/// ```
///
/// # Errors
///
/// Those of the operating system, where the socket is not connected any more.
pub fn prepare(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    let keep_alive = TcpKeepalive::new().with_time(Duration::from_secs(120));
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "windows",
    ))]
    let keep_alive = keep_alive
        .with_interval(Duration::from_secs(30))
        .with_retries(4);
    socket.set_tcp_keepalive(&keep_alive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_system_takes_the_options() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = SockRef::from(&socket);
        prepare(&socket).unwrap();
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            let idle = socket.tcp_keepalive_time().unwrap();
            assert_eq!(idle, Duration::from_secs(120));
        }
    }
}
