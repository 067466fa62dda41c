//! The sessions of a server that wait for their clients.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use xmppwire_jid::{BareJid, FullJid};

use super::detached::Detached;
use super::question::{ResumeAnswer, ResumeRequest};
use crate::error::InvalidStanza;
use crate::stanza::Stanza;
use crate::stream::management::{OVERHEAD, written};
use crate::time::Instant;

/// Bytes that a session counts besides its stanzas: id, address, and the tables of
/// [`DetachedSessions`].
const SESSION: usize = 1024;

/// What [`DetachedSessions`] may hold.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DetachedLimits {
    /// Sessions of one account, 8 by default. One more makes the oldest of the account end.
    pub per_account: usize,
    /// Bytes of all sessions, 256 MiB by default: their [stanzas](Detached::queued_bytes), and 1 KiB
    /// for each. What exceeds them makes the oldest sessions end.
    pub total_bytes: usize,
    /// Bytes of the stanzas of one session, 4 MiB by default.
    pub session_bytes: usize,
    /// The longest time that a session waits, five minutes by default, also where its client was told
    /// a longer one.
    pub time: Duration,
    /// Ended sessions of which it is remembered how many stanzas were handled, 10,000 by default.
    pub remembered: usize,
}

impl DetachedLimits {
    /// The defaults; what [`Default`] gives.
    pub const fn new() -> Self {
        Self {
            per_account: 8,
            total_bytes: 256 * 1024 * 1024,
            session_bytes: 4 * 1024 * 1024,
            time: Duration::from_secs(300),
            remembered: 10_000,
        }
    }
}

impl Default for DetachedLimits {
    fn default() -> Self {
        Self::new()
    }
}

/// The sessions of a server whose connections are lost (XEP-0198 §5), by id: bounded in number, bytes
/// and time.
///
/// It is a table without I/O. A server puts in what
/// [`ServerEvent::Detached`](crate::ServerEvent::Detached) gives it, [adds](Self::push) what arrives
/// for the resource, answers [`ServerEvent::Resume`](crate::ServerEvent::Resume) with
/// [`answer`](Self::answer), and ends what [`insert`](Self::insert) and [`expire`](Self::expire)
/// return: it sends unavailable presence for the resource, and stores or bounces the
/// [unacknowledged stanzas](Detached::into_unacknowledged).
///
/// ```
/// use xmppwire::{ApiMisuse, Detached, DetachedSessions, Endpoint, Instant, ResumeRequest, Server};
///
/// /// Answers a client that wants to resume its session.
/// fn resume(
///     sessions: &mut DetachedSessions,
///     now: Instant,
///     connection: &mut Endpoint<Server>,
///     request: ResumeRequest,
/// ) -> Result<(), ApiMisuse> {
///     let answer = sessions.answer(now, &request);
///     if let Some(session) = connection.answer_resume(request, answer)? {
///         // The client was refused, and its session waits on.
///         sessions.insert(now, session);
///     }
///     Ok(())
/// }
///
/// let sessions = DetachedSessions::default();
/// assert!(sessions.is_empty());
/// assert_eq!(sessions.poll_timeout(), None);
/// ```
#[derive(Default)]
pub struct DetachedSessions {
    limits: DetachedLimits,
    sessions: BTreeMap<Box<str>, Waiting>,
    /// The addresses and ids of the sessions of each account: no more than the limit of an account.
    accounts: BTreeMap<BareJid, Vec<(FullJid, Box<str>)>>,
    /// When each session ends.
    by_time: BTreeSet<(Instant, Box<str>)>,
    bytes: usize,
    /// What ended sessions had handled, oldest first.
    remembered: VecDeque<Box<str>>,
    handled: BTreeMap<Box<str>, (BareJid, u32)>,
}

/// A session in the table.
#[derive(Debug)]
struct Waiting {
    detached: Detached,
    until: Instant,
}

impl Waiting {
    fn bytes(&self) -> usize {
        self.detached.queued_bytes().saturating_add(SESSION)
    }
}

