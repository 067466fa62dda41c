//! A bot that stays: it answers commands, tells about itself, and comes back after a loss.
//!
//! ```text
//! bot romeo@example.net                        # the password is in XMPP_PASSWORD, or asked for
//! bot romeo@example.net --room hall@rooms.example.org/Romeo
//! ```
//!
//! Send it `!help`. What it may be asked is in [`commands`]; how it stays connected is here. Pings
//! (XEP-0199) and questions about its software and features (XEP-0092, XEP-0030) are answered by
//! the client, from its [`Profile`]; `jabber:iq:last` (XEP-0012) is claimed and answered here, with a
//! type of its own.

mod commands;
mod options;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use xmppwire_tokio::{
    Iq, IqType, Jid, Presence, Profile, ReconnectEvent, ReconnectingClient, Stanza, StanzaError,
    StanzaErrorCondition,
};
use xmppwire_xso::parsers::muc::muc::{History, Muc};
use xmppwire_xso::{IqExt, StanzaExt};
use xso::{AsXml, FromXml};

use options::Options;

const RECEIPTS: &str = "urn:xmpp:receipts";
const LAST: &str = "jabber:iq:last";

/// The question since when the bot runs, and the answer (XEP-0012 §4).
#[derive(FromXml, AsXml)]
#[xml(namespace = LAST, name = "query")]
struct LastActivity {
    #[xml(attribute(default))]
    seconds: Option<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bot: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let Some(options) = Options::parse()? else {
        print!("{}", options::USAGE);
        return Ok(());
    };
    let profile = Profile::new("xmppwire bot", env!("CARGO_PKG_VERSION"))
        .with_feature(RECEIPTS)
        .for_everyone();
    let connector = options.connector()?.with_profile(profile).with_claim(LAST);
    let mut client = ReconnectingClient::new(connector);
    let started = Instant::now();
    loop {
        let event = tokio::select! {
            event = client.next_event() => event?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let done = match event {
            None => break,
            Some(ReconnectEvent::Connected(jid)) => {
                println!("connected as {jid}");
                arrive(&mut client, options.room.as_ref()).await
            }
            Some(ReconnectEvent::Stanza(stanza)) => hear(&mut client, &stanza, started).await,
            Some(ReconnectEvent::Disconnected { reason, retry_in }) => {
                eprintln!("{reason}; connecting again in {retry_in:.1?}");
                Ok(())
            }
            Some(_) => Ok(()),
        };
        // If the connection was lost meanwhile, the next event says so.
        if let Err(error) = done {
            eprintln!("not sent: {error}");
        }
    }
    Ok(client.close().await?)
}

/// A session knows nothing of the last one, so everything is sent again.
async fn arrive(client: &mut ReconnectingClient, room: Option<&Jid>) -> Result<(), Box<dyn Error>> {
    let presence = Presence::available().with_status("Send me !help");
    client.send(presence).await?;
    if let Some(room) = room {
        let nothing_old = Muc::new().with_history(History::new().with_maxstanzas(0));
        let join = Presence::available().with_to(room).with(&nothing_old)?;
        client.send(join).await?;
    }
    Ok(())
}

async fn hear(
    client: &mut ReconnectingClient,
    stanza: &Stanza,
    started: Instant,
) -> Result<(), Box<dyn Error>> {
    match stanza {
        Stanza::Message(message) => commands::answer(client, message).await,
        // Only what was claimed comes here.
        Stanza::Iq(iq) => match since(iq, started) {
            Some(answer) => Ok(client.send(answer).await?),
            None => Ok(()),
        },
        // To be seen is not to be read: whoever wants to see the bot may.
        Stanza::Presence(presence) => match presence.subscription_reply(true) {
            Some(answer) => Ok(client.send(answer).await?),
            None => Ok(()),
        },
    }
}

/// How long the bot runs.
fn since(iq: &Iq, started: Instant) -> Option<Iq> {
    let refusal = match (iq.iq_type(), iq.parse::<LastActivity>()) {
        (IqType::Get, Ok(_)) => {
            let seconds = Some(started.elapsed().as_secs());
            match iq.result_with(&LastActivity { seconds }) {
                Ok(answer) => return answer,
                Err(_) => StanzaErrorCondition::InternalServerError,
            }
        }
        (_, Ok(_)) => StanzaErrorCondition::NotAllowed,
        (_, Err(error)) => error.condition(),
    };
    iq.error_reply(&StanzaError::new(refusal))
}
