//! What a server does in SASL2 (XEP-0388) beside the mechanism: it binds a resource before it tells
//! of the success (Bind 2, XEP-0386), and does not restart the stream.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use xmppwire_jid::{BareJid, FullJid, Resourcepart};
use xmppwire_sasl::{Condition, TokenMechanism};
use xmppwire_xml::{Element, ElementBuilder};

use super::question::AskedBind;
use super::{BindAnswer, BindRequest, Server, ServerEvent, State};
use crate::endpoint::Endpoint;
use crate::log::log;
use crate::ns;
use crate::sasl2::{Authenticate, TokenUpdate, Used, UserAgent, Wishes};
use crate::stanza::StanzaErrorCondition;
use crate::stream::management::failed;
use crate::wire::sasl::{self, Profile};

/// A client whose mechanism has succeeded, and which was not told so yet.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) account: BareJid,
    /// The mechanism's last data. They go with `<success/>`, or with the first `<continue/>`.
    pub(super) additional_data: Option<Vec<u8>>,
    pub(super) wishes: Wishes,
    /// Whether the session begins as inactive, if a resource is bound with it (XEP-0386 §3.2).
    pub(super) inactive: bool,
    /// The installation for which a token may be issued.
    pub(super) user_agent: Option<Box<UserAgent>>,
    /// The mechanism for which a token is wanted.
    pub(super) token: Option<TokenMechanism>,
    /// The token with which the client logged in.
    pub(super) used: Option<Used>,
    /// `<enable/>` of the client, if a resource is bound.
    pub(super) enable: Option<Element>,
    /// `<failed/>`, if the session of the client was not resumed.
    pub(super) not_resumed: Option<Element>,
}

impl Endpoint<Server> {
    pub(super) fn handle_authenticate(&mut self, element: &Element) {
        let hosting = self.role.host.as_deref();
        let Some(sasl2) = hosting.and_then(|hosting| self.sasl2_offer(&hosting.host)) else {
            return self.unexpected(element);
        };
        let binds = sasl2.binds();
        let csi = hosting.is_some_and(|hosting| hosting.host.csi);
        let managed = self.offered_management().is_some();
        match Authenticate::parse(element) {
            Ok(Authenticate {
                mechanism,
                initial_response,
                mut wishes,
            }) => {
                // What was not offered is not fulfilled.
                wishes.bind = wishes.bind.filter(|_| binds);
                wishes.resume = wishes.resume.filter(|_| managed);
                if let Some(bind) = &mut wishes.bind {
                    bind.carbons &= sasl2.carbons();
                    bind.inactive &= csi;
                    bind.enable = bind.enable.take().filter(|_| managed);
                }
                let token = TokenMechanism::from_name(&mechanism).zip(wishes.fast);
                match token {
                    Some((token, fast)) => self.handle_token(token, fast, initial_response, wishes),
                    None => self.begin(Profile::Sasl2, &mechanism, initial_response, wishes),
                }
            }
            Err(condition) => self.refuse_with(Profile::Sasl2, condition),
        }
    }

    /// Admits a client that has proven to be this account, unless its header claimed another one
    /// (XEP-0388 §2.3).
    pub(super) fn admit2(
        &mut self,
        wishes: Wishes,
        account: BareJid,
        authzid: Option<&str>,
        additional_data: Option<Vec<u8>>,
        used: Option<Used>,
    ) {
        let Some(hosting) = self.role.host.as_deref() else {
            return self.refuse_with(Profile::Sasl2, Condition::TemporaryAuthFailure);
        };
        let claimed = self.role.claimed.as_deref();
        // An anonymous client can claim its domain at most.
        let another = claimed.is_some_and(|from| from.localpart().is_some() && *from != account);
        if another || (authzid.is_some() && claimed.is_none()) {
            let condition = match authzid {
                Some(_) => Condition::InvalidAuthzid,
                None => Condition::NotAuthorized,
            };
            return self.refuse_with(Profile::Sasl2, condition);
        }
        let tasks = hosting
            .host
            .sasl2
            .as_ref()
            .is_some_and(|sasl2| sasl2.asks_for_tasks());
        // A login by token must not ask for more (XEP-0484 §4.2).
        let tasks = tasks && used.is_none();
        let enable = wishes.bind.as_ref().and_then(|bind| bind.enable.clone());
        let admitted = Admitted {
            enable,
            not_resumed: None,
            account,
            additional_data,
            inactive: wishes.bind.as_ref().is_some_and(|bind| bind.inactive),
            wishes,
            user_agent: None,
            token: None,
            used: None,
        };
        let admitted = Box::new(admitted.with_tokens(used));
        if tasks {
            self.ask_for_tasks(admitted);
        } else {
            self.complete(admitted, false);
        }
    }

