//! Logins with tokens at a server (FAST, XEP-0484).

use alloc::boxed::Box;
use alloc::vec::Vec;

use xmppwire_jid::BareJid;
use xmppwire_sasl::{Condition, TokenMechanism, TokenProof};

use super::question;
use super::sasl2::Admitted;
use super::{Server, ServerEvent, State};
use crate::endpoint::Endpoint;
use crate::error::ApiMisuse;
use crate::sasl2::{
    Fast, IssuedToken, TokenPolicy, TokenSlots, TokenUpdate, Used, UserAgent, Wishes,
};
use crate::wire::sasl::Profile;
use crate::wire::sasl_failure::SaslFailure;

/// Asks for the tokens that were issued to a client of an account.
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct TokenLookup {
    serial: u64,
    account: BareJid,
    user_agent: Box<UserAgent>,
    mechanism: TokenMechanism,
}

impl TokenLookup {
    /// The account that the client claims, which need not exist.
    pub const fn account(&self) -> &BareJid {
        &self.account
    }

    /// The installation that the client claims. Its id is not empty, and need not be known.
    pub fn user_agent(&self) -> &UserAgent {
        &self.user_agent
    }

    /// The mechanism of the login.
    pub const fn mechanism(&self) -> TokenMechanism {
        self.mechanism
    }
}

/// The answer to a [`TokenLookup`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TokenAnswer {
    /// The tokens of this client, which are empty slots if it has none, or if there is no such
    /// account.
    Slots(TokenSlots),
    /// The client may not log in, for a reason other than its token: `account-disabled`,
    /// `credentials-expired` for one that is no longer trusted, or `temporary-auth-failure` when a
    /// data base cannot be reached.
    Reject(SaslFailure),
}

/// A client whose token is looked up.
#[derive(Debug)]
pub(super) struct Presented {
    proof: TokenProof,
    fast: Fast,
    account: BareJid,
    wishes: Wishes,
}

impl Endpoint<Server> {
    /// Answers [`ServerEvent::Token`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a question is answered only once"
    )]
    pub fn answer_token(
        &mut self,
        lookup: TokenLookup,
        answer: TokenAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::TokenQuestion { serial, .. } if *serial == lookup.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let State::TokenQuestion { presented, .. } =
            core::mem::replace(&mut self.role.state, State::Choosing)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        match answer {
            TokenAnswer::Slots(slots) => self.check_token(*presented, &slots),
            TokenAnswer::Reject(failure) => self.refuse_login(Profile::Sasl2, &failure),
        }
        Ok(())
    }

    fn token_policy(&self) -> Option<&TokenPolicy> {
        self.role.host.as_ref()?.host.sasl2.as_ref()?.tokens()
    }

    /// Whether the mechanism is on offer to this connection.
    fn offers_token(&self, mechanism: TokenMechanism) -> bool {
        let bindings = self.stream.tls().map(|tls| &tls.bindings);
        let offer = self.token_policy().zip(bindings);
        offer.is_some_and(|(policy, bindings)| {
            policy.offered(bindings).any(|offered| offered == mechanism)
        })
    }

    /// Takes the only message of a client that logs in with a token.
    pub(super) fn handle_token(
        &mut self,
        mechanism: TokenMechanism,
        fast: Fast,
        message: Option<Vec<u8>>,
        wishes: Wishes,
    ) {
        match self.present(mechanism, fast, message, wishes) {
            Ok((presented, user_agent)) => {
                let serial = self.serial();
                let lookup = TokenLookup {
                    serial,
                    account: presented.account.clone(),
                    user_agent,
                    mechanism,
                };
                let presented = Box::new(presented);
                self.role.state = State::TokenQuestion { serial, presented };
                self.event = Some(ServerEvent::Token(lookup));
            }
            Err(condition) => self.refuse_with(Profile::Sasl2, condition),
        }
    }

    fn present(
        &self,
        mechanism: TokenMechanism,
        fast: Fast,
        message: Option<Vec<u8>>,
        wishes: Wishes,
    ) -> Result<(Presented, Box<UserAgent>), Condition> {
        let hosting = self.role.host.as_deref();
        let hosting = hosting.filter(|_| self.offers_token(mechanism));
        let hosting = hosting.ok_or(Condition::InvalidMechanism)?;
        let user_agent = wishes.user_agent.clone();
        let user_agent = user_agent.filter(|user_agent| !user_agent.id().is_empty());
        // These mechanisms have no challenge, so the message has to come at once.
        let (message, user_agent) = message.zip(user_agent).ok_or(Condition::MalformedRequest)?;
        let bindings = self.stream.tls().map(|tls| &tls.bindings);
        let bindings = bindings.ok_or(Condition::EncryptionRequired)?;
        let proof = TokenProof::parse(mechanism, &message, bindings)
            .map_err(|rejection| rejection.condition())?;
        let account = question::account(proof.username(), &hosting.domain);
        let presented = Presented {
            account: account.ok_or(Condition::NotAuthorized)?,
            proof,
            fast,
            wishes,
        };
        Ok((presented, Box::new(user_agent)))
    }

    fn check_token(&mut self, presented: Presented, slots: &TokenSlots) {
        let Presented {
            proof,
            fast,
            account,
            wishes,
        } = presented;
        let checked = self
            .token_policy()
            .map_or(Err(Condition::TemporaryAuthFailure), |policy| {
                slots.check(&proof, fast, policy)
            });
        match checked {
            Ok((used, answer)) => self.admit2(wishes, account, None, Some(answer), Some(used)),
            Err(condition) => self.refuse_with(Profile::Sasl2, condition),
        }
    }

    /// What a login changes about the tokens of a client that was fully authenticated: a token is
    /// issued where the client asked for one, and where the one that it used is due for another.
    pub(super) fn update_tokens(&mut self, admitted: &Admitted) -> Option<TokenUpdate> {
        let user_agent = admitted.user_agent.clone()?;
        let mechanism = match (admitted.token, &admitted.used) {
            (Some(requested), _) => Some(requested),
            (None, Some(used)) if used.is_due && !used.invalidates => Some(used.mechanism),
            _ => None,
        };
        let mechanism = mechanism.filter(|mechanism| self.offers_token(*mechanism));
        let issued = mechanism.and_then(|mechanism| self.issue(mechanism));
        (issued.is_some() || admitted.used.is_some()).then(|| TokenUpdate {
            account: admitted.account.clone(),
            user_agent,
            used: admitted.used.clone(),
            issued,
        })
    }

    fn issue(&mut self, mechanism: TokenMechanism) -> Option<IssuedToken> {
        let policy = self.role.host.as_ref()?.host.sasl2.as_ref()?.tokens()?;
        Some(policy.issue(mechanism, &mut self.entropy))
    }
}

impl Admitted {
    /// Takes from the wishes what concerns tokens. Without an id of the installation there is none.
    pub(super) fn with_tokens(mut self, used: Option<Used>) -> Self {
        let user_agent = self.wishes.user_agent.clone();
        self.user_agent = user_agent
            .filter(|user_agent| !user_agent.id().is_empty())
            .map(Box::new);
        self.token = self.wishes.token;
        self.used = used;
        self
    }
}
