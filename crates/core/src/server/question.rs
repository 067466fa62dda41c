//! The questions of a server to its application, as tokens, and the answers.
//!
//! A token can be moved to another task, such as a data base query, while the connection stays in
//! its event loop. It is answered once. If it is dropped, the connection ends when its negotiation
//! times out.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use xmppwire_jid::{BareJid, Domainpart, FullJid, Jid, Localpart, Resourcepart};
use xmppwire_sasl::{Mechanism, Password, ScramKeys};
use xmppwire_xml::Element;

use super::config::Host;
use super::detached::Detached;
use crate::identities::CertificateIdentities;
use crate::sasl2::{BindWish, UserAgent, Wishes};
use crate::stanza::StanzaError;
use crate::wire::sasl_failure::SaslFailure;

/// Asks whether the server serves the domain to which a client opened a stream.
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct HostRequest {
    pub(super) serial: u64,
    pub(super) domain: Domainpart,
    pub(super) from: Option<Jid>,
    pub(super) secured: bool,
}

impl HostRequest {
    /// The domain in the client's `to` (RFC 6120 §4.7.2); the
    /// [default domain](super::ServerConfig::with_default_domain) where its header has none.
    pub const fn domain(&self) -> &Domainpart {
        &self.domain
    }

    /// The address that the client claims, without proof (RFC 6120 §4.7.1).
    pub const fn from(&self) -> Option<&Jid> {
        self.from.as_ref()
    }

    /// Whether TLS protects the stream. The question is asked again after STARTTLS, because nothing
    /// that was sent in clear text counts.
    pub const fn secured(&self) -> bool {
        self.secured
    }
}

/// The answer to a [`HostRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HostAnswer {
    /// The server serves the domain, and offers this.
    Serve(Host),
    /// The server does not serve the domain: `<host-unknown/>` (RFC 6120 §4.9.3.6).
    Unknown,
    /// The server no longer serves the domain: `<host-gone/>` (§4.9.3.5).
    Gone,
    /// The domain is served at this host and optional port: `<see-other-host/>` (§4.9.3.19). The text
    /// has to be a domain or an IP address, an IPv6 address in brackets, with `:` before the port if
    /// there is one. It is sent as it is, and clients follow no other form.
    ///
    /// The client is redirected only over TLS. In clear text it is offered STARTTLS and nothing
    /// else, and the question is asked again after TLS.
    SeeOtherHost(String),
    /// Like [`SeeOtherHost`](Self::SeeOtherHost), but sent in clear text too. RFC 6120 §4.9.3.19
    /// advises against that: an attacker on the path can send the same, and careful clients do not
    /// follow it.
    SeeOtherHostInClear(String),
}

/// Asks whether a client may log in, and to which account.
#[must_use = "a dropped question ends the connection by time-out"]
pub struct SaslRequest {
    pub(super) serial: u64,
    pub(super) asked: Box<Asked>,
}

/// What a [`SaslRequest`] asks. It is in a box, because events have room for one.
pub(super) struct Asked {
    pub(super) mechanism: Mechanism,
    pub(super) domain: Domainpart,
    pub(super) authzid: Option<String>,
    pub(super) subject: Subject,
}

/// The user who wants to log in, as far as the mechanism shows.
pub(super) enum Subject {
    /// A user name. The keys of that user are needed.
    Keys(String),
    /// A user name with a password.
    Password(String, Password),
    /// A certificate, and the account that it selects.
    Certificate(Option<BareJid>, CertificateIdentities),
    /// An anonymous user: the new account, and a trace if one was sent.
    Stranger(BareJid, Option<String>),
}

impl SaslRequest {
    /// The mechanism that the client chose.
    pub fn mechanism(&self) -> Mechanism {
        self.asked.mechanism
    }

    /// The user name that the client sent, prepared by SASLprep. It is empty with EXTERNAL and
    /// ANONYMOUS, which have none.
    pub fn username(&self) -> &str {
        match &self.asked.subject {
            Subject::Keys(username) | Subject::Password(username, _) => username,
            Subject::Certificate(..) | Subject::Stranger(..) => "",
        }
    }

    /// The authorization identity that the client sent, if any (RFC 6120 §6.3.8).
    pub fn authzid(&self) -> Option<&str> {
        self.asked.authzid.as_deref()
    }

    /// The account to log in to: the user name at the stream's domain, the account in the
    /// certificate, or for an anonymous client one with a random localpart.
    ///
    /// `None` if the user name is not a valid localpart, so that no such account exists, or if the
    /// certificate names no account of the domain. In that case only the application can know its
    /// account.
    pub fn account(&self) -> Option<BareJid> {
        match &self.asked.subject {
            Subject::Keys(username) | Subject::Password(username, _) => {
                account(username, &self.asked.domain)
            }
            Subject::Certificate(account, _) => account.clone(),
            Subject::Stranger(account, _) => Some(account.clone()),
        }
    }

