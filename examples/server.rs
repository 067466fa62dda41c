//! A small server for one domain: accounts in a file, any number of clients, messages between them.
//!
//! ```text
//! server --listen 127.0.0.1:5222 --domain localhost --accounts FILE --cert FILE --key FILE
//! ```
//!
//! The accounts file has a `localpart:password` a line; what is kept of it in memory is SCRAM keys. A
//! client has to use STARTTLS. There is no server-to-server, no storage and nothing in the roster, but
//! what there is keeps to RFC 6120 and RFC 6121, so that ordinary clients work with it.
//!
//! [`serve`] is the life of one connection, [`Router`] decides who gets what.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use xmppwire::{
    BareJid, Domainpart, Element, FullJid, Iq, IqType, Jid, MessageType, Presence, PresenceType,
    ScramKeys, Stanza, StanzaErrorCondition as Condition, ns,
};

// --- Who gets what --------------------------------------------------------------------------------

/// All accounts and all connected resources. The rules of delivery are those of RFC 6121 §8.5.
struct Router {
    domain: Domainpart,
    accounts: BTreeMap<BareJid, Vec<ScramKeys>>,
    sessions: Mutex<Sessions>,
}

/// The connected resources of each account.
type Sessions = BTreeMap<BareJid, BTreeMap<String, Session>>;

/// A connected resource, as others see it.
struct Session {
    /// Stanzas for it. When this is dropped, a newer connection has taken the resource.
    inbox: mpsc::Sender<Stanza>,
    /// The last presence that it has broadcast, while it is available.
    presence: Option<Presence>,
}

/// Stanzas that wait for one connection at most; who sends it more is told to come back later.
const INBOX: usize = 256;

impl Router {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a resource. An older connection with the same one loses it (RFC 6120 §7.7.2.2).
    fn bind(&self, jid: &FullJid) -> mpsc::Receiver<Stanza> {
        let (inbox, stanzas) = mpsc::channel(INBOX);
        let session = Session { inbox, presence: None };
        let mut sessions = self.sessions();
        let resources = sessions.entry(jid.to_bare()).or_default();
        resources.insert(jid.resourcepart().into(), session);
        stanzas
    }

    /// Lets go of a resource, unless it belongs to a newer connection already.
    fn unbind(&self, jid: &FullJid, mut stanzas: mpsc::Receiver<Stanza>) {
        stanzas.close();
        let mut sessions = self.sessions();
        let Some(resources) = sessions.get_mut(&jid.to_bare()) else { return };
        let gone = |session: &mut Session| session.inbox.is_closed();
        if resources.get_mut(jid.resourcepart()).is_some_and(gone) {
            let presence = Presence::unavailable().with_from(jid.clone());
            broadcast(resources, jid, presence);
            resources.remove(jid.resourcepart());
        }
    }

    /// Delivers a stanza of `from`, and returns what its sender is told in return.
    fn route(&self, from: &FullJid, mut stanza: Stanza) -> Option<Stanza> {
        // Without an address a stanza is for the sender's own account (RFC 6120 §10.3).
        let own = from.to_bare();
        let addressed = stanza.to().is_some();
        let to = stanza.to().cloned().unwrap_or_else(|| own.clone().into());
        stanza.set_to(Some(to.clone()));
        if to.domainpart() != self.domain.as_str() {
            return stanza.error_reply(&Condition::RemoteServerNotFound.into());
        }
        let mut sessions = self.sessions();
        match stanza {
            Stanza::Iq(iq) if to.is_domain() || to.is_bare() => {
                answer(&iq, to.is_domain(), to.bare_str() == own.as_str()).map(Stanza::Iq)
            }
            Stanza::Presence(presence) if !addressed => {
                broadcast(sessions.get_mut(&own)?, from, presence);
                None
            }
            // Nobody can subscribe to anybody here, so every request is declined (RFC 6121 §3.1.3).
            Stanza::Presence(presence) if presence.presence_type() == Some(PresenceType::Subscribe) => {
                let declined = Presence::available().with_type(PresenceType::Unsubscribed);
                Some(declined.with_to(own).with_from(to.to_bare()).into())
            }
            stanza => {
                let resources = sessions.get(&to.to_bare());
                let refused = deliver(&recipients(resources, &to, &stanza), &stanza)?;
                // RFC 6121 §8.5.1: nobody learns from presence or an error who exists.
                match stanza {
                    Stanza::Presence(_) => None,
                    stanza => stanza.error_reply(&refused.into()),
                }
            }
        }
    }
}

