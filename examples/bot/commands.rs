//! What the bot answers to messages.
//!
//! Nothing that it says begins with `!`. So neither another bot of this kind nor its own words,
//! which a room sends back, make it speak again.

use std::error::Error;

use xmppwire_tokio::{Iq, Message, MessageType, ReconnectingClient, RequestError};
use xmppwire_xso::parsers::chatstates::ChatState;
use xmppwire_xso::parsers::delay::Delay;
use xmppwire_xso::parsers::receipts::{Received, Request};
use xmppwire_xso::parsers::version::{VersionQuery, VersionResult};
use xmppwire_xso::{IqExt, StanzaExt};

const HELP: &str = "I know !help, !say TEXT, !sum NUMBER..., and !version, which asks your client.";

/// Answers a message, if it is a command.
pub(crate) async fn answer(
    client: &mut ReconnectingClient,
    message: &Message,
) -> Result<(), Box<dyn Error>> {
    // Errors have no reply, and what was said before the bot came is not for it. A delay that
    // cannot be read is one, too.
    let is_old = !matches!(message.get::<Delay>(), Ok(None));
    let Some(body) = message.body().filter(|_| !is_old) else {
        return Ok(());
    };
    let (command, rest) = body.trim().split_once(' ').unwrap_or((body.trim(), ""));
    let text = match command {
        "!help" => HELP.to_owned(),
        "!say" => format!("“{rest}”"),
        "!sum" => {
            let mut numbers = rest.split_whitespace().map(str::parse::<i64>);
            let sum = numbers.try_fold(0_i64, |sum, number| sum.checked_add(number.ok()?));
            sum.map_or("I cannot add these.".into(), |sum| sum.to_string())
        }
        "!version" => version(client, message).await?,
        _ => return Ok(()),
    };
    let Some(reply) = message.reply(text) else {
        return Ok(());
    };
    if let Some(receipt) = receipt(message)? {
        client.send(receipt).await?;
    }
    client.send(reply.with(&ChatState::Active)?).await?;
    Ok(())
}

/// Asks the sender's client what it is (XEP-0092). Stanzas that arrive meanwhile are kept, and
/// requests are answered.
async fn version(
    client: &mut ReconnectingClient,
    message: &Message,
) -> Result<String, Box<dyn Error>> {
    let Some(sender) = message.from() else {
        return Ok("I do not know who you are.".into());
    };
    // The id is made up by `request`.
    let question = Iq::get_with("", &VersionQuery)?.with_to(sender);
    Ok(match client.request(question).await {
        Ok(answer) => match answer.parse::<VersionResult>() {
            Ok(VersionResult { name, version, .. }) => format!("You use {name} {version}."),
            Err(error) => format!("I do not understand your client: {error}."),
        },
        Err(RequestError::Refused(error)) => {
            format!("Your client does not tell: {}.", error.condition())
        }
        Err(RequestError::TimedOut) => "Your client does not answer.".into(),
        Err(error) => return Err(error.into()),
    })
}

/// The receipt that a message asks for (XEP-0184), which a room does not get.
fn receipt(message: &Message) -> Result<Option<Message>, Box<dyn Error>> {
    let asked = matches!(message.get::<Request>(), Ok(Some(_)));
    let is_direct = message.message_type() != MessageType::Groupchat;
    match (message.id(), message.from()) {
        (Some(id), Some(sender)) if asked && is_direct => {
            let receipt = Message::new(sender).with_type(message.message_type());
            Ok(Some(receipt.with(&Received { id: id.into() })?))
        }
        _ => Ok(None),
    }
}
