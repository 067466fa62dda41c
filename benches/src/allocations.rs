//! Counts allocations for a stanza, in a program of its own, because the counter replaces the
//! allocator. Each line has a table, a row, a column and a number, divided by tabs.

#[allow(dead_code, reason = "the other program measures more of them")]
mod contenders;

use allocation_counter::measure;
use contenders as c;
use xmppwire_cost::login::{Pair, Site};
use xmppwire_cost::paths::to_server;
use xmppwire_cost::traffic;

/// Bytes of traffic. Each contender gets this much and twice as much, and the difference is what
/// stanzas cost: what a reader allocates once in a stream does not count.
const BYTES: usize = 1_000_000;

fn main() {
    for kind in traffic::KINDS {
        let mut site = Site::default();
        let (mut client, mut server) = (site.bound(), site.bound());
        let own = client.client.jid().expect("bound").to_string();
        let sizes = [BYTES, 2 * BYTES];
        let streams = sizes.map(|size| traffic::make(kind, 1, size).stream());
        let contents = sizes.map(|size| traffic::make(kind, 1, size).content());
        let to_client = sizes.map(|size| traffic::make(kind, 1, size).to(&own).content());
        let show = |name: &str, all: &[Vec<u8>; 2], work: &mut dyn FnMut(&[u8]) -> usize| {
            let [(less, few), (more, many)] = all.each_ref().map(|bytes| {
                let mut count = 0;
                let info = measure(|| count = work(bytes));
                (info.count_total, count)
            });
            let each = (more - less) as f64 / (many - few) as f64;
            println!("stanzas\t{name}\t{kind}\t{each:.2}");
        };
        show("xmppwire, elements", &streams, &mut |bytes| {
            c::ours(bytes, 16_384)
        });
        show("xmppwire, 1,400-byte reads", &streams, &mut |bytes| {
            c::ours(bytes, 1_400)
        });
        show("xmppwire, client", &to_client, &mut |bytes| {
            c::ours_client(&mut client, bytes)
        });
        show("xmppwire, server", &contents, &mut |bytes| {
            c::ours_server(&mut server, bytes)
        });
        show("xmpp-parsers", &streams, &mut |bytes| {
            c::xmpp_parsers(bytes, 16_384)
        });
    }
    idle();
    fan_out();
}

/// What a connection holds after its login.
fn idle() {
    let mut site = Site::default();
    drop(site.bound());
    let Pair { client, server } = site.bound();
    let show = |name: &str, inline: usize, drop: &mut dyn FnMut()| {
        let heap = -measure(drop).bytes_current;
        println!("idle\t{name}\tin itself\t{inline}");
        println!("idle\t{name}\theap\t{heap}");
        println!("idle\t{name}\tin all\t{}", inline as i64 + heap);
    };
    let (client_bytes, server_bytes) = (size_of_val(&client), size_of_val(&server));
    let (mut client, mut server) = (Some(client), Some(server));
    show("client", client_bytes, &mut || drop(client.take()));
    show("server", server_bytes, &mut || drop(server.take()));
}

/// A message that a server sends to several resources.
fn fan_out() {
    let mut site = Site::default();
    let mut from = site.bound().server;
    let mut stanzas = Vec::new();
    let traffic = traffic::make("chat", 1, 1);
    to_server(&mut from, &traffic.content(), |stanza| stanzas.push(stanza));
    let stanza = stanzas.pop().expect("a stanza");
    for resources in [1, 10, 100] {
        let mut all: Vec<_> = (0..resources).map(|_| site.bound().server).collect();
        let info = measure(|| {
            for to in &mut all {
                to.send(&stanza).expect("a good stanza");
            }
        });
        let written: usize = all.iter().map(|to| to.output().len()).sum();
        for (name, value) in [
            ("allocations", info.count_total as usize),
            ("bytes allocated", info.bytes_total as usize),
            ("bytes written", written),
        ] {
            let each = value as f64 / resources as f64;
            println!("fan-out\t{name}\t{resources}\t{each}");
        }
    }
}
