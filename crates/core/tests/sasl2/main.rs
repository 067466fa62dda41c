//! Logins by SASL2 (XEP-0388) and what comes with them: what a client asks for, what it believes of the
//! answer, and what a server reads.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail by panicking"
)]

mod client;
mod server;
mod tasks;
mod tokens;

use xmppwire::{
    Client, ClientConfig, Connection, Entropy, Instant, Jid, Mechanism, MechanismPolicy, TlsInfo,
    UserAgent,
};

const NOW: Instant = Instant::ORIGIN;
const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

fn tell(client: &mut Connection<Client>, text: &str) -> String {
    client.receive(NOW, text.as_bytes());
    String::from_utf8(client.take_output()).unwrap()
}

fn agent() -> UserAgent {
    UserAgent::from_id("9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f").unwrap()
}

fn config() -> ClientConfig {
    ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
}

/// A client whose server has sent its header.
fn opened(config: ClientConfig) -> Connection<Client> {
    let entropy = Entropy::from_seed([1; 32]);
    let mut client = Client::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    tell(&mut client, HEADER);
    client
}

/// Offers SASL2 with these features inside, and returns what the client wrote.
fn offer(client: &mut Connection<Client>, inline: &str) -> String {
    tell(
        client,
        &format!(
            "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
             <inline>{inline}</inline></authentication></stream:features>"
        ),
    )
}

/// Bind 2 with these features inside.
fn bind2(features: &[&str]) -> String {
    let features: String = features
        .iter()
        .map(|var| format!("<feature var='{var}'/>"))
        .collect();
    format!("<bind xmlns='urn:xmpp:bind:0'><inline>{features}</inline></bind>")
}

/// `<success/>` for this address, with more inside.
fn success(jid: &str, more: &str) -> String {
    format!(
        "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>{jid}\
         </authorization-identifier>{more}</success>"
    )
}

fn bound(more: &str) -> String {
    let bound = format!("<bound xmlns='urn:xmpp:bind:0'/>{more}");
    success("juliet@example.org/balcony", &bound)
}
