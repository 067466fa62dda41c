//! Questions of the server machine to its application, as tokens, and the answers.
//!
//! A token can be carried elsewhere, such as to a data base, while the connection stays in its event
//! loop. It is answered once. A dropped one ends the connection when its negotiation time is over.

use alloc::string::String;
use core::fmt;

use xmppwire_jid::{BareJid, Domainpart, FullJid, Jid, Localpart, Resourcepart};
use xmppwire_sasl::{Mechanism, Password, ScramKeys};

use super::config::Host;
use crate::identities::CertificateIdentities;
use crate::stanza::StanzaError;
use crate::wire::sasl_failure::SaslFailure;

/// A client opened a stream to a domain: is it served here?
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct HostRequest {
    pub(super) serial: u64,
    pub(super) domain: Domainpart,
    pub(super) from: Option<Jid>,
    pub(super) secured: bool,
}

impl HostRequest {
    /// The domain in the client's `to` (RFC 6120 §4.7.2).
    pub const fn domain(&self) -> &Domainpart {
        &self.domain
    }

    /// Who the client says it is; unproven (RFC 6120 §4.7.1).
    pub const fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    /// Whether the stream is protected by TLS. The question is asked anew after STARTTLS, because
    /// nothing that was said in clear text counts.
    pub const fn secured(&self) -> bool {
        self.secured
    }
}

/// The answer to a [`HostRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HostAnswer {
    /// It is, with this on offer.
    Serve(Host),
    /// It is not: `<host-unknown/>` (RFC 6120 §4.9.3.6).
    Unknown,
    /// It was: `<host-gone/>` (§4.9.3.5).
    Gone,
    /// It is elsewhere, at this host and optional port: `<see-other-host/>` (§4.9.3.19).
    ///
    /// The client is told once the stream is protected. Before that it is offered STARTTLS and nothing
    /// else, and the question is asked again after TLS.
    SeeOtherHost(String),
    /// Like [`SeeOtherHost`](Self::SeeOtherHost), but told in clear text too. RFC 6120 §4.9.3.19 advises
    /// against that: anybody on the path can say the same, and careful clients do not follow it.
    SeeOtherHostInClear(String),
}

/// A client wants to log in: may it, and as whom?
#[must_use = "a dropped question ends the connection by time-out"]
pub struct SaslRequest {
    pub(super) serial: u64,
    pub(super) mechanism: Mechanism,
    pub(super) domain: Domainpart,
    pub(super) authzid: Option<String>,
    pub(super) subject: Subject,
}

/// What is known of who wants to log in.
pub(super) enum Subject {
    /// A user name, whose keys are needed.
    Keys(String),
    /// A user name with a password.
    Password(String, Password),
    /// A certificate, and the account that it leads to.
    Certificate(Option<BareJid>, CertificateIdentities),
    /// Nothing but perhaps a trace, and the account that was made up.
    Stranger(BareJid, Option<String>),
}

impl SaslRequest {
    /// The mechanism that the client chose.
    pub const fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// The user name that the client gave, prepared by SASLprep; empty with EXTERNAL and ANONYMOUS,
    /// which have none.
    pub fn username(&self) -> &str {
        match &self.subject {
            Subject::Keys(username) | Subject::Password(username, _) => username,
            Subject::Certificate(..) | Subject::Stranger(..) => "",
        }
    }

    /// The authorization identity that the client gave, if any (RFC 6120 §6.3.8).
    pub fn authzid(&self) -> Option<&str> {
        self.authzid.as_deref()
    }

    /// Which account it is about: that of the user name on the stream's domain, that of the
    /// certificate, or one with a random localpart for an anonymous client.
    ///
    /// `None` where a user name can be no localpart, so that no such account exists, and where a
    /// certificate names no account: then only the application can know one for it.
    pub fn account(&self) -> Option<BareJid> {
        match &self.subject {
            Subject::Keys(username) | Subject::Password(username, _) => {
                account(username, &self.domain)
            }
            Subject::Certificate(account, _) => account.clone(),
            Subject::Stranger(account, _) => Some(account.clone()),
        }
    }

    /// What is asked for.
    pub fn question(&self) -> SaslQuestion<'_> {
        match &self.subject {
            Subject::Keys(username) => SaslQuestion::ScramKeys {
                mechanism: self.mechanism,
                username,
            },
            Subject::Password(username, password) => SaslQuestion::Password {
                username,
                password: password.expose(),
            },
            Subject::Certificate(account, peer) => SaslQuestion::External {
                authzid: self.authzid(),
                account: account.as_ref(),
                peer,
            },
            Subject::Stranger(account, trace) => SaslQuestion::Anonymous {
                account,
                trace: trace.as_deref(),
            },
        }
    }

    /// Whether the answer is one to this question.
    pub(super) fn takes(&self, answer: &SaslAnswer) -> bool {
        match answer {
            SaslAnswer::ScramKeys(_) => {
                matches!(self.subject, Subject::Keys(_) | Subject::Password(..))
            }
            // The client goes on with the domain that it asked for (RFC 6120 §6.4.6), so an account of
            // another one could never be bound.
            SaslAnswer::Accept(account) => {
                !matches!(self.subject, Subject::Keys(_))
                    && account.domainpart() == self.domain.as_str()
            }
            SaslAnswer::Reject(_) => true,
        }
    }
}

