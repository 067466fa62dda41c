//! A small server: accounts in a file, any number of clients, components, and other servers.
//!
//! ```text
//! server --accounts FILE --cert FILE --key FILE --domain localhost
//! ```
//!
//! `--help` names all options; the README of the examples says how to make accounts and a
//! certificate, and how two of these servers exchange messages. Clients and other servers have to
//! use STARTTLS; with `--tls-listen` clients may also begin with TLS. A client or component that has
//! been silent for half of the idle time is sent a ping, and loses its place after all of it. Rosters
//! are empty, and nothing is stored. All else follows RFC 6120 and RFC 6121, so that ordinary clients
//! work with it.
//!
//! | module | subject |
//! |---|---|
//! | [`session`] | the life of a client's connection |
//! | [`component`] | the life of a component's connection |
//! | [`peer`] | what both have in common: a connection with a queue |
//! | [`servers`] | the streams to and from all other servers |
//! | [`accounts`] | who may log in, in a file or in memory |
//! | [`registry`] | who is connected; does what [`route`](xmppwire::routing::route) decides |
//! | [`sessions`] | sessions whose connection is lost, and how they come to another one |
//! | [`carbons`], [`csi`], [`answers`] | copies of messages, what waits for an inactive client, and the requests that the server answers |
//! | [`queue`], [`strangers`], [`log`] | what bounds the cost of a peer: the memory of its stanzas, its connections, its lines |
//!
//! What cannot be delivered goes back to its sender with an error: `service-unavailable` where
//! there is no such account or nobody is there, `remote-server-not-found` for a domain without a
//! server, `remote-server-timeout` for a server or component that is not there,
//! `resource-constraint` where a queue is full (RFC 6120 §8.3.3, §10.4).

mod accounts;
mod answers;
mod carbons;
mod component;
mod csi;
mod log;
mod options;
mod peer;
mod queue;
mod registry;
mod servers;
mod session;
mod sessions;
mod strangers;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use xmppwire_tokio::component::{HostConfig, Terms};
use xmppwire_tokio::tls::{Identity, ServerTls};
use xmppwire_tokio::{
    ComponentHostConnection, DecoyKey, Domainpart, Limits, LinkError, ServerConfig,
    ServerConnection, TokenStore,
};

use accounts::{Accounts, InFile, InMemory, Keys};
use component::Attachment;
use log::Log;
use options::Options;
use peer::Peer;
use registry::Registry;
use servers::Servers;
use session::Session;
use strangers::{Strangers, Ticket};

/// Time for the handshake of a client that begins with TLS.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// Bytes of one stanza on the wire.
const MAX_STANZA: usize = 128 * 1024;

/// What all connections share.
struct Shared {
    accounts: Mutex<Box<dyn Accounts>>,
    /// Tokens that were issued instead of passwords (FAST). They are forgotten at the end.
    tokens: Mutex<TokenStore>,
    registry: Mutex<Registry>,
    strangers: Mutex<Strangers>,
    log: Mutex<Log>,
    /// Bytes that peers have left unacknowledged, beyond what each may.
    unacknowledged: Arc<AtomicUsize>,
    /// The domain that a client means which names none.
    domain: Domainpart,
    /// TLS for the clients of each domain.
    tls: BTreeMap<Domainpart, ServerTls>,
    components: BTreeMap<Domainpart, Terms>,
    /// Time without a byte from a peer after which it has vanished, and time that it has to read
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
    let Some(options) = Options::parse()? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    if let Some(account) = &options.add {
        return add(&options, account);
    }
    let shared = Arc::new(Shared::new(&options)?);
    let mut told_to_stop = std::pin::pin!(told_to_stop()?);
    let (stop, stopping) = watch::channel(());
    let mut tasks = JoinSet::new();

    let config = ServerConfig::new(DecoyKey::random()?)
        .with_default_domain(shared.domain.clone())
        .with_limits(shared.limits());
    let listener = listen(options.listen, "").await?;
    let serve = {
        let (config, shared) = (config.clone(), Arc::clone(&shared));
        let stopping = stopping.clone();
        move |socket, address| {
            let client = ServerConnection::accept(socket, config.clone(), None)?;
            let peer = Peer::new(client, address, &shared, stopping.clone());
            Ok(Session::new(peer).run())
        }
    };
    tasks.spawn(accept(
        listener,
        Arc::clone(&shared),
        stopping.clone(),
        serve,
    ));

    if let Some(address) = options.tls_listen {
        let listener = listen(address, " with TLS").await?;
        let serve = {
            let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
            move |socket, address| {
                let (shared, config, stopping) =
                    (Arc::clone(&shared), config.clone(), stopping.clone());
                Ok(serve_over_tls(socket, address, config, shared, stopping))
            }
        };
        tasks.spawn(accept(
            listener,
            Arc::clone(&shared),
            stopping.clone(),
            serve,
        ));
    }

    if let Some(servers) = &options.servers {
        let domains = options.domains.iter().chain(options.components.keys());
        let config = servers::config(servers, domains, |domain| options.identity(domain))?;
        let listener = listen(servers.listen, " for servers").await?;
        let servers = Servers::new(config, listener, &shared);
        tasks.spawn(servers.run(stopping.clone()));
    }

