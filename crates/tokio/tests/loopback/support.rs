//! Runtimes with a deadline, and both ends of a session in one task.

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, duplex};
use tokio::runtime::Builder;
use xmppwire_test_support::{Authority, DOMAIN, Login, PATIENCE, Porter, config, juliet, within};
use xmppwire_tokio::tls::ServerTls;
use xmppwire_tokio::{Client, Connector, Message, Mode, ServerConnection, ServerEvent, Stanza};

/// Runs a test on a runtime with one thread, with a deadline.
pub(crate) fn run<T: Send + 'static>(test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    within(|| {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(test())
    })
}

/// The same with a paused clock: it jumps to the next timer when nothing else can happen.
pub(crate) fn run_paused<T: Send + 'static>(test: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    within(|| {
        let mut builder = Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().unwrap();
        runtime.block_on(test())
    })
}

/// Both ends of one session over a pipe that holds this many bytes each way. With it, time can be
/// paused.
pub(crate) async fn piped(
    mode: Mode,
    capacity: usize,
    change: impl FnOnce(Connector) -> Connector,
) -> (Client<DuplexStream>, ServerConnection<DuplexStream>) {
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let connector = change(juliet(&authority));
    let (near, far) = duplex(capacity);
    let client = async { Client::over(near, mode, &connector).await.unwrap() };
    let server = async {
        let mut client = over(far, &tls, mode).await;
        log_in(&mut client).await.unwrap();
        client.flush().await;
        client
    };
    tokio::join!(client, server)
}

/// The next event, which has to be a message.
pub(crate) async fn next_message<T: AsyncRead + AsyncWrite + Unpin>(
    client: &mut ServerConnection<T>,
) -> Message {
    match client.next_event().await.unwrap() {
        Some(ServerEvent::Stanza(Stanza::Message(message))) => message,
        event => panic!("{event:?}"),
    }
}

/// Serves a client on this socket.
pub(crate) async fn over<T: AsyncRead + AsyncWrite + Unpin>(
    socket: T,
    tls: &ServerTls,
    mode: Mode,
) -> ServerConnection<T> {
    match mode {
        Mode::StartTls => ServerConnection::accept(socket, config(), Some(tls.clone())).unwrap(),
        _ => ServerConnection::accept_direct_tls(socket, config(), tls.clone(), PATIENCE)
            .await
            .unwrap(),
    }
}

/// Answers the questions of a login until the client is bound; `None` if it gives up before.
pub(crate) async fn log_in<T: AsyncRead + AsyncWrite + Unpin>(
    client: &mut ServerConnection<T>,
) -> Option<Login> {
    let mut porter = Porter::default();
    while let Ok(Some(event)) = client.next_event().await {
        if !porter.answer(client.connection_mut(), event) {
            return None;
        }
        if let Some(login) = porter.login() {
            return Some(login);
        }
    }
    None
}
