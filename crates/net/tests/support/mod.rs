//! A session without TLS whose server is the test.

use std::task::Poll;

use xmppwire::{ClientConfig, Instant, Limits, TlsPolicy};
use xmppwire_net::client::{Connector, Login, LoginStep, Session};
use xmppwire_net::find::Mode;
use xmppwire_net::link::{Wire, Wired};

pub(crate) const NOW: Instant = Instant::ORIGIN;

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
     from='example.org' id='1' version='1.0'>";
const MECHANISMS: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
     <mechanism>ANONYMOUS</mechanism></mechanisms></stream:features>";
const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// The client's output since the last call.
pub(crate) fn written(wire: &mut dyn Wire) -> String {
    let output = String::from_utf8(wire.output().to_vec()).unwrap();
    wire.consume_output(output.len());
    output
}

/// A client without TLS, logged in by fixed answers of a server, which offers these features beside
/// a resource.
pub(crate) fn session(connector: &Connector, features: &str) -> Session {
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    let features = format!("<stream:features>{bind}{features}</stream:features>");
    let mut login = Login::new(connector, Mode::StartTls, NOW).unwrap();
    for answer in [HEADER, MECHANISMS, SUCCESS, HEADER, &features] {
        assert!(login.poll(NOW).is_pending());
        written(login.wire());
        login.wire().receive(NOW, answer.as_bytes());
    }
    assert!(login.poll(NOW).is_pending());
    let request = written(login.wire());
    let id = request
        .split(['\'', '"'])
        .skip_while(|part| !part.ends_with(" id="))
        .nth(1)
        .unwrap();
    let answer = format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
         <jid>guest@example.org/1</jid></bind></iq>"
    );
    login.wire().receive(NOW, answer.as_bytes());
    assert!(matches!(
        login.poll(NOW),
        Poll::Ready(Ok(LoginStep::Complete))
    ));
    login.into_session().unwrap()
}

pub(crate) fn connector_with(limits: Limits) -> Connector {
    let account = ClientConfig::anonymous("example.org".parse().unwrap());
    Connector::new(account.with_tls(TlsPolicy::Forbidden).with_limits(limits))
        .unwrap()
        .with_server("192.0.2.1", 5222, Mode::StartTls)
}
