//! Connections that are bound, for tests of what comes after.

use xmppwire::{
    BareJid, BindAnswer, Client, ClientConfig, ClientEvent, Connection, DecoyKey, Entropy, Host,
    HostAnswer, Instant, Jid, Limits, Mechanism, MechanismPolicy, SaslAnswer, Server, ServerConfig,
    ServerEvent, TlsInfo, TlsOffer,
};

const NOW: Instant = Instant::ORIGIN;

const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";

/// Lets the peer read everything, then speak; returns the answer.
fn tell(client: &mut Connection<Client>, text: &str) -> String {
    client.take_output();
    assert_eq!(client.receive(NOW, text.as_bytes()), text.len());
    String::from_utf8(client.take_output()).unwrap()
}

/// A client that is bound as `juliet@example.org/balcony`.
pub(crate) fn bound(limits: Limits) -> Connection<Client> {
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_limits(limits);
    let entropy = Entropy::from_seed([2; 32]);
    let mut client = Client::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    tell(&mut client, HEADER);
    tell(
        &mut client,
        "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    );
    tell(
        &mut client,
        "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    );
    tell(&mut client, HEADER);
    let request = tell(
        &mut client,
        "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    );
    let id = request.split("id='").nth(1).unwrap();
    let id = id.split('\'').next().unwrap();
    tell(
        &mut client,
        &format!(
            "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
            <jid>juliet@example.org/balcony</jid></bind></iq>"
        ),
    );
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    client
}

/// A server whose client is bound as `juliet@example.org/balcony`.
pub(crate) fn bound_server(limits: Limits) -> Connection<Server> {
    const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
        xmlns:stream='http://etherx.jabber.org/streams' to='example.org'>";
    let config = ServerConfig::new(DecoyKey::new([1; 32])).with_limits(limits);
    let entropy = Entropy::from_seed([3; 32]);
    let mut server = Server::with_direct_tls(config, entropy, NOW, TlsInfo::default());
    for said in [
        HEADER,
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABzM2NyM3Q=</auth>",
        HEADER,
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <resource>balcony</resource></bind></iq>",
    ] {
        assert_eq!(server.receive(NOW, said.as_bytes()), said.len());
        while let Some(event) = server.poll_event() {
            match event {
                ServerEvent::Opened(request) => {
                    let host = Host::new(TlsOffer::Required, [Mechanism::Plain]);
                    server
                        .choose_host(request, HostAnswer::Serve(host))
                        .unwrap();
                }
                ServerEvent::Sasl(request) => {
                    let account = BareJid::new("juliet@example.org").unwrap();
                    server
                        .answer_sasl(request, SaslAnswer::Accept(account))
                        .unwrap();
                }
                ServerEvent::Bind(request) => {
                    assert!(!request.is_inline());
                    let resource = request.suggested().clone();
                    server
                        .answer_bind(request, BindAnswer::Bind(resource))
                        .unwrap();
                }
                _ => {}
            }
        }
        server.take_output();
    }
    assert!(server.jid().is_some());
    server
}
