//! The client's side of stream management (XEP-0198).
//!
//! The steps take and give elements and do not care where these stand: at the level of the stream, or
//! inside another element.

use alloc::boxed::Box;
use alloc::sync::Arc;

use xmppwire_xml::{Element, ElementRef};

use super::resumption::{ResumeRefused, Resumption, WhyNotResumed};
use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerIncompatible, PeerMisbehaved};
use crate::log::log;
use crate::managed::{Managed, limit};
use crate::negotiation::Item;
use crate::saved_session::Session;
use crate::stanza::StanzaErrorCondition;
use crate::stream::management::{
    self, Enabled, Management, Terms, enable, failed_condition, resume,
};
use crate::stream_management::StreamManagement;
use crate::wire::features::StreamFeatures;
use crate::wire::stream_error::StreamErrorCondition;

impl Endpoint<Client> {
    /// Resumes a session once the login is done, instead of binding a resource (XEP-0198 §5). Call it
    /// before the login is done, best at once after [`Client::new`].
    ///
    /// The outcome is [`ClientEvent::Resumed`], or [`ClientEvent::NotResumed`] with the stanzas that
    /// the server may not have, after which a resource is bound as usual. If the connection ends
    /// before, [`take_resumption`](Self::take_resumption) gives the session back.
    ///
    /// The session is managed by the policy of the
    /// [configuration](crate::ClientConfig::with_stream_management), or without one by the default.
    ///
    /// # Errors
    /// [`ResumeRefused`], which holds the session: if it is of another account than that of the
    /// configuration, and if it is too late.
    pub fn resume(&mut self, resumption: Resumption) -> Result<(), Box<ResumeRefused>> {
        let account = &self.role.config.jid;
        let jid = resumption.jid();
        let why = if jid.bare_str() != account.as_str() {
            WhyNotResumed::OtherAccount
        } else if self.is_done()
            || self.role.resumption.is_some()
            || !self.role.state.is_before_binding()
        {
            WhyNotResumed::TooLate
        } else {
            self.role.resumption = Some(Box::new(resumption));
            return Ok(());
        };
        Err(Box::new(ResumeRefused { resumption, why }))
    }

    /// Takes the session, to [resume](Self::resume) it on another connection: once, from a connection
    /// that has ended, or that could not resume it. `None` if it cannot be resumed: without
    /// management, where the server does not allow it, or because one side closed the stream. Then
    /// [`take_unacknowledged`](Self::take_unacknowledged) gives the stanzas back.
    ///
    /// From a connection that has not ended the session is suspended: the connection ends at once as
    /// [`CloseReason::Local`], without a closing tag, and what was not written is in the session. A
    /// stanza whose event was not taken counts as not received, and its event is dropped: the server
    /// sends it again.
    pub fn take_resumption(&mut self) -> Option<Resumption> {
        if let Some(resumption) = self.role.resumption.take() {
            if !self.stream.is_over() {
                self.stream.cut(CloseReason::Local);
            }
            return Some(*resumption);
        }
        let jid = self.jid()?.clone();
        if self.stream.is_over() {
            if !self.stream.ended_resumably() {
                return None;
            }
        } else if self.stream.is_resumable() && !self.stream.is_closing() {
            self.stream.cut(CloseReason::Local);
        } else {
            return None;
        }
        self.drop_uncounted();
        let session = Session::new(jid, self.stream.park()?)?;
        Some(Resumption { session })
    }

    // --- Start ------------------------------------------------------------------------------------

    /// The policy, if the configuration has one and the server offers management.
    fn offered_management(&self) -> Option<Arc<StreamManagement>> {
        let features = self.role.features.as_ref();
        let offered = features.is_some_and(StreamFeatures::stream_management);
        self.role.config.management.clone().filter(|_| offered)
    }

    /// Asks for management, if it is wanted and offered. It begins with what is written next.
    pub(super) fn request_management(&mut self) {
        if let Some(policy) = self.offered_management() {
            self.stream.push_own(&enable(&policy));
            self.start_managing(policy);
        }
    }

    /// Counts everything that is written from now on. The server has been asked, and has not agreed.
    pub(super) fn start_managing(&mut self, policy: Arc<StreamManagement>) {
        let terms = Terms {
            id: None,
            location: None,
            max: 0,
        };
        self.stream.manage(Management::new(policy, false, terms));
    }

    /// The server agreed. What arrives from now on is counted (XEP-0198 §3).
    pub(super) fn handle_enabled(&mut self, enabled: ElementRef<'_>) {
        if !self.stream.management_requested() {
            return;
        }
        let Enabled { id, max, location } = management::enabled(enabled);
        log!(debug, resumable = id.is_some(), "the stream is managed");
        self.event = Some(ClientEvent::Managed(Managed {
            id: id.clone(),
            max: limit(max),
            location: location.clone(),
        }));
        self.stream.confirm_management(Terms { id, location, max });
    }

    /// The server did not agree.
    pub(super) fn handle_not_enabled(&mut self, failed: ElementRef<'_>) {
        if self.stream.management_requested() {
            self.stream.forget_management();
            self.event = Some(ClientEvent::Unmanaged(condition(failed)));
        }
    }

    // --- Resumption -------------------------------------------------------------------------------

