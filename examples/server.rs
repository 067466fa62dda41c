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
//! [`route`] decides.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lexopt::prelude::*;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use xmppwire::routing::{Directory, Resource, Route, route};
use xmppwire_tokio::tls::{Identity, ServerTls};
use xmppwire_tokio::{
    ApiMisuse, BareJid, BindAnswer, BindRequest, DecoyKey, Domainpart, Element, FullJid, Host,
    HostAnswer, Iq, IqType, LinkError, Localpart, Mechanism, Presence, PresenceType, SaslAnswer,
    SaslCondition, SaslFailure, ScramHash, ScramKeys, ServerConfig, ServerConnection, ServerEvent,
    Stanza, StanzaErrorCondition, StreamErrorCondition, TlsOffer, ns,
};

/// Connections at a time, and of them those of one account.
const MAX_CONNECTIONS: usize = 1000;
const MAX_RESOURCES: usize = 20;
/// Stanzas that wait for one client; who sends it more is told to come back later.
const INBOX: usize = 256;
/// Bytes that wait for one client before it is given more stanzas.
const BACKLOG: usize = 64 * 1024;
/// Best first. The -PLUS variants are offered where TLS has something to bind to.
const MECHANISMS: [Mechanism; 5] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::Plain,
];

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

// --- One connection -------------------------------------------------------------------------------

struct Session {
    client: ServerConnection<TcpStream>,
    peer: SocketAddr,
    house: Arc<Mutex<House>>,
    place: Option<Place>,
}

/// Where a client is, once it has bound a resource.
struct Place {
    jid: FullJid,
    inbox: mpsc::Receiver<Stanza>,
}

impl Session {
    /// Serves the client until it or the server stops.
    async fn run(mut self, stopping: watch::Receiver<()>) {
        let ended = self.serve(stopping).await;
        if let Some(place) = self.place.take() {
            self.house().leave(place);
        }
        if let Err(error) = ended {
            log(self.peer, error);
        }
    }

    async fn serve(&mut self, mut stopping: watch::Receiver<()>) -> Result<(), LinkError> {
        let mut ending = false;
        loop {
            let keeps_up = self.client.backlog() < BACKLOG;
            tokio::select! {
                event = self.client.next_event() => match event? {
                    Some(event) => self.handle(event).map_err(std::io::Error::other)?,
                    None => return Ok(()),
                },
                stanza = next(&mut self.place), if keeps_up => match stanza {
                    Some(stanza) => {
                        // What cannot be written is its sender's fault, not this client's.
                        if let Err(error) = self.client.connection_mut().send(&stanza) {
                            log(self.peer, error);
                        }
                    }
                    // The place belongs to a newer connection (RFC 6120 §7.7.2.2).
                    None => {
                        self.place = None;
                        self.client.close(Some(StreamErrorCondition::Conflict.into()));
                    }
                },
                _ = stopping.changed(), if !ending => {
                    ending = true;
                    self.client.close(Some(StreamErrorCondition::SystemShutdown.into()));
                }
            }
        }
    }

