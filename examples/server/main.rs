//! A small server for one domain: accounts in a file, any number of clients, messages between them.
//!
//! ```text
//! server --listen 127.0.0.1:5222 --domain localhost --accounts FILE --cert FILE --key FILE
//! ```
//!
//! The accounts file has a `localpart:password` a line; what stays of it in memory is SCRAM keys. The
//! certificate chain and its key are PEM; the README beside this file says how to make them. A client
//! has to use STARTTLS. Everybody's roster is empty, nothing is stored and no other server is reached,
//! but what there is keeps to RFC 6120 and RFC 6121, so that ordinary clients work with it.
//!
//! [`Session`] is the life of one connection. [`House`] knows who is there, and does what
//! [`route`](xmppwire::routing::route) decides.

mod answers;
mod house;
mod log;
mod options;
mod session;

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use xmppwire_tokio::tls::{Identity, ServerTls};
use xmppwire_tokio::{DecoyKey, Domainpart, ServerConfig, ServerConnection};

use house::House;
use log::log;
use options::Options;
use session::Session;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 1000;

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
    let house = Arc::new(Mutex::new(House::open(&domain, &options.accounts)?));
    let identity = Identity::from_pem(&read(&options.cert)?, &read(&options.key)?)?;
    let tls = ServerTls::builder(identity).build()?;
    let config = ServerConfig::new(DecoyKey::new(random()?)).with_default_domain(domain);

    let mut told_to_stop = std::pin::pin!(told_to_stop()?);
    let listener = TcpListener::bind(options.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    std::io::stdout().flush()?;

    let (stop, stopping) = watch::channel(());
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
                accepted = listener.accept(), if sessions.len() < MAX_CONNECTIONS => match accepted {
                    Ok((socket, peer)) => {
                        let domain = Domainpart::new(&options.domain)?;
        let house = Arc::clone(&house);
                        let client = ServerConnection::accept(socket, config.clone(), Some(tls.clone()))?;
                        sessions.spawn(Session { client, peer, house, place: None }.run(stopping.clone()));
                    }
                    // Out of descriptors, perhaps: the next attempt would fail as soon as this one did.
                    Err(error) => {
                        log(options.listen, error);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = sessions.join_next() => {}
                () = &mut told_to_stop => break,
            }
    }
    drop(listener);
    drop(stop);
    // Each says goodbye; the machines give a client that does not listen 5 seconds to do so.
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

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(octets)
}
