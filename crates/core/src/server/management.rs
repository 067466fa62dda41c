//! The server's side of stream management (XEP-0198).
//!
//! The steps take and give elements and do not care where these stand: at the level of the stream, or
//! inside another element.

use alloc::sync::Arc;

use xmppwire_jid::BareJid;
use xmppwire_xml::{Element, ElementRef};

use super::detached::Detached;
use super::question::{ResumeAnswer, ResumeRequest};
use super::sasl2::Admitted;
use super::{Server, ServerEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, CloseReason};
use crate::log::log;
use crate::managed::Managed;
use crate::negotiation::Item;
use crate::saved_session::Session;
use crate::stanza::StanzaErrorCondition;
use crate::stream::Stream;
use crate::stream::management::{
    self, Management, Terms, enabled_answer, failed, resumed_answer, wish,
};
use crate::stream_management::StreamManagement;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};

impl Server {
    /// The session of a connection that was lost, before the event of the end.
    pub(super) fn part(&mut self, stream: &mut Stream) -> Option<ServerEvent> {
        let State::Bound(jid) = &self.state else {
            return None;
        };
        if !stream.ended_resumably() {
            return None;
        }
        let session = Session::new(jid.clone(), stream.park()?)?;
        Some(ServerEvent::Detached(Detached::new(session)))
    }
}

