//! Who is connected to the server: its accounts' clients, components, and other servers.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use xmppwire::routing::{Directory, Resource, Route, Served, route};
use xmppwire_tokio::{
    BareJid, Domainpart, FullJid, Jid, Presence, PresenceType, Stanza, StanzaErrorCondition,
};

use crate::answers::answer;
use crate::carbons;
use crate::queue::{Budget, Crowded, Inbox, Outlet, Queued, queue};
use crate::sessions::Sessions;

/// Clients at a time, and of them those of one account.
const MAX_CLIENTS: usize = 500;
const MAX_RESOURCES: usize = 20;
/// Bytes of memory of a presence, which is kept for as long as the client is available.
const MAX_PRESENCE: usize = 16 * 1024;

/// The accounts, the components and the way to other servers, with a queue for each connection.
pub(crate) struct Registry {
    /// The domains of the accounts.
    domains: Vec<Domainpart>,
    accounts: BTreeMap<BareJid, Account>,
    /// All that may attach; with a queue, where one is attached.
    components: BTreeMap<Domainpart, Option<Outlet>>,
    /// Stanzas for other servers, where they are reached.
    servers: Option<Outlet>,
    budget: Budget,
    pub(crate) sessions: Sessions,
    /// The queue that the last stanza crowded.
    crowded: Cell<Option<Crowded>>,
}

#[derive(Default)]
struct Account {
    connected: BTreeMap<FullJid, Connected>,
}

pub(crate) struct Connected {
    /// Dropped when a newer connection takes the resource.
    pub(crate) outlet: Outlet,
    /// The last presence that it broadcast, while it is available.
    presence: Option<Available>,
    /// It wants copies of the messages of the other resources.
    wants_copies: bool,
    /// The id of its session, if a connection has it and it can be resumed.
    pub(crate) session: Option<String>,
}

struct Available {
    priority: i8,
    queued: Arc<Queued>,
}

