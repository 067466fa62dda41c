//! What servers say to each other, for the targets of both ends.

use core::time::Duration;

use xmppwire::negotiation::Phase;
use xmppwire::s2s::{DialbackSecret, Pair, PairLimits};
use xmppwire::{
    ApiMisuse, CertificateIdentities, Domainpart, Endpoint, Jid, Message, Role, Stanza, TlsInfo,
};
use xmppwire_sasl::wire;

use crate::accounts;

/// What the keys of every server are made from.
pub fn secret() -> DialbackSecret {
    DialbackSecret::new("xyzzy")
}

/// Limits that a script can reach.
pub fn limits() -> PairLimits {
    let mut limits = PairLimits::new();
    limits.pairs = 4;
    limits.pending = 3;
    limits.answer_timeout = Duration::from_secs(3);
    limits.verify_timeout = Duration::from_secs(2);
    limits
}

/// The domain of a letter. The server under test serves `b.example` and `c.example`, or is
/// `a.example`.
pub fn domain(letter: u8) -> Domainpart {
    let letter = match letter {
        b'a'..=b'z' => char::from(letter),
        _ => 'a',
    };
    Domainpart::new(&format!("{letter}.example")).expect("a domain")
}

/// The pair of two letters, by default from `a.example` to `b.example`.
pub fn pair(letters: &[u8]) -> Pair {
    let letter = |at: usize, default| letters.get(at).copied().unwrap_or(default);
    Pair::new(domain(letter(0, b'a')), domain(letter(1, b'b')))
}

/// A message for a pair.
pub fn message(pair: &Pair) -> Stanza {
    message_with(pair, "x")
}

/// A message for a pair, with this body.
pub fn message_with(pair: &Pair, body: &str) -> Stanza {
    let at = |domain: &Domainpart| Jid::new(&format!("u@{domain}")).expect("an address");
    Message::chat(at(pair.target()), body)
        .with_from(at(pair.sender()))
        .into()
}

/// A stream header.
pub fn header(from: u8, to: u8, more: &str, out: &mut Vec<u8>) {
    let (from, to) = (domain(from), domain(to));
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
         xmlns:stream='http://etherx.jabber.org/streams' from='{from}' to='{to}' version='1.0' {more}>"
    );
    out.extend_from_slice(header.as_bytes());
}

/// The features of a server: t STARTTLS, e EXTERNAL, d dialback, r with errors, b bidi.
pub fn features(letters: &[u8], out: &mut Vec<u8>) {
    let has = |letter| letters.contains(&letter);
    out.extend_from_slice(b"<stream:features>");
    if has(b't') {
        starttls("starttls", out);
    }
    if has(b'e') {
        out.extend_from_slice(
            b"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
              <mechanism>EXTERNAL</mechanism></mechanisms>",
        );
    }
    if has(b'd') || has(b'r') {
        let errors = if has(b'r') { "<errors/>" } else { "" };
        let dialback = format!("<dialback xmlns='urn:xmpp:features:dialback'>{errors}</dialback>");
        out.extend_from_slice(dialback.as_bytes());
    }
    if has(b'b') {
        out.extend_from_slice(b"<bidi xmlns='urn:xmpp:features:bidi'/>");
    }
    out.extend_from_slice(b"</stream:features>");
}

/// What a server learns of TLS: the name in the peer's certificate, if it shows one.
pub fn tls(certificate: Option<&str>) -> TlsInfo {
    let tls = TlsInfo::new(accounts::bindings());
    match certificate {
        Some(name) => tls.with_peer(CertificateIdentities::new().with_dns_id(name)),
        None => tls,
    }
}

/// Sends a message for a pair, which is refused where the pair is not ready.
pub fn send<R: Role>(endpoint: &mut Endpoint<R>, pair: &Pair) {
    let over = endpoint.phase() == Phase::Closed;
    let sent = endpoint.send(&message(pair));
    assert!(
        over || sent.is_ok() || sent == Err(ApiMisuse::PairNotReady),
        "{sent:?}"
    );
}

/// An element of STARTTLS.
pub fn starttls(name: &str, out: &mut Vec<u8>) {
    let element = format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    out.extend_from_slice(element.as_bytes());
}

/// An element of SASL.
pub fn sasl(name: &str, out: &mut Vec<u8>) {
    let element = format!("<{name} xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    out.extend_from_slice(element.as_bytes());
}

/// `<auth/>` for EXTERNAL with an authorization identity.
pub fn auth(authzid: &[u8], out: &mut Vec<u8>) {
    let element = format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{}</auth>",
        wire::encode(authzid)
    );
    out.extend_from_slice(element.as_bytes());
}

/// Step 1 of dialback, with the right key for the stream.
pub fn key(pair: &Pair, id: &str, out: &mut Vec<u8>) {
    let (from, to, key) = (pair.sender(), pair.target(), secret().key(pair, id));
    let element = format!("<db:result from='{from}' to='{to}'>{key}</db:result>");
    out.extend_from_slice(element.as_bytes());
}

/// Step 2: a question about the right key of a pair for the stream `s`, or for that of `id`.
pub fn question(pair: &Pair, id: &str, out: &mut Vec<u8>) {
    let (from, to, key) = (pair.target(), pair.sender(), secret().key(pair, "s"));
    let id = if id.is_empty() { "s" } else { id };
    let element = format!("<db:verify from='{from}' to='{to}' id='{id}'>{key}</db:verify>");
    out.extend_from_slice(element.as_bytes());
}

/// Step 4 for a pair. The type is in the rest of a line, by default `valid`.
pub fn result(pair: &Pair, kind: &[u8], out: &mut Vec<u8>) {
    let kind = kind_of(kind);
    let (from, to) = (pair.target(), pair.sender());
    let element = format!("<db:result from='{from}' to='{to}' type='{kind}'/>");
    out.extend_from_slice(element.as_bytes());
}

/// Step 3 about the key of a pair for the stream `s`.
pub fn verified(pair: &Pair, kind: &[u8], out: &mut Vec<u8>) {
    let kind = kind_of(kind);
    let (from, to) = (pair.sender(), pair.target());
    let element = format!("<db:verify from='{from}' to='{to}' id='s' type='{kind}'/>");
    out.extend_from_slice(element.as_bytes());
}

fn kind_of(kind: &[u8]) -> &'static str {
    match kind.first() {
        Some(b'i') => "invalid",
        Some(b'e') => "error",
        _ => "valid",
    }
}

/// A message for a pair, as it is received.
pub fn stanza(pair: &Pair, out: &mut Vec<u8>) {
    let (from, to) = (pair.sender(), pair.target());
    let element = format!("<message from='u@{from}' to='u@{to}'><body>x</body></message>");
    out.extend_from_slice(element.as_bytes());
}
