//! The accounts of the server, and who is connected to them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use tokio::sync::mpsc;
use xmppwire::routing::{Directory, Resource, Route, route};
use xmppwire_tokio::{
    BareJid, Domainpart, FullJid, Localpart, Presence, PresenceType, ScramHash, ScramKeys, Stanza,
    StanzaErrorCondition,
};

use crate::answers::answer;
use crate::session::Place;
use crate::{random, read};

/// Connections of one account at a time.
const MAX_RESOURCES: usize = 20;
/// Stanzas that wait for one client; who sends it more is told to come back later.
const INBOX: usize = 256;

/// The accounts, and who is connected to them.
pub(crate) struct House {
    pub(crate) domain: Domainpart,
    accounts: BTreeMap<BareJid, Account>,
}

struct Account {
    keys: [ScramKeys; 2],
    connected: BTreeMap<FullJid, Connected>,
}

struct Connected {
    /// When this is dropped, its receiver knows that a newer connection has taken the resource.
    inbox: mpsc::Sender<Stanza>,
    /// What it broadcast last, while it is available.
    presence: Option<Presence>,
}

impl Directory for House {
    fn is_local(&self, domain: &str) -> bool {
        domain == self.domain.as_str()
    }

    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
        let account = self.accounts.get(account)?;
        let resource = |(jid, connected): (&FullJid, &Connected)| match &connected.presence {
            Some(presence) => Resource::available(jid.clone(), presence.priority()),
            None => Resource::connected(jid.clone()),
        };
        Some(account.connected.iter().map(resource).collect())
    }
}

impl House {
    pub(crate) fn open(domain: &Domainpart, path: &Path) -> Result<Self, Box<dyn Error>> {
        let text = String::from_utf8(read(path)?)?;
        let mut accounts = BTreeMap::new();
        for (line, number) in text
            .split('\n')
            .zip(1..)
            .filter(|(line, _)| !line.is_empty())
        {
            let (jid, account) = Account::parse(line, domain)
                .map_err(|error| format!("{}:{number}: {error}", path.display()))?;
            accounts.insert(jid, account);
        }
        let domain = domain.clone();
        Ok(Self { domain, accounts })
    }

    pub(crate) fn keys(&self, account: &BareJid, hash: ScramHash) -> Option<ScramKeys> {
        let account = self.accounts.get(account)?;
        account
            .keys
            .iter()
            .find(|keys| keys.hash() == hash)
            .cloned()
    }

    /// Takes a resource in. An older connection of the same name has to go (RFC 6120 §7.7.2.2).
    pub(crate) fn enter(&mut self, jid: &FullJid) -> Option<mpsc::Receiver<Stanza>> {
        self.broadcast(jid, &Presence::unavailable().with_from(jid.clone()));
        let account = self.accounts.get_mut(&jid.to_bare())?;
        account.connected.remove(jid);
        if account.connected.len() >= MAX_RESOURCES {
            return None;
        }
        let (inbox, receiver) = mpsc::channel(INBOX);
        account.connected.insert(
            jid.clone(),
            Connected {
                inbox,
                presence: None,
            },
        );
        Some(receiver)
    }

    /// Lets a resource go, unless it is a newer connection's already.
    pub(crate) fn leave(&mut self, mut place: Place) {
        place.inbox.close();
        let account = self.accounts.get(&place.jid.to_bare());
        let connected = account.and_then(|account| account.connected.get(&place.jid));
        if connected.is_some_and(|connected| connected.inbox.is_closed()) {
            let gone = Presence::unavailable().with_from(place.jid.clone());
            self.broadcast(&place.jid, &gone);
            if let Some(account) = self.accounts.get_mut(&place.jid.to_bare()) {
                account.connected.remove(&place.jid);
            }
        }
    }

