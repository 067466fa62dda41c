//! The steps of negotiation: headers, features, STARTTLS.

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::Domainpart;
use xmppwire_sasl::Offer;
use xmppwire_xml::{Element, StreamHeader};

use super::{Incoming, IncomingEvent, Peer, PeerRequest, State};
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerMisbehaved};
use crate::ns;
use crate::s2s::Trust;
use crate::s2s::exchange::is_certified;
use crate::server::TlsOffer;
use crate::wire::features::{FeatureOffer, StartTlsOffer};
use crate::wire::stream_error::StreamErrorCondition;
use crate::wire::version::{self, speaks_1_0};

impl Endpoint<Incoming> {
    pub(super) fn take_header(&mut self, header: &StreamHeader) {
        self.role.exchange.peer_lang.clone_from(&header.lang);
        match self.check_header(header) {
            Ok((local, remote, legacy)) => {
                if self.role.proven.is_some() {
                    return self.answer_header(legacy);
                }
                let serial = self.serial();
                let tls = self.stream.tls();
                let certified = remote.as_ref().is_some_and(|it| is_certified(tls, it));
                let request = PeerRequest {
                    serial,
                    local: local.clone(),
                    remote: remote.clone(),
                    secured: self.stream.secured(),
                    certified,
                    legacy,
                };
                let named = header.to.as_ref().is_some_and(|to| !to.is_empty());
                self.role.state = State::ChoosingTerms {
                    serial,
                    local,
                    remote,
                    named,
                    legacy,
                };
                self.event = Some(IncomingEvent::Opened(request));
            }
            Err((condition, why)) => self.stream.fail(condition, PeerMisbehaved::Header(why)),
        }
    }

    pub(super) fn check_header(
        &mut self,
        header: &StreamHeader,
    ) -> Result<(Domainpart, Option<Domainpart>, bool), (StreamErrorCondition, &'static str)> {
        use StreamErrorCondition as E;
        // Some servers write an empty attribute for one that is not there.
        let domain = |name: &Option<String>| {
            let name = name.as_deref().filter(|name| !name.is_empty());
            name.map(Domainpart::new).transpose()
        };
        let (to, from) = (domain(&header.to), domain(&header.from));
        // An error is told under the names that are known (RFC 6120 §4.9.1.2).
        let local = to.as_ref().ok().and_then(Option::as_ref);
        let local = local.filter(|it| self.role.serves(it.as_str()));
        let remote = from.as_ref().ok().and_then(Option::as_ref);
        self.address_header(local, remote);
        if let Some(answer) = self.stream.header_mut() {
            answer.version = version::answer(header.version.as_deref());
        }

        if !Self::may_carry_stanzas(header) {
            let why = "the content namespace is not jabber:server";
            return Err((E::InvalidNamespace, why));
        }
        let legacy = !speaks_1_0(header.version.as_deref());
        if legacy && (self.stream.secured() || self.stream.authenticated()) {
            let why = "a server without a version has neither TLS nor SASL";
            return Err((E::UnsupportedVersion, why));
        }
        let to = to.map_err(|_| (E::HostUnknown, "'to' is no domain"))?;
        let from = from.map_err(|_| (E::InvalidFrom, "'from' is no domain"))?;
        // Before RFC 3920 the header named no one; the dialback requests do.
        let to = match to {
            None if legacy => self.role.config.default_domain.clone(),
            to => to,
        };
        let Some(to) = to else {
            return Err((E::ImproperAddressing, "'to' is missing"));
        };
        if !self.role.serves(to.as_str()) {
            return Err((E::HostUnknown, "'to' is not served here"));
        }
        if from
            .as_ref()
            .is_some_and(|it| self.role.serves(it.as_str()))
        {
            return Err((E::InvalidFrom, "'from' is a domain of this server"));
        }
        if let Some(proven) = &self.role.proven {
            // RFC 6120 §6.4.6: who opens the stream has to be who was authenticated.
            if to != *proven.target() {
                return Err((E::HostUnknown, "'to' is not what was authenticated for"));
            }
            if from.as_ref().is_some_and(|from| from != proven.sender()) {
                return Err((E::InvalidFrom, "'from' is not who was authenticated"));
            }
        }
        Ok((to, from, legacy))
    }

    /// Writes the names of both sides into the header that is sent next (RFC 6120 §4.7.1, §4.7.2).
    pub(super) fn address_header(
        &mut self,
        local: Option<&Domainpart>,
        remote: Option<&Domainpart>,
    ) {
        // A header before an error names a domain that is served. An empty 'from' would be allowed
        // (RFC 6120 §4.9.1.3), but ejabberd 23.01 takes it for invalid XML and misses the error.
        let config = &self.role.config;
        let default = config.default_domain.as_ref();
        let local = local.or(default).or_else(|| config.domains.first());
        let local = local.map(Domainpart::as_str).unwrap_or_default().into();
        if let Some(header) = self.stream.header_mut() {
            header.from = Some(local);
            header.to = remote.map(|it| it.as_str().into());
        }
    }

