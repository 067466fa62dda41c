//! Measures xmppwire beside other libraries, on the same bytes in the same run.
//!
//! `cargo run --release` prints all tables; `--write` also writes them to `docs/performance.md`, with
//! charts. All contenders take turns in many short rounds, and the best round counts. Time is that of
//! the processor, because the machine may be busy; the ratios are what to look at.
//!
//! `--seed N` makes other traffic, `--rounds N` takes longer, and a name measures one kind of traffic
//! alone.

mod contenders;
mod goals;
mod page;
mod peers;

use std::error::Error;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use cpu_time::ThreadTime;
use xmppwire_cost::login::Site;
use xmppwire_cost::paths::{self, addresses};
use xmppwire_cost::traffic::{self, Traffic};

use contenders as c;
use page::{Better, Table};
use peers::Peers;

/// Bytes of each kind of traffic: short rounds are seldom interrupted.
const BYTES: usize = 200_000;

/// Bytes of a read of a connection with TLS.
const READ: usize = 16_384;

/// Work that takes turns with other work. It returns its time, and how often it did something.
type Turn<'a> = (String, Box<dyn FnMut() -> (Duration, usize) + 'a>);

fn main() -> Result<(), Box<dyn Error>> {
    use lexopt::prelude::*;
    let (mut seed, mut rounds, mut only, mut write) = (1, 60, None, false);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("seed") => seed = args.value()?.parse()?,
            Long("rounds") => rounds = args.value()?.parse()?,
            Long("write") => write = true,
            Value(name) => only = Some(name.string()?),
            _ => return Err(arg.unexpected().into()),
        }
    }
    let kinds: Vec<&str> = traffic::KINDS
        .into_iter()
        .filter(|kind| only.as_deref().is_none_or(|only| only == *kind))
        .collect();
    let program = peers::compile()?;
    let table = |title: &str, unit: &str, better| Table::new(title, unit, better, &kinds);
    let mut reading = table("From bytes to elements", "MB/s", Better::More);
    let mut writing = table("From elements to bytes", "MB/s", Better::More);
    let mut routing = table(
        "From bytes to typed stanzas and to bytes again",
        "MB/s",
        Better::More,
    );
    for kind in &kinds {
        let traffic = traffic::make(kind, seed, BYTES);
        let stream = traffic.stream();
        let mut peers = Peers::start(&program, &stream)?;
        read(&mut reading, &traffic, &stream, &mut peers, rounds);
        write_elements(&mut writing, &traffic, &stream, rounds);
        route(&mut routing, &traffic, &stream, rounds);
    }
    let mut tables = vec![reading, writing, routing];
    if only.is_none() {
        tables.push(jids(rounds));
        tables.push(logins(rounds));
        tables.extend(allocations()?);
        tables.extend(load()?);
    }
    for table in &tables {
        println!("{}", table.text());
    }
    if write {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
        page::write(&docs, &tables)?;
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> usize) -> (Duration, usize) {
    let start = ThreadTime::now();
    let count = black_box(work());
    (start.elapsed(), count)
}

/// A turn of a contender in this process. The first time is not measured: it pays for what the turn
/// before has left in the caches and in the heap.
fn turn<'a>(name: &str, mut work: impl FnMut() -> usize + 'a) -> Turn<'a> {
    let turn = move || {
        black_box(work());
        timed(&mut work)
    };
    (name.into(), Box::new(turn))
}

