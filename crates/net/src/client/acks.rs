//! Stanzas whose acknowledgement is awaited (XEP-0198).

use std::collections::BTreeMap;
use std::mem;
use std::task::Waker;

use xmppwire::{Stanza, Unacknowledged};

use super::{Error, NotAcknowledged};

/// Names a stanza that was sent: the session, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub struct AckId {
    session: u64,
    number: u64,
}

/// The stanzas of one client whose acknowledgement a caller awaits, over all its sessions.
#[derive(Debug, Default)]
pub(super) struct Acks {
    session: u64,
    entries: BTreeMap<AckId, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
}

#[derive(Debug)]
enum Outcome {
    Acknowledged,
    GivenBack(Box<Unacknowledged>),
    /// The server does not manage the stream.
    Unmanaged,
    /// The session is over, and the stanza was not among those that it gave back.
    Over,
}

impl Acks {
    /// Awaits the acknowledgement of the stanza with this number in the present session.
    pub(super) fn watch(&mut self, number: u64) -> AckId {
        let id = AckId {
            session: self.session,
            number,
        };
        self.entries.insert(id, Entry::default());
        id
    }

    /// The server has handled everything up to this number. Returns whether a later stanza is
    /// watched.
    pub(super) fn acknowledged(&mut self, number: u64, woken: &mut Vec<Waker>) -> bool {
        let session = self.session;
        let upto = AckId { session, number };
        let first = AckId { session, number: 0 };
        for (_, entry) in self.entries.range_mut(first..=upto) {
            entry.settle(Outcome::Acknowledged, woken);
        }
        self.entries
            .last_key_value()
            .is_some_and(|(last, _)| *last > upto)
    }

    /// The server refused to manage the stream.
    pub(super) fn unmanaged(&mut self, woken: &mut Vec<Waker>) {
        for entry in self.entries.values_mut() {
            entry.settle(Outcome::Unmanaged, woken);
        }
    }

    /// The session is over, and these stanzas were not acknowledged. Returns those whose sender does
    /// not wait.
    pub(super) fn end(
        &mut self,
        unacknowledged: Vec<Unacknowledged>,
        woken: &mut Vec<Waker>,
    ) -> Vec<Unacknowledged> {
        let session = self.session;
        let mut rest = Vec::new();
        for stanza in unacknowledged {
            let number = stanza.number;
            match self.entries.get_mut(&AckId { session, number }) {
                Some(entry) if entry.outcome.is_none() => {
                    entry.settle(Outcome::GivenBack(Box::new(stanza)), woken);
                }
                _ => rest.push(stanza),
            }
        }
        for entry in self.entries.values_mut() {
            entry.settle(Outcome::Over, woken);
        }
        self.session = self.session.wrapping_add(1);
        rest
    }

    /// What became of the stanza, once it is known; it is forgotten then. Otherwise notes whom to
    /// wake.
    pub(super) fn poll(
        &mut self,
        id: AckId,
        waker: Option<&Waker>,
        woken: &mut Vec<Waker>,
    ) -> Option<Result<(), NotAcknowledged>> {
        let Some(entry) = self.entries.get_mut(&id) else {
            return Some(Err(NotAcknowledged::Lost(Error::NotConnected)));
        };
        if entry.outcome.is_none() {
            // A waker that is dropped may drop a task; the caller does that without its lock.
            let before = mem::replace(&mut entry.waker, waker.cloned());
            woken.extend(before.filter(|before| waker.is_none_or(|now| !now.will_wake(before))));
            return None;
        }
        let entry = self.entries.remove(&id)?;
        Some(match entry.outcome? {
            Outcome::Acknowledged => Ok(()),
            Outcome::GivenBack(unacknowledged) => {
                Err(NotAcknowledged::Unknown(Box::new(unacknowledged.stanza)))
            }
            Outcome::Unmanaged => Err(NotAcknowledged::Unmanaged),
            Outcome::Over => Err(NotAcknowledged::Lost(Error::NotConnected)),
        })
    }

