//! The server's side of SASL (RFC 6120 §6), and of SASL2 (XEP-0388) as far as that is the same.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::vec::Vec;

use xmppwire_jid::{BareJid, Domainpart, Localpart};
use xmppwire_sasl::{
    ChannelBindings, Condition, Mechanism, Offer, ServerAnswer, ServerExchange, ServerQuestion,
    ServerStep, wire,
};
use xmppwire_xml::Element;

use super::config::TlsOffer;
use super::question::{self, Asked, SaslAnswer, SaslRequest, Subject};
use super::{Hosting, Server, ServerEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, PeerMisbehaved};
use crate::identities::CertificateIdentities;
use crate::log::log;
use crate::ns;
use crate::sasl2::Wishes;
use crate::wire::sasl::{self, Profile};
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::stream_error::StreamErrorCondition;

/// A login that is under way.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) profile: Profile,
    pub(super) exchange: ServerExchange,
    /// What the client wants beside it, in SASL2.
    pub(super) wishes: Wishes,
}

impl Endpoint<Server> {
    /// Answers [`ServerEvent::Sasl`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    /// [`ApiMisuse::WrongAnswer`] for `Accept` when keys are asked for, for `Accept` with an
    /// account of another domain, and for keys when the mechanism has no password. The token is
    /// spent then, so the connection ends when its negotiation times out.
    pub fn answer_sasl(
        &mut self,
        request: SaslRequest,
        answer: SaslAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::SaslQuestion { serial, .. } if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        if !request.takes(&answer) {
            return Err(ApiMisuse::WrongAnswer);
        }
        let State::SaslQuestion { mut login, .. } =
            core::mem::replace(&mut self.role.state, State::Choosing)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        let exchange = &mut login.exchange;
        let step = match answer {
            SaslAnswer::ScramKeys(keys) => exchange.answer(ServerAnswer::ScramKeys(keys)),
            SaslAnswer::Accept(account) => {
                let step = exchange.answer(ServerAnswer::Accept);
                if let ServerStep::Success {
                    authzid,
                    additional_data,
                    ..
                } = step
                {
                    self.admit(*login, account, authzid.as_deref(), additional_data);
                } else {
                    self.take_step(login, step);
                }
                return Ok(());
            }
            SaslAnswer::Reject(failure) if failure.condition() != Condition::NotAuthorized => {
                self.refuse_login(login.profile, &failure);
                return Ok(());
            }
            SaslAnswer::Reject(_) => {
                exchange.answer(ServerAnswer::Reject(Condition::NotAuthorized))
            }
        };
        self.take_step(login, step);
        Ok(())
    }

    /// The present offer: those of the host's mechanisms that are safe on this stream (RFC 6120
    /// §6.3.4, §13.8), and the channel binding types if a mechanism uses them (XEP-0440).
    pub(super) fn sasl_offer(&self) -> Offer {
        let mechanisms = self.mechanisms();
        let offer = Offer::new(mechanisms.iter().map(|mechanism| mechanism.name()));
        match self.stream.tls() {
            Some(tls) if offer.has_plus() => {
                offer.with_channel_bindings(tls.bindings.types().map(|kind| kind.name()))
            }
            _ => offer,
        }
    }

    pub(super) fn mechanisms(&self) -> Vec<Mechanism> {
        let Some(Hosting { host, .. }) = self.role.host.as_deref() else {
            return Vec::new();
        };
        let secured = self.stream.secured();
        if !secured && host.tls == TlsOffer::Required {
            return Vec::new();
        }
        let tls = self.stream.tls();
        // RFC 5802 §6.1: clients that read no announcement use the type that is the default.
        let bound = tls.is_some_and(|tls| match self.role.config.plus_without_tls_unique {
            true => !tls.bindings.is_empty(),
            false => tls.bindings.unannounced().is_some(),
        });
        let known = tls.is_some_and(|tls| tls.peer.is_some());
        let safe = |mechanism: &Mechanism| match mechanism {
            Mechanism::Plain => secured,
            // XEP-0178 §2: only to a client that showed a certificate.
            Mechanism::External => known,
            plus if plus.is_plus() => bound,
            _ => true,
        };
        let mut mechanisms: Vec<Mechanism> = host.mechanisms.iter().copied().filter(safe).collect();
        // RFC 6120 §6.3.4: EXTERNAL comes first. The sort is stable, so the rest keeps its order.
        mechanisms.sort_by_key(|mechanism| *mechanism != Mechanism::External);
        mechanisms
    }

