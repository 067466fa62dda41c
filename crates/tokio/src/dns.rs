//! SRV look-ups over tokio's sockets.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use xmppwire_net::find::dns::{Exchange, Lookup};
use xmppwire_net::find::{LookupError, NameServers, SrvAnswers, SrvNames, SrvRecord};

type Answer = Result<Vec<SrvRecord>, LookupError>;

/// Drives [`Lookup`] over sockets of tokio.
pub(crate) struct Resolver {
    servers: Result<NameServers, LookupError>,
}

impl Resolver {
    /// Asks these name servers, or those of the system.
    pub(crate) fn new(servers: Option<&NameServers>) -> Self {
        Self {
            servers: servers.cloned().map_or_else(NameServers::system, Ok),
        }
    }

    /// Looks both names up at the same time.
    pub(crate) async fn look_up(&self, names: &SrvNames) -> SrvAnswers {
        let mut direct_tls = pin!(self.srv(&names.direct_tls));
        let mut starttls = pin!(self.srv(&names.starttls));
        let (mut of_direct_tls, mut of_starttls) = (None, None);
        poll_fn(|cx| {
            poll_once(&mut of_direct_tls, direct_tls.as_mut(), cx);
            poll_once(&mut of_starttls, starttls.as_mut(), cx);
            match (of_direct_tls.take(), of_starttls.take()) {
                (Some(direct_tls), Some(starttls)) => {
                    Poll::Ready(SrvAnswers::new(direct_tls, starttls))
                }
                (direct_tls, starttls) => {
                    (of_direct_tls, of_starttls) = (direct_tls, starttls);
                    Poll::Pending
                }
            }
        })
        .await
    }

    async fn srv(&self, name: &str) -> Answer {
        let servers = self.servers.as_ref().map_err(Clone::clone)?;
        let mut lookup = Lookup::srv(name, servers)?;
        while let Some(exchange) = lookup.exchange().cloned() {
            let patience = exchange.timeout();
            let done = match exchange.is_tcp() {
                false => timeout(patience, over_udp(&exchange, &mut lookup)).await,
                true => timeout(patience, over_tcp(&exchange, &mut lookup)).await,
            };
            match done {
                Ok(Ok(())) => {}
                Ok(Err(error)) => lookup.fail(LookupError::Io(error.kind())),
                Err(_) => lookup.fail(LookupError::TimedOut),
            }
        }
        lookup.finish()
    }
}

/// Polls a future unless its answer is there.
fn poll_once<F: Future>(answer: &mut Option<F::Output>, future: Pin<&mut F>, cx: &mut Context<'_>) {
    if answer.is_none()
        && let Poll::Ready(output) = future.poll(cx)
    {
        *answer = Some(output);
    }
}

async fn over_udp(exchange: &Exchange, lookup: &mut Lookup) -> io::Result<()> {
    let any: SocketAddr = match exchange.server() {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    // Port zero asks for a new random port. A connected socket takes datagrams from the server only
    // (RFC 5452 §9).
    let socket = UdpSocket::bind(any).await?;
    socket.connect(exchange.server()).await?;
    socket.send(exchange.bytes()).await?;
    let mut buffer = vec![0; Exchange::MAX_DATAGRAM];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let message = buffer.get(..length).unwrap_or_default();
        if lookup.receive(message).is_ready() {
            return Ok(());
        }
    }
}

async fn over_tcp(exchange: &Exchange, lookup: &mut Lookup) -> io::Result<()> {
    let mut stream = TcpStream::connect(exchange.server()).await?;
    stream.write_all(exchange.bytes()).await?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await?;
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).await?;
    // Over TCP a message always ends the exchange.
    let _ = lookup.receive(&message);
    Ok(())
}
