//! Which domain a stream is for, and what a server offers on it (RFC 6120 §4.3.2, §4.7, §5.4.2).

use alloc::boxed::Box;

use xmppwire_jid::{BareJid, Domainpart, Jid};
use xmppwire_sasl::Offer;
use xmppwire_xml::{Element, StreamHeader};

use super::{Host, HostAnswer, HostRequest, Hosting, Server, ServerEvent, State, TlsOffer};
use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, CloseReason, PeerMisbehaved};
use crate::ns;
use crate::sasl2::{Inline, Sasl2};
use crate::tls::TlsInfo;
use crate::wire::features::{FeatureOffer, StartTlsOffer};
use crate::wire::stream_error::{StreamError, StreamErrorCondition};
use crate::wire::stream_limits::StreamLimits;
use crate::wire::version::{self, speaks_1_0};

impl Endpoint<Server> {
    /// Answers [`ServerEvent::Opened`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    pub fn choose_host(
        &mut self,
        request: HostRequest,
        answer: HostAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::ChoosingHost { serial, .. } if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let State::ChoosingHost { domain, .. } =
            core::mem::replace(&mut self.role.state, State::Opening)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        let refusal = match answer {
            HostAnswer::Serve(host) => {
                // XEP-0388 §2.1
                let claimed = self.role.claimed.as_ref();
                let foreign = claimed.is_some_and(|from| from.domainpart() != domain.as_str());
                if foreign && host.sasl2.is_some() {
                    let why = "'from' is an address of another domain";
                    let why = PeerMisbehaved::Header(why);
                    self.stream.fail(StreamErrorCondition::InvalidFrom, why);
                    return Ok(());
                }
                self.role.host = Some(Box::new(Hosting { domain, host }));
                self.answer_header();
                return Ok(());
            }
            HostAnswer::Unknown => StreamError::new(StreamErrorCondition::HostUnknown),
            HostAnswer::Gone => StreamError::new(StreamErrorCondition::HostGone),
            HostAnswer::SeeOtherHost(_) if !self.stream.secured() => {
                let host = Host::new(TlsOffer::Required, []);
                self.role.host = Some(Box::new(Hosting { domain, host }));
                self.answer_header();
                return Ok(());
            }
            HostAnswer::SeeOtherHost(other) | HostAnswer::SeeOtherHostInClear(other) => {
                StreamError::see_other_host(other)
            }
        };
        self.stream.close_with(refusal, CloseReason::Local);
        Ok(())
    }

    /// Prepares for a new stream: its header gets an unused id (RFC 6120 §4.7.3), and the content
    /// of earlier headers is forgotten (§4.3.3).
    pub(super) fn open(&mut self) {
        self.role.state = State::Opening;
        self.role.peer_lang = None;
        self.role.claimed = None;
        let mut header = StreamHeader::new(ns::CLIENT);
        header.version = Some("1.0".into());
        header.id = Some(self.entropy.id());
        header.lang = Some(self.role.config.lang_for(None).into());
        // An error may be sent before the domain of the stream is known. Its header has a 'from'
        // all the same, which is empty if there is no default domain (RFC 6120 §4.7.1, §4.9.1.3).
        let hosted = self.role.host.as_ref().map(|hosting| &hosting.domain);
        let domain = hosted.or(self.role.config.default_domain.as_ref());
        header.from = Some(domain.map(Domainpart::as_str).unwrap_or_default().into());
        self.stream.set_header(header);
    }

    pub(super) fn handle_header(&mut self, header: StreamHeader) {
        // The answer names the client even if it is an error (RFC 6120 §4.7.2, §4.9.1.2).
        if let Some(answer) = self.stream.header_mut() {
            let from = header.from.as_deref().map(Jid::new);
            answer.to = from.and_then(|from| Some(from.ok()?.bare_str().into()));
            answer.version = version::answer(header.version.as_deref());
            answer.lang = Some(self.role.config.lang_for(header.lang.as_deref()).into());
        }
        match self.check_header(&header) {
            Ok((domain, from)) => {
                self.role.peer_lang = header.lang.map(Into::into);
                let claimed = from.as_ref().filter(|_| self.stream.secured());
                self.role.claimed = claimed.map(|from| Box::new(from.to_bare()));
                // After authentication the domain is settled, so the application is not asked
                // again.
                if self.stream.authenticated() {
                    self.answer_header();
                } else {
                    let serial = self.serial();
                    self.role.state = State::ChoosingHost {
                        serial,
                        domain: domain.clone(),
                    };
                    self.event = Some(ServerEvent::Opened(HostRequest {
                        serial,
                        domain,
                        from,
                        secured: self.stream.secured(),
                    }));
                }
            }
            Err((condition, why)) => self.stream.fail(condition, PeerMisbehaved::Header(why)),
        }
    }

    fn check_header(
        &self,
        header: &StreamHeader,
    ) -> Result<(Domainpart, Option<Jid>), (StreamErrorCondition, &'static str)> {
        use StreamErrorCondition as E;
        if !Self::may_carry_stanzas(header) {
            let why = "the content namespace is not jabber:client";
            return Err((E::InvalidNamespace, why));
        }
        if !speaks_1_0(header.version.as_deref()) {
            return Err((E::UnsupportedVersion, "the version is below 1.0"));
        }
        let Ok(domain) = header.to.as_deref().map(Domainpart::new).transpose() else {
            return Err((E::HostUnknown, "'to' is no domain"));
        };
        // Clients of before RFC 6120 may leave out 'to' (§4.7.2).
        let hosted = self.role.host.as_ref().map(|hosting| &hosting.domain);
        let default = hosted.or(self.role.config.default_domain.as_ref());
        let Some(domain) = domain.or_else(|| default.cloned()) else {
            return Err((E::ImproperAddressing, "'to' is missing"));
        };
        let Ok(from) = header.from.as_deref().map(Jid::new).transpose() else {
            return Err((E::InvalidFrom, "'from' is no address"));
        };
        if let Some(account) = &self.role.account {
            if account.domainpart() != domain.as_str() {
                return Err((E::HostUnknown, "'to' is not the domain of the account"));
            }
            // RFC 6120 §6.4.6: the restarted stream has to come from the authenticated account.
            if from
                .as_ref()
                .is_some_and(|from| from.bare_str() != account.as_str())
            {
                return Err((E::InvalidFrom, "'from' is not the authenticated account"));
            }
        } else if let Some(from) = &from
            && self.certificate_contradicts(from, &domain)
        {
            let why = "'from' is not an address of the certificate";
            return Err((E::InvalidFrom, why));
        }
        Ok((domain, from))
    }

    /// Whether the verified client certificate names accounts of the domain, but not this one (RFC 6120
    /// §13.7.2). Only the application can know the account of a certificate that names none.
    fn certificate_contradicts(&self, from: &Jid, domain: &Domainpart) -> bool {
        let peer = self.stream.tls().and_then(TlsInfo::peer);
        let accounts = peer
            .map(|peer| peer.accounts_at(domain))
            .unwrap_or_default();
        let is_from = |account: &BareJid| account.as_str() == from.bare_str();
        !accounts.is_empty() && !accounts.iter().any(is_from)
    }

    /// Sends the header, and the features that fit the state of the stream (RFC 6120 §4.3.2).
    fn answer_header(&mut self) {
        let Some(Hosting { domain, .. }) = self.role.host.as_deref() else {
            return;
        };
        if let Some(header) = self.stream.header_mut() {
            header.from = Some(domain.as_str().into());
        }
        let features = self.features();
        self.stream.write_header();
        self.stream.push_own(&features);
        self.role.state = State::Choosing;
    }

    /// The features that fit the state of the stream. After Bind 2 there is nothing left to bind.
    pub(super) fn features(&self) -> Element {
        let hosting = self.role.host.as_deref();
        let authenticated = self.stream.authenticated();
        let limits = hosting.filter(|hosting| hosting.host.limits).map(|_| {
            let keep_alive = self.stream.keep_alive();
            StreamLimits::of(self.stream.limits(), keep_alive, authenticated)
        });
        if authenticated {
            return FeatureOffer {
                starttls: None,
                sasl: &Offer::default(),
                sasl2: None,
                bind: self.jid().is_none(),
                csi: hosting.is_some_and(|hosting| hosting.host.csi),
                limits,
                // A session that is managed since Bind 2 would take the offer for that of another one:
                // @xmpp/client asks to resume its session then.
                management: !self.stream.is_managed()
                    && hosting.is_some_and(|hosting| hosting.host.management.is_some()),
                extra: hosting.map_or(&[], |hosting| &hosting.host.features),
            }
            .to_element();
        }
        FeatureOffer {
            starttls: hosting.and_then(|hosting| self.starttls_offer(&hosting.host)),
            sasl: &self.sasl_offer(),
            sasl2: hosting.and_then(|hosting| {
                let inline = Inline {
                    csi: hosting.host.csi,
                    management: hosting.host.management.is_some(),
                    bindings: &self.stream.tls()?.bindings,
                };
                Some((self.sasl2_offer(&hosting.host)?, inline))
            }),
            bind: false,
            csi: false,
            limits,
            management: false,
            extra: &[],
        }
        .to_element()
    }

    /// SASL2, where it may be offered: only under TLS (XEP-0388 §3).
    pub(super) fn sasl2_offer<'a>(&self, host: &'a Host) -> Option<&'a Sasl2> {
        host.sasl2.as_ref().filter(|_| self.stream.secured())
    }

    fn starttls_offer(&self, host: &Host) -> Option<StartTlsOffer> {
        if self.stream.secured() {
            return None;
        }
        match host.tls {
            TlsOffer::Unavailable => None,
            // Without a mechanism that is safe in clear text, TLS is mandatory (RFC 6120 §5.4.1).
            TlsOffer::Optional if !self.mechanisms().is_empty() => Some(StartTlsOffer::Optional),
            TlsOffer::Optional | TlsOffer::Required => Some(StartTlsOffer::Required),
        }
    }

    pub(super) fn handle_start_tls(&mut self) {
        let offered = self
            .role
            .host
            .as_ref()
            .and_then(|hosting| self.starttls_offer(&hosting.host))
            .is_some();
        if offered && self.tls_available {
            self.stream
                .push_own(&Element::builder("proceed", ns::TLS).build());
            let serial = self.serial();
            self.stream.hand_off(serial, true);
            self.role.host = None;
            self.role.state = State::Tls;
            return;
        }
        // RFC 6120 §5.4.2.2: send the failure and the closing tag, then end.
        self.stream
            .push_own(&Element::builder("failure", ns::TLS).build());
        self.stream.end_with_footer(match offered {
            true => CloseReason::TlsRefused,
            false => CloseReason::Violation {
                sent: None,
                why: PeerMisbehaved::Negotiation("STARTTLS was not offered"),
            },
        });
    }
}
