//! The hot paths. Each handles the same traffic in every run.

use std::hint::black_box;

use xmppwire::{
    Client, ClientEvent, Connection, Element, Instant, Jid, Message, Server, ServerEvent, Stanza,
    XmlLimits, ns,
};
use xmppwire_xml::{Event, NodeRef, Reader, Writer};

use crate::Work;
use crate::login::{Pair, Site};
use crate::traffic::{self, Traffic};

/// Bytes of each kind of traffic.
const BYTES: usize = 60_000;

/// Bytes of a read of a connection with TLS.
pub const READ: usize = 16_384;

/// A path, and what it costs one of.
pub struct Path {
    pub name: String,
    /// How many stanzas, addresses or logins it handles.
    pub count: usize,
    pub work: Work,
}

/// Makes the path of a name.
pub type Make = fn(&str) -> Path;

/// All paths, with their names.
pub fn all() -> Vec<(String, Make)> {
    let mut all: Vec<(String, Make)> = Vec::new();
    for kind in traffic::KINDS {
        all.push((format!("read/{kind}"), read));
        all.push((format!("read-1400/{kind}"), read_packets));
        all.push((format!("write/{kind}"), write));
        all.push((format!("write-built/{kind}"), write_built));
        all.push((format!("client/{kind}"), client));
        all.push((format!("server/{kind}"), server));
        all.push((format!("route/{kind}"), route));
        all.push((format!("fan-out/{kind}"), fan_out));
    }
    all.push(("read-1/chat".into(), read_bytes));
    all.push(("read-checked/chat".into(), read_checked));
    for kind in ["ascii", "unicode"] {
        all.push((format!("jid/{kind}"), jids));
    }
    all.push(("login".into(), login));
    all
}

fn traffic(name: &str) -> Traffic {
    let kind = name.rsplit('/').next().unwrap_or_default();
    traffic::make(kind, 1, BYTES)
}

fn path(name: &str, count: usize, work: impl FnMut() + 'static) -> Path {
    Path {
        name: name.into(),
        count,
        work: Box::new(work),
    }
}

/// Reads all elements of a stream that comes in reads of `size` bytes.
pub fn elements(mut reader: Reader, stream: &[u8], size: usize, mut each: impl FnMut(Element)) {
    for mut piece in stream.chunks(size) {
        while let Some(event) = reader.read(&mut piece).expect("a good stream") {
            if let Event::Element(element) = event {
                each(element);
            }
        }
    }
}

fn read_by(name: &str, size: usize, reader: fn(XmlLimits) -> Reader) -> Path {
    let traffic = traffic(name);
    let stream = traffic.stream();
    path(name, traffic.stanzas.len(), move || {
        elements(reader(XmlLimits::DEFAULT), &stream, size, |element| {
            black_box(&element);
        });
    })
}

fn read(name: &str) -> Path {
    read_by(name, READ, Reader::new)
}

fn read_packets(name: &str) -> Path {
    read_by(name, 1400, Reader::new)
}

fn read_bytes(name: &str) -> Path {
    read_by(name, 1, Reader::new)
}

fn read_checked(name: &str) -> Path {
    read_by(name, READ, Reader::checked_only)
}

fn write(name: &str) -> Path {
    write_all(name, received(name))
}

fn write_built(name: &str) -> Path {
    write_all(name, built(&received(name)))
}

fn write_all(name: &str, all: Vec<Element>) -> Path {
    let mut out = Vec::with_capacity(4 * BYTES);
    path(name, all.len(), move || {
        let writer = Writer::new(ns::CLIENT);
        out.clear();
        for element in &all {
            writer
                .element(&mut out, element.root())
                .expect("a good element");
        }
        black_box(&out);
    })
}

fn received(name: &str) -> Vec<Element> {
    let mut all = Vec::new();
    let (reader, stream) = (Reader::new(XmlLimits::DEFAULT), traffic(name).stream());
    elements(reader, &stream, READ, |element| all.push(element));
    all
}