    /// The request to resume the session, if there is one.
    pub(super) fn resume_request(&self) -> Option<Element> {
        let session = &self.role.resumption.as_ref()?.session;
        Some(resume(&session.id, session.parked.handled))
    }

    /// Resumes the session, if there is one and the server offers management. Where it does not, the
    /// session is given up.
    pub(super) fn request_resumption(&mut self, features: &StreamFeatures) -> Option<State> {
        let request = self.resume_request()?;
        if features.stream_management() {
            self.stream.push_own(&request);
            return Some(State::Resuming);
        }
        self.give_up_session(None);
        None
    }

    /// The session continues on this stream, from now on.
    pub(super) fn handle_resumed(&mut self, resumed: ElementRef<'_>) {
        let Some(resumption) = self.role.resumption.take() else {
            return;
        };
        let session = resumption.session;
        let jid = session.jid.clone();
        let is_other = resumed.attr("previd") != Some(&session.id);
        let policy = self.role.config.management.clone().unwrap_or_default();
        let handled = management::handled(resumed);
        let (parked, terms) = session.into_parts();
        self.stream.set_bound();
        self.role.state = State::Bound(jid.clone());
        let (Some(handled), false) = (handled, is_other) else {
            // The stanzas can still be taken from the stream that ends here.
            self.stream.keep_session(policy, parked, terms);
            let why = match is_other {
                true => "another session was resumed",
                false => "'h' is not a number of 32 bits",
            };
            let why = PeerMisbehaved::Negotiation(why);
            return self.stream.fail(StreamErrorCondition::InvalidXml, why);
        };
        if let Some(acknowledged) = self.stream.continue_session(policy, parked, terms, handled) {
            log!(debug, %jid, "resumed");
            self.stream.forget_negotiation();
            self.event = Some(ClientEvent::Resumed { jid, acknowledged });
            self.tell_state();
        }
    }

    /// The server did not resume the session: it is given up, and a resource is bound (§5).
    pub(super) fn handle_not_resumed(&mut self, failed: ElementRef<'_>) {
        if !self.note_not_resumed(Some(failed)) {
            return;
        }
        let binds = self
            .role
            .features
            .as_ref()
            .is_some_and(StreamFeatures::bind);
        if binds {
            self.role.state = self.bind();
        } else {
            self.give_up(PeerIncompatible::NoBind);
        }
    }

    /// Gives up the session that the server did not resume. False if that ended the stream.
    pub(super) fn note_not_resumed(&mut self, failed: Option<ElementRef<'_>>) -> bool {
        // What the server has handled counts even though it has forgotten the session.
        let failed = failed.filter(|failed| failed.attr("h").is_some());
        let handled = match failed {
            Some(failed) => match self.stream.read_handled(failed) {
                Some(handled) => Some(handled),
                None => {
                    self.keep_for_the_end();
                    return false;
                }
            },
            None => None,
        };
        if let (Some(handled), Some(resumption)) = (handled, &self.role.resumption) {
            let parked = &resumption.session.parked;
            if !parked.allows(handled) {
                #[expect(clippy::cast_possible_truncation, reason = "counters are modulo 2^32")]
                let sent = parked.sent() as u32;
                self.stream.fail_too_high(handled, sent);
                self.keep_for_the_end();
                return false;
            }
        }
        self.give_up_session(handled);
        true
    }

    /// Keeps the session in the stream, which has ended, so that its stanzas can be taken.
    fn keep_for_the_end(&mut self) {
        if let Some(resumption) = self.role.resumption.take() {
            let policy = self.role.config.management.clone().unwrap_or_default();
            let (parked, terms) = resumption.session.into_parts();
            self.stream.keep_session(policy, parked, terms);
        }
    }

    /// Tells the application which stanzas of its session the server may not have.
    fn give_up_session(&mut self, handled: Option<u32>) {
        if let Some(resumption) = self.role.resumption.take() {
            let mut parked = resumption.session.parked;
            if let Some(handled) = handled {
                parked.acknowledge(handled);
            }
            self.event = Some(ClientEvent::NotResumed {
                acknowledged: parked.acknowledged,
                unacknowledged: parked.unacknowledged(),
            });
        }
    }

    // --- A stream with a resource -----------------------------------------------------------------

    pub(super) fn handle_management(&mut self, item: Item, element: &Element) {
        match item {
            Item::Acknowledgement => self.handle_acknowledgement(element.root()),
            Item::AcknowledgementRequest => self.stream.send_acknowledgement(),
            Item::Enabled => self.handle_enabled(element.root()),
            Item::ManagementFailed => self.handle_not_enabled(element.root()),
            // A late answer says nothing about this stream, and elements that are not known are ignored
            // (RFC 6120 §11.4).
            Item::Resumed | Item::Other => {}
            _ if self.stream.is_closing() => {}
            _ => self.unexpected(element),
        }
    }

    fn handle_acknowledgement(&mut self, acknowledgement: ElementRef<'_>) {
        if let Some(acknowledged) = self.take_acknowledgement(acknowledgement) {
            self.event = Some(ClientEvent::Acknowledged(acknowledged));
        }
    }
}

fn condition(failed: ElementRef<'_>) -> StanzaErrorCondition {
    failed_condition(failed).unwrap_or(StanzaErrorCondition::UndefinedCondition)
}
