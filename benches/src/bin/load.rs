//! Puts a server under load that runs beside it: `benches/load` starts our example server, Prosody and
//! ejabberd in turns, and this program with each.
//!
//! First it opens connections that do nothing, then some clients send messages to others, each with a
//! window of messages that have not arrived yet. The work of the server is that of its process alone:
//! the time of the processor from the scheduler of Linux, and the resident memory. On a busy machine
//! only these two say something.
//!
//! Each line of the output has a server, what was measured and a number, divided by tabs.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use xmppwire_cost::paths;
use xmppwire_net::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{Client, ClientConfig, Connector, Jid, Mode, Stanza};

/// About as long as a sentence.
const TEXT: &str = "But, soft! what light through yonder window breaks? It is the east, and Juliet is \
    the sun. Arise, fair sun, and kill the envious moon, who is already sick and pale with grief.";

/// Messages of one sender that have not arrived yet.
const WINDOW: usize = 100;
/// Messages that are sent before a sender waits for the socket.
const BATCH: usize = 10;
/// Connections of one account: ejabberd allows 10.
const RESOURCES: usize = 8;
/// Connections that come before those that count: what the server makes once, and the memory that it
/// has in stock, are no part of the cost of one connection.
const FIRST: usize = 40;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    use lexopt::prelude::*;
    let (mut name, mut connections, mut pairs, mut messages) = (String::new(), 400, 4, 20_000);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("connections") => connections = args.value()?.parse()?,
            Long("pairs") => pairs = args.value()?.parse()?,
            Long("messages") => messages = args.value()?.parse()?,
            Value(value) => name = value.string()?,
            _ => return Err(arg.unexpected().into()),
        }
    }
    let mut clients = Clients::new()?;
    let server = Server::find(get("PORT")?.parse()?)?;

    let mut idle = Vec::new();
    for _ in 0..FIRST {
        idle.push(clients.connect().await?);
    }
    let before = server.memory()?;
    for _ in 0..connections {
        idle.push(clients.connect().await?);
    }
    // The memory of the last handshakes is given back.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let each = (server.memory()? - before) / connections as f64;
    println!("{name}\tKiB a connection\t{each:.2}");

    let mut all = Vec::new();
    for _ in 0..pairs {
        let (sender, receiver) = (clients.connect().await?, clients.connect().await?);
        all.push(Pair { sender, receiver });
    }
    let count = messages / pairs;
    let all = exchange(all, count / 10).await?;
    let (start, before) = (Instant::now(), server.cpu()?);
    exchange(all, count).await?;
    let (time, cpu) = (start.elapsed(), server.cpu()? - before);
    let each = cpu.as_nanos() as f64 / (count * pairs) as f64 / 1000.0;
    println!("{name}\tµs a message\t{each:.2}");
    let rate = (count * pairs) as f64 / time.as_secs_f64();
    println!("{name}\tmessages a second\t{rate:.0}");
    Ok(())
}

/// One who sends messages, and one who receives them.
struct Pair {
    sender: Client,
    receiver: Client,
}

/// All pairs exchange so many messages each, at the same time.
async fn exchange(pairs: Vec<Pair>, count: usize) -> Result<Vec<Pair>> {
    let tasks = pairs.into_iter().map(|mut pair| {
        tokio::spawn(async move {
            let window = Semaphore::new(WINDOW);
            let to = pair.receiver.jid().clone().into();
            tokio::try_join!(
                send(&mut pair.sender, to, &window, count),
                receive(&mut pair.receiver, &window, count),
            )?;
            Ok(pair)
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut pairs = Vec::new();
    for task in tasks {
        let pair: Result<Pair> = task.await?;
        pairs.push(pair?);
    }
    Ok(pairs)
}

async fn send(client: &mut Client, to: Jid, window: &Semaphore, count: usize) -> Result<()> {
    let mut stanza = paths::message(TEXT);
    stanza.set_to(Some(to));
    for number in 1..=count {
        window.acquire().await?.forget();
        client.send(stanza.clone()).await?;
        if number % BATCH == 0 || number == count {
            client.flush().await?;
        }
    }
    Ok(())
}

async fn receive(client: &mut Client, window: &Semaphore, count: usize) -> Result<()> {
    let mut received = 0;
    while received < count {
        match client.next().await? {
            Some(Stanza::Message(message)) if !message.is_error() => {
                received += 1;
                window.add_permits(1);
            }
            Some(Stanza::Message(message)) => return Err(message.element().to_xml().into()),
            Some(_) => {}
            None => return Err("the stream ended".into()),
        }
    }
    Ok(())
}

/// A variable of `tests/interop/README.md`.
fn get(name: &str) -> Result<String> {
    let name = format!("XMPPWIRE_SERVER_{name}");
    std::env::var(&name).map_err(|error| format!("{name}: {error}").into())
}

/// Makes clients of many accounts.
struct Clients {
    tls: ClientTls,
    made: usize,
}

impl Clients {
    fn new() -> Result<Self> {
        let roots = roots_from_pem(&fs::read(get("CA")?)?)?;
        let tls = ClientTls::builder(roots).build()?;
        Ok(Self { tls, made: 0 })
    }

    async fn connect(&mut self) -> Result<Client> {
        let jid = format!("user{}@{}", self.made / RESOURCES, get("DOMAIN")?);
        self.made += 1;
        let config = ClientConfig::new(Jid::new(&jid)?, get("MORE_PASSWORD")?)?;
        let connector = Connector::new(config)?
            .with_server(get("ADDRESS")?, get("PORT")?.parse()?, Mode::StartTls)
            .with_tls(self.tls.clone());
        Ok(Client::connect_with(&connector).await?)
    }
}

/// The process that listens on a port.
struct Server {
    pid: String,
}

impl Server {
    fn find(port: u16) -> Result<Self> {
        let table = fs::read_to_string("/proc/net/tcp")?;
        let listens = format!("0100007F:{port:04X} 00000000:0000 0A");
        let line = table.lines().find(|line| line.contains(&listens));
        let inode = line
            .and_then(|line| line.split_whitespace().nth(9))
            .ok_or("nothing listens")?;
        let socket = format!("socket:[{inode}]");
        for process in fs::read_dir("/proc")? {
            let process = process?;
            let Ok(open) = fs::read_dir(process.path().join("fd")) else {
                continue;
            };
            let is_it = |link: fs::DirEntry| {
                fs::read_link(link.path()).is_ok_and(|to| to == Path::new(&socket))
            };
            if open.flatten().any(is_it) {
                let pid = process.file_name().to_string_lossy().into_owned();
                return Ok(Self { pid });
            }
        }
        Err("the listener has no process".into())
    }

    /// Resident memory, in KiB.
    fn memory(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next());
        Ok(kibibytes.ok_or("no VmRSS")?.parse()?)
    }

    /// The time of the processor that all threads took.
    fn cpu(&self) -> Result<Duration> {
        let mut sum = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let line = fs::read_to_string(thread?.path().join("schedstat"))?;
            let nanoseconds = line.split_whitespace().next().ok_or("no schedstat")?;
            sum += Duration::from_nanos(nanoseconds.parse()?);
        }
        Ok(sum)
    }
}