    pub(super) fn handle_auth(&mut self, auth: &Element) {
        let name = auth.attr("mechanism").unwrap_or_default();
        match sasl::optional_data(auth) {
            Ok(initial) => self.begin(Profile::Sasl, name, initial, Wishes::default()),
            Err(_) => self.refuse_with(Profile::Sasl, Condition::IncorrectEncoding),
        }
    }

    /// Begins a login with the mechanism of that name.
    pub(super) fn begin(
        &mut self,
        profile: Profile,
        name: &str,
        initial: Option<Vec<u8>>,
        wishes: Wishes,
    ) {
        let offered = self.mechanisms();
        let Some(mechanism) = offered.iter().copied().find(|offer| offer.name() == name) else {
            let served = self.role.host.as_ref().is_some_and(|hosting| {
                hosting
                    .host
                    .mechanisms
                    .iter()
                    .any(|served| served.name() == name)
            });
            // The mechanism would be offered over TLS (RFC 6120 §6.5.4).
            let condition = if served && !self.stream.secured() {
                Condition::EncryptionRequired
            } else {
                Condition::InvalidMechanism
            };
            return self.refuse_with(profile, condition);
        };
        let nonce = self.entropy.bytes();
        let none = ChannelBindings::none();
        let bindings = self.stream.tls().map_or(&none, |tls| &tls.bindings);
        let decoy = self.role.config.decoy.clone();
        let offer = self.sasl_offer();
        let mut exchange = ServerExchange::new(mechanism, bindings, &offer, nonce, decoy);
        if !self.role.config.protects_offer {
            exchange = exchange.without_downgrade_protection();
        }
        let step = exchange.step(initial.as_deref());
        let login = Login {
            profile,
            exchange,
            wishes,
        };
        self.take_step(Box::new(login), step);
    }

    pub(super) fn handle_response(&mut self, mut login: Box<Login>, response: &Element) {
        match login.profile.data(response) {
            Ok(data) => {
                let step = login.exchange.step(Some(&data));
                self.take_step(login, step);
            }
            Err(_) => self.refuse_with(login.profile, Condition::IncorrectEncoding),
        }
    }

    fn take_step(&mut self, login: Box<Login>, step: ServerStep) {
        match step {
            ServerStep::Challenge(data) => {
                let challenge = login.profile.message("challenge", &data);
                self.stream.push_own(&challenge);
                self.role.state = State::Sasl(login);
            }
            ServerStep::Ask => match self.ask(&login.exchange) {
                Ok(request) => {
                    let serial = request.serial;
                    self.role.state = State::SaslQuestion { serial, login };
                    self.event = Some(ServerEvent::Sasl(request));
                }
                Err(condition) => self.refuse_with(login.profile, condition),
            },
            ServerStep::Success {
                username,
                authzid,
                additional_data,
            } => {
                let account = self.role.host.as_ref().zip(username.as_ref());
                let account =
                    account.and_then(|(hosting, name)| question::account(name, &hosting.domain));
                match account {
                    Some(account) => {
                        self.admit(*login, account, authzid.as_deref(), additional_data);
                    }
                    None => self.refuse_with(login.profile, Condition::NotAuthorized),
                }
            }
            ServerStep::Failure(condition) => self.refuse_with(login.profile, condition),
        }
    }

    /// Turns the question of an exchange into one to the application.
    fn ask(&mut self, exchange: &ServerExchange) -> Result<SaslRequest, Condition> {
        let serial = self.serial();
        let stranger = Localpart::new(&self.entropy.id());
        let (Some(question), Some(hosting)) = (exchange.question(), self.role.host.as_deref())
        else {
            return Err(Condition::TemporaryAuthFailure);
        };
        let domain = &hosting.domain;
        let (subject, authzid) = match question {
            ServerQuestion::ScramKeys {
                username, authzid, ..
            } => (Subject::Keys(username.into()), authzid),
            ServerQuestion::Password {
                username,
                authzid,
                password,
            } => (Subject::Password(username.into(), password.into()), authzid),
            ServerQuestion::External { authzid } => {
                let peer = self.stream.tls().and_then(|tls| tls.peer.clone());
                let peer = peer.unwrap_or_default();
                let claimed = self.role.claimed.as_deref();
                let account = certified(&peer, authzid, claimed, domain)?;
                (Subject::Certificate(account, peer), authzid)
            }
            ServerQuestion::Anonymous { trace } => {
                let localpart = stranger.map_err(|_| Condition::TemporaryAuthFailure)?;
                let account = BareJid::from_parts(Some(&localpart), domain);
                (
                    Subject::Stranger(account, trace.map(ToOwned::to_owned)),
                    None,
                )
            }
            // A question of a later version of the SASL crate.
            _ => return Err(Condition::TemporaryAuthFailure),
        };
        Ok(SaslRequest {
            serial,
            asked: Box::new(Asked {
                mechanism: exchange.mechanism(),
                domain: domain.clone(),
                authzid: authzid.map(Into::into),
                subject,
            }),
        })
    }

