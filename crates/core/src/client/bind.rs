//! Resource binding (RFC 6120 §7).

use xmppwire_jid::FullJid;
use xmppwire_xml::Element;

use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerMisbehaved};
use crate::log::log;
use crate::ns;
use crate::stanza::StanzaError;
use crate::wire::features::StreamFeatures;
use crate::wire::stream_error::StreamErrorCondition;

impl Endpoint<Client> {
    pub(super) fn bind(&mut self) -> State {
        let id = self.entropy.id();
        let mut request = Element::builder("iq", ns::CLIENT)
            .attr("type", "set")
            .attr("id", &id)
            .open("bind", ns::BIND);
        if let Some(resource) = &self.role.config.resource {
            request = request
                .open("resource", ns::BIND)
                .text(resource.as_str())
                .close();
        }
        self.stream.push_own(&request.build());
        State::Binding { id: id.into() }
    }

    pub(super) fn handle_bind_answer(&mut self, answer: &Element) {
        if let Some(refusal) = refusal(answer) {
            return self.stream.close_for(CloseReason::BindFailed(refusal));
        }
        let jid = answer
            .child("bind", ns::BIND)
            .and_then(|bind| bind.child("jid", ns::BIND))
            .and_then(|jid| FullJid::new(&jid.text()).ok());
        let Some(jid) = jid else {
            return self.stream.fail(
                StreamErrorCondition::InvalidXml,
                PeerMisbehaved::Negotiation("the bind result holds no full JID"),
            );
        };
        let session = self
            .role
            .features
            .as_ref()
            .is_some_and(StreamFeatures::session_required);
        if session {
            self.request_session(jid);
        } else {
            self.bound(jid);
        }
    }

    pub(super) fn bound(&mut self, jid: FullJid) {
        log!(debug, %jid, "bound");
        self.stream.set_bound();
        self.stream.forget_negotiation();
        self.event = Some(ClientEvent::Bound(jid.clone()));
        self.role.state = State::Bound(jid);
        if !self.stream.is_closing() {
            self.request_management();
        }
        self.tell_state();
    }
}

/// Whether an IQ answers the request with that id.
pub(super) fn answers(iq: &Element, id: &str) -> bool {
    iq.attr("id") == Some(id)
}

/// The error of an IQ of type error.
pub(super) fn refusal(iq: &Element) -> Option<StanzaError> {
    (iq.attr("type") == Some("error")).then(|| {
        iq.child("error", ns::CLIENT).map_or_else(
            || StanzaError::new(crate::stanza::StanzaErrorCondition::UndefinedCondition),
            StanzaError::parse,
        )
    })
}