impl Directory for Registry {
    fn served(&self, domain: &str) -> Served {
        if self.domains.iter().any(|own| own.as_str() == domain) {
            Served::Here
        } else if self.components.contains_key(domain) {
            Served::ByService
        } else {
            Served::Elsewhere
        }
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
    /// Has no connections yet.
    pub(crate) fn new(
        domains: &[Domainpart],
        components: impl IntoIterator<Item = Domainpart>,
        accounts: impl IntoIterator<Item = BareJid>,
    ) -> Self {
        let accounts = accounts.into_iter().map(|jid| (jid, Account::default()));
        let components = components.into_iter().map(|domain| (domain, None));
        Self {
            domains: domains.to_vec(),
            accounts: accounts.collect(),
            components: components.collect(),
            servers: None,
            budget: Budget::default(),
            sessions: Sessions::default(),
            crowded: Cell::default(),
        }
    }

    /// Takes a resource in, unless there are too many. An older connection of the same name has to
    /// go (RFC 6120 §7.7.2.2).
    pub(crate) fn enter(&mut self, jid: &FullJid, wants_copies: bool) -> Option<Inbox> {
        self.replace(jid);
        self.broadcast(jid, Presence::unavailable().with_from(jid.clone()));
        let accounts = self.accounts.values();
        let clients: usize = accounts.map(|account| account.connected.len()).sum();
        let account = self.accounts.get_mut(&jid.to_bare())?;
        let (outlet, inbox) = match account.connected.remove(jid) {
            // It gets presence when it has sent its own.
            Some(older) => older
                .outlet
                .succeed(|stanza| !matches!(stanza, Stanza::Presence(_))),
            None if clients >= MAX_CLIENTS || account.connected.len() >= MAX_RESOURCES => {
                return None;
            }
            None => queue(),
        };
        let connected = Connected {
            outlet,
            presence: None,
            wants_copies,
            session: None,
        };
        account.connected.insert(jid.clone(), connected);
        Some(inbox)
    }

    /// Another connection continues the session of a resource.
    pub(crate) fn reconnect(&mut self, jid: &FullJid) -> Option<Inbox> {
        let (outlet, inbox) = queue();
        self.connected_mut(jid)?.outlet = outlet;
        Some(inbox)
    }

    /// A resource is gone, and its session if it had one.
    pub(crate) fn remove(&mut self, jid: &FullJid) {
        self.sessions.forget_taker(jid);
        if let Some(account) = self.accounts.get_mut(&jid.to_bare()) {
            account.connected.remove(jid);
        }
    }

    /// Removes a resource, unless a newer connection has taken it. What its client did not get goes
    /// back to the senders.
    pub(crate) fn leave(&mut self, jid: &FullJid, mut inbox: Inbox) {
        inbox.close();
        let account = self.accounts.get(&jid.to_bare());
        let connected = account.and_then(|account| account.connected.get(jid));
        if connected.is_some_and(|connected| connected.outlet.is_closed()) {
            self.broadcast(jid, Presence::unavailable().with_from(jid.clone()));
            self.remove(jid);
        }
        while let Some(queued) = inbox.next_undelivered() {
            // Presence is not stored, and its loss is not told (RFC 6121 §8.5.3.2.2).
            if !matches!(queued.stanza(), Stanza::Presence(_)) {
                self.refuse(queued.stanza(), StanzaErrorCondition::ServiceUnavailable);
            }
        }
    }

    /// A component is attached. An older connection of the same domain has to go.
    pub(crate) fn attach(&mut self, domain: &Domainpart) -> Option<Inbox> {
        let component = self.components.get_mut(domain)?;
        let (outlet, inbox) = match component.take() {
            Some(older) => older.succeed(|_| true),
            None => queue(),
        };
        *component = Some(outlet);
        Some(inbox)
    }

    /// A component is gone, unless a newer connection has taken its place. What it did not get goes
    /// back to the senders.
    pub(crate) fn detach(&mut self, domain: &Domainpart, mut inbox: Inbox) {
        inbox.close();
        if let Some(component) = self.components.get_mut(domain)
            && component.as_ref().is_some_and(Outlet::is_closed)
        {
            *component = None;
        }
        while let Some(queued) = inbox.next_undelivered() {
            self.refuse(queued.stanza(), StanzaErrorCondition::RemoteServerTimeout);
        }
    }

    /// From now on there are streams to other servers, for what is in this queue.
    pub(crate) fn connect_servers(&mut self) -> Inbox {
        let (outlet, inbox) = queue();
        self.servers = Some(outlet);
        inbox
    }

    /// Whether the domain is of this server: other servers cannot speak for it.
    pub(crate) fn is_own(&self, domain: &str) -> bool {
        self.served(domain) != Served::Elsewhere
    }

    /// Does with a stanza what the rules say, and returns the answer to its sender. Its `from` was
    /// stamped or verified by the connection that it came on.
    pub(crate) fn take(&mut self, stanza: Stanza) -> Option<Stanza> {
        self.crowded.take();
        if let Stanza::Presence(presence) = &stanza
            && let Some(declined) = self.decline(presence)
        {
            return Some(declined.into());
        }
        let own = stanza.from()?.to_bare();
        let to_itself = stanza.to().is_none_or(|to| to.bare_str() == own.as_str());
        if let Some(sender) = stanza.from().and_then(Jid::to_full).filter(|_| !to_itself) {
            self.copy(&stanza, &own, "sent", &[sender]);
        }
        let refusal = match (route(&stanza, &own, self), &stanza) {
            (Route::Deliver(to), _) => return self.deliver(&to, stanza),
            (Route::Service, _) => return self.give_to_component(stanza),
            (Route::Remote, _) => return self.forward(stanza),
            (Route::Broadcast, Stanza::Presence(_)) if stanza.heap_size() > MAX_PRESENCE => {
                StanzaErrorCondition::PolicyViolation
            }
            (Route::Broadcast, Stanza::Presence(presence)) => {
                let sender = presence.from().and_then(Jid::to_full)?;
                self.broadcast(&sender, presence.clone());
                return None;
            }
            (Route::Server, Stanza::Iq(iq)) => return answer(iq, true),
            (Route::Account(account), Stanza::Iq(iq)) if account == own => {
                if let Some(wish) = carbons::wish(iq) {
                    let sender = iq.from().and_then(Jid::to_full)?;
                    self.connected_mut(&sender)?.wants_copies = wish;
                    return iq.result(None).map(Stanza::Iq);
                }
                return answer(iq, false);
            }
            (Route::Refuse(condition), _) => condition,
            (Route::Server | Route::Account(_), Stanza::Presence(_)) | (Route::Ignore, _) => {
                return None;
            }
            // Messages are not kept, and other accounts are not answered for.
            _ => StanzaErrorCondition::ServiceUnavailable,
        };
        stanza.error_reply(&refusal.into())
    }

    /// The queue that the last stanza crowded, if it did. Its sender waits, for a while, before it
    /// sends more.
    pub(crate) fn take_crowded(&mut self) -> Option<Crowded> {
        self.crowded.take()
    }

    /// Takes a stanza that needs no answer, such as an error.
    pub(crate) fn tell(&mut self, stanza: Stanza) {
        drop(self.take(stanza));
    }

    /// Gives an error to the sender of a stanza that was not delivered, wherever it is.
    pub(crate) fn refuse(&mut self, stanza: &Stanza, condition: StanzaErrorCondition) {
        if let Some(error) = stanza.error_reply(&condition.into()) {
            self.tell(error);
        }
    }

    /// The answer to a subscription request (RFC 6121 §3.1.3). It is the same whether there is such
    /// an account or not: else requests would tell the names of the accounts.
    fn decline(&self, presence: &Presence) -> Option<Presence> {
        let contact = presence.to()?;
        let asked = presence.presence_type() == Some(PresenceType::Subscribe);
        let is_account =
            contact.localpart().is_some() && self.served(contact.domainpart()) == Served::Here;
        let declined = Presence::available().with_type(PresenceType::Unsubscribed);
        let declined = declined.with_to(presence.from()?.to_bare());
        (asked && is_account).then(|| declined.with_from(contact.to_bare()))
    }

    /// Gives a stanza to all these resources. Returns an error for the sender where none could take
    /// it.
    fn deliver(&mut self, to: &[FullJid], stanza: Stanza) -> Option<Stanza> {
        let is_presence = matches!(stanza, Stanza::Presence(_));
        // Where there is no connection at the moment, it waits in the session.
        let sessions = &mut self.sessions.detached;
        let waits = to.iter().filter(|jid| sessions.push(jid, &stanza).is_ok());
        let waits = waits.count() > 0;
        if let Some(account) = to.first().map(FullJid::to_bare) {
            self.copy(&stanza, &account, "received", to);
        }
        let outlets = to.iter().filter_map(|jid| {
            let connected = self.accounts.get(&jid.to_bare())?.connected.get(jid)?;
            let is_open = !connected.outlet.is_closed();
            is_open.then_some(&connected.outlet)
        });
        let error = self.hand_out(outlets, stanza);
        error.filter(|_| !is_presence && !waits)
    }

    pub(crate) fn connected_mut(&mut self, jid: &FullJid) -> Option<&mut Connected> {
        let account = self.accounts.get_mut(&jid.to_bare())?;
        account.connected.get_mut(jid)
    }

    /// The resource of an account whose connection has the session with this id.
    pub(crate) fn connected_with(&self, account: &BareJid, id: &str) -> Option<FullJid> {
        let mut connected = self.accounts.get(account)?.connected.iter();
        let of_session = connected.find(|(_, it)| it.session.as_deref() == Some(id));
        of_session.map(|(jid, _)| jid.clone())
    }

    /// The resources of an account that want copies of messages.
    pub(crate) fn wanting_copies(&self, account: &BareJid) -> Vec<FullJid> {
        let connected = self.accounts.get(account).map(|account| &account.connected);
        let connected = connected.into_iter().flatten();
        let wanting = connected.filter(|(_, connected)| connected.wants_copies);
        wanting.map(|(jid, _)| jid.clone()).collect()
    }

    /// Gives a copy of a message to a resource. One without room does without it.
    pub(crate) fn hand_copy(&mut self, jid: &FullJid, copy: Stanza) {
        if self.sessions.detached.push(jid, &copy).is_ok() {
            return;
        }
        let account = self.accounts.get(&jid.to_bare());
        let connected = account.and_then(|account| account.connected.get(jid));
        if let (Some(connected), Ok(queued)) = (connected, self.budget.hold(copy)) {
            // Nothing is told to the sender where a copy is lost.
            queued.set_delivered();
            connected.outlet.send(&queued);
        }
    }

    /// Gives a stanza to the component of its domain (RFC 6120 §10.5).
    fn give_to_component(&self, stanza: Stanza) -> Option<Stanza> {
        match self.components.get(stanza.to()?.domainpart())? {
            Some(component) => self.hand_out([component], stanza),
            None => stanza.error_reply(&StanzaErrorCondition::RemoteServerTimeout.into()),
        }
    }

    /// Gives a stanza to the server of another domain (RFC 6120 §10.4).
    fn forward(&self, stanza: Stanza) -> Option<Stanza> {
        match &self.servers {
            Some(servers) => self.hand_out([servers], stanza),
            None => stanza.error_reply(&StanzaErrorCondition::RemoteServerNotFound.into()),
        }
    }

    /// Puts a stanza into all these queues. Returns an error for the sender where none has room.
    fn hand_out<'a>(
        &self,
        outlets: impl IntoIterator<Item = &'a Outlet>,
        stanza: Stanza,
    ) -> Option<Stanza> {
        let full = StanzaErrorCondition::ResourceConstraint.into();
        let queued = match self.budget.hold(stanza) {
            Ok(queued) => queued,
            Err(stanza) => return stanza.error_reply(&full),
        };
        let taken = outlets.into_iter().filter(|outlet| {
            let is_taken = outlet.send(&queued);
            if let Some(crowded) = outlet.crowded() {
                self.crowded.set(Some(crowded));
            }
            is_taken
        });
        match taken.count() {
            0 => queued.stanza().error_reply(&full),
            _ => None,
        }
    }

    /// Tells the available resources of an account, itself included, about one of them, and a new
    /// one about the others (RFC 6121 §4.2.2, §4.4.2, §4.5.2).
    pub(crate) fn broadcast(&mut self, from: &FullJid, presence: Presence) {
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
            let wants = connected.presence.is_some() || jid == from;
            let sessions = &mut self.sessions.detached;
            if wants && sessions.push(jid, queued.stanza()).is_err() {
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
