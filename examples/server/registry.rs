//! The accounts of the server, and who is connected to them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use xmppwire::routing::{Directory, Resource, Route, route};
use xmppwire_tokio::{
    BareJid, Domainpart, FullJid, Localpart, Presence, PresenceType, ScramHash, ScramKeys, Stanza,
    StanzaErrorCondition,
};

use crate::answers::answer;
use crate::queue::{Budget, Inbox, Outlet, Queued, queue};
use crate::session::Place;
use crate::{random, read};

/// Clients at a time, and of them those of one account.
const MAX_CLIENTS: usize = 500;
const MAX_RESOURCES: usize = 20;
/// Bytes of memory of a presence, which is kept for as long as the client is available.
const MAX_PRESENCE: usize = 16 * 1024;

/// The accounts, and who is connected to them.
pub(crate) struct Registry {
    pub(crate) domain: Domainpart,
    accounts: BTreeMap<BareJid, Account>,
    budget: Budget,
}

struct Account {
    keys: [ScramKeys; 2],
    connected: BTreeMap<FullJid, Connected>,
}

struct Connected {
    /// Dropped when a newer connection takes the resource.
    outlet: Outlet,
    /// The last presence that it broadcast, while it is available.
    presence: Option<Available>,
}

struct Available {
    priority: i8,
    queued: Arc<Queued>,
}

impl Directory for Registry {
    fn is_local(&self, domain: &str) -> bool {
        domain == self.domain.as_str()
    }

    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
        let account = self.accounts.get(account)?;
        let resource = |(jid, connected): (&FullJid, &Connected)| match &connected.presence {
            Some(presence) => Resource::available(jid.clone(), presence.priority),
            None => Resource::connected(jid.clone()),
        };
        Some(account.connected.iter().map(resource).collect())
    }
}

