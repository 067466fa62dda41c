//! What waits for a client that its user does not look at (XEP-0352).

use std::sync::Arc;

use xmppwire_tokio::{Message, Stanza};

use crate::queue::Queued;

/// Stanzas that wait for one client. With more of them they are written all the same.
const MOST: usize = 100;
const CHAT_STATES: &str = "http://jabber.org/protocol/chatstates";

/// The stanzas that can wait while a client is inactive: presence, of which the last of each sender
/// matters, and whether someone is typing, which does not matter later.
pub(crate) struct Waiting {
    active: bool,
    presence: Vec<Arc<Queued>>,
}

impl Default for Waiting {
    /// A client begins as active.
    fn default() -> Self {
        Self {
            active: true,
            presence: Vec::new(),
        }
    }
}

impl Waiting {
    /// Takes note of what the client says. Returns what is to be written to it now.
    pub(crate) fn set_active(&mut self, active: bool) -> Vec<Arc<Queued>> {
        self.active = active;
        match active {
            true => std::mem::take(&mut self.presence),
            false => Vec::new(),
        }
    }

    /// Takes a stanza for the client. Returns what is to be written to it now, in this order.
    pub(crate) fn pass(&mut self, queued: Arc<Queued>) -> Vec<Arc<Queued>> {
        match queued.stanza() {
            _ if self.active => vec![queued],
            Stanza::Message(message) if is_chat_state(message) => {
                queued.set_delivered();
                Vec::new()
            }
            Stanza::Presence(presence)
                if presence
                    .presence_type()
                    .is_none_or(|kind| !kind.is_subscription()) =>
            {
                let from = queued.stanza().from();
                self.presence.retain(|other| other.stanza().from() != from);
                self.presence.push(queued);
                match self.presence.len() {
                    0..MOST => Vec::new(),
                    _ => std::mem::take(&mut self.presence),
                }
            }
            // What waits comes before it, or a message would come before the presence of its sender.
            _ => {
                let mut now = std::mem::take(&mut self.presence);
                now.push(queued);
                now
            }
        }
    }
}

/// Whether the message only says that someone types or does so no more (XEP-0085).
fn is_chat_state(message: &Message) -> bool {
    let mut children = message.element().children().peekable();
    !message.is_error()
        && children.peek().is_some()
        && children.all(|child| child.ns() == CHAT_STATES || child.name() == "thread")
}