    /// Completes the login of a client that has proven all that it must. A session is resumed before
    /// a resource is bound, and instead of it (XEP-0386 §3.2).
    pub(super) fn complete(&mut self, mut admitted: Box<Admitted>, begun: bool) {
        let account = admitted.account.clone();
        log!(debug, %account, "authenticated");
        self.tell_all([ServerEvent::Authenticated(account.clone())]);
        let Some(resume) = admitted.wishes.resume.take() else {
            return self.bind_or_succeed(admitted, begun);
        };
        match self.resume_request(resume.root(), account) {
            Some(request) => {
                self.role.state = State::InlineResuming {
                    serial: request.serial(),
                    begun,
                    admitted,
                };
                self.tell_all([ServerEvent::Resume(request)]);
            }
            None => {
                let condition = StanzaErrorCondition::BadRequest;
                admitted.not_resumed = Some(failed(condition, None));
                self.bind_or_succeed(admitted, begun);
            }
        }
    }

    /// Binds a resource, if one is wanted, and tells of the success.
    pub(super) fn bind_or_succeed(&mut self, mut admitted: Box<Admitted>, begun: bool) {
        let account = admitted.account.clone();
        if admitted.wishes.bind.is_none() {
            return self.succeed(*admitted);
        }
        let made = self.entropy.id();
        let wishes = core::mem::take(&mut admitted.wishes);
        let tag = wishes.bind.as_ref().and_then(|bind| bind.tag.as_deref());
        // The recommended form (XEP-0386 §3.2.1).
        let tagged = tag.and_then(|tag| Resourcepart::new(&format!("{tag}/{made}")).ok());
        let Some(suggested) = tagged.or_else(|| Resourcepart::new(&made).ok()) else {
            return self.refuse_with(Profile::Sasl2, Condition::TemporaryAuthFailure);
        };
        let serial = self.serial();
        self.role.state = State::InlineBinding {
            serial,
            begun,
            admitted,
        };
        let asked = AskedBind {
            account,
            requested: None,
            unfit: None,
            suggested,
            inline: Some(wishes),
        };
        let request = BindRequest {
            serial,
            asked: Box::new(asked),
        };
        self.tell_all([ServerEvent::Bind(request)]);
    }

    /// Answers with the resource. Where the application refuses it, the client is logged in
    /// without one.
    pub(super) fn bind_inline(&mut self, admitted: Admitted, answer: BindAnswer) {
        let (resource, answers) = match answer {
            BindAnswer::Bind(resource) => (resource, Vec::new()),
            BindAnswer::BindWith(resource, answers) => (resource, answers),
            BindAnswer::Reject(_) => {
                self.role.failed_binds = self.role.failed_binds.saturating_add(1);
                return self.succeed(admitted);
            }
        };
        let jid = admitted.account.with_resource(&resource);
        let inactive = admitted.inactive;
        let mut success = admitted.success(jid.as_str()).open("bound", ns::BIND2);
        for answer in &answers {
            success = success.append(answer);
        }
        if let Some(enable) = &admitted.enable {
            // What is sent behind the success counts.
            self.role.management = self.offered_management();
            let condition = StanzaErrorCondition::UnexpectedRequest;
            let answer = self.start_managing(enable.root());
            success = success.append(&answer.unwrap_or_else(|| failed(condition, None)));
        }
        self.push_success(&admitted, success.close());
        self.bound(jid);
        let features = self.features();
        self.stream.push_own(&features);
        self.forget_negotiation();
        if inactive {
            self.tell_all([ServerEvent::Active(false)]);
        }
    }

    /// Tells of the success with a session that continues. No features follow (XEP-0198 §9.2).
    pub(super) fn succeed_resumed(&mut self, admitted: &Admitted, jid: &FullJid, answer: &Element) {
        self.push_success(admitted, admitted.success(jid.as_str()).append(answer));
    }

    /// Tells of the success without a resource, which the client then binds as in RFC 6120 §7.
    fn succeed(&mut self, admitted: Admitted) {
        self.push_success(&admitted, admitted.success(admitted.account.as_str()));
        self.role.account = Some(admitted.account);
        self.role.state = State::Choosing;
        let features = self.features();
        self.stream.push_own(&features);
    }

    /// Sends `<success/>`, with a new token where one is due. The client is authenticated from here
    /// on.
    fn push_success(&mut self, admitted: &Admitted, mut success: ElementBuilder) {
        let tokens = self.update_tokens(admitted);
        if let Some(issued) = tokens.as_ref().and_then(TokenUpdate::issued) {
            success = issued.write(success);
        }
        self.stream.push_own(&success.build());
        self.tell_all(tokens.map(ServerEvent::Tokens));
        self.stream.set_authenticated_in_place();
    }
}

impl Admitted {
    /// The beginning of `<success/>`.
    fn success(&self, identity: &str) -> ElementBuilder {
        let mut success = Element::builder("success", ns::SASL2);
        if let Some(data) = &self.additional_data {
            success = success.text_child("additional-data", &sasl::encode(data));
        }
        success = success.text_child("authorization-identifier", identity);
        match &self.not_resumed {
            Some(failed) => success.append(failed),
            None => success,
        }
    }
}