impl Endpoint<Server> {
    /// Answers [`ServerEvent::Resume`]. Returns the session if it does not continue here, so that it
    /// is not lost:
    ///
    /// - it is not the one that was asked for, or is of another account. The client gets the same
    ///   `<item-not-found/>` as for an unknown one;
    /// - the client claims to have handled more stanzas than it was sent, which ends the stream;
    /// - the connection has ended meanwhile.
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a request is answered only once"
    )]
    pub fn answer_resume(
        &mut self,
        request: ResumeRequest,
        answer: ResumeAnswer,
    ) -> Result<Option<Detached>, ApiMisuse> {
        let (detached, handled) = match answer {
            ResumeAnswer::Resume(detached) => (Some(detached), None),
            ResumeAnswer::Unknown { handled } => (None, handled),
        };
        if self.is_done() {
            return Ok(detached);
        }
        match &self.role.state {
            State::Resuming { serial } | State::InlineResuming { serial, .. }
                if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let inline = match core::mem::replace(&mut self.role.state, State::Choosing) {
            State::InlineResuming {
                begun, admitted, ..
            } => Some((admitted, begun)),
            _ => None,
        };
        match (detached, inline) {
            (Some(detached), inline) if detached.is_asked_for_by(&request) => {
                let admitted = inline.map(|(admitted, _)| admitted);
                Ok(self.resume(detached, request.handled, admitted.as_deref()))
            }
            (other, Some((mut admitted, begun))) => {
                let condition = StanzaErrorCondition::ItemNotFound;
                admitted.not_resumed = Some(failed(condition, handled));
                self.role.failed_binds = self.role.failed_binds.saturating_add(1);
                self.bind_or_succeed(admitted, begun);
                Ok(other)
            }
            (other, None) => {
                self.refuse_resume(StanzaErrorCondition::ItemNotFound, handled);
                Ok(other)
            }
        }
    }

    /// Takes the session from this connection, which ends with `<conflict/>` (XEP-0198 §5): for when
    /// its client resumes it on another one before this server has noticed that this one is dead.
    /// `None` if the session cannot be resumed.
    ///
    /// A stanza whose event was not taken counts as not received, and its event is dropped: the client
    /// sends it again.
    pub fn detach(&mut self) -> Option<Detached> {
        self.detach_with(StreamErrorCondition::Conflict)
    }

    /// The same with another stream error, after which the client may resume the session: such as
    /// `system-shutdown` of a server that keeps its sessions over its restart, `see-other-host` of one
    /// that gives them to another machine, or `resource-constraint`.
    pub fn detach_with(&mut self, error: impl Into<StreamError>) -> Option<Detached> {
        let State::Bound(jid) = &self.role.state else {
            return None;
        };
        if self.is_done() || !self.stream.is_resumable() {
            return None;
        }
        let jid = jid.clone();
        self.drop_uncounted();
        let session = Session::new(jid, self.stream.park()?)?;
        self.stream.close_with(error.into(), CloseReason::Local);
        Some(Detached::new(session))
    }

    // --- Start ------------------------------------------------------------------------------------

    /// The policy of the host, while the host is known.
    pub(super) fn offered_management(&self) -> Option<Arc<StreamManagement>> {
        self.role.host.as_ref()?.host.management.clone()
    }

    /// Manages the stream from now on, as the client asks with `<enable/>`. The answer has to be
    /// written next. `None` if the stream cannot be managed, or is already.
    pub(super) fn start_managing(&mut self, enable: ElementRef<'_>) -> Option<Element> {
        let policy = self.role.management.clone()?;
        if self.stream.is_managed() {
            return None;
        }
        let wish = wish(enable);
        let max = policy.granted(wish.max);
        // 128 random bits: whoever guesses the id still needs the account.
        let id = (wish.resume && policy.resumes()).then(|| self.entropy.id().into_boxed_str());
        let answer = enabled_answer(id.as_deref(), max);
        log!(debug, resumable = id.is_some(), "the stream is managed");
        self.tell_all([ServerEvent::Managed(Managed {
            id: id.clone(),
            max: id.is_some().then_some(max),
            location: None,
        })]);
        let terms = Terms {
            id,
            location: None,
            max: u32::try_from(max.as_secs()).unwrap_or(u32::MAX),
        };
        self.stream.manage(Management::new(policy, true, terms));
        Some(answer)
    }

    // --- Resumption -------------------------------------------------------------------------------

    pub(super) fn handle_resume(&mut self, resume: ElementRef<'_>) {
        self.role.state = State::Choosing;
        if self.offered_management().is_none() {
            return self.refuse_resume(StanzaErrorCondition::FeatureNotImplemented, None);
        }
        let account = self.role.account.clone();
        match account.and_then(|account| self.resume_request(resume, account)) {
            Some(request) => {
                let serial = request.serial;
                self.role.state = State::Resuming { serial };
                self.event = Some(ServerEvent::Resume(request));
            }
            None => self.refuse_resume(StanzaErrorCondition::BadRequest, None),
        }
    }

    /// The question to the application about `<resume/>`; `None` if that is malformed.
    pub(super) fn resume_request(
        &mut self,
        resume: ElementRef<'_>,
        account: BareJid,
    ) -> Option<ResumeRequest> {
        Some(ResumeRequest {
            id: resume.attr("previd")?.into(),
            handled: management::handled(resume)?,
            account,
            serial: self.serial(),
        })
    }

    /// Continues the session on this stream, or gives it back.
    /// `admitted` is the login in whose success that is told, if it is not told by itself.
    fn resume(
        &mut self,
        detached: Detached,
        handled: u32,
        admitted: Option<&Admitted>,
    ) -> Option<Detached> {
        let parked = &detached.session.parked;
        if !parked.allows(handled) {
            #[expect(clippy::cast_possible_truncation, reason = "counters are modulo 2^32")]
            let sent = parked.sent() as u32;
            self.stream.fail_too_high(handled, sent);
            return Some(detached);
        }
        let session = detached.session;
        let answer = resumed_answer(&session.id, session.parked.handled);
        match admitted {
            Some(admitted) => self.succeed_resumed(admitted, &session.jid, &answer),
            None => self.stream.push_own(&answer),
        }
        let policy = self.offered_management().unwrap_or_default();
        let jid = session.jid.clone();
        let (parked, terms) = session.into_parts();
        self.stream.set_bound();
        self.forget_negotiation();
        self.role.state = State::Bound(jid.clone());
        if let Some(acknowledged) = self.stream.continue_session(policy, parked, terms, handled) {
            log!(debug, %jid, "resumed");
            self.tell_all([ServerEvent::Resumed { jid, acknowledged }]);
        }
        None
    }

    fn refuse_resume(&mut self, condition: StanzaErrorCondition, handled: Option<u32>) {
        self.stream.push_own(&failed(condition, handled));
        self.count_failed_bind();
    }

    // --- A stream with a resource -----------------------------------------------------------------

    pub(super) fn handle_management(&mut self, item: Item, element: &Element) {
        let managed = self.stream.is_managed();
        match item {
            Item::Acknowledgement if managed => {
                if let Some(acknowledged) = self.take_acknowledgement(element.root()) {
                    self.event = Some(ServerEvent::Acknowledged(acknowledged));
                }
            }
            Item::AcknowledgementRequest if managed => self.stream.send_acknowledgement(),
            _ if self.stream.is_closing() => {}
            Item::Enable if self.role.management.is_none() => {
                let condition = StanzaErrorCondition::FeatureNotImplemented;
                self.stream.push_own(&failed(condition, None));
            }
            Item::Enable => match self.start_managing(element.root()) {
                Some(answer) => self.stream.push_own(&answer),
                None => self.refuse_management(),
            },
            _ => self.handle_unexpected(item, element),
        }
    }

    /// Refuses a request of stream management that has no place here, which does not end the stream
    /// (XEP-0198 §3, §6), and ends it at anything else.
    pub(super) fn handle_unexpected(&mut self, item: Item, element: &Element) {
        if item.is_management_request() && self.stream.authenticated() {
            self.refuse_management();
        } else {
            self.unexpected(element);
        }
    }

    fn refuse_management(&mut self) {
        let condition = StanzaErrorCondition::UnexpectedRequest;
        self.stream.push_own(&failed(condition, None));
    }
}
