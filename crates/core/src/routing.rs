//! Where a server delivers a stanza: the rules of RFC 6120 §10.3 to §10.5, and those of RFC 6121
//! §8.5 to which they refer, as one pure function.
//!
//! [`route`] decides and does nothing else. It asks a [`Directory`] who is connected, and the
//! server carries out its decision.
//!
//! ```
//! use xmppwire::routing::{Directory, Resource, Route, route};
//! use xmppwire::{BareJid, FullJid, Jid, Message};
//!
//! struct Verona;
//!
//! impl Directory for Verona {
//!     fn is_local(&self, domain: &str) -> bool {
//!         domain == "example.org"
//!     }
//!     fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
//!         let balcony = FullJid::new("juliet@example.org/balcony").ok()?;
//!         (account.as_str() == "juliet@example.org").then(|| vec![Resource::available(balcony, 0)])
//!     }
//! }
//!
//! let romeo = BareJid::new("romeo@example.org")?;
//! let message = Message::chat(Jid::new("juliet@example.org")?, "Good night").into();
//! let Route::Deliver(to) = route(&message, &romeo, &Verona) else { panic!() };
//! assert_eq!(to[0].resourcepart(), "balcony");
//!
//! let message = Message::chat(Jid::new("romeo@example.net")?, "Good night").into();
//! assert_eq!(route(&message, &romeo, &Verona), Route::Remote);
//! # Ok::<_, xmppwire::JidError>(())
//! ```

use alloc::vec;
use alloc::vec::Vec;

use xmppwire_jid::{BareJid, FullJid};

use crate::stanza::{
    Iq, Message, MessageType, Presence, PresenceType, Stanza, StanzaErrorCondition,
};

/// A server's domains and accounts.
pub trait Directory {
    /// Whether this server serves the domain.
    fn is_local(&self, domain: &str) -> bool;

    /// The connected resources of a local account; `None` where there is no such account.
    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>>;
}

/// A connected resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    jid: FullJid,
    priority: Option<i8>,
}

impl Resource {
    /// A resource that sent available presence of that priority (RFC 6121 §4.7.2.3).
    pub const fn available(jid: FullJid, priority: i8) -> Self {
        Self {
            jid,
            priority: Some(priority),
        }
    }

    /// A resource that is connected and did not send available presence.
    pub const fn connected(jid: FullJid) -> Self {
        Self {
            jid,
            priority: None,
        }
    }
}

/// What a server does with a stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// The server is the addressee, by its domain alone or with a resource (RFC 6120 §10.5.1,
    /// §10.5.2).
    Server,
    /// The server acts for this local account: requests, probes and subscriptions
    /// (RFC 6120 §10.3.3, §10.5.3.2).
    Account(BareJid),
    /// The presence goes to the sender's contacts (RFC 6120 §10.3.2).
    Broadcast,
    /// The stanza is delivered to these local resources.
    Deliver(Vec<FullJid>),
    /// The stanza is stored until the account has a resource. A server without such storage answers
    /// `service-unavailable` (RFC 6121 §8.5.2.2.1).
    Offline(BareJid),
    /// The stanza is sent to another server (RFC 6120 §10.4).
    Remote,
    /// The stanza is answered with this error. It is then neither an error nor a result itself.
    Refuse(StanzaErrorCondition),
    /// The stanza is dropped without an answer.
    Ignore,
}

/// Decides where a stanza of a local `sender` goes.
///
/// A sender cannot tell a missing account from one without resources by what is refused or ignored.
/// A server that answers subscription requests at once has to answer those to missing accounts too,
/// for which the decision is [`Route::Ignore`].
///
/// The same rules hold for a stanza of another server once an [`Incoming`](crate::s2s::Incoming) stream has passed it on;
/// `sender` is then the bare JID in its `from`.
pub fn route(stanza: &Stanza, sender: &BareJid, directory: &impl Directory) -> Route {
    let Some(to) = stanza.to() else {
        return without_to(stanza, sender, directory);
    };
    if !directory.is_local(to.domainpart()) {
        return Route::Remote;
    }
    if to.localpart().is_none() {
        return Route::Server;
    }
    let account = to.to_bare();
    let Some(resources) = directory.resources(&account) else {
        return no_such_account(stanza, to.resourcepart().is_none());
    };
    match to.to_full() {
        Some(full) => to_resource(stanza, &full, account, &resources),
        None => to_account(stanza, account, &resources),
    }
}

