//! The language in which a server's application writes its texts (RFC 6120 §4.7.4).

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

use xmppwire::{DecoyKey, Entropy, Instant, Server, ServerConfig, TlsInfo};

/// The language for texts to a client whose header has these attributes.
fn text_lang(attributes: &str) -> String {
    let config = ServerConfig::new(DecoyKey::new([1; 32])).with_langs(["en", "de", "cs"]);
    let entropy = Entropy::from_seed([3; 32]);
    let tls = TlsInfo::default();
    let mut server = Server::with_direct_tls(config, entropy, Instant::ORIGIN, tls);
    assert_eq!(server.text_lang(), "en", "before the header");
    let header = format!(
        "<stream:stream xmlns='jabber:client' version='1.0' to='example.org' \
         xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
    );
    assert_eq!(
        server.receive(Instant::ORIGIN, header.as_bytes()),
        header.len()
    );
    assert!(server.poll_event().is_some());
    server.text_lang().to_owned()
}

#[test]
fn texts_are_in_the_language_of_the_header_or_the_first_one() {
    assert_eq!(text_lang("xml:lang='de'"), "de");
    assert_eq!(text_lang("xml:lang='cs-CZ'"), "cs", "RFC 4647 §3.4");
    assert_eq!(text_lang("xml:lang='it'"), "en");
    assert_eq!(text_lang(""), "en");
}