    /// Nothing waits for the stanza any more. Returns it where it was given back meanwhile.
    pub(super) fn forget(&mut self, id: AckId, woken: &mut Vec<Waker>) -> Option<Unacknowledged> {
        let entry = self.entries.remove(&id)?;
        woken.extend(entry.waker);
        match entry.outcome? {
            Outcome::GivenBack(unacknowledged) => Some(*unacknowledged),
            Outcome::Acknowledged | Outcome::Unmanaged | Outcome::Over => None,
        }
    }
}

impl Entry {
    fn settle(&mut self, outcome: Outcome, woken: &mut Vec<Waker>) {
        if self.outcome.is_none() {
            self.outcome = Some(outcome);
            woken.extend(self.waker.take());
        }
    }
}

impl NotAcknowledged {
    /// The stanza, where it was sent and it is not known whether the server has handled it.
    pub fn into_stanza(self) -> Option<Stanza> {
        match self {
            Self::Unknown(stanza) => Some(*stanza),
            _ => None,
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]
mod tests {
    use super::*;
    use xmppwire::{Message, Resumption};

    /// Unacknowledged stanzas with these numbers, as a session gives them back.
    fn lost(numbers: std::ops::RangeInclusive<u64>) -> Vec<Unacknowledged> {
        let bytes = saved(*numbers.start() - 1, numbers.count());
        Resumption::from_bytes(&bytes)
            .unwrap()
            .into_unacknowledged()
    }

    /// A saved session with so many stanzas after the acknowledged ones.
    fn saved(acknowledged: u64, stanzas: usize) -> Vec<u8> {
        let mut out = b"XWSM\x01\x01\0\0\0\0".to_vec();
        out.extend(acknowledged.to_be_bytes());
        out.extend([0; 4]);
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            out.extend(text.as_bytes());
        };
        for each in ["id", "juliet@example.org/balcony", ""] {
            text(&mut out, each);
        }
        out.extend(u32::try_from(stanzas).unwrap().to_be_bytes());
        let message = Message::chat("romeo@example.net", "hi").unwrap();
        for _ in 0..stanzas {
            out.push(0);
            text(
                &mut out,
                &message
                    .element()
                    .to_xml()
                    .replace(" xmlns='jabber:client'", ""),
            );
        }
        out
    }

    fn outcome(acks: &mut Acks, id: AckId) -> Option<Result<(), NotAcknowledged>> {
        acks.poll(id, None, &mut Vec::new())
    }

    #[test]
    fn an_acknowledgement_settles_all_up_to_it() {
        let mut acks = Acks::default();
        let ids = [1, 2, 3].map(|number| acks.watch(number));
        assert!(outcome(&mut acks, ids[0]).is_none());
        acks.acknowledged(2, &mut Vec::new());
        assert!(matches!(outcome(&mut acks, ids[0]), Some(Ok(()))));
        assert!(matches!(outcome(&mut acks, ids[1]), Some(Ok(()))));
        assert!(outcome(&mut acks, ids[2]).is_none());
    }

    #[test]
    fn a_stanza_is_given_back_once() {
        let mut acks = Acks::default();
        let (watched, dropped) = (acks.watch(2), acks.watch(3));
        let rest = acks.end(lost(1..=4), &mut Vec::new());
        let numbers: Vec<u64> = rest.iter().map(|stanza| stanza.number).collect();
        assert_eq!(numbers, [1, 4]);
        let Some(Err(NotAcknowledged::Unknown(_))) = outcome(&mut acks, watched) else {
            panic!("it is not given to the one who waits");
        };
        // The one who waited is gone: the stanza goes to the application.
        assert_eq!(acks.forget(dropped, &mut Vec::new()).unwrap().number, 3);
        // Numbers of the next session are others.
        let next = acks.watch(2);
        assert_ne!(next, watched);
        acks.acknowledged(2, &mut Vec::new());
        assert!(matches!(outcome(&mut acks, next), Some(Ok(()))));
    }
}
