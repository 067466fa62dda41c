//! The legacy session that old servers require (RFC 3921 §3).

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;

use xmppwire_jid::FullJid;
use xmppwire_xml::Element;

use super::bind::refusal;
use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerMisbehaved};
use crate::ns;
use crate::stanza::{Parsed, Stanza};
use crate::wire::stream_error::StreamErrorCondition;

/// A session request that is not answered yet.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) jid: FullJid,
}

/// The events of stanzas that arrived before the answer to the session request.
///
/// A server may deliver to the resource as soon as it is bound (RFC 6120 §10.5.4), but the
/// application cannot answer before the session exists.
#[derive(Debug, Default)]
pub(super) struct Kept {
    events: VecDeque<ClientEvent>,
    bytes: usize,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Adds an event that is not a stanza.
    pub(super) fn push_own(&mut self, event: ClientEvent) {
        self.events.push_back(event);
    }

    /// Adds the event of a stanza that holds that many bytes of memory. Returns false if all events
    /// together would hold more than `most`.
    fn push(&mut self, event: ClientEvent, bytes: usize, most: usize) -> bool {
        let size = bytes.saturating_add(size_of::<ClientEvent>());
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > most {
            return false;
        }
        self.events.push_back(event);
        true
    }
}

impl Endpoint<Client> {
    pub(super) fn request_session(&mut self, jid: FullJid) {
        let id = self.entropy.id();
        let request = Element::builder("iq", ns::CLIENT)
            .attr("type", "set")
            .attr("id", &id)
            .open("session", ns::SESSION)
            .build();
        self.stream.push_own(&request);
        self.role.state = State::Session(Box::new(Asked { id, jid }));
    }

    pub(super) fn handle_session_answer(&mut self, jid: FullJid, answer: &Element) {
        match refusal(answer) {
            Some(refusal) => {
                self.role.kept = None;
                self.stream.close_for(CloseReason::BindFailed(refusal));
            }
            None => {
                self.bound(jid);
                self.answer_kept();
            }
        }
    }

    /// Answers the malformed stanzas among those that were kept. Nothing may be sent before the
    /// session exists.
    fn answer_kept(&mut self) {
        let faults = self
            .role
            .kept
            .iter()
            .flat_map(|kept| &kept.events)
            .filter_map(|event| match event {
                ClientEvent::Refused(fault) => Self::reply_to(fault),
                _ => None,
            });
        for reply in faults {
            self.stream.push_own(&reply);
        }
    }

    /// Keeps the event of an element until the login is complete.
    pub(super) fn keep(&mut self, asked: Box<Asked>, element: Element) {
        self.role.state = State::Session(asked);
        let bytes = element.heap_size();
        let event = match Stanza::parse(element, None) {
            Parsed::Stanza(stanza) => ClientEvent::Stanza(stanza),
            Parsed::Fault(fault) => ClientEvent::Refused(fault),
            // The table allows only features here, which require no action (RFC 6120 §4.3.5), and
            // what the client does not know, which it ignores (§11.4).
            Parsed::Other(_) => return,
        };
        // As many bytes of memory as one stanza may have on the wire: 256 KiB by default.
        let most = self.stream.limits().after_authentication.max_stanza_bytes;
        let kept = self.role.kept.get_or_insert_default();
        if !kept.push(event, bytes, most) {
            self.role.kept = None;
            self.stream.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::Negotiation("too many stanzas before the session is there"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CloseReason;

    /// The bound is exact, and counts each event besides its stanza.
    #[test]
    fn events_are_kept_up_to_a_number_of_bytes() {
        let most = 10_000;
        let event = || ClientEvent::Closed(CloseReason::Local);
        let fits = most - size_of::<ClientEvent>();
        for (bytes, taken) in [
            (0, true),
            (fits, true),
            (fits + 1, false),
            (usize::MAX, false),
        ] {
            let mut kept = Kept::default();
            assert_eq!(kept.push(event(), bytes, most), taken, "{bytes}");
            assert_eq!(kept.is_empty(), !taken);
        }
        let mut kept = Kept::default();
        assert!(kept.push(event(), fits, most));
        assert!(!kept.push(event(), 0, most));
    }
}
