//! The client's side of SASL (RFC 6120 §6), and of SASL2 (XEP-0388) as far as that is the same.

use alloc::boxed::Box;
use alloc::vec::Vec;

use xmppwire_sasl::{
    ChannelBindings, ClientError, ClientExchange, ClientStep, Condition, Mechanism,
    MechanismPolicy, Offer, SaltedPassword, TokenLogin, TokenMechanism, choose, wire,
};
use xmppwire_xml::Element;

use super::{Client, ClientEvent, State, TokenEnd};
use crate::endpoint::Endpoint;
use crate::error::{CloseReason, PeerIncompatible, PeerMisbehaved};
use crate::log::log;
use crate::ns;
use crate::sasl2::BindWish;
use crate::wire::features::StreamFeatures;
use crate::wire::sasl::Profile;
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::StreamErrorCondition;

/// A login that is under way.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) profile: Profile,
    pub(super) exchange: Exchange,
    /// Whether the mechanism has succeeded, so that only tasks remain.
    pub(super) proven: bool,
    /// What was asked for beside it; `None` if no resource was.
    pub(super) bind: Option<BindWish>,
    /// Whether it was asked to resume a session.
    pub(super) resumes: bool,
    /// The mechanism of the token that was used, or that was asked for.
    pub(super) token: Option<TokenMechanism>,
}

/// The mechanism of a login.
#[derive(Debug)]
pub(super) enum Exchange {
    Mechanism(ClientExchange),
    /// A token instead of the password (XEP-0484).
    Token(TokenLogin),
}

impl Exchange {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Mechanism(exchange) => exchange.mechanism().name(),
            Self::Token(login) => login.mechanism().name(),
        }
    }

    pub(super) fn initial_response(&self) -> Vec<u8> {
        match self {
            Self::Mechanism(exchange) => exchange.initial_response(),
            Self::Token(login) => login.initial_response(),
        }
    }

    pub(super) fn step(&mut self, challenge: &[u8]) -> Result<ClientStep, ClientError> {
        match self {
            Self::Mechanism(exchange) => exchange.step(challenge),
            // A login with a token has one message each way.
            Self::Token(_) => Err(ClientError::OutOfOrder),
        }
    }

    pub(super) fn answer(&mut self, salted: &SaltedPassword) -> Result<Vec<u8>, ClientError> {
        match self {
            Self::Mechanism(exchange) => exchange.answer(salted),
            Self::Token(_) => Err(ClientError::Misuse),
        }
    }

    fn finish(&mut self, additional_data: Option<&[u8]>) -> Result<(), ClientError> {
        match self {
            Self::Mechanism(exchange) => exchange.finish(additional_data),
            Self::Token(login) => login.finish(additional_data),
        }
    }
}

impl Endpoint<Client> {
    /// Begins a login, or goes on with the next mechanism of the profile that this stream uses.
    pub(super) fn authenticate(
        &mut self,
        features: &StreamFeatures,
        profile: Option<Profile>,
    ) -> Result<State, PeerIncompatible> {
        if profile.is_none()
            && let Some(state) = self.try_token(features)
        {
            return Ok(state);
        }
        let (profile, mechanism, offer) = self.choose_mechanism(features, profile)?;
        let none = ChannelBindings::none();
        let bindings = self.stream.tls().map_or(&none, |tls| &tls.bindings);
        if profile == Profile::Sasl2 && !bindings.is_empty() && is_incomplete(&offer) {
            return Err(PeerIncompatible::ChannelBinding);
        }
        let credentials = &self.role.config.credentials;
        let nonce = self.entropy.bytes();
        let exchange = ClientExchange::new(mechanism, credentials, bindings, &offer, nonce);
        let exchange = exchange.map_err(PeerIncompatible::Credentials)?;
        let exchange = exchange.with_iterations(self.role.config.iterations.clone());
        log!(debug, mechanism = mechanism.name(), "authenticating");
        let mut login = Login {
            profile,
            exchange: Exchange::Mechanism(exchange),
            proven: false,
            bind: None,
            resumes: false,
            token: None,
        };
        match profile {
            Profile::Sasl => {
                let auth = Element::builder("auth", ns::SASL)
                    .attr("mechanism", mechanism.name())
                    .text(&wire::encode(&login.exchange.initial_response()))
                    .build();
                self.stream.push_own(&auth);
            }
            Profile::Sasl2 => {
                login.token = self.wanted_token(features);
                self.write_authenticate(features, &mut login, None);
            }
        }
        Ok(State::Sasl(Box::new(login)))
    }

