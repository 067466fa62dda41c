//! Who may send what, in which phase of a stream: the one table that both roles obey.
//!
//! [`RULES`] is role-blind: each rule names the sender, so the same line allows one side to send an item
//! and the other side to receive it. What no rule allows is a violation. The tests walk this table, and
//! it is the source of the diagram in the documentation.

use core::fmt;

use xmppwire_xml::Element;

use crate::ns;

/// One of the two ends of a client-to-server stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The initiating entity.
    Client,
    /// The receiving entity.
    Server,
}

impl Role {
    /// The other end.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The client's stream header is awaited: at the start and after every restart (RFC 6120 §4.3.3).
    Opening,
    /// The server's stream header is awaited (§4.2).
    Answering,
    /// The server's features are awaited (§4.3.2).
    Offering,
    /// The client's choice among the features is awaited (§4.3.2).
    Choosing,
    /// The server's answer to `<starttls/>` is awaited (§5.4.2).
    StartingTls,
    /// The transport is changing to TLS (§5.4.3).
    Tls,
    /// A SASL exchange is under way (§6.4).
    Sasl,
    /// The server's answer to the bind request is awaited (§7.6).
    Binding,
    /// The server's answer to the legacy session request is awaited (RFC 3921 §3).
    Session,
    /// A resource is bound: stanzas flow (§7.3.1, §8).
    Bound,
    /// The stream has ended (§4.4).
    Closed,
}

/// What one side can send during negotiation, at the level of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Item {
    /// The stream header.
    Header,
    /// `<stream:features/>`
    Features,
    /// `<starttls/>`
    StartTls,
    /// `<proceed/>`
    Proceed,
    /// `<failure/>` of STARTTLS.
    TlsFailure,
    /// The TLS handshake, which is not XML.
    Handshake,
    /// `<auth/>`
    Auth,
    /// `<challenge/>`
    Challenge,
    /// `<response/>`
    Response,
    /// `<abort/>`
    Abort,
    /// `<success/>`
    Success,
    /// `<failure/>` of SASL.
    SaslFailure,
    /// An IQ of type set with `<bind/>`.
    Bind,
    /// An IQ of type set with the legacy `<session/>`.
    Session,
    /// An IQ of type result.
    Result,
    /// An IQ of type error.
    Error,
    /// Any other stanza.
    Stanza,
    /// What is none of these.
    Other,
}

impl Item {
    /// What an element is.
    pub fn of(element: &Element) -> Self {
        match (element.ns(), element.name()) {
            (ns::STREAMS, "features") => Self::Features,
            (ns::TLS, "starttls") => Self::StartTls,
            (ns::TLS, "proceed") => Self::Proceed,
            (ns::TLS, "failure") => Self::TlsFailure,
            (ns::SASL, "auth") => Self::Auth,
            (ns::SASL, "challenge") => Self::Challenge,
            (ns::SASL, "response") => Self::Response,
            (ns::SASL, "abort") => Self::Abort,
            (ns::SASL, "success") => Self::Success,
            (ns::SASL, "failure") => Self::SaslFailure,
            (ns::CLIENT, "message" | "presence") => Self::Stanza,
            (ns::CLIENT, "iq") => match element.attr("type") {
                Some("set") if element.child("bind", ns::BIND).is_some() => Self::Bind,
                Some("set") if element.child("session", ns::SESSION).is_some() => Self::Session,
                Some("result") => Self::Result,
                Some("error") => Self::Error,
                _ => Self::Stanza,
            },
            _ => Self::Other,
        }
    }

    /// Whether it is a stanza of RFC 6120 §8, also where it serves the negotiation.
    pub const fn is_stanza(self) -> bool {
        matches!(
            self,
            Self::Bind | Self::Session | Self::Result | Self::Error | Self::Stanza
        )
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "stream header",
            Self::Features => "<features/>",
            Self::StartTls => "<starttls/>",
            Self::Proceed => "<proceed/>",
            Self::TlsFailure => "TLS <failure/>",
            Self::Handshake => "TLS handshake",
            Self::Auth => "<auth/>",
            Self::Challenge => "<challenge/>",
            Self::Response => "<response/>",
            Self::Abort => "<abort/>",
            Self::Success => "<success/>",
            Self::SaslFailure => "SASL <failure/>",
            Self::Bind => "IQ set <bind/>",
            Self::Session => "IQ set <session/>",
            Self::Result => "IQ result",
            Self::Error => "IQ error",
            Self::Stanza => "stanza",
            Self::Other => "anything else",
        })
    }
}