/// Lets all take turns. Returns the best time of each, and how often it did something.
fn best(turns: &mut [Turn<'_>], rounds: usize) -> Vec<(Duration, usize)> {
    let mut best = vec![(Duration::MAX, 0); turns.len()];
    for _ in 0..rounds {
        for ((_, work), best) in turns.iter_mut().zip(&mut best) {
            let (time, count) = work();
            *best = (best.0.min(time), count);
        }
    }
    best
}

/// Adds the rates of contenders that each handle `bytes`.
fn add_rates(table: &mut Table, kind: &str, bytes: usize, mut turns: Vec<Turn<'_>>, rounds: usize) {
    let all = best(&mut turns, rounds);
    for ((name, _), (time, _)) in turns.iter().zip(all) {
        table.set(name, kind, bytes as f64 / time.as_secs_f64() / 1e6);
    }
}

fn read(table: &mut Table, traffic: &Traffic, stream: &[u8], peers: &mut Peers, rounds: usize) {
    let count = traffic.stanzas.len();
    assert_eq!(c::ours(stream, READ), count);
    assert_eq!(c::xmpp_parsers(stream, READ), count);
    for name in peers::NAMES {
        assert_eq!(peers.run(name).expect("the peers").1, count, "{name}");
    }
    let peers = std::cell::RefCell::new(peers);
    let mut turns = vec![
        turn("xmppwire", || c::ours(stream, READ)),
        turn("xmppwire, 1,400-byte reads", || c::ours(stream, 1_400)),
        turn("xmppwire, 1-byte reads", || c::ours(stream, 1)),
        turn("xmppwire, checked lane", || c::ours_checked(stream, READ)),
        turn("rxml, raw events", || c::rxml_raw(stream, READ)),
        turn("rxml, namespaced events", || {
            c::rxml_namespaced(stream, READ)
        }),
        turn("xmpp-parsers", || c::xmpp_parsers(stream, READ)),
        turn("quick-xml, namespaced events", || {
            c::quick_xml(stream, READ)
        }),
    ];
    for name in peers::NAMES {
        let peers = &peers;
        let work = move || peers.borrow_mut().run(name).expect("the peers");
        turns.push((name.into(), Box::new(work)));
    }
    add_rates(table, traffic.name, traffic.bytes(), turns, rounds);
}

fn write_elements(table: &mut Table, traffic: &Traffic, stream: &[u8], rounds: usize) {
    let received = c::parsed(stream);
    let built = paths::built(&received);
    let theirs = c::minidom_elements(&traffic.stanzas);
    let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
    let turns = vec![
        turn("xmppwire, built elements", || {
            a.clear();
            c::ours_write(&built, &mut a)
        }),
        turn("xmppwire, received elements", || {
            b.clear();
            c::ours_write(&received, &mut b)
        }),
        turn("minidom", || {
            c.clear();
            c::minidom_write(&theirs, &mut c)
        }),
    ];
    add_rates(table, traffic.name, traffic.bytes(), turns, rounds);
}

fn route(table: &mut Table, traffic: &Traffic, stream: &[u8], rounds: usize) {
    let mut site = Site::default();
    let (mut client, mut server) = (site.bound(), site.bound());
    let (mut from, mut to) = (site.bound(), site.bound());
    let bytes = traffic.content();
    let own = client.client.jid().expect("bound").to_string();
    let to_client = traffic::make(traffic.name, 1, BYTES).to(&own).content();
    let turns = vec![
        turn("xmppwire, client", || {
            c::ours_client(&mut client, &to_client)
        }),
        turn("xmppwire, server", || c::ours_server(&mut server, &bytes)),
        turn("xmppwire, server to server", || {
            c::ours_route(&mut from, &mut to, &bytes)
        }),
        turn("xmpp-parsers, read", || c::xmpp_parsers(stream, READ)),
        turn("xmpp-parsers, read and written", || {
            c::xmpp_parsers_route(stream, READ)
        }),
    ];
    add_rates(table, traffic.name, traffic.bytes(), turns, rounds);
}

/// Nanoseconds for an address.
fn jids(rounds: usize) -> Table {
    let kinds = ["ascii", "unicode"];
    let mut table = Table::new("An address", "ns", Better::Less, &kinds);
    for kind in kinds {
        let all = addresses(kind);
        let mut turns = vec![
            turn("xmppwire-jid", || {
                for address in &all {
                    black_box(xmppwire::Jid::new(address).expect("an address"));
                }
                all.len()
            }),
            turn("jid", || {
                for address in &all {
                    black_box(jid::Jid::new(address).expect("an address"));
                }
                all.len()
            }),
        ];
        let times = best(&mut turns, rounds);
        for ((name, _), (time, count)) in turns.iter().zip(times) {
            table.set(name, kind, time.as_nanos() as f64 / count as f64);
        }
    }
    table
}

/// Microseconds for a login and for the derivation of its keys.
fn logins(rounds: usize) -> Table {
    use sasl::common::Password;
    use sasl::common::scram::{ScramProvider as _, Sha256};
    use xmppwire::{ScramHash, ScramKeys};
    const SALT: &[u8] = b"salt and pepper!";
    let mut table = Table::new(
        "A login with SCRAM-SHA-256 and 4,096 iterations",
        "µs",
        Better::Less,
        &["time"],
    );
    let mut site = Site::default();
    site.bound();
    let mut turns = vec![
        turn("xmppwire: client and server, keys known", || {
            black_box(site.bound());
            1
        }),
        turn("xmppwire: the derivation", || {
            black_box(ScramKeys::derive(ScramHash::Sha256, "s3cr3t", SALT, 4096).expect("keys"));
            1
        }),
        turn("sasl: the derivation", || {
            let password = Password::Plain("s3cr3t".into());
            black_box(Sha256::derive(&password, SALT, 4096).expect("keys"));
            1
        }),
        turn("aws-lc: the derivation", || {
            let mut key = [0; 32];
            let iterations = 4096.try_into().expect("not 0");
            let algorithm = aws_lc_rs::pbkdf2::PBKDF2_HMAC_SHA256;
            aws_lc_rs::pbkdf2::derive(algorithm, iterations, SALT, b"s3cr3t", &mut key);
            black_box(key);
            1
        }),
        turn("ring: the derivation", || {
            let mut key = [0; 32];
            let iterations = 4096.try_into().expect("not 0");
            let algorithm = ring::pbkdf2::PBKDF2_HMAC_SHA256;
            ring::pbkdf2::derive(algorithm, iterations, SALT, b"s3cr3t", &mut key);
            black_box(key);
            1
        }),
    ];
    let times = best(&mut turns, rounds);
    for ((name, _), (time, count)) in turns.iter().zip(times) {
        table.set(name, "time", time.as_nanos() as f64 / 1e3 / count as f64);
    }
    table
}

/// What another program counts: see `allocations.rs`.
fn allocations() -> Result<[Table; 3], Box<dyn Error>> {
    let title = "Allocations for a stanza";
    let mut stanzas = Table::new(title, "", Better::Less, &traffic::KINDS);
    let columns = ["in itself", "heap", "in all"];
    let mut idle = Table::of_numbers(
        "An idle connection with a bound resource",
        "bytes",
        &columns,
    );
    let columns = ["1", "10", "100"];
    let title = "A chat message to so many resources, for each of them";
    let mut fan_out = Table::of_numbers(title, "", &columns);
    let done = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
        .args(["run", "--release", "--quiet", "--bin", "allocations"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    for line in String::from_utf8(done.stdout)?.lines() {
        let parts: Vec<&str> = line.split('\t').collect();
        if let [table, name, column, value] = *parts {
            let table = match table {
                "idle" => &mut idle,
                "fan-out" => &mut fan_out,
                _ => &mut stanzas,
            };
            table.set(name, column, value.parse()?);
        }
    }
    Ok([stanzas, idle, fan_out])
}

/// What `benches/load` measured, the best of its rounds.
fn load() -> Result<[Table; 2], Box<dyn Error>> {
    const RATE: &str = "messages a second";
    let names = [
        ("ours", "examples/server"),
        ("prosody", "Prosody"),
        ("ejabberd", "ejabberd"),
    ];
    let columns = ["µs a message", "KiB a connection"];
    let mut costs = Table::new("A server under load", "", Better::Less, &columns);
    let mut rates = Table::new("The rate of a server", "", Better::More, &[RATE]);
    for line in include_str!("../load.tsv").lines() {
        let [name, column, value] = *line.split('\t').collect::<Vec<_>>() else {
            continue;
        };
        let known = names.iter().find(|(short, _)| *short == name);
        let (_, name) = known.ok_or("load.tsv has an unknown server")?;
        let value: f64 = value.parse()?;
        match column {
            RATE => rates.set(name, column, value.max(rates.value(name, column))),
            _ => costs.set(name, column, value.min(costs.value(name, column))),
        }
    }
    Ok([costs, rates])
}
