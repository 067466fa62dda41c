//! Where a server delivers a stanza: the rules of RFC 6120 §10.3 to §10.5, and those of RFC 6121
//! §8.5 to which they refer, as one pure function.
//!
//! [`route`] decides and does nothing else. It asks a [`Directory`] who serves a domain and who is
//! connected, and the server carries out its decision.
//!
//! ```
//! use xmppwire::routing::{Directory, Resource, Route, Served, route};
//! use xmppwire::{BareJid, FullJid, Jid, Message};
//!
//! struct Verona;
//!
//! impl Directory for Verona {
//!     fn served(&self, domain: &str) -> Served {
//!         match domain {
//!             "example.org" => Served::Here,
//!             "rooms.example.org" => Served::ByService,
//!             _ => Served::Elsewhere,
//!         }
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
//!
//! let message = Message::chat(Jid::new("masks@rooms.example.org")?, "Who is she?").into();
//! assert_eq!(route(&message, &romeo, &Verona), Route::Service);
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
    /// Who serves the domain.
    fn served(&self, domain: &str) -> Served;

    /// The connected resources of a local account; `None` where there is no such account.
    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>>;
}

/// Who serves a domain (RFC 6120 §10.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Served {
    /// This server, with accounts.
    Here,
    /// A service of this server that has no accounts in the [`Directory`], such as a group chat
    /// service or a [component](crate::component).
    ByService,
    /// Another server.
    Elsewhere,
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
    /// The server is the addressee, by its domain alone or with a resource. It handles the stanza,
    /// or answers with [`Stanza::unsupported_reply`] (RFC 6120 §10.5.1, §10.5.2).
    Server,
    /// The server acts for this local account (RFC 6120 §10.3.3, §10.5.3.2).
    ///
    /// A request is handled if the server understands its namespace, and otherwise answered with
    /// `service-unavailable`: [`Stanza::unsupported_reply`]. A result or an error without a request
    /// of the server is ignored. A probe is answered, and a subscription changed, only for those who
    /// may see the account's presence (RFC 6121 §3, §4.3).
    Account(BareJid),
    /// The presence goes to the sender's contacts (RFC 6120 §10.3.2).
    Broadcast,
    /// The stanza is delivered to these local resources. The stanzas of one sender keep their order,
    /// whether they name the account or a resource, and whether the sender is here or elsewhere (RFC
    /// 6120 §10.1): one queue for each resource does that.
    Deliver(Vec<FullJid>),
    /// The stanza is stored until the account has a resource. A server without such storage answers
    /// `service-unavailable` (RFC 6121 §8.5.2.2.1), which tells every sender that the account is not
    /// available.
    Offline(BareJid),
    /// The stanza goes to the local service of the domain in its `to`, whatever the rest of that
    /// address (RFC 6120 §10.5).
    Service,
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
/// A message for a resource that is not connected is treated like one for the account, so that both
/// get the same error or none, and errors do not tell which resources are connected (RFC 6120
/// §10.5.4, §13.10.2).
///
/// The same rules hold for a stanza of another server once an [`Incoming`](crate::s2s::Incoming) stream has passed it on;
/// `sender` is then the bare JID in its `from`.
pub fn route(stanza: &Stanza, sender: &BareJid, directory: &impl Directory) -> Route {
    let Some(to) = stanza.to() else {
        return without_to(stanza, sender, directory);
    };
    match directory.served(to.domainpart()) {
        Served::Here => {}
        Served::ByService => return Route::Service,
        Served::Elsewhere => return Route::Remote,
    }
    if to.localpart().is_none() {
        return Route::Server;
    }
    let account = to.to_bare();
    let Some(resources) = directory.resources(&account) else {
        return no_such_account(stanza);
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
fn no_such_account(stanza: &Stanza) -> Route {
    match stanza {
        Stanza::Message(message) if message.message_type() == MessageType::Headline => {
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
        // RFC 6121 does not mention errors; RFC 6120 §10.5.3.2 does not make an exception for them.
        None | Some(PresenceType::Unavailable | PresenceType::Error) => {
            deliver(resources.iter().filter(|r| r.priority.is_some()))
        }
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
        // RFC 6120 §10.5.4. RFC 6121 §8.5.3.2.1 has it for chat messages, and leaves it open to
        // refuse others, which would tell that this resource is not connected (RFC 6120 §13.10.2).
        Stanza::Message(message) => message_to_account(message, account, resources),
        _ => refuse(stanza),
    }
}

/// `service-unavailable` for a stanza that may be answered, else nothing (RFC 6120 §8.3.1).
fn refuse(stanza: &Stanza) -> Route {
    let answered = match stanza {
        Stanza::Message(message) => !message.is_error(),
        // Presence for a missing resource or account is ignored.
        Stanza::Presence(_) => false,
        Stanza::Iq(iq) => Iq::is_request(iq),
    };
    match answered {
        true => Route::Refuse(StanzaErrorCondition::ServiceUnavailable),
        false => Route::Ignore,
    }
}