/// The resources that get a stanza which is addressed to `to`.
fn recipients<'a>(
    resources: Option<&'a BTreeMap<String, Session>>,
    to: &Jid,
    stanza: &Stanza,
) -> Vec<&'a Session> {
    let Some(resources) = resources else { return Vec::new() };
    if let Some(session) = to.resourcepart().and_then(|resource| resources.get(resource)) {
        return vec![session];
    }
    let kind = match stanza {
        Stanza::Message(message) => Some(message.message_type()),
        _ => None,
    };
    let fits = |session: &&Session| match (kind, &session.presence) {
        (_, None) => false,
        // A chat goes on with another resource; anything else was meant for that one alone.
        (Some(kind), _) if to.is_full() && kind != MessageType::Chat => false,
        (Some(MessageType::Groupchat | MessageType::Error), _) => false,
        (Some(_), Some(presence)) => presence.priority() >= 0,
        (None, Some(_)) => to.is_bare(),
    };
    resources.values().filter(fits).collect()
}

/// Gives a stanza to all of them, and says what is wrong where none could take it.
fn deliver(recipients: &[&Session], stanza: &Stanza) -> Option<Condition> {
    let taken = recipients.iter().filter(|session| session.inbox.try_send(stanza.clone()).is_ok());
    match (recipients.len(), taken.count()) {
        (0, _) => Some(Condition::ServiceUnavailable),
        (_, 0) => Some(Condition::ResourceConstraint),
        _ => None,
    }
}

/// Tells the available resources of an account about one of them (RFC 6121 §4.2.2, §4.4.2, §4.5.2).
fn broadcast(resources: &mut BTreeMap<String, Session>, from: &FullJid, mut presence: Presence) {
    presence.set_to(Some(from.to_bare().into()));
    let Some(session) = resources.get_mut(from.resourcepart()) else { return };
    let before = match presence.presence_type() {
        None => session.presence.replace(presence.clone()),
        Some(PresenceType::Unavailable) => session.presence.take(),
        Some(_) => return,
    };
    let others = resources.iter().filter(|(resource, _)| *resource != from.resourcepart());
    ...
}

/// The answer to a request that is for the server itself or for an account (RFC 6121 §8.5.2.1.3): only
/// the own one says anything.
fn answer(iq: &Iq, server: bool, own: bool) -> Option<Iq> {
    const ROSTER: &str = "jabber:iq:roster";
    const INFO: &str = "http://jabber.org/protocol/disco#info";
    const ITEMS: &str = "http://jabber.org/protocol/disco#items";
    let request = iq.child()?;
    let empty = || Element::builder(request.name(), request.ns()).build();
    let answer = match (iq.iq_type(), request.ns(), request.name()) {
        _ if !server && !own => Err(Condition::ServiceUnavailable),
        (IqType::Get, ns::PING, "ping") => Ok(None),
        (IqType::Get, INFO | ITEMS, "query") if request.attr("node").is_some() => {
            Err(Condition::ItemNotFound)
        }
        (IqType::Get, INFO, "query") => {
            let (category, kind) = if server { ("server", "im") } else { ("account", "registered") };
            let mut info = Element::builder("query", INFO)
                .open("identity", INFO)
                .attr("category", category)
                .attr("type", kind)
                .attr("name", "xmppwire example")
                .close();
            for feature in [INFO, ITEMS, ns::PING] {
                info = info.open("feature", INFO).attr("var", feature).close();
            }
            Ok(Some(info.build()))
        }
        (IqType::Get, ITEMS, "query") => Ok(Some(empty())),
        (IqType::Get, ROSTER, "query") if own => Ok(Some(empty())),
        (IqType::Set, ROSTER, "query") if own => Err(Condition::FeatureNotImplemented),
        _ => Err(Condition::ServiceUnavailable),
    };
    match answer {
        Ok(payload) => iq.result(payload.as_ref()),
        Err(condition) => iq.error_reply(&condition.into()),
    }
}