impl fmt::Debug for DetachedSessions {
    /// Omits the ids, which are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let remembered = self.remembered.iter().filter_map(|id| self.handled.get(id));
        f.debug_struct("DetachedSessions")
            .field("sessions", &self.sessions.values().collect::<Vec<_>>())
            .field("remembered", &remembered.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Why a stanza was not added to a detached session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// No session with this address is detached.
    #[error("no session with this address is detached")]
    Unknown,
    /// The session, or all together, may hold no more bytes.
    #[error("the session holds too many stanzas")]
    Full,
    /// The stanza cannot be written.
    #[error(transparent)]
    Invalid(#[from] InvalidStanza),
}

impl DetachedSessions {
    /// An empty table with these limits.
    pub fn new(limits: DetachedLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// The number of sessions.
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// The bytes that count for [`DetachedLimits::total_bytes`].
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a session with this address is detached.
    pub fn contains(&self, jid: &FullJid) -> bool {
        self.id(jid).is_some()
    }

    /// The addresses of the detached sessions, in their order.
    pub fn jids(&self) -> impl Iterator<Item = &FullJid> {
        self.accounts.values().flatten().map(|(jid, _)| jid)
    }

    /// Puts a session in. Returns those that end for it: the one that had its address, and the oldest
    /// ones where a limit is exceeded, possibly the new one itself. A session that
    /// [`answer`](Self::answer) gave away and that was not resumed has no more time than it had, so that
    /// a client cannot keep a session by attempts that fail.
    #[must_use = "the stanzas of the sessions that end would be lost"]
    pub fn insert(&mut self, now: Instant, detached: Detached) -> Vec<Detached> {
        let mut ended: Vec<Detached> = self.remove(detached.jid()).into_iter().collect();
        // Ids are random, so a second session with one is a copy that the application made.
        if let Some(old) = self.sessions.remove(detached.id()) {
            self.forget(&old);
            ended.push(self.end(old.detached));
        }
        let time = self.limits.time;
        let until = now + detached.max().map_or(time, |max| max.min(time));
        let until = detached.until.map_or(until, |before| before.min(until));
        let account = detached.jid().to_bare();
        let id: Box<str> = detached.id().into();
        let waiting = Waiting { detached, until };
        self.bytes = self.bytes.saturating_add(waiting.bytes());
        self.by_time.insert((until, id.clone()));
        let jid = waiting.detached.jid().clone();
        let of_account = self.accounts.entry(account.clone()).or_default();
        of_account.push((jid, id.clone()));
        self.sessions.insert(id, waiting);
        while self.of_account(&account).count() > self.limits.per_account.max(1) {
            let oldest = self.of_account(&account).min_by_key(|(_, w)| w.until);
            let Some(jid) = oldest.map(|(jid, _)| jid.clone()) else {
                break;
            };
            ended.extend(self.remove(&jid));
        }
        while self.bytes > self.limits.total_bytes {
            let Some(detached) = self.pop_oldest() else {
                break;
            };
            ended.push(detached);
        }
        ended
    }

    /// Adds a stanza for the client of a detached session. Returns its number there.
    ///
    /// # Errors
    /// [`PushError`]; the session is unchanged. Of one that is [full](PushError::Full) the stanza is
    /// stored or bounced as for a resource that is not there.
    pub fn push(&mut self, jid: &FullJid, stanza: &Stanza) -> Result<u64, PushError> {
        let id = self.id(jid).ok_or(PushError::Unknown)?.to_owned();
        let waiting = self.sessions.get_mut(&*id).ok_or(PushError::Unknown)?;
        let stanza = written(stanza)?;
        let added = stanza.len().saturating_add(OVERHEAD);
        let of_session = waiting.detached.queued_bytes().saturating_add(added);
        let of_all = self.bytes.saturating_add(added);
        if of_session > self.limits.session_bytes || of_all > self.limits.total_bytes {
            return Err(PushError::Full);
        }
        self.bytes = of_all;
        Ok(waiting.detached.session.parked.push_written(&stanza))
    }

    /// Takes the session of this address, because its user has logged out in another way, or the
    /// resource is bound again.
    pub fn remove(&mut self, jid: &FullJid) -> Option<Detached> {
        let id = self.id(jid)?.to_owned();
        let waiting = self.sessions.remove(&*id)?;
        self.forget(&waiting);
        Some(self.end(waiting.detached))
    }

    /// Answers a client that wants to resume a session: with the session, if it is here, of the
    /// client's account, and its time is not over. Another account learns nothing.
    pub fn answer(&mut self, now: Instant, request: &ResumeRequest) -> ResumeAnswer {
        let waiting = self.sessions.get(request.id());
        let is_there =
            waiting.is_some_and(|w| w.until > now && w.detached.is_asked_for_by(request));
        if is_there && let Some(waiting) = self.sessions.remove(request.id()) {
            self.forget(&waiting);
            let mut detached = waiting.detached;
            detached.until = Some(waiting.until);
            return ResumeAnswer::Resume(detached);
        }
        let of_account = self.handled.get(request.id());
        let of_account = of_account.filter(|(account, _)| account == request.account());
        ResumeAnswer::Unknown {
            handled: of_account.map(|(_, handled)| *handled),
        }
    }

    /// When [`expire`](Self::expire) has to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.by_time.first().map(|(until, _)| *until)
    }

    /// Takes a session whose time is over. Call it until it returns `None`.
    #[must_use = "the stanzas of the session would be lost"]
    pub fn expire(&mut self, now: Instant) -> Option<Detached> {
        let (until, _) = self.by_time.first()?;
        if *until > now {
            return None;
        }
        self.pop_oldest()
    }

    fn of_account(&self, account: &BareJid) -> impl Iterator<Item = (&FullJid, &Waiting)> {
        let of_account = self.accounts.get(account).into_iter().flatten();
        of_account.filter_map(|(jid, id)| Some((jid, self.sessions.get(id)?)))
    }

    /// The id of the session with this address.
    fn id(&self, jid: &FullJid) -> Option<&str> {
        let of_account = self.accounts.get(&jid.to_bare())?;
        let session = of_account.iter().find(|(known, _)| known == jid);
        session.map(|(_, id)| &**id)
    }

    fn pop_oldest(&mut self) -> Option<Detached> {
        let (_, id) = self.by_time.pop_first()?;
        let waiting = self.sessions.remove(&id)?;
        self.forget(&waiting);
        Some(self.end(waiting.detached))
    }

    /// Takes a session that is not in the first table any more out of the others.
    fn forget(&mut self, waiting: &Waiting) {
        self.bytes = self.bytes.saturating_sub(waiting.bytes());
        let id: Box<str> = waiting.detached.id().into();
        let account = waiting.detached.jid().to_bare();
        if let Some(of_account) = self.accounts.get_mut(&account) {
            of_account.retain(|(_, known)| *known != id);
            if of_account.is_empty() {
                self.accounts.remove(&account);
            }
        }
        self.by_time.remove(&(waiting.until, id));
    }

    /// Remembers what a session that ends has handled.
    fn end(&mut self, detached: Detached) -> Detached {
        let id: Box<str> = detached.id().to_owned().into();
        let of = (detached.jid().to_bare(), detached.handled());
        if self.handled.insert(id.clone(), of).is_none() {
            self.remembered.push_back(id);
        }
        if self.remembered.len() > self.limits.remembered
            && let Some(oldest) = self.remembered.pop_front()
        {
            self.handled.remove(&oldest);
        }
        detached
    }
}
