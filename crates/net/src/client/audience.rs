//! Who may know that the client is connected.

use std::collections::BTreeSet;

use xmppwire::{FullJid, Iq, IqType, Jid, Presence, PresenceType, Stanza};

const ROSTER: &str = "jabber:iq:roster";

/// Bytes of addresses that are kept. Those that do not fit count as strangers.
const BUDGET: usize = 1024 * 1024;

/// Those who may see the client's presence, as far as the stanzas of the session show it (RFC 6120
/// §10.2, §13.10.2): the own account and its server, contacts with a subscription, and the
/// receivers of directed presence.
#[derive(Debug)]
pub(super) struct Audience {
    own: FullJid,
    /// The client has broadcast available presence.
    available: bool,
    /// Bare addresses that see what is broadcast.
    contacts: BTreeSet<String>,
    /// Bare addresses that available presence was sent to. The occupants of a room see what is sent
    /// to the room.
    directed: BTreeSet<String>,
    held: usize,
}

impl Audience {
    pub(super) const fn new(own: FullJid) -> Self {
        Self {
            own,
            available: false,
            contacts: BTreeSet::new(),
            directed: BTreeSet::new(),
            held: 0,
        }
    }

    /// Whether this sender may know that the client is connected.
    pub(super) fn includes(&self, from: Option<&Jid>) -> bool {
        let Some(from) = from else {
            // The own account (RFC 6120 §8.1.2.1).
            return true;
        };
        let bare = from.bare_str();
        self.is_own(bare)
            || from.as_str() == self.own.domainpart()
            || self.directed.contains(bare)
            || (self.available && self.contacts.contains(bare))
    }

    fn is_own(&self, bare: &str) -> bool {
        bare == self.own.bare_str()
    }

    /// Learns from a stanza that the client sends.
    pub(super) fn sent(&mut self, stanza: &Stanza) {
        let Stanza::Presence(presence) = stanza else {
            return;
        };
        match (presence.presence_type(), presence.to()) {
            (None, None) => self.available = true,
            (None, Some(to)) => insert(&mut self.directed, to.bare_str(), &mut self.held),
            // The server tells the receivers of directed presence too (RFC 6121 §4.6.3).
            (Some(PresenceType::Unavailable), None) => {
                self.available = false;
                for address in std::mem::take(&mut self.directed) {
                    self.held = self.held.saturating_sub(cost(&address));
                }
            }
            (Some(PresenceType::Unavailable), Some(to)) => {
                remove(&mut self.directed, to.bare_str(), &mut self.held);
            }
            (Some(PresenceType::Subscribed), Some(to)) => self.set_contact(to.bare_str(), true),
            (Some(PresenceType::Unsubscribed), Some(to)) => self.set_contact(to.bare_str(), false),
            _ => {}
        }
    }

    /// Learns from a stanza that arrives.
    pub(super) fn arrived(&mut self, stanza: &Stanza) {
        match stanza {
            Stanza::Presence(presence) => self.presence_arrived(presence),
            Stanza::Iq(iq) => self.iq_arrived(iq),
            Stanza::Message(_) => {}
        }
    }

    fn presence_arrived(&mut self, presence: &Presence) {
        if presence.presence_type() == Some(PresenceType::Unsubscribe)
            && let Some(from) = presence.from()
        {
            self.set_contact(from.bare_str(), false);
        }
    }

    /// Reads a roster or a change of it (RFC 6121 §2.1), which only the own account may send.
    fn iq_arrived(&mut self, iq: &Iq) {
        let kind = matches!(iq.iq_type(), IqType::Result | IqType::Set);
        let from_account = iq.from().is_none_or(|from| self.is_own(from.as_str()));
        let Some(roster) = iq.payload("query", ROSTER).filter(|_| kind && from_account) else {
            return;
        };
        for item in roster.children().filter(|child| child.is("item", ROSTER)) {
            let sees = matches!(item.attr("subscription"), Some("from" | "both"));
            if let Some(jid) = item.attr("jid").and_then(|jid| Jid::new(jid).ok()) {
                self.set_contact(jid.bare_str(), sees);
            }
        }
    }

    fn set_contact(&mut self, bare: &str, sees: bool) {
        match sees {
            true => insert(&mut self.contacts, bare, &mut self.held),
            false => remove(&mut self.contacts, bare, &mut self.held),
        }
    }
}

fn insert(addresses: &mut BTreeSet<String>, bare: &str, held: &mut usize) {
    let total = held.saturating_add(cost(bare));
    if total <= BUDGET && !addresses.contains(bare) {
        addresses.insert(bare.to_owned());
        *held = total;
    }
}

