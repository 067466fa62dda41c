//! Two bots like the one in the documentation of the crates meet, and get all that must not be answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinHandle;
use xmppwire_tokio::{
    Client, Element, Error, Iq, Message, MessageType, Stanza, StanzaError, StanzaErrorCondition,
};

use crate::server::login;
use crate::support::{Server, run};

const CARBONS: &str = "urn:xmpp:carbons:2";
const FORWARD: &str = "urn:xmpp:forward:0";

/// A bot, and how many messages it has got.
struct Bot {
    heard: Arc<AtomicUsize>,
    task: JoinHandle<Result<(), Error>>,
}

impl Bot {
    /// Logs in and says something to another bot.
    async fn start(server: &Server, user: &str, other: &str) -> Self {
        let client = login(server, user, "bot").await;
        let heard = Arc::new(AtomicUsize::new(0));
        let greeting = Message::chat(other, "ping").expect("an address");
        let task = tokio::spawn(bot(client, greeting, Arc::clone(&heard)));
        Self { heard, task }
    }

    fn heard(&self) -> usize {
        self.heard.load(Ordering::Relaxed)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The loop of the first example of `xmppwire-tokio`, which also counts.
async fn bot(mut client: Client, greeting: Message, heard: Arc<AtomicUsize>) -> Result<(), Error> {
    client.send(greeting).await?;
    while let Some(stanza) = client.next().await? {
        let messages = usize::from(matches!(stanza, Stanza::Message(_)));
        heard.fetch_add(messages, Ordering::Relaxed);
        let answer = match &stanza {
            Stanza::Message(message) if message.body().as_deref() == Some("ping") => {
                message.reply("pong").map(Stanza::Message)
            }
            // Every request has an answer, and nothing else has.
            _ => stanza.unsupported_reply(),
        };
        if let Some(answer) = answer {
            client.send(answer).await?;
        }
    }
    Ok(())
}

/// Asks something that no bot knows. The answer comes after all that the bot sent before.
async fn ask(client: &mut Client, of: &str) {
    let unknown = Element::builder("x", "urn:example:unknown").build();
    let request = Iq::get("", &unknown).with_to(of).expect("an address");
    let answer = client.request(request).await.expect_err("it is unknown");
    assert!(
        answer.to_string().contains("service-unavailable"),
        "{answer}"
    );
}

#[test]
fn two_bots_do_not_storm() {
    run(async || {
        let server = Server::start("storm-two");
        let mut nurse = login(&server, "nurse", "hall").await;
        let bots = [
            Bot::start(&server, "juliet", "romeo@localhost").await,
            Bot::start(&server, "romeo", "juliet@localhost/bot").await,
        ];
        for _ in 0..20 {
            ask(&mut nurse, "juliet@localhost/bot").await;
            ask(&mut nurse, "romeo@localhost/bot").await;
        }
        // A greeting, the answer to the own one, and an error where the other was not there yet.
        for bot in bots {
            assert!(bot.heard() <= 3, "{} messages", bot.heard());
        }
    });
}

#[test]
fn errors_carbons_and_echoes_are_not_answered() {
    run(async || {
        let server = Server::start("storm-hostile");
        let mut nurse = login(&server, "nurse", "hall").await;
        let bot = "juliet@localhost/bot";
        let _juliet = Bot::start(&server, "juliet", bot).await;
        ask(&mut nurse, bot).await;

        let message = |kind| {
            let message = Message::new(bot).expect("an address");
            message.with_type(kind).with_body("ping")
        };
        let error = StanzaError::new(StanzaErrorCondition::ServiceUnavailable);
        let to_nurse = Message::new("nurse@localhost/hall").expect("an address");
        let to_nurse = to_nurse.with_from(bot).expect("an address");
        let error = to_nurse.error_reply(&error).expect("no error itself");
        let forged: Stanza = message(MessageType::Chat).into();
        let carbon = |copy| {
            let carbon = Element::builder(copy, CARBONS)
                .open("forwarded", FORWARD)
                .append(forged.element());
            let message = Message::new(bot).expect("an address");
            message.with_payload(&carbon.build())
        };
        for unanswered in [
            error.with_body("ping"),
            message(MessageType::Headline),
            carbon("received"),
            carbon("sent"),
        ] {
            nurse.send(unanswered).await.expect("sent");
        }
        let end = message(MessageType::Chat).with_thread("the end");
        nurse.send(end).await.expect("sent");
        let answer = loop {
            match nurse.next().await.expect("a connection").expect("no end") {
                Stanza::Message(answer) => break answer,
                Stanza::Presence(_) | Stanza::Iq(_) => {}
            }
        };
        assert_eq!(answer.thread().as_deref(), Some("the end"));
        assert_eq!(answer.body().as_deref(), Some("pong"));
        ask(&mut nurse, bot).await;
    });
}
