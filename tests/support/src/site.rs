//! A listening server of the domain, and what both ends do in most scenarios.

use std::net::{TcpListener, TcpStream};

use socket2::SockRef;
use xmppwire::{CloseReason, FullJid, Jid, Message, ServerEvent, Stanza};
use xmppwire_net::client::Connector;
use xmppwire_net::find::Mode;
use xmppwire_net::link::LinkError;
use xmppwire_net::tls::ServerTls;

use crate::adapter::{Accepted, Adapter};
use crate::{Authority, DOMAIN, JULIET, Login, PATIENCE, Porter, config, juliet};

/// Both ways to begin TLS.
pub const MODES: [Mode; 2] = [Mode::StartTls, Mode::DirectTls];

/// A port on which nothing listens: the system does not hand it out.
pub const CLOSED_PORT: u16 = 1;

/// A listening server of the domain, and the authority that signed its certificate.
pub struct Site {
    pub authority: Authority,
    pub tls: ServerTls,
    pub port: u16,
    listener: TcpListener,
}

impl Site {
    pub fn new() -> Self {
        Self::with_authority(Authority::new())
    }

    /// A site whose certificate this authority signs.
    pub fn with_authority(authority: Authority) -> Self {
        let tls = authority.server(DOMAIN);
        Self::at("127.0.0.1", authority, tls).unwrap()
    }

    /// A site of this certificate at this address, if the machine has the address.
    pub fn at(address: &str, authority: Authority, tls: ServerTls) -> std::io::Result<Self> {
        let listener = TcpListener::bind((address, 0))?;
        let port = listener.local_addr()?.port();
        Ok(Self {
            authority,
            tls,
            port,
            listener,
        })
    }

    /// Juliet, who trusts the authority and knows where to connect to.
    pub fn juliet(&self, mode: Mode) -> Connector {
        juliet(&self.authority).with_server("127.0.0.1", self.port, mode)
    }

    /// The next connection.
    pub fn socket(&self) -> TcpStream {
        self.listener.accept().unwrap().0
    }

    /// Whether there is a connection that was not accepted.
    pub fn has_visitor(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        self.listener.accept().is_ok()
    }

    /// Accepts the next connection.
    pub fn accept<A: Adapter>(&self, mode: Mode) -> A::Accepted {
        accept::<A>(self.socket(), &self.tls, mode)
    }

    /// Accepts the next connection and lets the client log in.
    pub fn welcome<A: Adapter>(&self, mode: Mode) -> A::Accepted {
        let mut client = self.accept::<A>(mode);
        log_in(&mut client).expect("the client logs in");
        client.flush();
        client
    }
}

/// A socket that is connected to the port.
pub fn visit(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}

/// A socket with small buffers: with those that the system gives by itself, a loopback socket takes
/// megabytes.
pub fn narrow(socket: TcpStream) -> TcpStream {
    let sizes = SockRef::from(&socket);
    sizes.set_send_buffer_size(64 * 1024).unwrap();
    sizes.set_recv_buffer_size(64 * 1024).unwrap();
    socket
}

/// Serves a client on this socket.
pub fn accept<A: Adapter>(socket: TcpStream, tls: &ServerTls, mode: Mode) -> A::Accepted {
    let tls = tls.clone();
    match mode {
        Mode::StartTls => A::accept(socket, config(), Some(tls)),
        _ => A::accept_direct_tls(socket, config(), tls, PATIENCE),
    }
    .unwrap()
}

/// Serves a client on this socket until it leaves; returns whether it was bound.
pub fn serve<A: Adapter>(
    socket: TcpStream,
    tls: &ServerTls,
    mode: Mode,
    mut porter: Porter,
) -> Result<bool, LinkError> {
    let tls = tls.clone();
    let mut client = match mode {
        Mode::StartTls => A::accept(socket, config(), Some(tls)),
        _ => A::accept_direct_tls(socket, config(), tls, PATIENCE),
    }?;
    while let Some(event) = client.next_event()? {
        porter.answer(client.connection_mut(), event);
    }
    Ok(porter.login().is_some())
}

/// Answers the questions of a login until the client is bound; `None` if it gives up before.
pub fn log_in(client: &mut impl Accepted) -> Option<Login> {
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

/// The next event, which has to be a message.
pub fn next_message(client: &mut impl Accepted) -> Message {
    match client.next_event().unwrap() {
        Some(ServerEvent::Stanza(Stanza::Message(message))) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// Takes events until the last one, and returns why the connection ended.
pub fn end(client: &mut impl Accepted) -> CloseReason {
    loop {
        match client.next_event().unwrap() {
            Some(ServerEvent::Closed(reason)) => {
                assert!(client.next_event().unwrap().is_none(), "an event follows");
                return reason;
            }
            Some(_) => {}
            None => panic!("no last event"),
        }
    }
}

/// A message from Romeo to Juliet.
pub fn message(body: &str) -> Message {
    let juliet = Jid::new(JULIET).unwrap();
    Message::chat(juliet, body).with_from(romeo())
}

fn romeo() -> FullJid {
    FullJid::new("romeo@example.org/orchard").unwrap()
}

/// The text of the message that arrived.
pub fn body(stanza: Option<Stanza>) -> String {
    match stanza {
        Some(Stanza::Message(message)) => message.body().unwrap().into_owned(),
        other => panic!("no message: {other:?}"),
    }
}