fn remove(addresses: &mut BTreeSet<String>, bare: &str, held: &mut usize) {
    if addresses.remove(bare) {
        *held = held.saturating_sub(cost(bare));
    }
}

/// Bytes of memory for an address: its text, and its place in the set with as much again that is
/// not used.
fn cost(address: &str) -> usize {
    address.len().saturating_add(2 * size_of::<String>())
}

#[cfg(test)]
mod tests {
    use xmppwire::{Element, Message};

    use super::*;

    const ROMEO: &str = "romeo@example.net/orchard";

    fn audience() -> Audience {
        Audience::new(FullJid::new("juliet@example.org/balcony").unwrap())
    }

    fn jid(text: &str) -> Jid {
        Jid::new(text).unwrap()
    }

    fn sees(audience: &Audience, from: &str) -> bool {
        audience.includes(Some(&jid(from)))
    }

    fn roster(from: Option<&str>, jid: &str, subscription: &str) -> Stanza {
        let item = Element::builder("query", ROSTER)
            .open("item", ROSTER)
            .attr("jid", jid)
            .attr("subscription", subscription)
            .close()
            .build();
        let mut push = Iq::set("1", &item);
        push.set_from(from.map(|from| Jid::new(from).unwrap()));
        push.into()
    }

    #[test]
    fn the_account_and_its_server_always_may() {
        let audience = audience();
        assert!(audience.includes(None));
        for from in [
            "juliet@example.org",
            "juliet@example.org/other",
            "example.org",
        ] {
            assert!(sees(&audience, from), "{from}");
        }
        for from in ["romeo@example.org", "example.net", "example.org/x", ROMEO] {
            assert!(!sees(&audience, from), "{from}");
        }
    }

    #[test]
    fn contacts_with_a_subscription_may_while_the_client_is_available() {
        let mut audience = audience();
        audience.arrived(&roster(None, "romeo@example.net", "both"));
        assert!(!sees(&audience, ROMEO));
        audience.sent(&Presence::available().into());
        assert!(sees(&audience, ROMEO));
        audience.sent(&Message::chat(jid(ROMEO), "Hi").into());
        audience.sent(&Presence::unavailable().into());
        assert!(!sees(&audience, ROMEO));
        audience.sent(&Presence::available().into());
        for subscription in ["to", "none", "remove"] {
            audience.arrived(&roster(None, "romeo@example.net", "from"));
            assert!(sees(&audience, ROMEO));
            audience.arrived(&roster(None, "romeo@example.net", subscription));
            assert!(!sees(&audience, ROMEO), "{subscription}");
        }
        let typed = |kind| Presence::available().with_type(kind);
        audience.sent(&typed(PresenceType::Subscribed).with_to(jid(ROMEO)).into());
        assert!(sees(&audience, ROMEO));
        audience.arrived(
            &typed(PresenceType::Unsubscribe)
                .with_from(jid(ROMEO))
                .into(),
        );
        assert!(!sees(&audience, ROMEO));
    }

    #[test]
    fn a_roster_of_another_sender_does_not_count() {
        let mut audience = audience();
        audience.sent(&Presence::available().into());
        for from in [ROMEO, "example.org", "juliet@example.org/evil"] {
            audience.arrived(&roster(Some(from), "romeo@example.net", "both"));
            assert!(!sees(&audience, ROMEO), "{from}");
        }
        audience.arrived(&roster(
            Some("juliet@example.org"),
            "romeo@example.net",
            "both",
        ));
        assert!(sees(&audience, ROMEO));
    }

    #[test]
    fn directed_presence_is_for_its_receiver_until_it_is_taken_back() {
        let mut audience = audience();
        let room = || jid("room@muc.example.org/juliet");
        for end in [
            Presence::unavailable().with_to(room()),
            Presence::unavailable(),
        ] {
            audience.sent(&Presence::available().with_to(room()).into());
            assert!(sees(&audience, "room@muc.example.org/romeo"));
            assert!(!sees(&audience, ROMEO));
            audience.sent(&end.into());
            assert!(!sees(&audience, "room@muc.example.org/romeo"));
        }
        assert_eq!(audience.held, 0);
    }

    #[test]
    fn a_roster_is_bounded_in_memory() {
        let mut audience = audience();
        for number in 0..50_000 {
            audience.arrived(&roster(None, &format!("{number}@example.net"), "both"));
        }
        assert!(audience.held <= BUDGET);
        assert!(audience.contacts.len() > 10_000);
    }
}
