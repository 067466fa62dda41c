//! The steps of negotiation: headers, features, STARTTLS, SASL EXTERNAL.

use xmppwire_sasl::wire;
use xmppwire_xml::{Element, StreamHeader};

use super::{Outgoing, State};
use crate::client::TlsPolicy;
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerIncompatible, PeerMisbehaved};
use crate::log::log;
use crate::ns;
use crate::s2s::Trust;
use crate::s2s::exchange::is_certified;
use crate::wire::features::StreamFeatures;
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::version::speaks_1_0;

impl Endpoint<Outgoing> {
    /// Begins a stream: nothing learnt on an earlier one is kept (RFC 6120 §4.3.3). Nothing was asked
    /// on that, because requests wait for the end of negotiation.
    pub(super) fn begin(&mut self) {
        let role = &mut self.role;
        role.state = State::Answering;
        role.features = None;
        role.objection = None;
        role.declares_dialback = false;
        let mut header = StreamHeader::new(ns::SERVER);
        header.version = Some("1.0".into());
        header.from = Some(role.pair.sender().as_str().into());
        header.to = Some(role.pair.target().as_str().into());
        header.lang.clone_from(&role.config.lang);
        header.declare_prefix("db", ns::DIALBACK);
        self.stream.set_header(header);
        self.stream.write_header();
    }

    pub(super) fn take_header(&mut self, header: &StreamHeader) {
        if !Self::may_carry_stanzas(header) {
            let why = "the content namespace is not jabber:server";
            let condition = StreamErrorCondition::InvalidNamespace;
            return self.stream.fail(condition, PeerMisbehaved::Header(why));
        }
        self.role.objection = self.role.check_header(header);
        self.role.declares_dialback = header.prefixes().any(|(_, ns)| ns == ns::DIALBACK);
        self.role.exchange.stream_id = header.id.clone().unwrap_or_default();
        self.role.exchange.peer_lang.clone_from(&header.lang);
        if speaks_1_0(header.version.as_deref()) {
            self.role.state = State::Offering;
            return;
        }
        let takes_legacy = self.role.config.legacy
            && self.role.config.tls != TlsPolicy::Required
            && !self.stream.secured()
            && !self.stream.authenticated();
        if let (true, Some((condition, why))) = (takes_legacy, self.role.objection) {
            self.stream.fail(condition, PeerMisbehaved::Header(why));
        } else if takes_legacy {
            // No features follow (RFC 6120 §4.7.5), so dialback begins at once.
            self.go_on(&StreamFeatures::new(
                Element::builder("features", ns::STREAMS).build(),
            ));
        } else {
            let error = StreamError::new(StreamErrorCondition::UnsupportedVersion);
            let reason = CloseReason::Incompatible(PeerIncompatible::Version);
            self.stream.close_with(error, reason);
        }
    }

    pub(super) fn handle_features(&mut self, element: &Element) {
        let features = StreamFeatures::new(element.clone());
        log!(debug, features = %element.to_xml(), "the server offers features");
        self.stream.obey(features.limits());
        self.go_on(&features);
        self.role.features = Some(features);
    }

    /// Takes the next step that the features allow: TLS, then SASL EXTERNAL, then dialback.
    pub(super) fn go_on(&mut self, features: &StreamFeatures) {
        match self.choose(features) {
            Ok(state) => self.role.state = state,
            Err(why) => self.give_up(why),
        }
        if self.role.is_open() {
            self.stream.set_bound();
            self.role.exchange.send_requests(&mut self.stream);
        }
    }