/// RFC 6120 §10.3
fn without_to(stanza: &Stanza, sender: &BareJid, directory: &impl Directory) -> Route {
    match stanza {
        Stanza::Message(_) => {
            let resources = directory.resources(sender).unwrap_or_default();
            to_account(stanza, sender.clone(), &resources)
        }
        Stanza::Presence(presence) => match presence.presence_type() {
            None | Some(PresenceType::Unavailable) => Route::Broadcast,
            Some(PresenceType::Error) => Route::Ignore,
            // A subscription request without an addressee.
            Some(_) => Route::Refuse(StanzaErrorCondition::BadRequest),
        },
        Stanza::Iq(_) => Route::Account(sender.clone()),
    }
}

/// RFC 6120 §10.5.3.1, RFC 6121 §8.5.1
///
/// The sender gets the same answer as for an account without resources. Otherwise it could find out
/// the names of the accounts.
fn no_such_account(stanza: &Stanza, is_bare: bool) -> Route {
    match stanza {
        Stanza::Presence(_) => Route::Ignore,
        Stanza::Message(message) if is_bare && message.message_type() == MessageType::Headline => {
            Route::Ignore
        }
        _ => refuse(stanza),
    }
}

/// RFC 6120 §10.5.3.2, RFC 6121 §8.5.2
fn to_account(stanza: &Stanza, account: BareJid, resources: &[Resource]) -> Route {
    match stanza {
        Stanza::Message(message) => message_to_account(message, account, resources),
        Stanza::Presence(presence) => presence_to_account(presence, account, resources),
        // An IQ has one answer, and the server gives it on behalf of the account (RFC 6120
        // §10.5.3.2).
        Stanza::Iq(_) => Route::Account(account),
    }
}

fn message_to_account(message: &Message, account: BareJid, resources: &[Resource]) -> Route {
    let willing = resources.iter().filter(|r| r.priority >= Some(0));
    match message.message_type() {
        MessageType::Normal | MessageType::Chat => {
            let best = willing.clone().map(|resource| resource.priority).max();
            let best: Vec<_> = willing
                .filter(|resource| Some(resource.priority) == best)
                .map(|resource| resource.jid.clone())
                .collect();
            match best.is_empty() {
                true => Route::Offline(account),
                false => Route::Deliver(best),
            }
        }
        MessageType::Headline => deliver(willing),
        MessageType::Groupchat => Route::Refuse(StanzaErrorCondition::ServiceUnavailable),
        MessageType::Error => Route::Ignore,
    }
}

fn presence_to_account(presence: &Presence, account: BareJid, resources: &[Resource]) -> Route {
    match presence.presence_type() {
        None | Some(PresenceType::Unavailable) => {
            deliver(resources.iter().filter(|r| r.priority.is_some()))
        }
        Some(PresenceType::Error) => Route::Ignore,
        Some(_) => Route::Account(account),
    }
}

fn deliver<'a>(resources: impl Iterator<Item = &'a Resource>) -> Route {
    let resources: Vec<_> = resources.map(|resource| resource.jid.clone()).collect();
    match resources.is_empty() {
        true => Route::Ignore,
        false => Route::Deliver(resources),
    }
}

/// RFC 6120 §10.5.4, RFC 6121 §8.5.3
fn to_resource(stanza: &Stanza, to: &FullJid, account: BareJid, resources: &[Resource]) -> Route {
    if let Stanza::Presence(presence) = stanza
        && presence
            .presence_type()
            .is_some_and(|kind| kind.is_subscription() || kind == PresenceType::Probe)
    {
        // Subscriptions are between accounts (RFC 6121 §8.5.3.1).
        return Route::Account(account);
    }
    if resources.iter().any(|resource| resource.jid == *to) {
        return Route::Deliver(vec![to.clone()]);
    }
    match stanza {
        // The conversation continues at the user's other resources (RFC 6121 §8.5.3.2.1).
        Stanza::Message(message) if message.message_type() == MessageType::Chat => {
            message_to_account(message, account, resources)
        }
        Stanza::Presence(_) => Route::Ignore,
        _ => refuse(stanza),
    }
}