    /// Sends our header and the features that fit the moment (RFC 6120 §4.3.2).
    pub(super) fn answer_header(&mut self, legacy: bool) {
        self.stream.write_header();
        if !legacy {
            let features = self.features();
            self.stream.push_own(&features);
        }
        self.role.state = State::Choosing;
        if let Some(proven) = &self.role.proven {
            // SASL authorised the pair that the headers name.
            self.role.exchange.authorise(proven, Trust::Certificate);
        }
        self.serve();
    }

    pub(super) fn features(&self) -> Element {
        let Some(Peer { policy, .. }) = &self.role.peer else {
            return Element::builder("features", ns::STREAMS).build();
        };
        let (secured, authenticated) = (self.stream.secured(), self.stream.authenticated());
        let starttls = match policy.tls {
            _ if secured => None,
            TlsOffer::Required => Some(StartTlsOffer::Required),
            TlsOffer::Optional => Some(StartTlsOffer::Optional),
            _ => None,
        };
        let external = !authenticated && self.role.is_certified(self.stream.tls());
        let mechanisms = external.then_some("EXTERNAL");
        let mut extra = Vec::new();
        // What can only be refused before TLS is not offered before (RFC 6120 §5.3.1).
        if !self.role.lacks_tls(secured) {
            let dialback = Element::builder("dialback", ns::DIALBACK_FEATURE);
            extra.push(dialback.open("errors", ns::DIALBACK_FEATURE).build());
        }
        if policy.bidi && !authenticated {
            extra.push(Element::builder("bidi", ns::BIDI_FEATURE).build());
        }
        if authenticated {
            extra.extend(policy.features.iter().cloned());
        }
        FeatureOffer {
            starttls,
            sasl: &Offer::new(mechanisms),
            sasl2: None,
            bind: false,
            csi: false,
            limits: None,
            management: false,
            extra: &extra,
        }
        .to_element()
    }

    pub(super) fn handle_start_tls(&mut self) {
        let policy = self.role.peer.as_ref().map(|peer| &peer.policy);
        if policy.is_some_and(|policy| policy.tls != TlsOffer::Unavailable) {
            // Nothing may come between <starttls/>, <proceed/> and TLS, and keys of this stream are
            // void then.
            self.role.exchange.listener.abandon();
            self.stream
                .push_own(&Element::builder("proceed", ns::TLS).build());
            let serial = self.serial();
            self.stream.hand_off(serial, true);
            self.role.peer = None;
            self.role.state = State::Tls;
        } else {
            // RFC 6120 §5.4.2.2: a failure, the closing tag, and the end.
            self.stream
                .push_own(&Element::builder("failure", ns::TLS).build());
            self.stream.end_with_footer(CloseReason::Violation {
                sent: None,
                why: PeerMisbehaved::Negotiation("STARTTLS was not offered"),
            });
        }
    }

    pub(super) fn handle_bidi(&mut self) {
        let offered = self.role.peer.as_ref().is_some_and(|peer| peer.policy.bidi);
        if offered {
            self.role.exchange.bidi = true;
        } else {
            let why = PeerMisbehaved::Negotiation("a bidirectional stream was not offered");
            self.stream
                .fail(StreamErrorCondition::UnsupportedFeature, why);
        }
    }

    /// Goes over to passing stanzas as soon as any may pass.
    pub(super) fn serve(&mut self) {
        if matches!(self.role.state, State::Choosing) && self.role.exchange.is_open() {
            self.role.state = State::Serving;
            self.stream.set_authorised();
            self.stream.set_bound();
        }
    }

    /// Awaits a stream: its header gets an id that was never used before, because dialback rests on
    /// it (RFC 6120 §4.7.3). No pair was authorised on an earlier one, and the questions about its keys
    /// were closed with the step that ended it.
    pub(super) fn begin(&mut self) {
        let role = &mut self.role;
        role.state = State::Opening;
        role.exchange.stream_id = self.entropy.id();
        if role.proven.is_none() {
            role.peer = None;
            role.exchange.bidi = false;
        }
        let mut header = StreamHeader::new(ns::SERVER);
        header.version = Some("1.0".into());
        header.id = Some(role.exchange.stream_id.clone());
        header.lang = Some(role.config.lang.clone());
        header.declare_prefix("db", ns::DIALBACK);
        self.stream.set_header(header);
        let names = self
            .role
            .peer
            .as_ref()
            .map(|peer| (peer.local.clone(), peer.remote.clone()));
        let (local, remote) = names.unzip();
        self.address_header(local.as_ref(), remote.flatten().as_ref());
    }
}
