//! A client logs in to a server over TLS, and everything that passes on the wire is printed with an
//! explanation.
//!
//! ```text
//! cargo run --example duet
//! cargo run --example duet -- --modern
//! ```
//!
//! Both sides run in this process and meet on the loopback interface. The certificate, the keys and
//! the password are made for the run and thrown away, so all of it can be shown. [`call`] and
//! [`serve`] are the two sides. [`End`], which this example shares with `federation`, moves the
//! bytes of either: it is all that a loop has to do for a connection. [`explain`] has the words of
//! the display. With `--modern` the two sides are those in [`modern`], which need fewer round trips
//! and lose nothing with a connection.

mod explain;
mod modern;

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use xmppwire::{
    BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, DecoyKey, Element, Entropy, Host,
    HostAnswer, Instant, IqTracker, Jid, Mechanism, Message, SaslAnswer, ScramHash, ScramKeys,
    Server, ServerConfig, ServerEvent, Stanza, TlsOffer, ns,
};
use xmppwire_net::find::{Domain, Mode};
use xmppwire_net::tls::{ClientTls, Identity, ServerTls, roots_from_pem};

use shared::{End, Result, Side, Speaker, Trace, Wire, say};

use explain::SCRIPT;

const DOMAIN: &str = "verona.example";
const CLIENT_JID: &str = "juliet@verona.example/balcony";
const PASSWORD: &str = "wherefore art thou";
/// Longest wait for the answer to a ping.
const PATIENCE: Duration = Duration::from_secs(10);
const CLIENT: Speaker = Speaker {
    name: "client",
    side: Side::Left,
};
const SERVER: Speaker = Speaker {
    name: "server",
    side: Side::Right,
};

fn main() -> Result<()> {
    if shared::help("usage: duet [--modern]\n") {
        return Ok(());
    }
    let is_modern = std::env::args_os().any(|argument| argument == "--modern");
    let made = rcgen::generate_simple_self_signed([DOMAIN.to_owned()])?;
    let certificate = made.cert.pem();
    let identity = Identity::from_pem(
        certificate.as_bytes(),
        made.signing_key.serialize_pem().as_bytes(),
    )?;
    let server_tls = ServerTls::builder(identity).tls13_only().build()?;
    let roots = roots_from_pem(certificate.as_bytes())?;
    let client_tls = ClientTls::builder(roots).tls13_only().build()?;

    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    if is_modern {
        return modern::run(listener, server_tls, &client_tls);
    }
    let server = thread::spawn(move || serve(listener.accept()?.0, &server_tls));
    say(&format!(
        "\nJuliet logs in to {DOMAIN} with the password “{PASSWORD}”."
    ));
    say("All that passes the wire is below; the password does not.\n");
    let trace = Trace::new();
    let wire = trace.wire(&SCRIPT, CLIENT, SERVER);
    let (client, wire) = call(TcpStream::connect(address)?, &client_tls, wire)?;
    let server = server.join().map_err(|_| "the server panicked")??;
    trace.end_chapter();
    if let Some(wire) = wire {
        wire.summary(&client, &server);
    }
    Ok(())
}

/// The client: says something to Romeo, asks the server whether it is there, and leaves.
fn call(tcp: TcpStream, tls: &ClientTls, wire: Wire) -> Result<(CloseReason, Option<Wire>)> {
    let config = ClientConfig::new(Jid::new(CLIENT_JID)?, PASSWORD)?;
    let client = Client::new(config, Entropy::from_os()?, Instant::ORIGIN);
    let mut end = End::new(client, tcp, Some(wire))?;
    let mut requests = None;
    let mut reason = CloseReason::Local;
    while let Some(event) = end.next_event()? {
        match event {
            ClientEvent::StartTls(request) => {
                let connection = tls.connect(&Domain::parse(DOMAIN)?, Mode::StartTls)?;
                end.secure(request, connection, |connection| tls.summary(connection))?;
            }
            ClientEvent::Bound(jid) => {
                requests = Some(IqTracker::new(jid, Entropy::from_os()?));
                let question = "Art thou not Romeo, and a Montague?";
                let message = Message::chat("romeo@verona.example", question)?;
                end.machine.send(&message.into())?;
            }
            ClientEvent::Stanza(Stanza::Message(_)) => {
                let requests = requests.as_mut().ok_or("a message before binding")?;
                let (ping, to) = (
                    Element::builder("ping", ns::PING).build(),
                    Jid::new(DOMAIN)?,
                );
                let ping = requests.get(end.now(), Some(to), &ping, PATIENCE);
                end.machine.send(&ping.into())?;
            }
            // A result counts only from the entity that was asked, and with the id of the request
            // (RFC 6120 §8.2.3).
            ClientEvent::Stanza(Stanza::Iq(iq))
                if requests
                    .as_mut()
                    .is_some_and(|requests| requests.resolve(&iq)) =>
            {
                end.close();
            }
            ClientEvent::Closed(closed) => reason = closed,
            _ => {}
        }
    }
    Ok((reason, end.into_wire()))
}

/// The server: one account, one connection, and Romeo's part.
fn serve(tcp: TcpStream, tls: &ServerTls) -> Result<CloseReason> {
    let mut entropy = Entropy::from_os()?;
    // A server stores these keys and not the password. They are not enough to log in (RFC 5802 §9).
    let keys = ScramKeys::derive(ScramHash::Sha256, PASSWORD, &entropy.salt(), 4096)?;
    let config = ServerConfig::new(DecoyKey::random()?);
    let server = Server::new(config, entropy, Instant::ORIGIN);
    let mut end = End::new(server, tcp, None)?;
    let mut reason = CloseReason::Local;
    while let Some(event) = end.next_event()? {
        match event {
            ServerEvent::Opened(question) => {
                let mechanisms = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
                let host = Host::new(TlsOffer::Required, mechanisms);
                end.machine.choose_host(question, HostAnswer::Serve(host))?;
            }
            ServerEvent::StartTls(request) => {
                let connection = tls.accept(Mode::StartTls)?;
                end.secure(request, connection, |connection| tls.summary(connection))?;
            }
            ServerEvent::Sasl(question) => {
                let answer = SaslAnswer::ScramKeys(keys.clone());
                end.machine.answer_sasl(question, answer)?;
            }
            ServerEvent::Bind(question) => {
                let resource = question.suggested().clone();
                end.machine
                    .answer_bind(question, BindAnswer::Bind(resource))?;
            }
            ServerEvent::Stanza(Stanza::Message(message)) => {
                let reply = message.reply("Neither, fair saint, if either thee dislike.");
                end.machine
                    .send(&reply.ok_or("a message without a sender")?.into())?;
            }
            ServerEvent::Stanza(Stanza::Iq(iq)) => {
                if let Some(result) = iq.result(None) {
                    end.machine.send(&result.into())?;
                }
            }
            ServerEvent::Closed(closed) => reason = closed,
            _ => {}
        }
    }
    Ok(reason)
}