/// One line of the table: in `phase`, `sender` may send `item`, which leads to `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// The phase in which it holds.
    pub phase: Phase,
    /// Who sends.
    pub sender: Role,
    /// What is sent.
    pub item: Item,
    /// The phase that follows.
    pub next: Phase,
    /// Whether it holds with TLS, without, or either way (`None`).
    pub secured: Option<bool>,
    /// Whether it holds with an authenticated client, without, or either way (`None`).
    pub authenticated: Option<bool>,
}

const fn rule(phase: Phase, sender: Role, item: Item, next: Phase) -> Rule {
    Rule {
        phase,
        sender,
        item,
        next,
        secured: None,
        authenticated: None,
    }
}

impl Rule {
    const fn clear_text(mut self) -> Self {
        self.secured = Some(false);
        self
    }

    const fn authenticated(mut self, authenticated: bool) -> Self {
        self.authenticated = Some(authenticated);
        self
    }

    fn holds(
        &self,
        phase: Phase,
        sender: Role,
        item: Item,
        secured: bool,
        authenticated: bool,
    ) -> bool {
        self.phase == phase
            && self.sender == sender
            && self.item == item
            && self.secured.is_none_or(|needed| needed == secured)
            && self
                .authenticated
                .is_none_or(|needed| needed == authenticated)
    }
}

/// The whole of negotiation (RFC 6120 §4.3 to §7). Stream errors and closing tags are allowed anywhere.
#[rustfmt::skip]
pub const RULES: &[Rule] = {
    use {Item as I, Phase as P, Role::{Client, Server}};
    &[
        rule(P::Opening,     Client, I::Header,      P::Answering),
        rule(P::Answering,   Server, I::Header,      P::Offering),
        rule(P::Offering,    Server, I::Features,    P::Choosing),

        rule(P::Choosing,    Client, I::StartTls,    P::StartingTls).clear_text().authenticated(false),
        rule(P::StartingTls, Server, I::Proceed,     P::Tls),
        rule(P::StartingTls, Server, I::TlsFailure,  P::Closed),
        rule(P::Tls,         Client, I::Handshake,   P::Opening),

        rule(P::Choosing,    Client, I::Auth,        P::Sasl).authenticated(false),
        rule(P::Sasl,        Server, I::Challenge,   P::Sasl),
        rule(P::Sasl,        Client, I::Response,    P::Sasl),
        rule(P::Sasl,        Client, I::Abort,       P::Sasl),
        rule(P::Sasl,        Server, I::SaslFailure, P::Choosing),
        rule(P::Sasl,        Server, I::Success,     P::Opening),

        rule(P::Choosing,    Client, I::Bind,        P::Binding).authenticated(true),
        rule(P::Binding,     Server, I::Error,       P::Choosing),
        rule(P::Binding,     Server, I::Result,      P::Bound),

        // A server answers the legacy session request at any time; a client of such a server waits.
        rule(P::Bound,       Client, I::Session,     P::Session),
        rule(P::Session,     Server, I::Result,      P::Bound),
        rule(P::Session,     Server, I::Error,       P::Bound),

        rule(P::Bound,       Client, I::Stanza,      P::Bound),
        rule(P::Bound,       Client, I::Result,      P::Bound),
        rule(P::Bound,       Client, I::Error,       P::Bound),
        rule(P::Bound,       Client, I::Bind,        P::Bound),
        // Features may be offered anew at any time (§4.3.5).
        rule(P::Bound,       Server, I::Features,    P::Bound),
        rule(P::Bound,       Server, I::Stanza,      P::Bound),
        rule(P::Bound,       Server, I::Result,      P::Bound),
        rule(P::Bound,       Server, I::Error,       P::Bound),
        rule(P::Bound,       Server, I::Bind,        P::Bound),
        rule(P::Bound,       Server, I::Session,     P::Bound),
    ]
};

/// The phase that follows when `sender` sends `item`; `None` where that is not allowed.
pub fn next(
    phase: Phase,
    sender: Role,
    item: Item,
    secured: bool,
    authenticated: bool,
) -> Option<Phase> {
    next_by(RULES, phase, sender, item, secured, authenticated)
}

/// The phase that follows by a table of rules.
pub(crate) fn next_by(
    rules: &[Rule],
    phase: Phase,
    sender: Role,
    item: Item,
    secured: bool,
    authenticated: bool,
) -> Option<Phase> {
    rules
        .iter()
        .find(|rule| rule.holds(phase, sender, item, secured, authenticated))
        .map(|rule| rule.next)
}
