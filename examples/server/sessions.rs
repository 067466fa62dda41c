//! Sessions whose connection is lost, until their clients resume them (XEP-0198 §5).

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::oneshot;
use xmppwire_tokio::{
    Detached, DetachedLimits, DetachedSessions, FullJid, Presence, ResumeAnswer, ResumeRequest,
    Stanza, StanzaErrorCondition, Unacknowledged,
};

use crate::queue::Inbox;
use crate::registry::Registry;

/// Bytes of memory of all sessions without a connection.
const ALL_SESSIONS: usize = 64 * 1024 * 1024;

/// The sessions without a connection, and who wants those of connections.
pub(crate) struct Sessions {
    pub(crate) detached: DetachedSessions,
    /// Who waits for a session that another connection still has.
    takers: BTreeMap<FullJid, oneshot::Sender<(Detached, Inbox)>>,
    start: Instant,
}

impl Default for Sessions {
    fn default() -> Self {
        let mut limits = DetachedLimits::default();
        limits.total_bytes = ALL_SESSIONS;
        Self {
            detached: DetachedSessions::new(limits),
            takers: BTreeMap::new(),
            start: Instant::now(),
        }
    }
}

impl Sessions {
    fn now(&self) -> xmppwire::Instant {
        xmppwire::Instant::from_origin(self.start.elapsed())
    }

    /// The connection that waits for the session of this resource, if there is one, gets none.
    pub(crate) fn forget_taker(&mut self, jid: &FullJid) {
        self.takers.remove(jid);
    }
}

/// The answer to a client that wants to resume a session.
pub(crate) enum Found {
    /// It has no connection. What arrives for it from now on is in the inbox.
    Here(Box<ResumeAnswer>, Inbox),
    /// Another connection still has it, and gives it away with an inbox as above. Until it does, what
    /// arrives for the session goes to that connection: the one that waits may break before it gets
    /// the session.
    Elsewhere(oneshot::Receiver<(Detached, Inbox)>),
    Unknown(Box<ResumeAnswer>),
}

impl Registry {
    /// A connection has the session of this resource, which can be resumed by this id.
    pub(crate) fn manage(&mut self, jid: &FullJid, id: &str) {
        if let Some(connected) = self.connected_mut(jid) {
            connected.session = Some(id.to_owned());
        }
    }

    /// Looks for the session that a client wants to resume.
    pub(crate) fn find(&mut self, request: &ResumeRequest) -> Found {
        let answer = self.sessions.detached.answer(self.sessions.now(), request);
        if let ResumeAnswer::Resume(detached) = &answer
            && let Some(inbox) = self.reconnect(&detached.jid().clone())
        {
            self.manage(&detached.jid().clone(), request.id());
            return Found::Here(Box::new(answer), inbox);
        }
        if let Some(jid) = self.connected_with(request.account(), request.id())
            && let Some(connected) = self.connected_mut(&jid)
        {
            connected.outlet.recall();
            let (taker, handed) = oneshot::channel();
            self.sessions.takers.insert(jid, taker);
            return Found::Elsewhere(handed);
        }
        Found::Unknown(Box::new(answer))
    }

    /// A connection gives its session away, because it is lost or a newer one has its place. The
    /// session goes to the connection that asked for it, or waits for its client. What was not given to
    /// the old connection yet goes with it.
    pub(crate) fn park(&mut self, mut inbox: Inbox, mut detached: Detached) {
        inbox.close();
        while let Some(queued) = inbox.next_left() {
            // An error says that it cannot be written, which its sender was told.
            let _ = detached.push(queued.stanza());
            queued.set_delivered();
        }
        let jid = detached.jid().clone();
        let connected = self.connected_mut(&jid);
        if !connected.is_some_and(|connected| connected.outlet.is_closed()) {
            // A newer connection has bound the resource.
            return self.end(detached, false);
        }
        if let Some(taker) = self.sessions.takers.remove(&jid)
            && let Some(inbox) = self.reconnect(&jid)
        {
            match taker.send((detached, inbox)) {
                Ok(()) => return,
                // It did not wait so long.
                Err((back, _)) => detached = back,
            }
        }
        if let Some(connected) = self.connected_mut(&jid) {
            connected.session = None;
        }
        let now = self.sessions.now();
        for ended in self.sessions.detached.insert(now, detached) {
            self.end(ended, true);
        }
    }

    /// Ends the sessions whose time is over.
    pub(crate) fn expire(&mut self) {
        while let Some(ended) = self.sessions.detached.expire(self.sessions.now()) {
            self.end(ended, true);
        }
    }

    /// Ends the session of a resource that is bound again.
    pub(crate) fn replace(&mut self, jid: &FullJid) {
        self.sessions.forget_taker(jid);
        if let Some(ended) = self.sessions.detached.remove(jid) {
            self.end(ended, false);
        }
    }

    /// A session is over. What its client has not got goes back to the senders.
    fn end(&mut self, detached: Detached, leaves: bool) {
        let jid = detached.jid().clone();
        if leaves {
            self.broadcast(&jid, Presence::unavailable().with_from(jid.clone()));
            self.remove(&jid);
        }
        self.give_back(detached.into_unacknowledged());
    }

    /// Gives stanzas that a client has not got back to the senders, after the end of its session.
    pub(crate) fn give_back(&mut self, stanzas: Vec<Unacknowledged>) {
        for lost in stanzas {
            if !matches!(lost.stanza, Stanza::Presence(_)) {
                self.refuse(&lost.stanza, StanzaErrorCondition::ServiceUnavailable);
            }
        }
    }
}
