//! The client's side of SASL (RFC 6120 §6).

use alloc::boxed::Box;

use xmppwire_sasl::{ChannelBindings, ClientExchange, Condition, Mechanism, choose, wire};
use xmppwire_xml::Element;

use super::{Client, State};
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerIncompatible, PeerMisbehaved};
use crate::log::log;
use crate::ns;
use crate::wire::features::StreamFeatures;
use crate::wire::sasl;
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::StreamErrorCondition;

impl Endpoint<Client> {
    pub(super) fn authenticate(
        &mut self,
        features: &StreamFeatures,
    ) -> Result<State, PeerIncompatible> {
        let offer = features.sasl();
        if offer.mechanisms().is_empty() {
            return Err(PeerIncompatible::NoSasl);
        }
        let none = ChannelBindings::none();
        let bindings = self.stream.tls().map_or(&none, |tls| &tls.bindings);
        let policy = self
            .role
            .mechanisms
            .on_confidential_channel(self.stream.secured());
        let credentials = &self.role.config.credentials;
        let Some(mechanism) = choose(&offer, credentials, bindings, policy) else {
            let offered = offer.mechanisms().to_vec();
            return Err(PeerIncompatible::NoMechanism { offered });
        };
        let nonce = self.entropy.bytes();
        let exchange = ClientExchange::new(mechanism, credentials, bindings, &offer, nonce);
        let exchange = exchange.map_err(PeerIncompatible::Credentials)?;
        let exchange = exchange.with_iterations(self.role.config.iterations.clone());
        log!(debug, mechanism = mechanism.name(), "authenticating");
        let auth = Element::builder("auth", ns::SASL)
            .attr("mechanism", mechanism.name())
            .text(&wire::encode(&exchange.initial_response()))
            .build();
        self.stream.push_own(&auth);
        Ok(State::Sasl(Box::new(exchange)))
    }

    pub(super) fn handle_success(&mut self, mut exchange: ClientExchange, success: &Element) {
        let proven = sasl::optional_data(success)
            .map_err(|_| PeerMisbehaved::Negotiation("SASL data is not valid base64"))
            .and_then(|data| {
                exchange
                    .finish(data.as_deref())
                    .map_err(PeerMisbehaved::Sasl)
            });
        match proven {
            Ok(()) => {
                self.stream.set_authenticated();
                self.open();
            }
            Err(why) => self.stream.fail(StreamErrorCondition::NotAuthorized, why),
        }
    }

    /// Tries the next mechanism if it may succeed, and else ends the stream (RFC 6120 §6.4.5).
    pub(super) fn handle_sasl_failure(&mut self, refused: Mechanism, failure: &Element) {
        let failure = SaslFailure::parse(failure.root());
        log!(
            debug,
            condition = failure.condition().name(),
            "login refused"
        );
        if is_about_mechanism(refused, failure.condition())
            && let Some(features) = self.role.features.take()
        {
            self.role.mechanisms = self.role.mechanisms.after(refused);
            let next = self.authenticate(&features);
            self.role.features = Some(features);
            if let Ok(state) = next {
                self.role.state = state;
                return;
            }
        }
        self.stream.close_for(CloseReason::AuthFailed(failure));
    }
}

/// Whether another mechanism may succeed after this refusal. A wrong password is wrong for every
/// mechanism with a password, but a certificate may still be accepted, and the other way round.
const fn is_about_mechanism(refused: Mechanism, condition: Condition) -> bool {
    match refused {
        Mechanism::External => matches!(
            condition,
            Condition::InvalidMechanism
                | Condition::NotAuthorized
                | Condition::InvalidAuthzid
                | Condition::CredentialsExpired
        ),
        _ => matches!(condition, Condition::InvalidMechanism),
    }
}
