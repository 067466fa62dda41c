//! Sessions whose connection is lost, until their clients resume them (XEP-0198 §5).

use std::collections::BTreeMap;
use std::time::Instant;

use tokio::sync::oneshot;
use xmppwire_tokio::{
    Detached, DetachedLimits, DetachedSessions, FullJid, Presence, ResumeAnswer, ResumeRequest,
    Stanza, StanzaErrorCondition,
};

use crate::queue::{Inbox, Outlet};
use crate::registry::Registry;

/// Bytes of memory of all sessions without a connection.
const ALL_SESSIONS: usize = 64 * 1024 * 1024;

/// The sessions without a connection, and which connections have sessions that can be resumed.
pub(crate) struct Sessions {
    pub(crate) detached: DetachedSessions,
    /// By the id of each session with a connection.
    live: BTreeMap<String, FullJid>,
    /// Who waits for a session that another connection still has.
    takers: BTreeMap<FullJid, oneshot::Sender<Detached>>,
    start: Instant,
}

impl Default for Sessions {
    fn default() -> Self {
        let mut limits = DetachedLimits::default();
        limits.total_bytes = ALL_SESSIONS;
        Self {
            detached: DetachedSessions::new(limits),
            live: BTreeMap::new(),
            takers: BTreeMap::new(),
            start: Instant::now(),
        }
    }
}

impl Sessions {
    fn now(&self) -> xmppwire::Instant {
        xmppwire::Instant::from_origin(self.start.elapsed())
    }
}

/// The answer to a client that wants to resume a session.
pub(crate) enum Found {
    /// It has no connection. What arrives for it from now on is in the inbox.
    Here(Box<ResumeAnswer>, Inbox),
    /// Another connection still has it, and gives it away.
    Elsewhere(oneshot::Receiver<Detached>, Inbox),
    Unknown(Box<ResumeAnswer>),
}

impl Registry {
    /// The session of this resource can be resumed by this id.
    pub(crate) fn manage(&mut self, jid: &FullJid, id: &str) {
        self.sessions.live.insert(id.to_owned(), jid.clone());
    }

    /// Looks for the session that a client wants to resume.
    pub(crate) fn find(&mut self, request: &ResumeRequest) -> Found {
        let answer = self.sessions.detached.answer(self.sessions.now(), request);
        if let ResumeAnswer::Resume(detached) = &answer
            && let Some(inbox) = self.reconnect(&detached.jid().clone())
        {
            return Found::Here(Box::new(answer), inbox);
        }
        let live = self.sessions.live.get(request.id()).cloned();
        let live = live.filter(|jid| jid.bare_str() == request.account().as_str());
        if let Some(jid) = live
            && let Some(inbox) = self.reconnect(&jid)
        {
            let (taker, detached) = oneshot::channel();
            self.sessions.takers.insert(jid, taker);
            return Found::Elsewhere(detached, inbox);
        }
        Found::Unknown(Box::new(answer))
    }

    /// The one who waits for the session of a connection that has lost its place.
    pub(crate) fn taker(&mut self, jid: &FullJid) -> Option<oneshot::Sender<Detached>> {
        self.sessions.takers.remove(jid)
    }

    /// A connection is lost, and its session waits for its client. What was not given to it yet
    /// waits with it.
    pub(crate) fn park(&mut self, mut inbox: Inbox, mut detached: Detached) {
        inbox.close();
        let jid = detached.jid().clone();
        self.sessions.live.remove(detached.id());
        let outlet = self.connected_mut(&jid).map(|connected| &connected.outlet);
        if !outlet.is_some_and(Outlet::is_closed) {
            // A newer connection has taken the resource.
            return self.end(detached, false);
        }
        while let Some(queued) = inbox.next_left() {
            // The reason can only be that it cannot be written, which its sender was told.
            let _ = detached.push(queued.stanza());
            queued.set_delivered();
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
        for lost in detached.into_unacknowledged() {
            if !matches!(lost.stanza, Stanza::Presence(_)) {
                self.refuse(&lost.stanza, StanzaErrorCondition::ServiceUnavailable);
            }
        }
    }
}
