//! The requests of others: which go to the application, and how the rest is answered.

use std::collections::BTreeSet;

use xmppwire::{FullJid, Iq, Jid, Stanza, StanzaErrorCondition};

use super::Profile;
use super::audience::Audience;

/// Which requests the application answers itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    pub(super) all: bool,
    pub(super) namespaces: BTreeSet<String>,
}

impl Claims {
    fn cover(&self, iq: &Iq) -> bool {
        let namespace = iq.child().map(|payload| payload.ns());
        self.all || namespace.is_some_and(|namespace| self.namespaces.contains(namespace))
    }
}

/// Decides about the requests of others (RFC 6120 §8.2.3).
///
/// Each request is answered exactly once: those that are claimed by the application, and all others
/// here, at once. The claim is declared before the session, because a rule such as "answered until
/// the next call of `next`" has no meaning when several tasks work on stanzas.
#[derive(Debug)]
pub struct Duties {
    claims: Claims,
    profile: Option<Profile>,
    audience: Audience,
}

impl Duties {
    pub(super) const fn new(own: FullJid, claims: Claims, profile: Option<Profile>) -> Self {
        Self {
            claims,
            profile,
            audience: Audience::new(own),
        }
    }

    /// Claims nothing any more.
    pub(super) fn drop_claims(&mut self) {
        self.claims = Claims::default();
    }

    /// Whether the request goes to the application.
    pub(super) fn claims(&self, iq: &Iq) -> bool {
        self.claims.cover(iq)
    }

    /// The answer to a request that the application does not answer.
    pub(super) fn answer(&self, iq: &Iq) -> Option<Stanza> {
        let answer = self
            .profile
            .as_ref()
            .filter(|profile| profile.is_for_everyone() || self.includes(iq.from()))
            .and_then(|profile| {
                let claimed = self.claims.namespaces.iter().map(String::as_str);
                profile.answer(iq, claimed)
            })
            .or_else(|| iq.error_reply(&StanzaErrorCondition::ServiceUnavailable.into()));
        // The server stamps the sender. An address in `to` that is not the client's own would end
        // the stream if it became the sender (RFC 6120 §8.1.2.1).
        let mut answer = answer?;
        answer.set_from(None);
        Some(answer.into())
    }

    fn includes(&self, from: Option<&Jid>) -> bool {
        self.audience.includes(from)
    }

    /// Learns who may know that the client is connected from a stanza that it sends.
    pub(super) fn sent(&mut self, stanza: &Stanza) {
        self.audience.sent(stanza);
    }

    /// The same, from a stanza that arrives.
    pub(super) fn arrived(&mut self, stanza: &Stanza) {
        self.audience.arrived(stanza);
    }
}
