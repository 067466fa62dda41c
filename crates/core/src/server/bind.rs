//! Resource binding (RFC 6120 §7).

use alloc::boxed::Box;
use alloc::string::String;

use xmppwire_jid::{FullJid, Resourcepart};
use xmppwire_xml::Element;

use super::question::AskedBind;
use super::{BindAnswer, BindRequest, Server, ServerEvent, State};
use crate::endpoint::Endpoint;
use crate::error::ApiMisuse;
use crate::log::log;
use crate::negotiation::Item;
use crate::ns;
use crate::stanza::{Iq, Stanza, StanzaError, StanzaErrorCondition};

impl Endpoint<Server> {
    /// Answers [`ServerEvent::Bind`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn answer_bind(
        &mut self,
        request: BindRequest,
        answer: BindAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::Binding { serial, .. } | State::InlineBinding { serial, .. }
                if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        match core::mem::replace(&mut self.role.state, State::Choosing) {
            State::Binding { request: iq, .. } => match answer {
                BindAnswer::Bind(resource) | BindAnswer::BindWith(resource, _) => {
                    let jid = request.asked.account.with_resource(&resource);
                    let payload = Element::builder("bind", ns::BIND)
                        .open("jid", ns::BIND)
                        .text(jid.as_str())
                        .build();
                    if let Some(result) = iq.result(Some(&payload)) {
                        self.stream.push_own(result.element());
                    }
                    self.bound(jid);
                    self.forget_negotiation();
                }
                BindAnswer::Reject(error) => self.refuse_bind(&iq, &error),
            },
            State::InlineBinding { admitted, .. } => self.bind_inline(*admitted, answer),
            _ => return Err(ApiMisuse::StaleRequest),
        }
        Ok(())
    }

    /// The resource is bound: stanzas may be exchanged.
    pub(super) fn bound(&mut self, jid: FullJid) {
        log!(debug, %jid, "bound");
        self.stream.set_bound();
        self.role.state = State::Bound(jid);
    }

    /// Forgets what only negotiation needs.
    pub(super) fn forget_negotiation(&mut self) {
        self.stream.forget_negotiation();
        self.role.management = self.offered_management();
        let hosting = self.role.host.take();
        self.role.csi = hosting.is_some_and(|hosting| hosting.host.csi);
        self.role.account = None;
        self.role.claimed = None;
    }

    pub(super) fn handle_bind(&mut self, mut element: Element) {
        // The client has no address yet, so what it wrote as one does not come back in the answer
        // (RFC 6120 §8.1.1.1).
        element.set_attr("from", None);
        let iq = match Iq::parse(element, None) {
            Ok(iq) => iq,
            Err(fault) => {
                self.refuse(fault);
                return self.count_failed_bind();
            }
        };
        if iq.to().is_some_and(|to| !self.is_for_account(to.as_str())) {
            // RFC 6120 §7.1: nothing goes to other entities before binding.
            return self.unexpected(iq.element());
        }
        let asked = iq
            .payload("bind", ns::BIND)
            .and_then(|bind| bind.child("resource", ns::BIND))
            .map(|resource| resource.text().into_owned())
            .filter(|resource| !resource.is_empty());
        let requested = asked
            .as_deref()
            .and_then(|text| Resourcepart::new(text).ok());
        let unfit = asked
            .filter(|_| requested.is_none())
            .map(String::into_boxed_str);
        let made = Resourcepart::new(&self.entropy.id());
        let (Some(account), Some(suggested)) =
            (self.role.account.clone(), requested.clone().or(made.ok()))
        else {
            let error = StanzaError::new(StanzaErrorCondition::InternalServerError);
            return self.refuse_bind(&iq, &error);
        };
        let serial = self.serial();
        self.role.state = State::Binding {
            serial,
            request: Box::new(iq),
        };
        let asked = AskedBind {
            account,
            requested,
            unfit,
            suggested,
            inline: None,
        };
        self.event = Some(ServerEvent::Bind(BindRequest {
            serial,
            asked: Box::new(asked),
        }));
    }

    /// Whether a stanza with this `to` is for the client's account or for the server itself.
    fn is_for_account(&self, to: &str) -> bool {
        let account = self.role.account.as_ref();
        account.is_some_and(|account| to == account.as_str() || to == account.domainpart())
    }

    fn refuse_bind(&mut self, iq: &Iq, error: &StanzaError) {
        if let Some(reply) = iq.error_reply(error) {
            self.stream.push_own(reply.element());
        }
        self.count_failed_bind();
    }

    /// Counts a refused request to bind, or to resume a session, and ends the stream after too many of
    /// them (RFC 6120 §7.7.3).
    pub(super) fn count_failed_bind(&mut self) {
        self.role.state = State::Choosing;
        self.role.failed_binds = self.role.failed_binds.saturating_add(1);
        if self.role.failed_binds >= self.stream.limits().bind_attempts {
            self.too_many_attempts();
        }
    }

    /// The answer to a negotiation request that comes after binding: a session exists already
    /// (RFC 3921 §3), and a second resource is refused (RFC 6120 §7.1).
    pub(super) fn answer_legacy(&self, stanza: &Stanza) -> Option<Iq> {
        let Stanza::Iq(iq) = stanza else { return None };
        let ours = match (iq.to(), self.jid()) {
            (None, _) => true,
            (Some(to), Some(own)) => {
                to.as_str() == own.bare_str() || to.as_str() == own.domainpart()
            }
            (Some(_), None) => false,
        };
        match Item::of(iq.element()) {
            Item::Session if ours => iq.result(None),
            Item::Bind if ours => {
                iq.error_reply(&StanzaError::new(StanzaErrorCondition::NotAllowed))
            }
            _ => None,
        }
    }
}
