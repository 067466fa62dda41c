//! What the peer may send: the pairs that it was authorised for, and the keys that are being
//! verified.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::Domainpart;

use super::config::PairLimits;
use super::dialback::{Dialback, DialbackError, DialbackSecret, Verdict};
use super::question::{KeyRequest, VerifyAnswer, VerifyRequest};
use super::{Pair, Trust};
use crate::stanza::StanzaErrorCondition as Condition;
use crate::time::Instant;
use crate::wire::stream_error::StreamErrorCondition;

/// The receiving and the authoritative server's part of dialback on one stream.
#[derive(Debug, Default)]
pub(super) struct Listener {
    authorised: BTreeMap<Pair, Trust>,
    questions: Vec<Question>,
    /// Whether an authorised sender may send to every local domain.
    by_sender: bool,
}

/// A question that the application has to answer.
#[derive(Debug)]
struct Question {
    serial: u64,
    pair: Pair,
    kind: Kind,
    /// `None` until a call tells the time.
    deadline: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// The peer sent a key.
    Verify,
    /// The peer asks about a key of this server, on the stream of this id.
    Check(String),
}

impl Question {
    /// What the peer is told where the application did not answer.
    fn unanswered(&self, verdict: Verdict) -> Dialback {
        let pair = self.pair.clone();
        match &self.kind {
            Kind::Verify => Dialback::Result { pair, verdict },
            Kind::Check(stream_id) => Dialback::Verified {
                pair,
                stream_id: stream_id.clone(),
                verdict,
            },
        }
    }
}

/// What is known of the stream when a request of the peer is looked at.
pub(super) struct Setting<'a> {
    /// Whether a domain is one of this server's.
    pub(super) serves: &'a dyn Fn(&str) -> bool,
    pub(super) limits: PairLimits,
    /// Whether TLS is missing that the policy requires.
    pub(super) lacks_tls: bool,
    /// Whether dialback alone is not enough.
    pub(super) certified_only: bool,
}

/// What follows from a key that the peer sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Keyed {
    /// The pair is authorised, as it was before or by the certificate.
    Authorised(Trust),
    /// The request is refused.
    Refused(DialbackError),
    /// The authoritative server has to be asked.
    Ask(VerifyRequest),
}

/// What follows from the peer's question about a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    Answer(Verdict),
    Ask(KeyRequest),
}

impl Listener {
    /// Whether the peer may send anything at all.
    pub(super) fn is_empty(&self) -> bool {
        self.authorised.is_empty()
    }

    pub(super) fn trust(&self, pair: &Pair) -> Option<Trust> {
        self.authorised.get(pair).copied()
    }

    pub(super) fn authorise(&mut self, pair: Pair, trust: Trust) {
        self.authorised.insert(pair, trust);
    }

    /// Whether the peer may send for this domain.
    pub(super) fn is_sender(&self, domain: &Domainpart) -> bool {
        self.authorised.keys().any(|pair| pair.sender() == domain)
    }

    pub(super) const fn set_by_sender(&mut self, by_sender: bool) {
        self.by_sender = by_sender;
    }

    /// Looks at a key that the peer sent on the stream with this id (XEP-0220 §2.2.1). `certified`
    /// tells whether the peer's certificate vouches for the sender domain.
    pub(super) fn receive_key(
        &mut self,
        pair: &Pair,
        stream_id: &str,
        key: String,
        certified: bool,
        serial: u64,
        setting: &Setting<'_>,
    ) -> Keyed {
        let refuse = |condition: Condition| Keyed::Refused(condition.into());
        if !(setting.serves)(pair.target().as_str()) {
            return refuse(Condition::ItemNotFound);
        }
        // No other server can prove a domain of this one.
        if (setting.serves)(pair.sender().as_str()) {
            return refuse(Condition::NotAcceptable);
        }
        if setting.lacks_tls {
            return refuse(Condition::PolicyViolation);
        }
        if let Some(trust) = self.trust(pair) {
            return Keyed::Authorised(trust);
        }
        let waiting = self.questions.iter().filter(|it| it.kind == Kind::Verify);
        let pairs = self.authorised.len().saturating_add(waiting.count());
        if pairs >= setting.limits.pairs {
            return refuse(Condition::ResourceConstraint);
        }
        // The certificate says as much as the authoritative server could.
        if certified {
            return Keyed::Authorised(Trust::CertifiedDialback);
        }
        if setting.certified_only {
            return refuse(Condition::NotAuthorized);
        }
        // One key at a time: it could not be told which one an answer is about.
        let asked = |it: &Question| it.kind == Kind::Verify && it.pair == *pair;
        if self.questions.iter().any(asked) {
            return refuse(Condition::UnexpectedRequest);
        }
        if self.questions.len() >= setting.limits.pending {
            return refuse(Condition::ResourceConstraint);
        }
        self.ask(serial, pair, Kind::Verify);
        Keyed::Ask(VerifyRequest {
            serial,
            pair: pair.clone(),
            stream_id: stream_id.into(),
            key,
        })
    }

