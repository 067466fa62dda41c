//! Sockets for both sides, and a thread for each.

use std::net::{TcpListener, TcpStream};
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;

use socket2::SockRef;
use xmppwire_blocking::tls::ServerTls;
use xmppwire_blocking::{
    Connection, Connector, Jid, Message, Mode, ServerConnection, ServerEvent, Stanza,
};
use xmppwire_test_support::{Authority, DOMAIN, Login, PATIENCE, Porter, config, juliet};

/// Runs both sides, each on a thread of its own, and fails the test where it would hang.
pub(crate) fn both<A: Send + 'static, B: Send + 'static>(
    server: impl FnOnce() -> A + Send + 'static,
    client: impl FnOnce() -> B + Send + 'static,
) -> (A, B) {
    let (done, ends) = mpsc::channel();
    let also_done = done.clone();
    let server = thread::spawn(move || {
        let _done = Done(done);
        server()
    });
    let client = thread::spawn(move || {
        let _done = Done(also_done);
        client()
    });
    for _ in 0..2 {
        ends.recv_timeout(PATIENCE).expect("the test hangs");
    }
    let server = server.join().unwrap_or_else(|panic| resume_unwind(panic));
    let client = client.join().unwrap_or_else(|panic| resume_unwind(panic));
    (server, client)
}

/// Tells that a thread ends, by a panic too.
struct Done(mpsc::Sender<()>);

impl Drop for Done {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

/// A listening server of the domain, and the authority behind it.
pub(crate) struct Site {
    pub(crate) authority: Authority,
    pub(crate) tls: ServerTls,
    pub(crate) port: u16,
    listener: TcpListener,
}

impl Site {
    pub(crate) fn new() -> Self {
        let authority = Authority::new();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            tls: authority.server(DOMAIN),
            authority,
            port: listener.local_addr().unwrap().port(),
            listener,
        }
    }

    /// Juliet, who knows where to connect to.
    pub(crate) fn juliet(&self, mode: Mode) -> Connector {
        juliet(&self.authority).with_server("127.0.0.1", self.port, mode)
    }

    /// The next connection.
    pub(crate) fn socket(&self) -> TcpStream {
        self.listener.accept().unwrap().0
    }

    pub(crate) fn accept(&self, mode: Mode) -> ServerConnection {
        over(self.socket(), &self.tls, mode)
    }

    /// Accepts one connection, lets it log in and tells it so.
    pub(crate) fn welcome(&self, mode: Mode) -> ServerConnection {
        let mut client = self.accept(mode);
        log_in(&mut client).expect("the client logs in");
        assert!(client.flush());
        client
    }

    /// Whether there is a connection that nobody has accepted.
    pub(crate) fn has_visitor(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        self.listener.accept().is_ok()
    }
}

/// The other end of a socket of a site.
pub(crate) fn visit(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

pub(crate) fn over(socket: TcpStream, tls: &ServerTls, mode: Mode) -> ServerConnection {
    let tls = tls.clone();
    match mode {
        Mode::StartTls => ServerConnection::accept(socket, config(), Some(tls)),
        Mode::DirectTls => ServerConnection::accept_direct_tls(socket, config(), tls, PATIENCE),
    }
    .unwrap()
}

/// Answers questions until the client is in; `None` if it gives up before.
pub(crate) fn log_in(client: &mut ServerConnection) -> Option<Login> {
    let mut porter = Porter::default();
    while let Ok(Some(event)) = client.next_event() {
        if !porter.answer(client.connection_mut(), event) {
            return None;
        }
        if let Some(login) = porter.login() {
            return Some(login);
        }
    }
    None
}

/// The next message of a client's connection; anything else fails the test.
pub(crate) fn next_message(client: &mut ServerConnection) -> Message {
    match client.next_event().unwrap() {
        Some(ServerEvent::Stanza(Stanza::Message(message))) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// Takes events until the last one, and returns that.
pub(crate) fn last_event(client: &mut ServerConnection) -> Option<ServerEvent> {
    let mut last = None;
    while let Some(event) = client.next_event().unwrap() {
        last = Some(event);
    }
    last
}

/// A message to nobody in particular.
pub(crate) fn message(body: &str) -> Message {
    Message::chat(Jid::new("romeo@example.net").unwrap(), body)
}

/// The text of a message that arrived.
pub(crate) fn body(stanza: Option<Stanza>) -> String {
    match stanza {
        Some(Stanza::Message(message)) => message.body().unwrap().into_owned(),
        other => panic!("no message: {other:?}"),
    }
}

/// Queues a message for the client.
pub(crate) fn give(client: &mut ServerConnection, body: &str) {
    client.connection_mut().send(&message(body).into()).unwrap();
}

/// Left to itself, the system takes so much for a loopback socket that nobody ever waits.
pub(crate) fn narrow(socket: TcpStream) -> TcpStream {
    let sizes = SockRef::from(&socket);
    sizes.set_send_buffer_size(64 * 1024).unwrap();
    sizes.set_recv_buffer_size(64 * 1024).unwrap();
    socket
}