impl fmt::Debug for SaslRequest {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslRequest")
            .field("mechanism", &self.mechanism)
            .field("username", &self.username())
            .field("authzid", &self.authzid)
            .finish_non_exhaustive()
    }
}

/// The account of a SASL user name on a domain.
pub(super) fn account(username: &str, domain: &Domainpart) -> Option<BareJid> {
    let localpart = Localpart::new(username).ok()?;
    Some(BareJid::from_parts(Some(&localpart), domain))
}

/// What a [`SaslRequest`] asks for.
#[non_exhaustive]
pub enum SaslQuestion<'a> {
    /// The stored keys of the user for the hash of this mechanism: answer with
    /// [`SaslAnswer::ScramKeys`] or [`SaslAnswer::Reject`].
    ScramKeys {
        /// The mechanism, whose hash the keys are for.
        mechanism: Mechanism,
        /// The prepared user name.
        username: &'a str,
    },
    /// Whether this is the user's password: answer with [`SaslAnswer::Accept`],
    /// [`SaslAnswer::Reject`], or with the user's [`SaslAnswer::ScramKeys`] of any hash, against which
    /// the machine checks it.
    Password {
        /// The prepared user name.
        username: &'a str,
        /// The password in clear text. Do not log it.
        password: &'a str,
    },
    /// Whether the owner of this certificate may log in: answer with [`SaslAnswer::Accept`] and the
    /// account that it opens, or with [`SaslAnswer::Reject`].
    ///
    /// An authorization identity that the certificate does not bear out was refused already, as was
    /// none at all where the certificate names several accounts (XEP-0178 §2). What remains to be said
    /// is whether that account exists and may log in this way.
    External {
        /// The authorization identity as the client sent it. By itself it proves nothing.
        authzid: Option<&'a str>,
        /// The account on the stream's domain that certificate and authorization identity lead to;
        /// `None` where the certificate names no account.
        account: Option<&'a BareJid>,
        /// Whom the certificate names.
        peer: &'a CertificateIdentities,
    },
    /// Whether strangers are welcome: answer with [`SaslAnswer::Accept`] and the account to use, or
    /// with [`SaslAnswer::Reject`]. The account should be new and of no use to anybody later, and
    /// what it may do is for the application to restrict (XEP-0175 §3).
    Anonymous {
        /// A new account with a localpart that nobody can guess.
        account: &'a BareJid,
        /// What the client says about itself, at most 255 characters (RFC 4505 §2). For logs only:
        /// it proves nothing, and may be personal.
        trace: Option<&'a str>,
    },
}

/// The answer to a [`SaslRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SaslAnswer {
    /// The user's keys. The client is in if it proves to know them.
    ScramKeys(ScramKeys),
    /// The password is right, the certificate good, the stranger welcome: this is the account, of the
    /// domain that the stream is for. A client that gave the authorization identity of another one is
    /// refused with `invalid-authzid`.
    Accept(BareJid),
    /// No. Where there is a password, an unknown user cannot be told from a wrong password by
    /// `not-authorized`: the exchange goes on with made-up keys and fails at its end. Other conditions
    /// are sent at once: `account-disabled`, `credentials-expired`, `mechanism-too-weak` for a user who
    /// has to log in otherwise, or `temporary-auth-failure` when a data base cannot be reached.
    Reject(SaslFailure),
}

/// An authenticated client wants to bind a resource (RFC 6120 §7).
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct BindRequest {
    pub(super) serial: u64,
    pub(super) account: BareJid,
    pub(super) requested: Option<Resourcepart>,
    pub(super) suggested: Resourcepart,
}

impl BindRequest {
    /// Who binds.
    pub const fn account(&self) -> &BareJid {
        &self.account
    }

    /// The resource that the client asks for, if it asks for one (RFC 6120 §7.7).
    pub const fn requested(&self) -> Option<&Resourcepart> {
        self.requested.as_ref()
    }

    /// The requested resource, or else a random one that nobody can guess (RFC 6120 §7.6).
    pub const fn suggested(&self) -> &Resourcepart {
        &self.suggested
    }

    /// The address that the client gets with the suggested resource.
    pub fn suggested_jid(&self) -> FullJid {
        self.account.with_resource(&self.suggested)
    }
}

/// The answer to a [`BindRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BindAnswer {
    /// This resource is bound. Where an older connection holds it, close that one with
    /// `<conflict/>` first (RFC 6120 §7.7.2.2), or bind another one.
    Bind(Resourcepart),
    /// Not this one; the client may try another (RFC 6120 §7.6.2, §7.7.2).
    Reject(StanzaError),
}