    /// Authenticates the client as this account, unless it asked to act as another (RFC 6120
    /// §6.3.8).
    fn admit(
        &mut self,
        login: Login,
        account: BareJid,
        authzid: Option<&str>,
        additional_data: Option<Vec<u8>>,
    ) {
        let is_account = |authzid| BareJid::new(authzid).is_ok_and(|authzid| authzid == account);
        if !authzid.is_none_or(is_account) {
            return self.refuse_with(login.profile, Condition::InvalidAuthzid);
        }
        if login.profile == Profile::Sasl2 {
            return self.admit2(login.wishes, account, authzid, additional_data, None);
        }
        let claimed = self.role.claimed.take();
        if claimed.is_some_and(|claimed| *claimed != account) {
            // RFC 6120 §6.4.6: the header was protected, so the client itself made this claim.
            let why = PeerMisbehaved::Header("'from' is not the authenticated account");
            return self.stream.fail(StreamErrorCondition::InvalidFrom, why);
        }
        self.authenticated(account, additional_data.as_deref());
    }

    fn authenticated(&mut self, account: BareJid, additional_data: Option<&[u8]>) {
        let data = additional_data.map(wire::encode).unwrap_or_default();
        let success = Element::builder("success", ns::SASL).text(&data).build();
        self.stream.push_own(&success);
        log!(debug, %account, "authenticated");
        self.stream.set_authenticated();
        self.role.account = Some(account.clone());
        self.open();
        self.event = Some(ServerEvent::Authenticated(account));
    }

    /// Refuses a login with nothing but a condition.
    pub(super) fn refuse_with(&mut self, profile: Profile, condition: Condition) {
        self.refuse_login(profile, &SaslFailure::new(condition));
    }

    pub(super) fn refuse_login(&mut self, profile: Profile, failure: &SaslFailure) {
        log!(
            debug,
            condition = failure.condition().name(),
            "login refused"
        );
        self.stream.push_own(&failure.to_element(profile));
        self.role.state = State::Choosing;
        self.count_failed_login();
    }

    /// Counts a failed attempt. Returns whether the client may make another one (RFC 6120 §6.4.5).
    pub(super) fn count_failed_login(&mut self) -> bool {
        self.role.failed_logins = self.role.failed_logins.saturating_add(1);
        let more = self.role.failed_logins < self.stream.limits().sasl_attempts;
        if !more {
            self.too_many_attempts();
        }
        more
    }
}

/// The account that a certificate selects, with the authorization identity or else with `from` of the
/// protected stream header (RFC 6120 §6.3.8, §13.7.2.2.1; XEP-0178 §2). `None` if the certificate
/// names no account of the domain, so that only the application can know it.
fn certified(
    peer: &CertificateIdentities,
    authzid: Option<&str>,
    claimed: Option<&BareJid>,
    domain: &Domainpart,
) -> Result<Option<BareJid>, Condition> {
    let wanted = authzid
        .map(BareJid::new)
        .transpose()
        .map_err(|_| Condition::InvalidAuthzid)?;
    let accounts = peer.accounts_at(domain);
    let selected = match (accounts.as_slice(), wanted.as_ref().or(claimed)) {
        ([], _) => return Ok(None),
        (accounts, Some(named)) => accounts.contains(named).then_some(named),
        ([account], None) => Some(account),
        // The client has to say which of several accounts it means.
        (_, None) => None,
    };
    selected.cloned().map(Some).ok_or(Condition::InvalidAuthzid)
}
