//! A small server for one domain: accounts in a file, any number of clients, messages between them.
//!
//! ```text
//! server --listen 127.0.0.1:5222 --domain localhost --idle 120 --accounts FILE --cert FILE --key FILE
//! ```
//!
//! The accounts file has a `localpart:password` on each line, of which the server keeps SCRAM keys.
//! The certificate chain and its key are PEM; the README of the examples says how to make them.
//! Clients have to use STARTTLS. A client that has been silent for half of the idle time, in
//! seconds, is sent a ping, and loses its place after all of it. Rosters are empty, nothing is
//! stored and no other server is reached. All else follows RFC 6120 and RFC 6121, so that ordinary
//! clients work with it.
//!
//! [`Session`] is the life of one connection. [`Registry`] knows who is connected, and does what
//! [`route`](xmppwire::routing::route) decides. What a client may cost is bounded: its connections
//! in [`strangers`] and [`registry`], the memory of its stanzas in [`queue`], and its lines in the
//! [`log`].

mod answers;
mod log;
mod options;
mod queue;
mod registry;
mod session;
mod strangers;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use xmppwire_tokio::tls::{Identity, ServerTls};
use xmppwire_tokio::{DecoyKey, Domainpart, Limits, ServerConfig, ServerConnection};

use log::Log;
use options::Options;
use registry::Registry;
use session::Session;
use strangers::Strangers;

/// Bytes of one stanza on the wire.
const MAX_STANZA: usize = 128 * 1024;

/// What all connections share.
struct Shared {
    registry: Mutex<Registry>,
    strangers: Mutex<Strangers>,
    log: Mutex<Log>,
    /// Time without a byte from a client after which it has vanished, and time that it has to read
    /// what it is sent.
    idle: Duration,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse()?;
    let domain = Domainpart::new(&options.domain)?;
    let shared = Arc::new(Shared {
        registry: Mutex::new(Registry::open(&domain, &options.accounts)?),
        strangers: Mutex::default(),
        log: Mutex::new(Log::new()),
        idle: options.idle,
    });
    let identity = Identity::from_pem(&read(&options.cert)?, &read(&options.key)?)?;
    let tls = ServerTls::builder(identity).build()?;
    let mut limits = Limits::new();
    limits.after_authentication.max_stanza_bytes = MAX_STANZA;
    limits.idle_timeout = Some(options.idle);
    let config = ServerConfig::new(DecoyKey::new(random()?))
        .with_default_domain(domain)
        .with_limits(limits);

    let mut told_to_stop = std::pin::pin!(told_to_stop()?);
    let listener = TcpListener::bind(options.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;

    let (stop, stopping) = watch::channel(());
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let client = ServerConnection::accept(socket, config.clone(), Some(tls.clone()))?;
                    sessions.spawn(Session::new(client, peer, &shared).run(stopping.clone()));
                }
                // The process may be out of descriptors: the next attempt would fail at once.
                Err(error) => {
                    lock(&shared.log).write(options.listen, error);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = sessions.join_next() => {}
            () = &mut told_to_stop => break,
        }
    }
    drop(listener);
    drop(stop);
    // Each stream is closed in order; a client that does not answer gets 5 seconds.
    while sessions.join_next().await.is_some() {}
    Ok(())
}

/// Listens for the signals from now on; the future is ready when one comes.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(octets)
}