/// `service-unavailable` for a stanza that may be answered, else nothing (RFC 6120 §8.3.1).
fn refuse(stanza: &Stanza) -> Route {
    let answered = match stanza {
        Stanza::Message(message) => !message.is_error(),
        Stanza::Presence(presence) => !presence.is_error(),
        Stanza::Iq(iq) => Iq::is_request(iq),
    };
    match answered {
        true => Route::Refuse(StanzaErrorCondition::ServiceUnavailable),
        false => Route::Ignore,
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString};

    use xmppwire_xml::Element;

    use xmppwire_jid::Jid;

    use super::*;
    use crate::ns;
    use crate::stanza::StanzaError;

    /// Juliet is on her balcony (5), in her chamber (5), asleep (-1), and connected from a device
    /// that sent no presence. Romeo is not there.
    struct Verona;

    impl Directory for Verona {
        fn is_local(&self, domain: &str) -> bool {
            domain == "example.org"
        }

        fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
            let full = |resource| FullJid::new(resource).unwrap();
            match account.as_str() {
                "juliet@example.org" => Some(vec![
                    Resource::available(full("juliet@example.org/balcony"), 5),
                    Resource::available(full("juliet@example.org/chamber"), 5),
                    Resource::available(full("juliet@example.org/garden"), 1),
                    Resource::available(full("juliet@example.org/bed"), -1),
                    Resource::connected(full("juliet@example.org/device")),
                ]),
                "romeo@example.org" => Some(Vec::new()),
                _ => None,
            }
        }
    }

    fn decide(mut stanza: Stanza, to: Option<&str>) -> String {
        stanza.set_to(to.map(|to| Jid::new(to).unwrap()));
        let sender = BareJid::new("juliet@example.org").unwrap();
        match route(&stanza, &sender, &Verona) {
            Route::Deliver(to) => to
                .iter()
                .map(|jid| jid.resourcepart().to_string() + " ")
                .collect(),
            Route::Refuse(condition) => condition.name().to_string(),
            Route::Account(account) => alloc::format!("account {account}"),
            Route::Offline(account) => alloc::format!("offline {account}"),
            other => alloc::format!("{other:?}"),
        }
    }

    fn message(kind: MessageType) -> Stanza {
        let romeo = Jid::new("romeo@example.net").unwrap();
        Message::new(romeo).with_type(kind).into()
    }

    fn iq(answer: bool) -> Stanza {
        let ping = Iq::get("1", &Element::builder("ping", ns::PING).build());
        match answer {
            false => ping.into(),
            true => ping
                .error_reply(&StanzaError::new(StanzaErrorCondition::Gone))
                .unwrap()
                .into(),
        }
    }

    #[test]
    fn every_row_of_the_rules() {
        use MessageType::{Chat, Error, Groupchat, Headline, Normal};
        let presence = |kind| -> Stanza { Presence::available().with_type(kind).into() };
        let available = || -> Stanza { Presence::available().into() };
        const ALL: [Option<&str>; 8] = [
            None,
            Some("example.net"),
            Some("example.org/service"),
            Some("juliet@example.org"),
            Some("romeo@example.org"),
            Some("nobody@example.org"),
            Some("juliet@example.org/bed"),
            Some("juliet@example.org/attic"),
        ];
        const SU: &str = "service-unavailable";
        const J: &str = "account juliet@example.org";
        const R: &str = "account romeo@example.org";
        const BEST: &str = "balcony chamber ";
        let off = "offline romeo@example.org";
        for (name, make, expected) in [
            (
                "chat",
                &(|| message(Chat)) as &dyn Fn() -> Stanza,
                [BEST, "Remote", "Server", BEST, off, SU, "bed ", BEST],
            ),
            (
                "normal",
                &|| message(Normal),
                [BEST, "Remote", "Server", BEST, off, SU, "bed ", SU],
            ),
            (
                "headline",
                &|| message(Headline),
                [
                    "balcony chamber garden ",
                    "Remote",
                    "Server",
                    "balcony chamber garden ",
                    "Ignore",
                    "Ignore",
                    "bed ",
                    SU,
                ],
            ),
            (
                "groupchat",
                &|| message(Groupchat),
                [SU, "Remote", "Server", SU, SU, SU, "bed ", SU],
            ),
            (
                "message error",
                &|| message(Error),
                [
                    "Ignore", "Remote", "Server", "Ignore", "Ignore", "Ignore", "bed ", "Ignore",
                ],
            ),
            (
                "available",
                &available,
                [
                    "Broadcast",
                    "Remote",
                    "Server",
                    "balcony chamber garden bed ",
                    "Ignore",
                    "Ignore",
                    "bed ",
                    "Ignore",
                ],
            ),
            (
                "subscribe",
                &|| presence(PresenceType::Subscribe),
                ["bad-request", "Remote", "Server", J, R, "Ignore", J, J],
            ),
            (
                "probe",
                &|| presence(PresenceType::Probe),
                ["bad-request", "Remote", "Server", J, R, "Ignore", J, J],
            ),
            (
                "presence error",
                &|| presence(PresenceType::Error),
                [
                    "Ignore", "Remote", "Server", "Ignore", "Ignore", "Ignore", "bed ", "Ignore",
                ],
            ),
            (
                "iq get",
                &|| iq(false),
                [J, "Remote", "Server", J, R, SU, "bed ", SU],
            ),
            (
                "iq error",
                &|| iq(true),
                [J, "Remote", "Server", J, R, "Ignore", "bed ", "Ignore"],
            ),
        ] {
            for (to, expected) in ALL.into_iter().zip(expected) {
                assert_eq!(decide(make(), to), expected, "{name} to {to:?}");
            }
        }
    }
}