    fn handle(&mut self, event: ServerEvent) -> Result<(), ApiMisuse> {
        match event {
            ServerEvent::Opened(request) => {
                let answer = match *request.domain() == self.house().domain {
                    true => HostAnswer::Serve(Host::new(TlsOffer::Required, MECHANISMS)),
                    false => HostAnswer::Unknown,
                };
                self.client.connection_mut().choose_host(request, answer)
            }
            ServerEvent::Sasl(request) => {
                let hash = request.mechanism().hash().unwrap_or(ScramHash::Sha256);
                let keys = request
                    .account()
                    .and_then(|account| self.house().keys(&account, hash));
                let answer = match keys {
                    Some(keys) => SaslAnswer::ScramKeys(keys),
                    None => SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized)),
                };
                self.client.connection_mut().answer_sasl(request, answer)
            }
            ServerEvent::Bind(request) => self.bind(request),
            ServerEvent::Stanza(stanza) => {
                let Some(place) = &self.place else {
                    return Ok(());
                };
                let reply = self.house().take(&place.jid, stanza);
                reply.map_or(Ok(()), |reply| self.client.connection_mut().send(&reply))
            }
            ServerEvent::Closed(reason) => {
                log(self.peer, reason);
                Ok(())
            }
            ServerEvent::Refused(fault) => {
                log(self.peer, format!("a stanza was refused: {}", fault.kind()));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn bind(&mut self, request: BindRequest) -> Result<(), ApiMisuse> {
        let (jid, resource) = (request.suggested_jid(), request.suggested().clone());
        let inbox = self.house().enter(&jid);
        let answer = match inbox {
            Some(inbox) => {
                log(self.peer, format!("is {jid}"));
                self.place = Some(Place { jid, inbox });
                BindAnswer::Bind(resource)
            }
            None => BindAnswer::Reject(StanzaErrorCondition::ResourceConstraint.into()),
        };
        self.client.connection_mut().answer_bind(request, answer)
    }

    /// Nothing is awaited while the house is locked.
    fn house(&self) -> MutexGuard<'_, House> {
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The next stanza for the client. Cancel-safe.
async fn next(place: &mut Option<Place>) -> Option<Stanza> {
    match place {
        Some(place) => place.inbox.recv().await,
        None => std::future::pending().await,
    }
}

// --- All of them ----------------------------------------------------------------------------------

/// The accounts, and who is connected to them.
struct House {
    domain: Domainpart,
    accounts: BTreeMap<BareJid, Account>,
}

struct Account {
    keys: [ScramKeys; 2],
    connected: BTreeMap<FullJid, Connected>,
}

struct Connected {
    /// When this is dropped, its receiver knows that a newer connection has taken the resource.
    inbox: mpsc::Sender<Stanza>,
    /// What it broadcast last, while it is available.
    presence: Option<Presence>,
}

impl Directory for House {
    fn is_local(&self, domain: &str) -> bool {
        domain == self.domain.as_str()
    }

    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
        let account = self.accounts.get(account)?;
        let resource = |(jid, connected): (&FullJid, &Connected)| match &connected.presence {
            Some(presence) => Resource::available(jid.clone(), presence.priority()),
            None => Resource::connected(jid.clone()),
        };
        Some(account.connected.iter().map(resource).collect())
    }
}

impl House {
    fn open(domain: &Domainpart, path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = String::from_utf8(read(path)?)?;
        let mut accounts = BTreeMap::new();
        for (line, number) in text
            .split('\n')
            .zip(1..)
            .filter(|(line, _)| !line.is_empty())
        {
            let (jid, account) = Account::parse(line, domain)
                .map_err(|error| format!("{}:{number}: {error}", path.display()))?;
            accounts.insert(jid, account);
        }
        let domain = domain.clone();
        Ok(Self { domain, accounts })
    }

    fn keys(&self, account: &BareJid, hash: ScramHash) -> Option<ScramKeys> {
        let account = self.accounts.get(account)?;
        account
            .keys
            .iter()
            .find(|keys| keys.hash() == hash)
            .cloned()
    }

    /// Takes a resource in. An older connection of the same name has to go (RFC 6120 §7.7.2.2).
    fn enter(&mut self, jid: &FullJid) -> Option<mpsc::Receiver<Stanza>> {
        self.broadcast(jid, &Presence::unavailable().with_from(jid.clone()));
        let account = self.accounts.get_mut(&jid.to_bare())?;
        account.connected.remove(jid);
        if account.connected.len() >= MAX_RESOURCES {
            return None;
        }
        let (inbox, receiver) = mpsc::channel(INBOX);
        account.connected.insert(
            jid.clone(),
            Connected {
                inbox,
                presence: None,
            },
        );
        Some(receiver)
    }