    pub(super) fn choose(&mut self, features: &StreamFeatures) -> Result<State, PeerIncompatible> {
        if let Some((name, ns)) = features.unknown_required() {
            return Err(PeerIncompatible::UnknownRequiredFeature { name, ns });
        }
        let (secured, authenticated) = (self.stream.secured(), self.stream.authenticated());
        if !secured && !authenticated {
            match self.role.config.tls {
                TlsPolicy::Forbidden if features.starttls_required() => {
                    return Err(PeerIncompatible::TlsRequired);
                }
                TlsPolicy::Forbidden => {}
                _ if features.starttls() => {
                    self.stream
                        .push_own(&Element::builder("starttls", ns::TLS).build());
                    return Ok(State::StartingTls);
                }
                TlsPolicy::Required => return Err(PeerIncompatible::NoTls),
                TlsPolicy::Preferred => {}
            }
        }
        let certified = is_certified(self.stream.tls(), self.role.pair.target());
        if self.role.config.certified_peer && !certified {
            return Err(PeerIncompatible::Uncertified);
        }
        if authenticated {
            // SASL authorised the pair that the headers name.
            let trust = match certified {
                true => Trust::Certificate,
                false => Trust::Dialback { tls: secured },
            };
            self.role.exchange.ready(&self.role.pair, trust);
            return Ok(State::Serving);
        }
        if self.role.config.bidi && features.bidi() && !self.role.exchange.bidi {
            self.stream
                .push_own(&Element::builder("bidi", ns::BIDI).build());
            self.role.exchange.bidi = true;
        }
        if self.role.config.only_verifies {
            return Ok(State::Choosing);
        }
        let offers_external = features.mechanisms().iter().any(|name| name == "EXTERNAL");
        let external = self.role.config.certificate && secured && offers_external;
        if external && self.role.refused.is_none() {
            let authzid = wire::encode(self.role.pair.sender().as_str().as_bytes());
            let auth = Element::builder("auth", ns::SASL)
                .attr("mechanism", "EXTERNAL")
                .text(&authzid)
                .build();
            self.stream.push_own(&auth);
            return Ok(State::Sasl);
        }
        self.choose_dialback(features)
    }

    pub(super) fn choose_dialback(
        &self,
        features: &StreamFeatures,
    ) -> Result<State, PeerIncompatible> {
        let announced = self.role.declares_dialback || features.dialback();
        if self.role.config.secret.is_none() || !announced {
            return Err(PeerIncompatible::NoProof);
        }
        Ok(State::Choosing)
    }

    pub(super) fn give_up(&mut self, why: PeerIncompatible) {
        use PeerIncompatible as P;
        // A refused login says more than that nothing else is left.
        if let (P::NoProof, Some(failure)) = (&why, self.role.refused.take()) {
            return self.stream.close_for(CloseReason::AuthFailed(failure));
        }
        let condition = match why {
            P::UnknownRequiredFeature { .. } | P::TlsRequired => {
                Some(StreamErrorCondition::UnsupportedFeature)
            }
            P::NoTls | P::Uncertified => Some(StreamErrorCondition::PolicyViolation),
            _ => None,
        };
        let reason = CloseReason::Incompatible(why);
        match condition {
            Some(condition) => self.stream.close_with(StreamError::new(condition), reason),
            None => self.stream.close_for(reason),
        }
    }

    pub(super) fn handle_success(&mut self) {
        self.stream.set_authenticated();
        self.begin();
    }

    /// Goes on with dialback on the same stream (XEP-0178 §3).
    pub(super) fn handle_sasl_failure(&mut self, failure: &Element) {
        let failure = SaslFailure::parse(failure.root());
        log!(
            debug,
            condition = failure.condition().name(),
            "login refused"
        );
        self.role.refused = Some(failure);
        self.role.state = State::Offering;
        match self.role.features.take() {
            Some(features) => {
                self.go_on(&features);
                self.role.features = Some(features);
            }
            None => self.give_up(PeerIncompatible::NoProof),
        }
    }

    /// EXTERNAL has nothing to say beyond the initial response (RFC 4422 Appendix A).
    pub(super) fn handle_challenge(&mut self) {
        self.stream
            .push_own(&Element::builder("abort", ns::SASL).build());
        self.role.state = State::Sasl;
    }
}