    if !options.components.is_empty() {
        let config = HostConfig::new().with_limits(shared.limits());
        let listener = listen(options.component_listen, " for components").await?;
        let serve = {
            let (shared, stopping) = (Arc::clone(&shared), stopping.clone());
            move |socket, address| {
                let component = ComponentHostConnection::accept(socket, config.clone())?;
                let peer = Peer::new(component, address, &shared, stopping.clone());
                Ok(Attachment::new(peer).run())
            }
        };
        tasks.spawn(accept(
            listener,
            Arc::clone(&shared),
            stopping.clone(),
            serve,
        ));
    }

    let expiring = {
        let shared = Arc::clone(&shared);
        async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                lock(&shared.registry).expire();
            }
        }
    };
    tokio::select! {
        () = told_to_stop.as_mut() => {}
        () = expiring => {}
    }
    drop(stop);
    // Each stream is closed in order; a peer that does not answer gets 5 seconds.
    while tasks.join_next().await.is_some() {}
    Ok(())
}

impl Shared {
    fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let tls = options.domains.iter().map(|domain| {
            let tls = ServerTls::builder(options.identity(domain)?).build()?;
            Ok((domain.clone(), tls))
        });
        let components = options.components.keys().cloned();
        let accounts = options.accounts()?;
        let registry = Registry::new(&options.domains, components, accounts.names());
        Ok(Self {
            accounts: Mutex::new(accounts),
            tokens: Mutex::new(TokenStore::new(20, 10_000)),
            registry: Mutex::new(registry),
            strangers: Mutex::default(),
            log: Mutex::new(Log::new()),
            unacknowledged: Arc::default(),
            domain: options.domains.first().ok_or("no domain")?.clone(),
            tls: tls.collect::<Result<_, Box<dyn Error>>>()?,
            components: options.components.clone(),
            idle: options.idle,
        })
    }

    fn limits(&self) -> Limits {
        let mut limits = Limits::new();
        limits.after_authentication.max_stanza_bytes = MAX_STANZA;
        limits.idle_timeout = Some(self.idle);
        limits
    }
}

/// Adds an account to the file. A server that runs reads the file when it starts again.
fn add(options: &Options, name: &str) -> Result<(), Box<dyn Error>> {
    let path = options.file.as_deref().ok_or("add needs --accounts FILE")?;
    let account = accounts::address(name, &options.domains)?;
    let password = shared::password(account.as_str())?;
    let mut accounts = InFile::open(path, &options.domains)?;
    accounts
        .set(account.clone(), Keys::new(&password)?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    println!("added {account}");
    Ok(())
}

impl Options {
    /// The accounts of the file, or those of the command line.
    fn accounts(&self) -> Result<Box<dyn Accounts>, Box<dyn Error>> {
        if let Some(path) = &self.file {
            return Ok(Box::new(InFile::open(path, &self.domains)?));
        }
        let mut accounts = InMemory::default();
        for account in &self.accounts {
            let (name, password) = account
                .split_once(':')
                .ok_or("--account needs NAME:PASSWORD")?;
            accounts.set(
                accounts::address(name, &self.domains)?,
                Keys::new(password)?,
            )?;
        }
        Ok(Box::new(accounts))
    }

    /// The certificate of a domain.
    fn identity(&self, domain: &Domainpart) -> Result<Identity, Box<dyn Error>> {
        let missing = |option| format!("{option} is missing for {domain}");
        let cert = self.cert.of(domain).ok_or_else(|| missing("--cert"))?;
        let key = self.key.of(domain).ok_or_else(|| missing("--key"))?;
        Ok(Identity::from_pem(&read(cert)?, &read(key)?)?)
    }
}

/// Opens a port, and tells which one on the standard output.
async fn listen(address: SocketAddr, whom: &str) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    let mut output = std::io::stdout();
    writeln!(output, "listening on {}{whom}", listener.local_addr()?)?;
    output.flush()?;
    Ok(listener)
}

/// Serves connections until the server stops, and waits for their ends.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<()>,
    serve: impl Fn(TcpStream, SocketAddr) -> Result<F, LinkError>,
) {
    let mut sessions = JoinSet::new();
    loop {
        tokio::select! {
            (socket, address) = next_connection(&listener, &shared) => {
                match serve(socket, address) {
                    Ok(session) => drop(sessions.spawn(session)),
                    Err(error) => lock(&shared.log).write(address, error),
                }
            }
            Some(_) = sessions.join_next() => {}
            _ = stopping.changed() => break,
        }
    }
    drop(listener);
    while sessions.join_next().await.is_some() {}
}

/// Serves a client that begins with TLS. Until the handshake is done it is a stranger like others.
async fn serve_over_tls(
    socket: TcpStream,
    address: SocketAddr,
    config: ServerConfig,
    shared: Arc<Shared>,
    mut stopping: watch::Receiver<()>,
) {
    let Some(tls) = shared.tls.get(&shared.domain).cloned() else {
        return;
    };
    let mut ticket = Ticket::new(&shared, address);
    let handshake = ServerConnection::accept_direct_tls(socket, config, tls, HANDSHAKE);
    let client = tokio::select! {
        client = handshake => client,
        () = ticket.ended() => return,
        _ = stopping.changed() => return,
    };
    // The session has a ticket of its own.
    drop(ticket);
    match client {
        Ok(client) => {
            let peer = Peer::new(client, address, &shared, stopping);
            Session::new(peer).run().await;
        }
        Err(error) => lock(&shared.log).write(address, error),
    }
}

/// The next connection. Cancel-safe.
async fn next_connection(listener: &TcpListener, shared: &Shared) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => lock(&shared.log).note(error),
        }
        // The process may be out of descriptors: the next attempt would fail at once.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
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