    /// Lets a resource go, unless it is a newer connection's already.
    fn leave(&mut self, mut place: Place) {
        place.inbox.close();
        let account = self.accounts.get(&place.jid.to_bare());
        let connected = account.and_then(|account| account.connected.get(&place.jid));
        if connected.is_some_and(|connected| connected.inbox.is_closed()) {
            let gone = Presence::unavailable().with_from(place.jid.clone());
            self.broadcast(&place.jid, &gone);
            if let Some(account) = self.accounts.get_mut(&place.jid.to_bare()) {
                account.connected.remove(&place.jid);
            }
        }
    }

    /// Does with a stanza what the rules say, and returns what its sender is told.
    fn take(&mut self, sender: &FullJid, stanza: Stanza) -> Option<Stanza> {
        let own = sender.to_bare();
        let refusal = match (route(&stanza, &own, self), &stanza) {
            (Route::Deliver(to), _) => self.deliver(&to, &stanza)?,
            (Route::Broadcast, Stanza::Presence(presence)) => {
                self.broadcast(sender, presence);
                return None;
            }
            (Route::Server, Stanza::Iq(iq)) => return answer(iq, true),
            (Route::Account(account), Stanza::Iq(iq)) if account == own => {
                return answer(iq, false);
            }
            // Nobody lets anybody see his presence here: requests are declined (RFC 6121 §3.1.3).
            (Route::Account(account), Stanza::Presence(presence)) => {
                let asked = presence.presence_type() == Some(PresenceType::Subscribe);
                let declined = Presence::available().with_type(PresenceType::Unsubscribed);
                return asked.then(|| declined.with_from(account).with_to(own).into());
            }
            (Route::Remote, _) => StanzaErrorCondition::RemoteServerNotFound,
            (Route::Refuse(condition), _) => condition,
            (Route::Server, Stanza::Presence(_)) | (Route::Ignore, _) => return None,
            // There is nothing to keep messages in, and nothing to say for others.
            _ => StanzaErrorCondition::ServiceUnavailable,
        };
        stanza.error_reply(&refusal.into())
    }

    /// Gives a stanza to all of them. Says what is wrong where none could take it.
    fn deliver(&self, to: &[FullJid], stanza: &Stanza) -> Option<StanzaErrorCondition> {
        let takes = |jid: &&FullJid| {
            let connected = self
                .accounts
                .get(&jid.to_bare())
                .and_then(|a| a.connected.get(*jid));
            connected.is_some_and(|connected| connected.inbox.try_send(stanza.clone()).is_ok())
        };
        let taken = to.iter().filter(takes).count();
        let lost = taken == 0 && !matches!(stanza, Stanza::Presence(_));
        lost.then_some(StanzaErrorCondition::ResourceConstraint)
    }