    /// What is asked for.
    pub fn question(&self) -> SaslQuestion<'_> {
        match &self.asked.subject {
            Subject::Keys(username) => SaslQuestion::ScramKeys {
                mechanism: self.asked.mechanism,
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

    /// Whether the answer fits this question.
    pub(super) fn takes(&self, answer: &SaslAnswer) -> bool {
        match answer {
            SaslAnswer::ScramKeys(_) => {
                matches!(self.asked.subject, Subject::Keys(_) | Subject::Password(..))
            }
            // The client continues with the domain that it asked for (RFC 6120 §6.4.6), so it could
            // never bind a resource of an account at another domain.
            SaslAnswer::Accept(account) => {
                !matches!(self.asked.subject, Subject::Keys(_))
                    && account.domainpart() == self.asked.domain.as_str()
            }
            SaslAnswer::Reject(_) => true,
        }
    }
}

impl fmt::Debug for SaslRequest {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaslRequest")
            .field("mechanism", &self.asked.mechanism)
            .field("username", &self.username())
            .field("authzid", &self.asked.authzid)
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
    /// [`SaslAnswer::Reject`], or with the user's [`SaslAnswer::ScramKeys`] of any hash, against
    /// which the machine checks it.
    Password {
        /// The prepared user name.
        username: &'a str,
        /// The password in clear text. Do not log it.
        password: &'a str,
    },
    /// Whether the owner of this certificate may log in: answer with [`SaslAnswer::Accept`] and the
    /// account, or with [`SaslAnswer::Reject`].
    ///
    /// Only the addresses at the stream's domain count (RFC 6120 §13.7.2.2.1). If there are any, the
    /// machine has already refused an authorization identity that is not among them; without one it
    /// has taken the only address, or that in `from` of the stream header, or else refused the
    /// login (XEP-0178 §2). The application decides whether the account exists and may log in with a
    /// certificate.
    External {
        /// The authorization identity that the client sent. It proves nothing by itself.
        authzid: Option<&'a str>,
        /// The account at the stream's domain that certificate and authorization identity select.
        ///
        /// `None` if the certificate names no account of the domain. It then proves no address, and
        /// the application decides by other means, such as a table of the certificates of its users
        /// (RFC 6120 §13.7.2.2.1): the adapters tell the whole certificate
        /// (`TlsSummary::peer_certificates`).
        account: Option<&'a BareJid>,
        /// The identities in the certificate.
        peer: &'a CertificateIdentities,
    },
    /// Whether anonymous users may log in: answer with [`SaslAnswer::Accept`] and the account to
    /// use, or with [`SaslAnswer::Reject`]. The account should be new and never be used again. The
    /// application restricts what it may do (XEP-0175 §3).
    Anonymous {
        /// A new account with an unguessable localpart.
        account: &'a BareJid,
        /// What the client tells about itself, at most 255 characters (RFC 4505 §2). For logs only:
        /// it proves nothing, and may be personal data.
        trace: Option<&'a str>,
    },
}

/// The answer to a [`SaslRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SaslAnswer {
    /// The user's keys. The client is logged in if it proves to know the password.
    ScramKeys(ScramKeys),
    /// The client may log in to this account, which must be at the stream's domain. A client that
    /// sent the authorization identity of another account is refused with `invalid-authzid`.
    Accept(BareJid),
    /// The client may not log in. With `not-authorized`, an unknown user cannot be told from a
    /// wrong password: the exchange continues with made-up keys and fails at its end. Other
    /// conditions are sent at once: `account-disabled`, `credentials-expired`, `mechanism-too-weak`
    /// for a user who has to use another mechanism, or `temporary-auth-failure` when a data base
    /// cannot be reached.
    Reject(SaslFailure),
}

/// Asks for the resource that an authenticated client gets (RFC 6120 §7, XEP-0386).
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct BindRequest {
    pub(super) serial: u64,
    pub(super) asked: Box<AskedBind>,
}

/// What a [`BindRequest`] asks. It is in a box, because events have room for one.
#[derive(Debug)]
pub(super) struct AskedBind {
    pub(super) account: BareJid,
    pub(super) requested: Option<Resourcepart>,
    pub(super) unfit: Option<Box<str>>,
    pub(super) suggested: Resourcepart,
    pub(super) inline: Option<Wishes>,
}

impl BindRequest {
    /// The account that binds a resource.
    pub fn account(&self) -> &BareJid {
        &self.asked.account
    }

    /// The resource that the client asks for, if it asks for one (RFC 6120 §7.7). With Bind 2 it
    /// cannot.
    pub fn requested(&self) -> Option<&Resourcepart> {
        self.asked.requested.as_ref()
    }

