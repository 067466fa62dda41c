//! An echo service: a component that sends every message back (XEP-0114).
//!
//! Prosody needs these lines, and ejabberd the like:
//!
//! ```lua
//! Component "echo.example.org"
//!     component_secret = "correct horse battery staple"
//! ```
//!
//! Then, on the same machine, with the secret in the environment where other users do not see it:
//!
//!     COMPONENT_SECRET='correct horse battery staple' cargo run --example component -- echo.example.org localhost:5347
//!
//! It connects again when the server restarts, and ends when the server refuses the secret.

use std::collections::HashMap;
use std::error::Error;
use std::time::{Duration, Instant};

use xmppwire_tokio::component::{ComponentConfig, Secret};
use xmppwire_tokio::{
    BareJid, ComponentConnector, Domainpart, Iq, Message, MessageType, ReconnectEvent,
    ReconnectingComponent, Stanza, ns,
};

const USAGE: &str = "usage: COMPONENT_SECRET=... component DOMAIN HOST:PORT\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    if shared::help(USAGE) {
        return Ok(());
    }
    let mut arguments = std::env::args().skip(1);
    let (Some(domain), Some(server)) = (arguments.next(), arguments.next()) else {
        return Err(USAGE.into());
    };
    let (host, port) = server.rsplit_once(':').ok_or(USAGE)?;
    let secret = std::env::var("COMPONENT_SECRET").map_err(|_| USAGE)?;

    let domain = Domainpart::new(&domain)?;
    let config = ComponentConfig::new(domain.clone(), Secret::new(secret));
    let connector = ComponentConnector::new(config, host, port.parse()?);
    let mut component = ReconnectingComponent::new(connector);
    let mut echo = Echo::new(domain);
    // An error here is final: the secret is wrong, or the server does not know the domain.
    while let Some(event) = component.next_event().await? {
        match event {
            ReconnectEvent::Connected(_) => println!("attached to {server}"),
            ReconnectEvent::Stanza(stanza) => {
                let Some(answer) = echo.answer(&stanza, Instant::now()) else {
                    continue;
                };
                // If the connection was lost meanwhile, the next event says so.
                if let Err(error) = component.send(answer).await {
                    eprintln!("an answer was not sent: {error}");
                }
            }
            ReconnectEvent::Disconnected { reason, retry_in } => {
                eprintln!("{reason}; connecting again in {retry_in:.1?}");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Echoes to one sender in a minute. Two programs that answer each other would never stop.
const ECHOES: u32 = 30;

/// Senders that are counted. Beyond it, nothing is echoed for the rest of the minute.
const SENDERS: usize = 10_000;

/// What is answered to whom.
struct Echo {
    domain: Domainpart,
    /// How many echoes each sender got in the present minute.
    counts: HashMap<BareJid, u32>,
    minute: Option<Instant>,
}

impl Echo {
    fn new(domain: Domainpart) -> Self {
        Self {
            domain,
            counts: HashMap::new(),
            minute: None,
        }
    }

    fn answer(&mut self, stanza: &Stanza, now: Instant) -> Option<Stanza> {
        match stanza {
            Stanza::Message(message) => self.echo(message, now).map(Into::into),
            Stanza::Iq(iq) => answer_request(iq).or_else(|| stanza.unsupported_reply()),
            Stanza::Presence(_) => None,
        }
    }

    /// An error is never answered (RFC 6120 §8.3.1), and nor is what the component itself has sent.
    fn echo(&mut self, message: &Message, now: Instant) -> Option<Message> {
        let from = message.from()?;
        let conversation = matches!(
            message.message_type(),
            MessageType::Chat | MessageType::Normal
        );
        if !conversation || from.domainpart() == self.domain.as_str() {
            return None;
        }
        let body = message.body()?;
        if !self.may_echo(from.to_bare(), now) {
            return None;
        }
        message.reply(body)
    }

    fn may_echo(&mut self, sender: BareJid, now: Instant) -> bool {
        let minute = *self.minute.get_or_insert(now);
        if now.duration_since(minute) >= Duration::from_secs(60) {
            self.minute = Some(now);
            self.counts.clear();
        }
        if self.counts.len() >= SENDERS && !self.counts.contains_key(&sender) {
            return false;
        }
        let count = self.counts.entry(sender).or_default();
        *count += 1;
        *count <= ECHOES
    }
}

/// Pings are answered (XEP-0199). Every other request is refused by the caller.
fn answer_request(iq: &Iq) -> Option<Stanza> {
    let ping = iq.child().is_some_and(|child| child.is("ping", ns::PING));
    if !ping {
        return None;
    }
    iq.result(None).map(Into::into)
}