    /// The profile, its best mechanism, and all that it offers. With both profiles on offer it is
    /// SASL2, unless the other one has a stronger mechanism.
    fn choose_mechanism(
        &self,
        features: &StreamFeatures,
        profile: Option<Profile>,
    ) -> Result<(Profile, Mechanism, Offer), PeerIncompatible> {
        let none = ChannelBindings::none();
        let bindings = self.stream.tls().map_or(&none, |tls| &tls.bindings);
        let policy = self.policy();
        let mut best: Option<(Profile, Mechanism, Offer)> = None;
        let mut offered = None;
        for this in [Profile::Sasl2, Profile::Sasl] {
            let unusable = !self.stream.secured() || self.role.config.sasl2.off;
            if profile.is_some_and(|only| only != this) || (this == Profile::Sasl2 && unusable) {
                continue;
            }
            let offer = match this {
                Profile::Sasl2 => features.sasl2(),
                Profile::Sasl => features.sasl(),
            };
            if offer.mechanisms().is_empty() {
                continue;
            }
            offered.get_or_insert_with(|| offer.mechanisms().to_vec());
            let chosen = choose(&offer, &self.role.config.credentials, bindings, policy);
            if let Some(mechanism) = chosen
                && best.as_ref().is_none_or(|(_, best, _)| mechanism > *best)
            {
                best = Some((this, mechanism, offer));
            }
        }
        best.ok_or(match offered {
            Some(offered) => PeerIncompatible::NoMechanism { offered },
            None => PeerIncompatible::NoSasl,
        })
    }

    pub(super) fn policy(&self) -> MechanismPolicy {
        self.role
            .mechanisms
            .on_confidential_channel(self.stream.secured())
    }

    pub(super) fn handle_success(&mut self, mut login: Login, success: &Element) {
        if let Err(why) = login.prove(success) {
            return self.stream.fail(StreamErrorCondition::NotAuthorized, why);
        }
        self.stream.set_authenticated();
        self.open();
    }

    /// Tries the next mechanism if it may succeed, and else ends the stream (RFC 6120 §6.4.5). The
    /// stream is as it was before the attempt, and so are the features.
    pub(super) fn handle_sasl_failure(&mut self, login: &Login, failure: &Element) {
        let failure = SaslFailure::parse(failure.root());
        log!(
            debug,
            condition = failure.condition().name(),
            "login refused"
        );
        let again = match &login.exchange {
            Exchange::Mechanism(exchange) => {
                let refused = exchange.mechanism();
                let again = !login.proven && is_about_mechanism(refused, failure.condition());
                if again {
                    self.role.mechanisms = self.role.mechanisms.after(refused);
                }
                again
            }
            Exchange::Token(_) => {
                // A server that fails for now says nothing about the token.
                if !failure.is_temporary() {
                    let end = TokenEnd::Refused(failure.clone());
                    self.event = Some(ClientEvent::TokenGone(end));
                }
                true
            }
        };
        if again && let Some(features) = self.role.features.take() {
            let next = self.authenticate(&features, Some(login.profile));
            self.role.features = Some(features);
            if let Ok(state) = next {
                self.role.state = state;
                return;
            }
        }
        self.stream.close_for(CloseReason::AuthFailed(failure));
    }
}

impl Login {
    /// Takes the end of the mechanism, in which the server proves itself. It comes once: with
    /// success, or with the tasks before it.
    pub(super) fn prove(&mut self, element: &Element) -> Result<(), PeerMisbehaved> {
        if self.proven {
            return Ok(());
        }
        let data = self.profile.additional_data(element);
        let data =
            data.map_err(|_| PeerMisbehaved::Negotiation("SASL data is not valid base64"))?;
        self.exchange
            .finish(data.as_deref())
            .map_err(PeerMisbehaved::Sasl)?;
        self.proven = true;
        Ok(())
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

/// Whether only one half of the offer of channel binding is there: mechanisms or types. XEP-0440 §3
/// has clients end a login by SASL2 then.
fn is_incomplete(offer: &Offer) -> bool {
    let types = offer
        .channel_bindings()
        .is_some_and(|types| !types.is_empty());
    offer.has_plus() != types
}
