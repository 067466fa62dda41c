//! SASL EXTERNAL of the peer (RFC 6120 §13.8.4, XEP-0178 §3).

use xmppwire_jid::Domainpart;
use xmppwire_sasl::Condition;
use xmppwire_xml::Element;

use super::{Incoming, Peer, State};
use crate::endpoint::Endpoint;
use crate::error::PeerMisbehaved;
use crate::log::log;
use crate::ns;
use crate::s2s::Pair;
use crate::s2s::exchange::is_certified;
use crate::tls::TlsInfo;
use crate::wire::sasl;
use crate::wire::sasl::Profile;
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::StreamErrorCondition;

impl Endpoint<Incoming> {
    pub(super) fn handle_auth(&mut self, auth: &Element) {
        // RFC 6120 §6.4.2: the new exchange takes the place of the one that runs. That one counts as
        // a failed attempt.
        if matches!(self.role.state, State::Sasl) && !self.count_failed_login() {
            return;
        }
        // Nothing may come between the messages of SASL, and keys of this stream are void after it.
        self.role.exchange.listener.abandon();
        let condition = if auth.attr("mechanism") != Some("EXTERNAL") {
            Condition::InvalidMechanism
        } else if !self.stream.secured() {
            Condition::EncryptionRequired
        } else if self.stream.tls().and_then(TlsInfo::peer).is_none() {
            Condition::NotAuthorized
        } else {
            return match sasl::optional_data(auth) {
                Ok(Some(authzid)) => self.authenticate(&authzid),
                // RFC 6120 §6.4.2: there was no initial response, so an empty challenge asks for
                // one.
                Ok(None) => {
                    let challenge = Element::builder("challenge", ns::SASL).build();
                    self.stream.push_own(&challenge);
                    self.role.state = State::Sasl;
                }
                Err(_) => self.refuse_login(Condition::IncorrectEncoding),
            };
        };
        self.refuse_login(condition);
    }

    pub(super) fn handle_response(&mut self, response: &Element) {
        match sasl::data(response) {
            Ok(authzid) => self.authenticate(&authzid),
            Err(_) => self.refuse_login(Condition::IncorrectEncoding),
        }
    }

    /// Lets the peer in as the domain that its certificate and its header name (RFC 6120 §13.8.4,
    /// XEP-0178 §3).
    fn authenticate(&mut self, authzid: &[u8]) {
        let Some(Peer { local, remote, .. }) = &self.role.peer else {
            return self.refuse_login(Condition::TemporaryAuthFailure);
        };
        let wanted = match core::str::from_utf8(authzid) {
            Ok("") => None,
            Ok(authzid) => match Domainpart::new(authzid) {
                Ok(domain) => Some(domain),
                Err(_) => return self.refuse_login(Condition::InvalidAuthzid),
            },
            Err(_) => return self.refuse_login(Condition::MalformedRequest),
        };
        // The header says who opens the stream, and the authorization identity may not say
        // otherwise.
        let domain = match (remote, wanted) {
            (Some(remote), Some(wanted)) if *remote != wanted => {
                return self.refuse_login(Condition::InvalidAuthzid);
            }
            (Some(remote), _) => remote.clone(),
            (None, Some(wanted)) => wanted,
            (None, None) => return self.refuse_login(Condition::InvalidAuthzid),
        };
        if self.role.serves(domain.as_str()) || !is_certified(self.stream.tls(), &domain) {
            return self.refuse_login(Condition::NotAuthorized);
        }
        let pair = Pair::new(domain, local.clone());
        log!(debug, %pair, "authenticated");
        self.stream
            .push_own(&Element::builder("success", ns::SASL).build());
        self.role.proven = Some(pair);
        self.stream.set_authenticated();
        self.begin();
    }

    pub(super) fn refuse_login(&mut self, condition: Condition) {
        log!(debug, condition = condition.name(), "login refused");
        self.stream
            .push_own(&SaslFailure::new(condition).to_element(Profile::Sasl));
        self.role.state = State::Choosing;
        self.count_failed_login();
    }

    /// Counts a failed attempt. Returns whether the peer may make another one (RFC 6120 §6.4.5).
    fn count_failed_login(&mut self) -> bool {
        self.role.failed_logins = self.role.failed_logins.saturating_add(1);
        let more = self.role.failed_logins < self.stream.limits().sasl_attempts;
        if !more {
            self.stream.fail(
                StreamErrorCondition::PolicyViolation,
                PeerMisbehaved::TooManyAttempts,
            );
        }
        more
    }
}
