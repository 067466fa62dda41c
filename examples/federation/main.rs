//! Two servers of two domains exchange messages of their users, and everything that passes between
//! the servers is printed with an explanation: first they prove their domains by certificates (SASL
//! EXTERNAL), then by dialback.
//!
//! ```text
//! cargo run --example federation
//! ```
//!
//! Everything runs in this process and meets on the loopback interface; certificates, keys and
//! passwords are made for the run and thrown away. [`streams`] has the two ends of a stream between
//! servers, one function each. A [`House`] is a whole server for one user: what its client sends
//! goes over a stream to the other house. [`explain`] has the words of the display.
//!
//! Here each message has a stream of its own, so that the display shows one after the other. A
//! server keeps streams open and has many: `xmppwire_tokio::Federation` does that, and the example
//! `server` shows how.

mod explain;
mod house;
mod streams;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use shared::{Result, Side, Speaker, Trace, say};
use tokio::net::TcpListener;
use xmppwire_net::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{Client, Connector, Message, Mode, Presence, Stanza};

use house::House;

const PASSWORD: &str = "wherefore art thou";

/// How the servers prove their domains to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Each shows its certificate also where it is the client of TLS (RFC 6120 §13.8.4).
    External,
    /// Each asks the other domain's server whether it made the key that was shown (XEP-0220).
    Dialback,
}

/// What both houses share.
struct Stage {
    proof: Proof,
    trace: Trace,
    /// Held while a stanza is sent: one stream after the other is shown.
    turn: Mutex<()>,
    /// Whether a stream was shown to its end. The others are shown in brief.
    told: AtomicBool,
    /// The certificates of both, which stand for an authority that both trust.
    roots: String,
}

impl Stage {
    fn is_told(&self) -> bool {
        self.told.load(Ordering::Relaxed)
    }

    /// The stream that was shown in full is over.
    fn set_told(&self) {
        if !self.told.swap(true, Ordering::Relaxed) {
            self.trace
                .begin_chapter("The same in the other direction, in brief");
        }
    }
}

/// Who a house is in the display and in the DNS.
#[derive(Clone, Copy)]
struct Name {
    domain: &'static str,
    speaker: Speaker,
}

const CAPULET: Name = Name {
    domain: "capulet.example",
    speaker: Speaker {
        name: "capulet",
        side: Side::Left,
    },
};
const MONTAGUE: Name = Name {
    domain: "montague.example",
    speaker: Speaker {
        name: "montague",
        side: Side::Right,
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    if shared::help("usage: federation\n") {
        return Ok(());
    }
    say("\nFirst act: each server shows a certificate of its domain, by SASL EXTERNAL.\n");
    play(Proof::External).await?;
    say("\nSecond act: the connecting server shows no certificate. The other one calls its");
    say("domain back, at the address that the DNS gives, and asks whether it is true.\n");
    play(Proof::Dialback).await
}

/// Two houses, a client in each, a message and its answer.
async fn play(proof: Proof) -> Result<()> {
    let certify = |name: Name| rcgen::generate_simple_self_signed([name.domain.to_owned()]);
    let (capulet, montague) = (certify(CAPULET)?, certify(MONTAGUE)?);
    let stage = Arc::new(Stage {
        proof,
        trace: Trace::new(),
        turn: Mutex::new(()),
        told: AtomicBool::new(false),
        roots: capulet.cert.pem() + &montague.cert.pem(),
    });
    let (to_capulet, to_montague) = (listen().await?, listen().await?);
    let (port_of_capulet, port_of_montague) = (port(&to_capulet)?, port(&to_montague)?);
    let capulet = House::new(CAPULET, &capulet, &stage, (MONTAGUE, port_of_montague))?;
    let montague = House::new(MONTAGUE, &montague, &stage, (CAPULET, port_of_capulet))?;
    let (door_of_juliet, door_of_romeo) = (listen().await?, listen().await?);
    let (juliet, romeo) = (port(&door_of_juliet)?, port(&door_of_romeo)?);
    let houses = async {
        let capulet = capulet.run(door_of_juliet, to_capulet);
        let montague = montague.run(door_of_romeo, to_montague);
        tokio::try_join!(capulet, montague).map(|_| ())
    };
    let lovers = async {
        let mut juliet = log_in("juliet@capulet.example", &stage.roots, juliet).await?;
        let mut romeo = log_in("romeo@montague.example", &stage.roots, romeo).await?;
        let message = Message::chat(romeo.jid().clone(), "Art thou not Romeo, and a Montague?");
        juliet.send(message).await?;
        let question = next_message(&mut romeo).await?;
        let reply = question.reply("Neither, fair saint, if either thee dislike.");
        romeo
            .send(reply.ok_or("a message without a sender")?)
            .await?;
        romeo.flush().await?;
        let answer = next_message(&mut juliet).await?;
        Result::Ok([question, answer])
    };
    let messages = tokio::select! {
        messages = lovers => messages?,
        failed = houses => return failed,
    };
    // Until the last stream is shown to its end.
    drop(stage.turn.lock());
    stage.trace.end_chapter();
    for (message, reader) in messages.iter().zip(["Romeo", "Juliet"]) {
        let body = message.body().unwrap_or_default();
        say(&format!("{reader} reads: “{body}”"));
    }
    Ok(())
}

async fn log_in(jid: &str, roots: &str, port: u16) -> Result<Client> {
    let tls = ClientTls::builder(roots_from_pem(roots.as_bytes())?).build()?;
    let connector = Connector::account(jid, PASSWORD)?
        .with_tls(tls)
        .with_server("127.0.0.1", port, Mode::StartTls);
    let mut client = Client::connect_with(&connector).await?;
    client.send(Presence::available()).await?;
    Ok(client)
}

/// The next message of a client.
async fn next_message(client: &mut Client) -> Result<Message> {
    while let Some(stanza) = client.next().await? {
        if let Stanza::Message(message) = stanza {
            return Ok(message);
        }
    }
    Err("the server closed the stream".into())
}

async fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind("127.0.0.1:0").await?)
}

fn port(listener: &TcpListener) -> Result<u16> {
    Ok(listener.local_addr()?.port())
}
