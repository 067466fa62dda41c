//! What a client does in SASL2 (XEP-0388) beside the mechanism: it asks for a resource and more in
//! its first element (Bind 2, XEP-0386), and reads what it got from the last one.

use alloc::string::ToString;
use alloc::vec::Vec;

use xmppwire_jid::{FullJid, Jid};
use xmppwire_xml::Element;

use super::login::{Exchange, Login};
use super::{Client, ClientEvent, State, TokenEnd};
use crate::endpoint::Endpoint;
use crate::error::PeerMisbehaved;
use crate::ns;
use crate::sasl2::{BindWish, Token};
use crate::stream::management;
use crate::wire::features::StreamFeatures;
use crate::wire::sasl;
use crate::wire::stream_error::StreamErrorCondition;
use crate::wire::stream_limits::StreamLimits;

impl Endpoint<Client> {
    /// Whether carbons were enabled together with the binding, as
    /// [`ClientConfig::with_carbons`](crate::ClientConfig::with_carbons) wants it. If not, and the
    /// server supports them, a request enables them (XEP-0280 §4).
    pub const fn has_carbons(&self) -> bool {
        self.role.carbons
    }

    /// Sends `<authenticate/>` with all that is asked for.
    pub(super) fn write_authenticate(
        &mut self,
        features: &StreamFeatures,
        login: &mut Login,
        token: Option<&Token>,
    ) {
        let config = &self.role.config;
        let mut authenticate = Element::builder("authenticate", ns::SASL2)
            .attr("mechanism", login.exchange.name())
            .text_child(
                "initial-response",
                &sasl::encode(&login.exchange.initial_response()),
            );
        if let Some(user_agent) = &config.sasl2.user_agent {
            authenticate = user_agent.write(authenticate);
        }
        if features.inline("sm", ns::SM).is_some()
            && let Some(resume) = self.resume_request()
        {
            authenticate = authenticate.append(&resume);
            login.resumes = true;
        }
        // Bind 2 cannot ask for a certain resource.
        let any = config.resource.is_none() || config.sasl2.tag.is_some();
        if any && features.bind2() {
            let wish = BindWish {
                tag: config.sasl2.tag.clone(),
                carbons: config.sasl2.carbons && features.bind2_feature(ns::CARBONS),
                enable: config
                    .management
                    .as_deref()
                    .filter(|_| features.bind2_feature(ns::SM))
                    .map(management::enable),
                inactive: !self.role.active && features.bind2_feature(ns::CSI),
                ..BindWish::default()
            };
            authenticate = wish.write(authenticate);
            login.bind = Some(wish);
        }
        match (token, login.token) {
            (Some(token), _) => {
                authenticate = authenticate
                    .open("fast", ns::FAST)
                    .attr("count", &token.count.to_string());
                if config.sasl2.invalidates {
                    authenticate = authenticate.attr("invalidate", "true");
                }
                authenticate = authenticate.close();
            }
            (None, Some(mechanism)) => {
                authenticate = authenticate
                    .open("request-token", ns::FAST)
                    .attr("mechanism", mechanism.name())
                    .close();
            }
            (None, None) => {}
        }
        self.stream.push_own(&authenticate.build());
    }

    pub(super) fn handle_success2(&mut self, mut login: Login, success: &Element) {
        if let Err(why) = login.prove(success) {
            return self.stream.fail(StreamErrorCondition::NotAuthorized, why);
        }
        let Some(identity) = success.child("authorization-identifier", ns::SASL2) else {
            return self.malformed("success without <authorization-identifier/>");
        };
        let Ok(jid) = Jid::new(&identity.text()) else {
            return self.malformed("the authorization identifier is no JID");
        };
        if !self.is_own(&jid) {
            let why = PeerMisbehaved::Negotiation("success for another account");
            return self.stream.fail(StreamErrorCondition::NotAuthorized, why);
        }
        let by_token = matches!(login.exchange, Exchange::Token(_));
        let token = self.new_token(success, login.token);
        let invalidated = by_token && self.role.config.sasl2.invalidates;
        let told = match token {
            Some(token) => Some(ClientEvent::Token(token)),
            None => invalidated.then_some(ClientEvent::TokenGone(TokenEnd::Invalidated)),
        };
        let mut told = Vec::from_iter(told);
        if let Some(resumed) = success.child("resumed", ns::SM) {
            if !login.resumes {
                return self.malformed("a session is resumed that was not asked for");
            }
            let features = self.forget_offer();
            // No other features follow (XEP-0198 §9.2).
            self.role.csi = features.is_some_and(|offer| offer.bind2_feature(ns::CSI));
            self.handle_resumed(resumed);
            told.extend(self.event.take());
            return self.tell_all(told);
        }
        // A session that was given too late cannot continue beside the new one.
        let replaced = success.child("bound", ns::BIND2).is_some();
        if login.resumes || (replaced && self.role.resumption.is_some()) {
            let failed = success.child("failed", ns::SM);
            if !self.note_not_resumed(failed) {
                return;
            }
            told.extend(self.event.take());
        }
        let Some(bound) = success.child("bound", ns::BIND2) else {
            // A resource is bound as in RFC 6120 §7, as soon as the features offer it.
            self.forget_offer();
            self.role.state = State::Offering;
            return self.tell_all(told);
        };
        let Some(wish) = login.bind else {
            return self.malformed("a resource is bound that was not asked for");
        };
        let Ok(jid) = FullJid::try_from(jid) else {
            return self.malformed("a resource is bound, and the JID has none");
        };
        self.forget_offer();
        self.role.carbons = wish.carbons;
        self.role.told_active = !wish.inactive;
        self.bound(jid);
        told.extend(self.event.take());
        // What is sent and what arrives behind the success counts (XEP-0198 §9.3).
        let policy = self.role.config.management.clone();
        if let Some(policy) = policy.filter(|_| wish.enable.is_some()) {
            if let Some(enabled) = bound.child("enabled", ns::SM) {
                self.start_managing(policy);
                self.handle_enabled(enabled);
            } else if let Some(failed) = bound.child("failed", ns::SM) {
                self.start_managing(policy);
                self.handle_not_enabled(failed);
            }
            told.extend(self.event.take());
        }
        self.tell_all(told);
    }

    /// The client is authenticated: what the server offered and announced before holds no longer.
    fn forget_offer(&mut self) -> Option<StreamFeatures> {
        self.stream.set_authenticated_in_place();
        self.stream.obey(StreamLimits::default());
        self.role.features.take()
    }

    /// Tells events one after the other.
    fn tell_all(&mut self, events: Vec<ClientEvent>) {
        let mut events = events.into_iter();
        self.event = events.next();
        for event in events {
            self.role.kept.get_or_insert_default().push_own(event);
        }
    }

    /// Whether a JID is of the account of this login. Only the server knows the account of an
    /// anonymous one.
    fn is_own(&self, jid: &Jid) -> bool {
        let own = &self.role.config.jid;
        match own.localpart() {
            Some(_) => jid.bare_str() == own.as_str(),
            None => jid.domainpart() == own.domainpart(),
        }
    }

    fn malformed(&mut self, why: &'static str) {
        let why = PeerMisbehaved::Negotiation(why);
        self.stream.fail(StreamErrorCondition::InvalidXml, why);
    }
}