    /// Does with a stanza what the rules say, and returns what its sender is told.
    pub(crate) fn take(&mut self, sender: &FullJid, stanza: Stanza) -> Option<Stanza> {
        let own = sender.to_bare();
        let refusal = match (route(&stanza, &own, self), &stanza) {
            (Route::Deliver(to), _) => self.deliver(&to, &stanza)?,
            (Route::Broadcast, Stanza::Presence(presence)) => {
                self.broadcast(sender, presence);
                return None;
            }
            (Route::Server, Stanza::Iq(iq)) => return answer(iq, true),
            (Route::Account(account), Stanza::Iq(iq)) if account == own => {
                return answer(iq, false);
            }
            // Nobody lets anybody see his presence here: requests are declined (RFC 6121 §3.1.3).
            (Route::Account(account), Stanza::Presence(presence)) => {
                let asked = presence.presence_type() == Some(PresenceType::Subscribe);
                let declined = Presence::available().with_type(PresenceType::Unsubscribed);
                return asked.then(|| declined.with_from(account).with_to(own).into());
            }
            (Route::Remote, _) => StanzaErrorCondition::RemoteServerNotFound,
            (Route::Refuse(condition), _) => condition,
            (Route::Server, Stanza::Presence(_)) | (Route::Ignore, _) => return None,
            // There is nothing to keep messages in, and nothing to say for others.
            _ => StanzaErrorCondition::ServiceUnavailable,
        };
        stanza.error_reply(&refusal.into())
    }

    /// Gives a stanza to all of them. Says what is wrong where none could take it.
    fn deliver(&self, to: &[FullJid], stanza: &Stanza) -> Option<StanzaErrorCondition> {
        let takes = |jid: &&FullJid| {
            let connected = self
                .accounts
                .get(&jid.to_bare())
                .and_then(|a| a.connected.get(*jid));
            connected.is_some_and(|connected| connected.inbox.try_send(stanza.clone()).is_ok())
        };
        let taken = to.iter().filter(takes).count();
        let lost = taken == 0 && !matches!(stanza, Stanza::Presence(_));
        lost.then_some(StanzaErrorCondition::ResourceConstraint)
    }

    /// Tells the available resources of an account, itself included, about one of them, and a new one
    /// about the others (RFC 6121 §4.2.2, §4.4.2, §4.5.2).
    fn broadcast(&mut self, from: &FullJid, presence: &Presence) {
        let Some(account) = self.accounts.get_mut(&from.to_bare()) else {
            return;
        };
        let Some(sender) = account.connected.get_mut(from) else {
            return;
        };
        let available = presence.is_available();
        let was_available = sender.presence.is_some();
        sender.presence = available.then(|| presence.clone());
        if !available && !was_available {
            return;
        }
        let own = sender.inbox.clone();
        for (jid, connected) in &account.connected {
            // One that has no room for a presence does without it; more will come.
            if connected.presence.is_some() || jid == from {
                let _ = connected
                    .inbox
                    .try_send(presence.clone().with_to(jid.clone()).into());
            }
            if let Some(other) = &connected.presence
                && jid != from
                && !was_available
            {
                let _ = own.try_send(other.clone().with_to(from.clone()).into());
            }
        }
    }
}

impl Account {
    /// Reads a line of the accounts file. A localpart has no colon (RFC 7622 §3.3.1), a password may.
    fn parse(line: &str, domain: &Domainpart) -> Result<(BareJid, Self), Box<dyn Error>> {
        let (localpart, password) = line.split_once(':').ok_or("no colon")?;
        let jid = BareJid::from_parts(Some(&Localpart::new(localpart)?), domain);
        let derive = |hash| -> Result<_, Box<dyn Error>> {
            Ok(ScramKeys::derive(hash, password, &random::<16>()?, 4096)?)
        };
        let keys = [derive(ScramHash::Sha256)?, derive(ScramHash::Sha1)?];
        Ok((
            jid,
            Self {
                keys,
                connected: BTreeMap::new(),
            },
        ))
    }
}