impl Registry {
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
        Ok(Self {
            domain: domain.clone(),
            accounts,
            budget: Budget::default(),
        })
    }

    pub(crate) fn keys(&self, account: &BareJid, hash: ScramHash) -> Option<ScramKeys> {
        let account = self.accounts.get(account)?;
        account
            .keys
            .iter()
            .find(|keys| keys.hash() == hash)
            .cloned()
    }

    /// Takes a resource in, unless there are too many. An older connection of the same name has to
    /// go (RFC 6120 §7.7.2.2).
    pub(crate) fn enter(&mut self, jid: &FullJid) -> Option<Inbox> {
        self.broadcast(jid, Presence::unavailable().with_from(jid.clone()));
        let accounts = self.accounts.values();
        let clients: usize = accounts.map(|account| account.connected.len()).sum();
        let account = self.accounts.get_mut(&jid.to_bare())?;
        let is_new = account.connected.remove(jid).is_none();
        if is_new && (clients >= MAX_CLIENTS || account.connected.len() >= MAX_RESOURCES) {
            return None;
        }
        let (outlet, inbox) = queue();
        let presence = None;
        account
            .connected
            .insert(jid.clone(), Connected { outlet, presence });
        Some(inbox)
    }

    /// Removes a resource, unless a newer connection has taken it.
    pub(crate) fn leave(&mut self, mut place: Place) {
        place.inbox.close();
        let account = self.accounts.get(&place.jid.to_bare());
        let connected = account.and_then(|account| account.connected.get(&place.jid));
        if connected.is_some_and(|connected| connected.outlet.is_closed()) {
            let gone = Presence::unavailable().with_from(place.jid.clone());
            self.broadcast(&place.jid, gone);
            if let Some(account) = self.accounts.get_mut(&place.jid.to_bare()) {
                account.connected.remove(&place.jid);
            }
        }
    }

    /// Does with a stanza what the rules say, and returns the answer to its sender.
    pub(crate) fn take(&mut self, sender: &FullJid, stanza: Stanza) -> Option<Stanza> {
        if let Stanza::Presence(presence) = &stanza
            && let Some(declined) = self.decline(presence)
        {
            return Some(declined.with_to(sender.to_bare()).into());
        }
        let own = sender.to_bare();
        let refusal = match (route(&stanza, &own, self), &stanza) {
            (Route::Deliver(to), _) => return self.deliver(&to, stanza),
            (Route::Broadcast, Stanza::Presence(_)) if stanza.heap_size() > MAX_PRESENCE => {
                StanzaErrorCondition::PolicyViolation
            }
            (Route::Broadcast, Stanza::Presence(presence)) => {
                self.broadcast(sender, presence.clone());
                return None;
            }
            (Route::Server, Stanza::Iq(iq)) => return answer(iq, true),
            (Route::Account(account), Stanza::Iq(iq)) if account == own => {
                return answer(iq, false);
            }
            (Route::Remote, _) => StanzaErrorCondition::RemoteServerNotFound,
            (Route::Refuse(condition), _) => condition,
            (Route::Server | Route::Account(_), Stanza::Presence(_)) | (Route::Ignore, _) => {
                return None;
            }
            // Messages are not kept, and other accounts are not answered for.
            _ => StanzaErrorCondition::ServiceUnavailable,
        };
        stanza.error_reply(&refusal.into())
    }

    /// The answer to a subscription request (RFC 6121 §3.1.3). It is the same whether there is such
    /// an account or not: else requests would tell the names of the accounts.
    fn decline(&self, presence: &Presence) -> Option<Presence> {
        let contact = presence.to()?;
        let asked = presence.presence_type() == Some(PresenceType::Subscribe);
        let is_account = contact.localpart().is_some() && self.is_local(contact.domainpart());
        let declined = Presence::available().with_type(PresenceType::Unsubscribed);
        (asked && is_account).then(|| declined.with_from(contact.to_bare()))
    }

    /// Gives a stanza to all these resources. Returns an error for the sender where none could take
    /// it.
    fn deliver(&self, to: &[FullJid], stanza: Stanza) -> Option<Stanza> {
        let full = StanzaErrorCondition::ResourceConstraint;
        let queued = match self.budget.hold(stanza) {
            Ok(queued) => queued,
            Err(stanza) => return stanza.error_reply(&full.into()),
        };
        let takes = |jid: &&FullJid| {
            let account = self.accounts.get(&jid.to_bare());
            let connected = account.and_then(|account| account.connected.get(*jid));
            connected.is_some_and(|connected| connected.outlet.send(&queued))
        };
        let taken = to.iter().filter(takes).count();
        let lost = taken == 0 && !matches!(queued.stanza(), Stanza::Presence(_));
        lost.then(|| queued.stanza().error_reply(&full.into()))?
    }

    /// Tells the available resources of an account, itself included, about one of them, and a new
    /// one about the others (RFC 6121 §4.2.2, §4.4.2, §4.5.2).
    fn broadcast(&mut self, from: &FullJid, presence: Presence) {
        let Some(account) = self.accounts.get_mut(&from.to_bare()) else {
            return;
        };
        let Some(sender) = account.connected.get_mut(from) else {
            return;
        };
        let (is_available, priority) = (presence.is_available(), presence.priority());
        let was_available = sender.presence.take().is_some();
        // Addressed to the account, it is the same stanza for every resource.
        let presence = presence.with_to(from.to_bare());
        if !is_available && !was_available {
            return;
        }
        // Where there is no memory, the resource is unavailable until it sends presence again.
        let Ok(queued) = self.budget.hold(presence.into()) else {
            return;
        };
        if is_available {
            let queued = Arc::clone(&queued);
            sender.presence = Some(Available { priority, queued });
        }
        for (jid, connected) in &account.connected {
            // A resource without room for a presence does without it.
            if connected.presence.is_some() || jid == from {
                connected.outlet.send(&queued);
            }
        }
        let Some(sender) = account.connected.get(from).filter(|_| !was_available) else {
            return;
        };
        let others = account.connected.iter().filter(|(jid, _)| *jid != from);
        for presence in others.filter_map(|(_, other)| other.presence.as_ref()) {
            sender.outlet.send(&presence.queued);
        }
    }
}

impl Account {
    /// Reads a line of the accounts file. A localpart has no colon (RFC 7622 §3.3.1), a password
    /// may.
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
