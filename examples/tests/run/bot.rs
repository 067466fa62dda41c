//! `bot` answers what it is asked, and nothing else.

use std::process::Stdio;

use xmppwire_tokio::{
    Client, Connector, Element, Iq, Message, MessageType, Presence, Profile, RequestError,
    StanzaErrorCondition, ns,
};
use xmppwire_xso::StanzaExt;
use xmppwire_xso::parsers::chatstates::ChatState;
use xmppwire_xso::parsers::delay::Delay;
use xmppwire_xso::parsers::receipts::{Received, Request};

use crate::server::{connector, jid, login, next_message};
use crate::support::{ACCOUNTS, Running, Server, example, run};

const BOT: &str = "romeo@localhost/bot";

/// Starts the bot, and waits until it is there.
async fn start(server: &Server, user: &str, asks: &mut Client) -> Running {
    let (_, password) = ACCOUNTS
        .iter()
        .find(|(of, _)| *of == user)
        .expect("an account");
    let address = format!("{user}@localhost/bot");
    let mut command = example("bot");
    command
        .args([&address, "--server", &server.address.to_string()])
        .arg("--ca-file")
        .arg(server.certificate())
        .env("XMPP_PASSWORD", password)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let bot = Running::spawn(&mut command);
    let ping = Iq::get("", &Element::builder("ping", ns::PING).build()).with_to(jid(&address));
    // The server answers for a bot that is not there yet.
    while let Err(error) = asks.request(ping.clone()).await {
        assert!(matches!(error, RequestError::Refused(_)), "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    bot
}

fn to_bot(body: &str) -> Message {
    Message::chat(jid(BOT), body)
}

async fn answer(client: &mut Client, body: &str) -> Message {
    client.send(to_bot(body)).await.expect("sent");
    next_message(client).await
}

async fn condition(client: &mut Client, request: Iq) -> StanzaErrorCondition {
    match client.request(request).await {
        Err(RequestError::Refused(error)) => error.condition(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_answers_commands_and_requests() {
    run(async || {
        let server = Server::start("bot-answers");
        let mut nurse = login(&server, "nurse", "hall").await;
        let _bot = start(&server, "romeo", &mut nurse).await;
        for (asked, answered) in [
            ("!say !help", "“!help”"),
            ("!sum 3 4 -5", "2"),
            ("!sum", "0"),
            ("!sum three", "I cannot add these."),
            ("!sum 9223372036854775807 1", "I cannot add these."),
        ] {
            let answer = answer(&mut nurse, asked).await;
            assert_eq!(answer.body().as_deref(), Some(answered), "{asked}");
            assert_eq!(
                answer.get::<ChatState>().expect("a state"),
                Some(ChatState::Active)
            );
        }

        // A receipt, for a message that wants one.
        let question = to_bot("!say Ay")
            .with_id("r1")
            .with(&Request)
            .expect("a payload");
        nurse.send(question).await.expect("sent");
        let receipt = next_message(&mut nurse).await;
        let received: Received = receipt.get().expect("a receipt").expect("one");
        assert_eq!(received.id, "r1");
        assert_eq!(
            next_message(&mut nurse).await.body().as_deref(),
            Some("“Ay”")
        );

        // What it is asked for by programs.
        let ask = |name, ns| Iq::get("", &Element::builder(name, ns).build()).with_to(jid(BOT));
        let last = nurse
            .request(ask("query", "jabber:iq:last"))
            .await
            .expect("an answer");
        let seconds = last
            .child()
            .and_then(|last| last.attr("seconds"))
            .expect("seconds");
        assert!(seconds.parse::<u64>().is_ok(), "{seconds}");
        let info = "http://jabber.org/protocol/disco#info";
        let told = nurse.request(ask("query", info)).await.expect("an answer");
        let told = told.child().expect("a payload").to_xml();
        for feature in [
            "urn:xmpp:ping",
            "urn:xmpp:receipts",
            "jabber:iq:last",
            "jabber:iq:version",
        ] {
            assert!(told.contains(&format!("'{feature}'")), "{told}");
        }
        let strange = condition(&mut nurse, ask("x", "urn:example:unknown")).await;
        assert_eq!(strange, StanzaErrorCondition::ServiceUnavailable);
        let other = condition(&mut nurse, ask("other", "jabber:iq:last")).await;
        assert_eq!(other, StanzaErrorCondition::ServiceUnavailable);
    });
}

#[test]
fn it_asks_back_while_it_is_asked() {
    run(async || {
        let server = Server::start("bot-asks");
        let (_, password) = ACCOUNTS[2];
        let connector: Connector = connector(&server, "nurse@localhost/hall", password)
            .with_profile(Profile::new("Samson", "1.5").for_everyone());
        let mut nurse = Client::connect_with(&connector).await.expect("a login");
        nurse.send(Presence::available()).await.expect("sent");
        let _bot = start(&server, "romeo", &mut nurse).await;
        let answer = answer(&mut nurse, "!version").await;
        assert_eq!(answer.body().as_deref(), Some("You use Samson 1.5."));
    });
}

#[test]
fn it_is_silent_to_all_else() {
    run(async || {
        let server = Server::start("bot-silent");
        let mut nurse = login(&server, "nurse", "hall").await;
        let _bots = [
            start(&server, "romeo", &mut nurse).await,
            start(&server, "juliet", &mut nurse).await,
        ];
        let command = |kind| to_bot("!say x").with_type(kind);
        let late = Delay {
            from: None,
            stamp: "2002-09-10T23:08:25Z".parse().expect("a time"),
            data: None,
        };
        let broken = Element::builder("delay", "urn:xmpp:delay").build();
        let of_bot = Message::chat(jid("nurse@localhost/hall"), "x").with_from(jid(BOT));
        let error = of_bot
            .error_reply(&StanzaErrorCondition::Gone.into())
            .expect("no error");
        for silent in [
            to_bot("Good night"),
            to_bot("“!help”"),
            error.with_body("!say x"),
            command(MessageType::Headline),
            command(MessageType::Chat).with(&late).expect("a payload"),
            command(MessageType::Chat).with_payload(&broken),
        ] {
            nurse.send(silent).await.expect("sent");
        }
        let end = answer(&mut nurse, "!say the end").await;
        assert_eq!(end.body().as_deref(), Some("“the end”"));

        // Two bots: what one says to the other on behalf of a third is no command.
        let said = answer(&mut nurse, "!say !say !say x").await;
        assert_eq!(said.body().as_deref(), Some("“!say !say x”"));
        let relayed = Message::chat(jid("juliet@localhost/bot"), said.body().unwrap_or_default());
        nurse.send(relayed).await.expect("sent");
        let end = answer(&mut nurse, "!say again").await;
        assert_eq!(end.body().as_deref(), Some("“again”"));
        let ping = Iq::get("", &Element::builder("ping", ns::PING).build());
        for bot in [BOT, "juliet@localhost/bot"] {
            nurse
                .request(ping.clone().with_to(jid(bot)))
                .await
                .expect("a pong");
        }
    });
}