    /// Tells the available resources of an account, itself included, about one of them, and a new one
    /// about the others (RFC 6121 §4.2.2, §4.4.2, §4.5.2).
    fn broadcast(&mut self, from: &FullJid, presence: &Presence) {
        let Some(account) = self.accounts.get_mut(&from.to_bare()) else {
            return;
        };
        let Some(sender) = account.connected.get_mut(from) else {
            return;
        };
        let available = presence.is_available();
        let was_available = sender.presence.is_some();
        sender.presence = available.then(|| presence.clone());
        if !available && !was_available {
            return;
        }
        let own = sender.inbox.clone();
        for (jid, connected) in &account.connected {
            // One that has no room for a presence does without it; more will come.
            if connected.presence.is_some() || jid == from {
                let _ = connected
                    .inbox
                    .try_send(presence.clone().with_to(jid.clone()).into());
            }
            if let Some(other) = &connected.presence
                && jid != from
                && !was_available
            {
                let _ = own.try_send(other.clone().with_to(from.clone()).into());
            }
        }
    }
}

impl Account {
    /// Reads a line of the accounts file. A localpart has no colon (RFC 7622 §3.3.1), a password may.
    fn parse(line: &str, domain: &Domainpart) -> Result<(BareJid, Self), Box<dyn Error>> {
        let (localpart, password) = line.split_once(':').ok_or("no colon")?;
        let jid = BareJid::from_parts(Some(&Localpart::new(localpart)?), domain);
        let derive = |hash| -> Result<_, Box<dyn Error>> {
            Ok(ScramKeys::derive(hash, password, &random::<16>()?, 4096)?)
        };
        let keys = [derive(ScramHash::Sha256)?, derive(ScramHash::Sha1)?];
        Ok((
            jid,
            Self {
                keys,
                connected: BTreeMap::new(),
            },
        ))
    }
}

/// Answers a request to the server, or to the sender's own account.
fn answer(iq: &Iq, to_server: bool) -> Option<Stanza> {
    const ROSTER: &str = "jabber:iq:roster";
    const INFO: &str = "http://jabber.org/protocol/disco#info";
    const ITEMS: &str = "http://jabber.org/protocol/disco#items";
    let request = iq.child()?;
    let empty = || Element::builder(request.name(), request.ns()).build();
    let payload = match (iq.iq_type(), request.ns(), request.name()) {
        (IqType::Get, ns::PING, "ping") => Ok(None),
        (IqType::Get, INFO | ITEMS, "query") if request.attr("node").is_some() => {
            Err(StanzaErrorCondition::ItemNotFound)
        }
        (IqType::Get, INFO, "query") => {
            let (category, kind) = match to_server {
                true => ("server", "im"),
                false => ("account", "registered"),
            };
            let mut info = Element::builder("query", INFO)
                .open("identity", INFO)
                .attr("category", category)
                .attr("type", kind)
                .close();
            for feature in [INFO, ITEMS, ns::PING] {
                info = info.open("feature", INFO).attr("var", feature).close();
            }
            Ok(Some(info.build()))
        }
        (IqType::Get, ITEMS, "query") => Ok(Some(empty())),
        (IqType::Get, ROSTER, "query") if !to_server => Ok(Some(empty())),
        (IqType::Set, ROSTER, "query") if !to_server => Err(StanzaErrorCondition::NotAllowed),
        _ => Err(StanzaErrorCondition::ServiceUnavailable),
    };
    let reply = match payload {
        Ok(payload) => iq.result(payload.as_ref()),
        Err(condition) => iq.error_reply(&condition.into()),
    };
    reply.map(Stanza::Iq)
}

// --- The command line -----------------------------------------------------------------------------

struct Options {
    listen: SocketAddr,
    domain: String,
    accounts: PathBuf,
    cert: PathBuf,
    key: PathBuf,
}

impl Options {
    fn parse() -> Result<Self, lexopt::Error> {
        let (mut listen, mut domain) = (SocketAddr::from(([127, 0, 0, 1], 5222)), None);
        let (mut accounts, mut cert, mut key) = (None, None, None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => listen = arguments.value()?.parse()?,
                Long("domain") => domain = Some(arguments.value()?.string()?),
                Long("accounts") => accounts = Some(arguments.value()?.into()),
                Long("cert") => cert = Some(arguments.value()?.into()),
                Long("key") => key = Some(arguments.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Self {
            listen,
            domain: domain.unwrap_or_else(|| "localhost".into()),
            accounts: accounts.ok_or("--accounts FILE is missing")?,
            cert: cert.ok_or("--cert FILE is missing")?,
            key: key.ok_or("--key FILE is missing")?,
        })
    }
}

/// Writes a line of the log. A peer that sends line breaks does not get more lines, and a log that is
/// gone does not stop the server.
fn log(about: SocketAddr, what: impl Display) {
    let what = what.to_string().replace(char::is_control, " ");
    let _ = writeln!(std::io::stderr(), "{about}: {what}");
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(octets)
}
