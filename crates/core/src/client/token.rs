//! Logins with tokens at a client (FAST, XEP-0484).

use alloc::boxed::Box;
use alloc::string::String;

use xmppwire_sasl::{ChannelBindings, Mechanism, MechanismPolicy, TokenLogin, TokenMechanism};
use xmppwire_xml::Element;

use super::login::{Exchange, Login};
use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::log::log;
use crate::ns;
use crate::sasl2::Token;
use crate::wire::features::StreamFeatures;
use crate::wire::sasl::Profile;
use crate::wire::sasl_failure::SaslFailure;

/// Why a token is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenEnd {
    /// The server refused it: it has expired, was revoked, or was replaced (XEP-0484 §4.1).
    Refused(SaslFailure),
    /// The server invalidated it, as
    /// [`ClientConfig::with_token_invalidated`](crate::ClientConfig::with_token_invalidated) wants.
    Invalidated,
}

impl Endpoint<Client> {
    /// Begins a login with the token, if there is one that can be used on this stream. It is tried
    /// once.
    pub(super) fn try_token(&mut self, features: &StreamFeatures) -> Option<State> {
        let token = self.role.token.as_ref()?;
        let none = ChannelBindings::none();
        let bindings = self.stream.tls().map_or(&none, |tls| &tls.bindings);
        let config = &self.role.config;
        let of_client = config.sasl2.user_agent.as_ref();
        let of_client = of_client.is_some_and(|agent| agent.id() == token.user_agent());
        let offered = features.token_mechanisms();
        let usable = self.stream.secured()
            && !config.sasl2.off
            && of_client
            && *token.account() == config.jid
            && offered.iter().any(|name| name == token.mechanism.name())
            && permits(self.policy(), token.mechanism);
        let username = config.jid.localpart()?;
        let exchange = TokenLogin::new(token.mechanism, username, &token.secret, bindings);
        let exchange = exchange.ok().filter(|_| usable)?;
        let mut token = self.role.token.take()?;
        token.count = token.count.saturating_add(1);
        log!(debug, mechanism = token.mechanism.name(), "authenticating");
        let mut login = Login {
            profile: Profile::Sasl2,
            exchange: Exchange::Token(exchange),
            proven: false,
            bind: None,
            resumes: false,
            token: Some(token.mechanism),
        };
        self.write_authenticate(features, &mut login, Some(&token));
        self.event = Some(ClientEvent::Token(*token));
        Some(State::Sasl(Box::new(login)))
    }

    /// The mechanism for which a token is requested, if one is wanted.
    pub(super) fn wanted_token(&self, features: &StreamFeatures) -> Option<TokenMechanism> {
        self.role.config.sasl2.user_agent.as_ref()?;
        self.role.config.jid.localpart()?;
        let none = ChannelBindings::none();
        let bindings = self.stream.tls().map_or(&none, |tls| &tls.bindings);
        let offered = features.token_mechanisms();
        let best = TokenMechanism::choose(offered.iter().map(String::as_str), bindings)?;
        permits(self.policy(), best).then_some(best)
    }

    /// The token that came with a success, for the mechanism for which it was requested, or of the
    /// one that was used.
    pub(super) fn new_token(
        &self,
        success: &Element,
        mechanism: Option<TokenMechanism>,
    ) -> Option<Token> {
        let config = &self.role.config;
        let agent = config.sasl2.user_agent.as_ref()?;
        let element = success.child("token", ns::FAST)?;
        Token::parse(element, &config.jid, agent.id(), mechanism?)
    }
}

/// Whether the policy accepts a mechanism of tokens: a floor that requires channel binding requires
/// it here too, and one that requires a certificate accepts no token.
fn permits(policy: MechanismPolicy, mechanism: TokenMechanism) -> bool {
    policy.permits(match mechanism.binding() {
        Some(_) => Mechanism::ScramSha512Plus,
        None => Mechanism::ScramSha512,
    })
}