/// The same elements as an application builds them: nothing is left of the bytes that arrived.
pub fn built(elements: &[Element]) -> Vec<Element> {
    let copy = |element: &Element| {
        let root = element.root();
        let mut builder = Element::builder(root.name(), root.ns());
        for attr in root.attrs() {
            builder = builder.attr_ns(attr.name, attr.ns, attr.value);
        }
        for node in root.nodes() {
            builder = match node {
                NodeRef::Element(child) => builder.append(child),
                NodeRef::Text(text) => builder.text(text),
            };
        }
        builder.build()
    };
    elements.iter().map(copy).collect()
}

/// Gives a client all bytes, and takes its stanzas.
pub fn to_client(client: &mut Connection<Client>, bytes: &[u8], mut each: impl FnMut(Stanza)) {
    for mut piece in bytes.chunks(READ) {
        while !piece.is_empty() {
            let consumed = client.receive(Instant::ORIGIN, piece);
            piece = &piece[consumed..];
            while let Some(event) = client.poll_event() {
                match event {
                    ClientEvent::Stanza(stanza) => each(stanza),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

/// Gives a server all bytes, and takes its stanzas.
pub fn to_server(server: &mut Connection<Server>, bytes: &[u8], mut each: impl FnMut(Stanza)) {
    for mut piece in bytes.chunks(READ) {
        while !piece.is_empty() {
            let consumed = server.receive(Instant::ORIGIN, piece);
            piece = &piece[consumed..];
            while let Some(event) = server.poll_event() {
                match event {
                    ServerEvent::Stanza(stanza) => each(stanza),
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

fn client(name: &str) -> Path {
    let Pair { mut client, .. } = Site::default().bound();
    let traffic = traffic(name).to(client.jid().expect("bound").as_str());
    let bytes = traffic.content();
    path(name, traffic.stanzas.len(), move || {
        to_client(&mut client, &bytes, |stanza| {
            black_box(&stanza);
        });
    })
}

fn server(name: &str) -> Path {
    let Pair { mut server, .. } = Site::default().bound();
    let traffic = traffic(name);
    let bytes = traffic.content();
    path(name, traffic.stanzas.len(), move || {
        to_server(&mut server, &bytes, |stanza| {
            black_box(&stanza);
        });
    })
}

/// Stanzas of one client, written to the stream of another.
fn route(name: &str) -> Path {
    let mut site = Site::default();
    let (mut from, mut to) = (site.bound().server, site.bound().server);
    let traffic = traffic(name);
    let bytes = traffic.content();
    path(name, traffic.stanzas.len(), move || {
        to_server(&mut from, &bytes, |stanza| {
            to.send(&stanza).expect("a good stanza");
            black_box(to.output());
            to.consume_output(usize::MAX);
        });
    })
}

/// Stanzas of one client, written to the streams of ten others: the cost of one copy.
fn fan_out(name: &str) -> Path {
    let mut site = Site::default();
    let mut from = site.bound().server;
    let mut all: Vec<_> = (0..10).map(|_| site.bound().server).collect();
    let traffic = traffic(name);
    let mut stanzas = Vec::new();
    to_server(&mut from, &traffic.content(), |stanza| stanzas.push(stanza));
    path(name, stanzas.len() * all.len(), move || {
        for stanza in &stanzas {
            for to in &mut all {
                to.send(stanza).expect("a good stanza");
                black_box(to.output());
                to.consume_output(usize::MAX);
            }
        }
    })
}

/// Addresses of a kind.
pub fn addresses(kind: &str) -> Vec<String> {
    let local = match kind {
        "ascii" => "juliet.capulet",
        _ => "жульетта-ö",
    };
    (0..100)
        .map(|number| format!("{local}{number}@im.example.com/balcony-{number}"))
        .collect()
}

fn jids(name: &str) -> Path {
    let addresses = addresses(name.rsplit('/').next().unwrap_or_default());
    path(name, addresses.len(), move || {
        for address in &addresses {
            black_box(Jid::new(address).expect("an address"));
        }
    })
}

fn login(name: &str) -> Path {
    let mut site = Site::default();
    site.bound();
    path(name, 1, move || {
        black_box(site.bound());
    })
}

/// A message with a body, as an application makes it.
pub fn message(body: &str) -> Stanza {
    Message::chat(Jid::new("romeo@example.net").expect("an address"), body).into()
}
