//! What a connection holds while nothing happens, and what a stanza allocates.

#![cfg(not(feature = "checked-only"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use allocation_counter::{AllocationInfo, measure};
use xmppwire::{Client, Connection, Server};
use xmppwire_cost::growth::acknowledge;
use xmppwire_cost::login::{Pair, Site};
use xmppwire_cost::paths::{to_client, to_server};
use xmppwire_cost::traffic;

/// Bytes that an idle connection may hold, in itself and behind it.
const IDLE: usize = 1024;

fn measured<T>(make: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    (made.unwrap(), info)
}

/// An idle connection that has a bound resource is small, after the login and after stanzas of any
/// size.
#[test]
fn an_idle_connection_holds_little() {
    let mut site = Site::default();
    drop(site.bound());
    let (pair, both) = measured(|| site.bound());
    let Pair { client, server } = pair;
    let ((), client_heap) = measured(|| drop(client));
    let ((), server_heap) = measured(|| drop(server));
    let client = size_of::<Connection<Client>>();
    let server = size_of::<Connection<Server>>();
    println!("client {client} + {}", -client_heap.bytes_current);
    println!("server {server} + {}", -server_heap.bytes_current);
    println!("both {}", both.bytes_current);
    let client = client + usize::try_from(-client_heap.bytes_current).unwrap();
    let server = server + usize::try_from(-server_heap.bytes_current).unwrap();
    assert!(client <= IDLE, "a client holds {client} bytes");
    assert!(server <= IDLE, "a server holds {server} bytes");
}

/// What stream management adds to an idle connection.
const MANAGED: usize = 200;

/// An idle session that is managed and can be resumed holds little more, also after its stanzas were
/// acknowledged.
#[test]
fn an_idle_managed_session_holds_little_more() {
    let held = |site: &mut Site| {
        drop(site.bound());
        let Pair { mut client, server } = site.bound();
        if client.sent().is_some() {
            acknowledge(&mut client, 0, 1000);
        }
        let ((), client) = measured(|| drop(client));
        let ((), server) = measured(|| drop(server));
        [client, server].map(|info| usize::try_from(-info.bytes_current).unwrap())
    };
    let plain = held(&mut Site::default());
    let managed = held(&mut Site::managed());
    for (side, (managed, plain)) in ["client", "server"]
        .iter()
        .zip(managed.into_iter().zip(plain))
    {
        let more = managed - plain;
        println!("{side}: {more}");
        assert!(more <= MANAGED, "a managed {side} holds {more} bytes more");
    }
}

/// A hundred times the stanzas cost a hundred times the memory that is asked for, and no more waits
/// than the queue may hold.
#[test]
fn acknowledging_is_linear() {
    let mut site = Site::managed();
    drop(site.bound());
    let cost = |site: &mut Site, n| {
        let mut client = site.bound().client;
        let ((), info) = measured(|| {
            acknowledge(&mut client, 0, n);
        });
        println!("{n}: {info:?}");
        info
    };
    let few = cost(&mut site, 1_000);
    let many = cost(&mut site, 100_000);
    assert!(many.count_total <= 110 * few.count_total);
    assert!(many.bytes_total <= 150 * few.bytes_total);
    assert!(many.bytes_max < 16 * 1024 * 1024, "{}", many.bytes_max);
}

/// What stanzas needed is given back.
#[test]
fn a_connection_gives_back_what_stanzas_needed() {
    let mut site = Site::default();
    drop(site.bound());
    for kind in traffic::KINDS {
        let bytes = traffic::make(kind, 1, 200_000).content();
        let Pair {
            mut client,
            mut server,
        } = site.bound();
        // The first stanza decides what the application's own memory is.
        for _ in 0..2 {
            let ((), info) = measured(|| to_client(&mut client, &bytes, drop));
            assert!(info.bytes_current <= 0, "client, {kind}: {info:?}");
            let ((), info) = measured(|| to_server(&mut server, &bytes, drop));
            assert!(info.bytes_current <= 0, "server, {kind}: {info:?}");
        }
    }
}

/// A stanza for many resources is copied once for each: one allocation, of about its own size.
#[test]
fn a_fan_out_copies_a_stanza_once_for_each_resource() {
    let mut site = Site::default();
    let mut from = site.bound().server;
    for kind in traffic::KINDS {
        let traffic = traffic::make(kind, 1, 1);
        let mut stanzas = Vec::new();
        to_server(&mut from, &traffic.content(), |stanza| stanzas.push(stanza));
        let stanza = stanzas.pop().unwrap();
        for resources in [1, 10, 50] {
            let mut all: Vec<_> = (0..resources).map(|_| site.bound().server).collect();
            let ((), info) = measured(|| {
                for to in &mut all {
                    to.send(&stanza).unwrap();
                }
            });
            let written: usize = all.iter().map(|to| to.output().len()).sum();
            assert!(written >= resources * (traffic.bytes() - 100));
            // The buffer of the output grows to its size in one or two steps.
            let (count, bytes) = (info.count_total, info.bytes_total);
            println!("{kind} to {resources}: {count} allocations, {bytes} bytes for {written}");
            assert!(count <= 2 * resources as u64, "{kind}: {count}");
            assert!(
                bytes <= 2 * written as u64 + 1024 * resources as u64,
                "{kind}: {bytes}"
            );
        }
    }
}

/// Text, table, and an address or two.
#[test]
fn a_stanza_takes_four_allocations() {
    let mut site = Site::default();
    let Pair {
        mut client,
        mut server,
    } = site.bound();
    for kind in ["chat", "presence", "nested", "roster"] {
        // So many that the reader's own buffers do not count.
        let traffic = traffic::make(kind, 1, 2_000_000);
        let count = traffic.stanzas.len();
        let bytes = traffic.content();
        let ((), info) = measured(|| to_client(&mut client, &bytes, drop));
        let each = info.count_total as f64 / count as f64;
        println!("client, {kind}: {each:.2}");
        assert!(each <= 4.1, "client, {kind}: {each}");
        let ((), info) = measured(|| to_server(&mut server, &bytes, drop));
        let each = info.count_total as f64 / count as f64;
        println!("server, {kind}: {each:.2}");
        assert!(each <= 4.1, "server, {kind}: {each}");
    }
}