    /// The text that the client asks for, if it cannot be a resource: it is too long, or has
    /// characters that RFC 7622 forbids. RFC 6120 §7.7.2.1 recommends to bind another resource then,
    /// the [suggested](Self::suggested) one or one that the application makes of the text;
    /// [`BindAnswer::Reject`] with `<bad-request/>` is allowed.
    pub fn unfit(&self) -> Option<&str> {
        self.asked.unfit.as_deref()
    }

    /// The requested resource, or else a random, unguessable one (RFC 6120 §7.6). With Bind 2 it
    /// begins with the client's [`tag`](Self::tag), if that can be a part of a resource.
    pub fn suggested(&self) -> &Resourcepart {
        &self.asked.suggested
    }

    /// The account with the suggested resource.
    pub fn suggested_jid(&self) -> FullJid {
        self.asked.account.with_resource(&self.asked.suggested)
    }

    /// Whether the client binds by Bind 2 (XEP-0386), inside its login.
    ///
    /// The application then deletes the offline messages of the account without delivering them,
    /// because the client fetches them from the archive, and ends older sessions of the same
    /// [`user_agent`](Self::user_agent) (XEP-0386 §3.2). After a refusal the client is logged in,
    /// and may bind as in RFC 6120 §7.
    pub fn is_inline(&self) -> bool {
        self.asked.inline.is_some()
    }

    fn bind_wish(&self) -> Option<&BindWish> {
        self.asked.inline.as_ref()?.bind.as_ref()
    }

    /// The name of the client's software, as it sent it in Bind 2. It can be any text.
    pub fn tag(&self) -> Option<&str> {
        self.bind_wish()?.tag.as_deref()
    }

    /// The installation that the client told in SASL2, if it told one.
    pub fn user_agent(&self) -> Option<&UserAgent> {
        self.asked.inline.as_ref()?.user_agent.as_ref()
    }

    /// Whether carbons have to be enabled with the binding, which must not fail (XEP-0386 §3.2).
    pub fn wants_carbons(&self) -> bool {
        self.bind_wish().is_some_and(|wish| wish.carbons)
    }

    /// What else the client requests with its binding: elements for the features of
    /// [`Sasl2::with_bind_feature`](crate::Sasl2::with_bind_feature), and others.
    pub fn requests(&self) -> &[Element] {
        self.bind_wish().map_or(&[], |wish| &wish.others)
    }
}

/// Asks for the session that an authenticated client wants to resume (XEP-0198 §5).
///
/// The session may be [detached](crate::Detached), or still have its old connection, from which
/// [`Endpoint::detach`](crate::Endpoint::detach) takes it.
#[must_use = "a dropped question ends the connection by time-out"]
pub struct ResumeRequest {
    pub(super) serial: u64,
    pub(super) account: BareJid,
    pub(super) id: Box<str>,
    pub(super) handled: u32,
}

impl ResumeRequest {
    pub(super) const fn serial(&self) -> u64 {
        self.serial
    }

    /// The account that the client has proven to be. A session of another one must not be resumed:
    /// [`Endpoint::answer_resume`](crate::Endpoint::answer_resume) treats it as unknown.
    pub const fn account(&self) -> &BareJid {
        &self.account
    }

    /// The id of the session, as the client has it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How many stanzas the client has handled, modulo 2^32.
    pub const fn handled(&self) -> u32 {
        self.handled
    }
}

impl fmt::Debug for ResumeRequest {
    /// Omits the id, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResumeRequest")
            .field("account", &self.account)
            .field("handled", &self.handled)
            .finish_non_exhaustive()
    }
}

/// The answer to a [`ResumeRequest`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ResumeAnswer {
    /// The session continues on this connection.
    Resume(Detached),
    /// There is no session with that id, or it is of another account: `<item-not-found/>`. Both get
    /// the same answer, so that nothing can be learnt from it. The client may bind a resource next.
    Unknown {
        /// How many stanzas of the client the session had handled, if that is still known of a session
        /// of this account: see [`Detached::handled`](crate::Detached::handled).
        handled: Option<u32>,
    },
}

/// The answer to a [`BindRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BindAnswer {
    /// Binds this resource. An account may have several, but no two of its connections may have the
    /// same one (RFC 6120 §7.1, §7.5). If an older connection has it, there are three ways
    /// (§7.7.2.2): bind another resource, reject this one with `<conflict/>`, or close the older
    /// connection with the stream error `<conflict/>` before this one is bound.
    Bind(Resourcepart),
    /// Like [`Bind`](Self::Bind), with answers to requests of the client in
    /// [`BindRequest::requests`], such as the `<metadata/>` of an archive (XEP-0386 §3.2). Without
    /// Bind 2 they are not sent.
    BindWith(Resourcepart, Vec<Element>),
    /// Refuses the resource. The client may ask for another one.
    ///
    /// A server should let its administrator limit how many resources an account has (RFC 6120 §7.1).
    /// At the limit the error has to be `<resource-constraint/>`, and `<not-allowed/>` for a client
    /// that may not bind at all (§7.6.2).
    Reject(StanzaError),
}
