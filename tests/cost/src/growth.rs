//! How the cost grows with what the peer sends: a hundred times the size has to cost about a
//! hundred times the instructions, or a peer could make the machine work for nothing.

use std::hint::black_box;

use xmppwire::{Client, ClientEvent, Connection, Instant, Jid, XmlLimits, ns};
use xmppwire_xml::{Reader, Writer};

use crate::Work;
use crate::login::Site;
use crate::paths::{elements, message, to_client};
use crate::traffic::HEADER;

/// Something that grows.
pub struct Case {
    pub name: &'static str,
    /// The smaller size.
    pub base: usize,
    /// Work of a size.
    pub work: fn(usize) -> Work,
}

const fn case(name: &'static str, base: usize, work: fn(usize) -> Work) -> Case {
    Case { name, base, work }
}

/// All cases.
pub const ALL: [Case; 15] = [
    case("text", 500, |n| {
        read(&format!("<a>{}</a>", "x".repeat(n)), usize::MAX)
    }),
    case("references", 100, |n| {
        read(&format!("<a>{}</a>", "&amp;".repeat(n)), usize::MAX)
    }),
    case("text in pieces of 1 byte", 500, |n| {
        read(&format!("<a>{}</a>", "x".repeat(n)), 1)
    }),
    case("text in pieces of 100 bytes", 500, |n| {
        read(&format!("<a>{}</a>", "x".repeat(n)), 100)
    }),
    case("attributes", 30, |n| read(&attributes(n), usize::MAX)),
    case("depth", 10, |n| {
        read(
            &format!("{}{}", "<a>".repeat(n), "</a>".repeat(n)),
            usize::MAX,
        )
    }),
    case("depth with namespaces", 10, |n| {
        read(
            &format!("{}{}", "<a xmlns='u'>".repeat(n), "</a>".repeat(n)),
            usize::MAX,
        )
    }),
    case("depth with prefixes", 10, |n| {
        let open = (0..n).fold(String::new(), |all, i| {
            all + &format!("<p:a xmlns:p='u{i}'>")
        });
        read(&format!("{open}{}", "</p:a>".repeat(n)), usize::MAX)
    }),
    case("children", 50, |n| {
        read(
            &format!("<a>{}</a>", "<b c='d'>e</b>".repeat(n)),
            usize::MAX,
        )
    }),
    case("stanzas", 20, |n| {
        read(
            &"<message to='a@b'><body>c</body></message>".repeat(n),
            usize::MAX,
        )
    }),
    case("typed stanzas", 10, typed),
    case("backlog", 300, backlog),
    case("acknowledgements", 100, acknowledgements),
    case("resource", 10, |n| {
        let address = format!("juliet@example.org/{}", "é".repeat(n / 2));
        Box::new(move || {
            black_box(Jid::new(&address).expect("an address"));
        })
    }),
    case("connections", 1, connections),
];

const LIMITS: XmlLimits = {
    let mut limits = XmlLimits::DEFAULT;
    limits.max_depth = usize::MAX;
    limits.max_attributes = usize::MAX;
    limits.max_children = usize::MAX;
    limits.max_prefixes = usize::MAX;
    limits
};

fn attributes(n: usize) -> String {
    let all = (0..n).fold(String::new(), |all, i| all + &format!(" a{i:04}=''"));
    format!("<a{all}/>")
}

/// Reads the content of a stream, and writes it again.
fn read(content: &str, size: usize) -> Work {
    let stream = [HEADER, content].concat().into_bytes();
    let mut out = Vec::new();
    Box::new(move || {
        let writer = Writer::new(ns::CLIENT);
        let size = size.min(stream.len());
        elements(Reader::new(LIMITS), &stream, size, |element| {
            out.clear();
            writer
                .element(&mut out, element.root())
                .expect("a good element");
        });
        black_box(&out);
    })
}

/// Stanzas of many payloads, through a client.
fn typed(n: usize) -> Work {
    let mut client = Site::default().bound().client;
    let stanza = "<message from='romeo@example.net/orchard' id='1'><body>c</body></message>";
    let bytes = stanza.repeat(n).into_bytes();
    Box::new(move || {
        to_client(&mut client, &bytes, |stanza| {
            black_box(&stanza);
        });
    })
}

/// Output that waits, and is taken in small pieces.
fn backlog(n: usize) -> Work {
    let mut client = Site::default().bound().client;
    let stanza = message("Good night, good night!");
    Box::new(move || {
        for _ in 0..n {
            client.send(&stanza).expect("a good stanza");
        }
        while !client.output().is_empty() {
            client.consume_output(100);
        }
    })
}

/// Stanzas that are written, wait, and are acknowledged one by one (XEP-0198).
fn acknowledgements(n: usize) -> Work {
    let mut client = Site::managed().bound().client;
    let mut handled: u32 = 0;
    Box::new(move || handled = acknowledge(&mut client, handled, n))
}

/// Sends so many stanzas and has them acknowledged one by one. `handled` is the number of the last
/// one that was sent before, and the result that of the last one that was sent.
pub fn acknowledge(client: &mut Connection<Client>, handled: u32, n: usize) -> u32 {
    let stanza = message("Good night, good night!");
    let mut handled = handled;
    let mut left = n;
    while left > 0 {
        // As many as the queue takes.
        let mut waiting = 0;
        while waiting < left && client.room() > 1024 {
            client.send(&stanza).expect("a good stanza");
            let written = client.output().len();
            client.consume_output(written);
            waiting += 1;
        }
        left -= waiting;
        for _ in 0..waiting {
            handled = handled.wrapping_add(1);
            let answer = format!("<a xmlns='urn:xmpp:sm:3' h='{handled}'/>");
            let read = client.receive(Instant::ORIGIN, answer.as_bytes());
            assert_eq!(read, answer.len());
            let event = client.poll_event();
            assert!(matches!(event, Some(ClientEvent::Acknowledged(_))));
        }
        client.take_output();
    }
    handled
}

/// Connections that log in and get a stanza each.
fn connections(n: usize) -> Work {
    let mut site = Site::default();
    site.bound();
    Box::new(move || {
        let mut all: Vec<_> = (0..n).map(|_| site.bound().client).collect();
        for client in &mut all {
            client.receive(Instant::ORIGIN, b"<message from='a@b'/>");
            assert!(matches!(client.poll_event(), Some(ClientEvent::Stanza(_))));
        }
    })
}