    /// Looks at the peer's question whether this server made a key (XEP-0220 §2.2.2). It depends on
    /// nothing that was said on this stream before.
    pub(super) fn check_key(
        &mut self,
        pair: &Pair,
        stream_id: String,
        key: String,
        secret: Option<&DialbackSecret>,
        serial: u64,
        setting: &Setting<'_>,
    ) -> Checked {
        let refuse = |condition: Condition| Checked::Answer(Verdict::error(condition));
        if !(setting.serves)(pair.sender().as_str()) {
            return refuse(Condition::ItemNotFound);
        }
        if setting.lacks_tls {
            return refuse(Condition::PolicyViolation);
        }
        if let Some(secret) = secret {
            return Checked::Answer(match secret.made(pair, &stream_id, &key) {
                true => Verdict::Valid,
                false => Verdict::Invalid,
            });
        }
        if self.questions.len() >= setting.limits.pending {
            return refuse(Condition::ResourceConstraint);
        }
        self.ask(serial, pair, Kind::Check(stream_id.clone()));
        Checked::Ask(KeyRequest {
            serial,
            pair: pair.clone(),
            stream_id,
            key,
        })
    }

    fn ask(&mut self, serial: u64, pair: &Pair, kind: Kind) {
        self.questions.push(Question {
            serial,
            pair: pair.clone(),
            kind,
            deadline: None,
        });
    }

    /// Takes the answer to a [`VerifyRequest`] of this stream and returns what to tell the peer;
    /// `None` where no such question is open.
    pub(super) fn take_answer(
        &mut self,
        answer: &VerifyAnswer,
        stream_id: &str,
    ) -> Option<Verdict> {
        let request = &answer.request;
        let is_open = |it: &Question| {
            it.serial == request.serial && it.kind == Kind::Verify && it.pair == request.pair
        };
        if request.stream_id != stream_id {
            return None;
        }
        let at = self.questions.iter().position(is_open)?;
        self.questions.swap_remove(at);
        Some(match &answer.verdict {
            // The other pairs are not to suffer from it (XEP-0220 §2.2.1).
            Verdict::Invalid if !self.is_empty() => Verdict::error(Condition::Forbidden),
            other => other.clone(),
        })
    }

    /// Closes the question behind a [`KeyRequest`]; false where it is not open.
    pub(super) fn take_key_answer(&mut self, request: &KeyRequest) -> bool {
        let is_open =
            |it: &Question| it.serial == request.serial && matches!(it.kind, Kind::Check(_));
        let at = self.questions.iter().position(is_open);
        if let Some(at) = at {
            self.questions.swap_remove(at);
        }
        at.is_some()
    }

    /// Judges the domains of a stanza of the peer (RFC 6120 §8.1.1.2, §8.1.2.2).
    pub(super) fn check(
        &self,
        sender: &str,
        target: &str,
        serves: impl Fn(&str) -> bool,
    ) -> Result<(), StreamErrorCondition> {
        if self.is_empty() {
            return Err(StreamErrorCondition::NotAuthorized);
        }
        let mut of_sender = self
            .authorised
            .keys()
            .filter(|pair| pair.sender().as_str() == sender)
            .peekable();
        if of_sender.peek().is_none() {
            return Err(StreamErrorCondition::InvalidFrom);
        }
        if of_sender.any(|pair| pair.target().as_str() == target) {
            return Ok(());
        }
        if !serves(target) {
            return Err(StreamErrorCondition::HostUnknown);
        }
        // The sender was validated for other targets, not for this one (§4.9.3.9).
        match self.by_sender {
            true => Ok(()),
            false => Err(StreamErrorCondition::InvalidFrom),
        }
    }

    /// Closes every question.
    pub(super) fn abandon(&mut self) {
        self.questions.clear();
    }

    // --- Time -------------------------------------------------------------------------------------

    pub(super) fn deadline(&self) -> Option<Instant> {
        let deadlines = self.questions.iter();
        deadlines
            .map(|it| it.deadline.unwrap_or(Instant::ORIGIN))
            .min()
    }

    /// Starts the deadlines of new questions, and returns the answers to those whose time is over.
    pub(super) fn expire(&mut self, now: Instant, limits: PairLimits) -> Vec<Dialback> {
        let mut expired = Vec::new();
        self.questions.retain_mut(|it| {
            let deadline = it.deadline.get_or_insert(now + limits.verify_timeout);
            if now < *deadline {
                return true;
            }
            let verdict = Verdict::error(Condition::RemoteServerTimeout);
            expired.push(it.unanswered(verdict));
            false
        });
        expired
    }
}
