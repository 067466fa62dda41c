//! The pool on a virtual clock.

mod adopted;
mod hub;
mod joined;
mod keys;
mod many;
mod random;
mod stanzas;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use xmppwire::s2s::{DialbackError, Pair, Refusal, Trust, Verdict, VerifyRequest};
use xmppwire::{
    CloseReason, Domainpart, Instant, Iq, Jid, Message, Stanza, StanzaError,
    StanzaErrorCondition as Condition, StreamError, StreamErrorCondition,
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn jid(text: &str) -> Jid {
    Jid::new(text).unwrap()
}

fn pair(sender: &str, target: &str) -> Pair {
    let domain = |text| Domainpart::new(text).unwrap();
    Pair::new(domain(sender), domain(target))
}

fn message(sender: &str, target: &str, body: impl ToString) -> Stanza {
    let mut stanza: Stanza = Message::chat(jid(&format!("b@{target}")), body.to_string()).into();
    stanza.set_from(Some(jid(&format!("a@{sender}"))));
    stanza
}

fn body(stanza: &Stanza) -> usize {
    let Stanza::Message(message) = stanza else {
        panic!("{stanza:?}");
    };
    message.body().unwrap().parse().unwrap()
}

/// A pool, and a record of what it wanted.
struct Site {
    pool: Federation,
    now: Instant,
    /// Streams that are asked for and have not ended.
    open: BTreeMap<Key, Pair>,
    connects: Vec<Key>,
    added: Vec<(Key, Pair)>,
    sent: Vec<(Key, Stanza)>,
    bounced: Vec<Undelivered>,
    asked: Vec<(Key, VerifyRequest)>,
    answers: Vec<(Key, xmppwire::s2s::VerifyAnswer)>,
    closes: Vec<Key>,
}

impl Site {
    fn new(limits: FederationLimits, policy: DomainPolicy) -> Self {
        Self {
            pool: Federation::new(limits, Policies::new(policy)),
            now: Instant::ORIGIN,
            open: BTreeMap::new(),
            connects: Vec::new(),
            added: Vec::new(),
            sent: Vec::new(),
            bounced: Vec::new(),
            asked: Vec::new(),
            answers: Vec::new(),
            closes: Vec::new(),
        }
    }

    fn usual() -> Self {
        Self::new(FederationLimits::default(), DomainPolicy::default())
    }

    fn drive(&mut self) {
        while let Some(step) = self.pool.poll(self.now) {
            match step {
                Step::Connect { key, pair, .. } => {
                    assert!(self.open.insert(key, pair).is_none());
                    self.connects.push(key);
                }
                Step::AddPair(key, pair) => self.added.push((key, pair)),
                Step::Send(key, stanza) => {
                    assert!(self.open.contains_key(&key));
                    self.sent.push((key, stanza));
                }
                Step::Verify(key, request) => self.asked.push((key, request)),
                Step::Answer(source, answer) => self.answers.push((source, answer)),
                Step::Bounce(undelivered) => self.bounced.push(*undelivered),
                Step::Close(key) => {
                    assert!(self.open.contains_key(&key));
                    self.closes.push(key);
                }
            }
        }
    }

    fn route(&mut self, stanza: Stanza) -> Result<(), Box<NotRouted>> {
        let routed = self.pool.route(self.now, stanza);
        self.drive();
        routed
    }

    fn tell(&mut self, key: Key, what: Told) {
        if matches!(what, Told::Closed { .. }) {
            self.open.remove(&key);
        }
        self.pool.told(self.now, key, what);
        self.drive();
    }

    /// A connection that the other server opened.
    fn accepted(&mut self, sender: &str, target: &str) -> Key {
        let key = self.pool.accept();
        self.open.insert(key, pair(sender, target));
        key
    }

    fn ready(&mut self, key: Key) {
        let pair = self.open[&key].clone();
        self.tell(key, Told::Ready(pair));
    }

    fn end(&mut self, key: Key, end: End) {
        let unsent = Vec::new();
        self.tell(key, Told::Closed { end, unsent });
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now + time;
        self.pool.handle_timeout(self.now);
        self.drive();
    }

    fn bodies(&self) -> Vec<usize> {
        self.sent.iter().map(|(_, stanza)| body(stanza)).collect()
    }

    fn conditions(&self) -> Vec<Condition> {
        let errors = self.bounced.iter().map(|it| it.error().condition());
        errors.collect()
    }

    fn verify(&mut self, source: u64, sender: &str, id: &str) {
        let request = VerifyRequest::new(pair(sender, "b.example"), id.into(), "key".into());
        self.pool.verify(self.now, Key(source), request);
        self.drive();
    }

    fn answer(&mut self, key: Key, request: VerifyRequest, verdict: Verdict) {
        self.tell(key, Told::Verified(request.answer(verdict)));
    }
}

fn closed(reason: CloseReason) -> End {
    End::Closed(reason)
}
