//! The table of who may send what in which phase of a stream, for all roles.
//!
//! Each of the [`RULES`] names the sender, so one line allows one side to send an item and the
//! other side to receive it. An item that no rule allows is a violation. The tests walk this table,
//! and the diagram in the documentation is drawn from it.

use core::fmt;

use xmppwire_xml::Element;

use crate::ns;

/// A side of a stream: one of its two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Side {
    /// The initiating entity of a stream from a client to a server.
    Client,
    /// The receiving entity of a stream from a client to a server.
    Server,
    /// The initiating entity of a stream between servers.
    Outgoing,
    /// The receiving entity of a stream between servers.
    Incoming,
    /// The initiating entity of a component's stream (XEP-0114).
    Component,
    /// The receiving entity of a component's stream.
    Host,
}

impl Side {
    /// The other side of the same stream.
    pub const fn peer(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
            Self::Component => Self::Host,
            Self::Host => Self::Component,
        }
    }
}

/// How far the negotiation of a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The initiating entity's stream header is awaited: at the start and after every restart
    /// (RFC 6120 §4.3.3).
    Opening,
    /// The receiving entity's stream header is awaited (§4.2).
    Answering,
    /// The receiving entity's features are awaited (§4.3.2).
    Offering,
    /// The initiating entity's choice among the features is awaited (§4.3.2). Between servers,
    /// dialback runs in this phase until it authorises the first pair.
    Choosing,
    /// The answer to `<starttls/>` is awaited (§5.4.2).
    StartingTls,
    /// The transport is changing to TLS (§5.4.3).
    Tls,
    /// A SASL exchange is under way (§6.4).
    Sasl,
    /// An exchange of SASL2 is under way (XEP-0388 §2.4). Neither side may send anything else, not
    /// even white space.
    Sasl2,
    /// A task is chosen or under way, which the server asks for beside the mechanism (XEP-0388
    /// §2.6.3).
    Tasks,
    /// The server's answer to the bind request is awaited (§7.6).
    Binding,
    /// The server's answer to the request to resume a session is awaited (XEP-0198 §5).
    Resuming,
    /// The server's answer to the legacy session request is awaited (RFC 3921 §3).
    Session,
    /// The handshake of a component is awaited (XEP-0114 §3).
    Proving,
    /// The server's answer to the handshake is awaited (XEP-0114 §3).
    Attaching,
    /// A resource is bound, or a component attached, and stanzas are exchanged (§7.3.1, §8).
    Bound,
    /// Between servers: stanzas of authorised pairs are exchanged, and dialback for further pairs
    /// continues (XEP-0220 §2.6).
    Serving,
    /// The stream has ended (§4.4).
    Closed,
}

impl Phase {
    /// Whether dialback may go on in this phase.
    pub(crate) const fn runs_dialback(self) -> bool {
        matches!(self, Self::Choosing | Self::Serving)
    }

    /// Whether nothing may pass but the elements of SASL2, not even white space (XEP-0388 §2.4).
    pub(crate) const fn is_sasl2(self) -> bool {
        matches!(self, Self::Sasl2 | Self::Tasks)
    }

    /// Whether stanzas pass in this phase.
    pub(crate) const fn passes_stanzas(self) -> bool {
        matches!(self, Self::Bound | Self::Serving)
    }
}

/// What one side can send during negotiation, at the level of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Item {
    /// The stream header.
    Header,
    /// The header of a stream without a version, as servers of before RFC 3920 send it (RFC 6120
    /// §4.7.5).
    LegacyHeader,
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
    /// `<authenticate/>` of SASL2 (XEP-0388 §2.3).
    Authenticate,
    /// `<challenge/>` of SASL2.
    Challenge2,
    /// `<response/>` of SASL2.
    Response2,
    /// `<abort/>` of SASL2.
    Abort2,
    /// `<failure/>` of SASL2 (§2.6.2).
    Failure2,
    /// `<success/>` of SASL2 (§2.6.1) without a resource.
    Success2,
    /// `<success/>` of SASL2 with `<bound/>`: a resource is bound (XEP-0386 §3.2).
    Bound2,
    /// `<success/>` of SASL2 with `<resumed/>`: a session continues (XEP-0198 §9.2).
    Resumed2,
    /// `<continue/>` of SASL2: tasks remain (§2.6.3).
    Continue,
    /// `<next/>` of SASL2: the choice of a task.
    Next,
    /// `<task-data/>` of SASL2.
    TaskData,
    /// An IQ of type set with `<bind/>`.
    Bind,
    /// An IQ of type set with the legacy `<session/>`.
    Session,
    /// An IQ of type result.
    Result,
    /// An IQ of type error.
    Error,
    /// The request for a bidirectional stream (XEP-0288 §2.1).
    Bidi,
    /// `<db:result/>` with a key: step 1 of dialback (XEP-0220 §2.1.1).
    Key,
    /// `<db:verify/>` with a key: step 2 (§2.1.2).
    Verify,
    /// `<db:verify/>` with a type: step 3 (§2.2.2).
    Verified,
    /// `<db:result/>` of type `valid`: step 4 (§2.2.1).
    Valid,
    /// `<db:result/>` of another type: step 4 as well.
    Invalid,
    /// `<handshake/>`: a component's proof, and the server's answer (XEP-0114 §3).
    ComponentHandshake,
    /// `<active/>` or `<inactive/>`, by which a client says whether its user looks at it (XEP-0352).
    ClientState,
    /// `<enable/>`: the request to manage the stream (XEP-0198 §3).
    Enable,
    /// `<enabled/>` (XEP-0198 §3).
    Enabled,
    /// `<resume/>`: the request to resume a session (XEP-0198 §5).
    Resume,
    /// `<resumed/>` (XEP-0198 §5).
    Resumed,
    /// `<failed/>` of stream management (XEP-0198 §3, §5).
    ManagementFailed,
    /// `<r/>`: the request for an acknowledgement (XEP-0198 §4).
    AcknowledgementRequest,
    /// `<a/>`: how many stanzas were handled (XEP-0198 §4).
    Acknowledgement,
    /// Any other stanza.
    Stanza,
    /// Anything else.
    Other,
}

impl Item {
    /// Classifies an element.
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
            (ns::SASL2, "authenticate") => Self::Authenticate,
            (ns::SASL2, "challenge") => Self::Challenge2,
            (ns::SASL2, "response") => Self::Response2,
            (ns::SASL2, "abort") => Self::Abort2,
            (ns::SASL2, "failure") => Self::Failure2,
            (ns::SASL2, "success") => {
                if element.child("resumed", ns::SM).is_some() {
                    Self::Resumed2
                } else if element.child("bound", ns::BIND2).is_some() {
                    Self::Bound2
                } else {
                    Self::Success2
                }
            }
            (ns::SASL2, "continue") => Self::Continue,
            (ns::SASL2, "next") => Self::Next,
            (ns::SASL2, "task-data") => Self::TaskData,
            (ns::CLIENT, "message" | "presence") => Self::Stanza,
            (ns::CLIENT, "iq") => match element.attr("type") {
                Some("set") if element.child("bind", ns::BIND).is_some() => Self::Bind,
                Some("set") if element.child("session", ns::SESSION).is_some() => Self::Session,
                Some("result") => Self::Result,
                Some("error") => Self::Error,
                _ => Self::Stanza,
            },
            (ns::SM, "enable") => Self::Enable,
            (ns::SM, "enabled") => Self::Enabled,
            (ns::SM, "resume") => Self::Resume,
            (ns::SM, "resumed") => Self::Resumed,
            (ns::SM, "failed") => Self::ManagementFailed,
            (ns::SM, "r") => Self::AcknowledgementRequest,
            (ns::SM, "a") => Self::Acknowledgement,
            (ns::SERVER | ns::COMPONENT, "message" | "presence" | "iq") => Self::Stanza,
            (ns::COMPONENT, "handshake") => Self::ComponentHandshake,
            (ns::CSI, "active" | "inactive") => Self::ClientState,
            (ns::BIDI, "bidi") => Self::Bidi,
            (ns::DIALBACK, "result") => match element.attr("type") {
                None => Self::Key,
                Some("valid") => Self::Valid,
                Some(_) => Self::Invalid,
            },
            (ns::DIALBACK, "verify") => match element.attr("type") {
                None => Self::Verify,
                Some(_) => Self::Verified,
            },
            _ => Self::Other,
        }
    }

    /// Whether it is a stanza (RFC 6120 §8), including those that belong to the negotiation.
    pub const fn is_stanza(self) -> bool {
        matches!(
            self,
            Self::Bind | Self::Session | Self::Result | Self::Error | Self::Stanza
        )
    }

    /// Whether it is a request of stream management, which is refused with `<failed/>` where it has no
    /// place (XEP-0198 §3, §6).
    pub(crate) const fn is_management_request(self) -> bool {
        matches!(
            self,
            Self::Enable | Self::Resume | Self::AcknowledgementRequest | Self::Acknowledgement
        )
    }

    /// Whether it answers a dialback request.
    pub(crate) const fn is_dialback_answer(self) -> bool {
        matches!(self, Self::Verified | Self::Valid | Self::Invalid)
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
            Self::Authenticate => "<authenticate/>",
            Self::Challenge2 => "SASL2 <challenge/>",
            Self::Response2 => "SASL2 <response/>",
            Self::Abort2 => "SASL2 <abort/>",
            Self::Failure2 => "SASL2 <failure/>",
            Self::Success2 => "SASL2 <success/>",
            Self::Bound2 => "SASL2 <success/> with <bound/>",
            Self::Resumed2 => "SASL2 <success/> with <resumed/>",
            Self::Continue => "<continue/>",
            Self::Next => "<next/>",
            Self::TaskData => "<task-data/>",
            Self::Bind => "IQ set <bind/>",
            Self::Session => "IQ set <session/>",
            Self::Result => "IQ result",
            Self::Error => "IQ error",
            Self::LegacyHeader => "header without version",
            Self::Bidi => "<bidi/>",
            Self::Key => "dialback key",
            Self::Verify => "dialback verify",
            Self::Verified => "dialback verify with type",
            Self::Valid => "dialback result valid",
            Self::Invalid => "dialback result invalid or error",
            Self::ComponentHandshake => "<handshake/>",
            Self::ClientState => "client state",
            Self::Enable => "<enable/>",
            Self::Enabled => "<enabled/>",
            Self::Resume => "<resume/>",
            Self::Resumed => "<resumed/>",
            Self::ManagementFailed => "<failed/>",
            Self::AcknowledgementRequest => "<r/>",
            Self::Acknowledgement => "<a/>",
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
    /// The side that sends.
    pub sender: Side,
    /// The item that is sent.
    pub item: Item,
    /// The phase that follows.
    pub next: Phase,
    /// Whether it holds with TLS, without, or either way (`None`).
    pub secured: Option<bool>,
    /// Whether it holds after authentication by SASL, before, or either way (`None`).
    pub authenticated: Option<bool>,
    /// Whether it holds on bidirectional streams between servers only (XEP-0288).
    pub bidirectional: bool,
}

/// The state of a stream beside its phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Given {
    /// Whether TLS protects it.
    pub secured: bool,
    /// Whether the initiating entity has authenticated by SASL.
    pub authenticated: bool,
    /// Whether both servers may send stanzas on it (XEP-0288).
    pub bidirectional: bool,
}

const fn rule(phase: Phase, sender: Side, item: Item, next: Phase) -> Rule {
    Rule {
        phase,
        sender,
        item,
        next,
        secured: None,
        authenticated: None,
        bidirectional: false,
    }
}

impl Rule {
    const fn clear_text(mut self) -> Self {
        self.secured = Some(false);
        self
    }

    const fn under_tls(mut self) -> Self {
        self.secured = Some(true);
        self
    }

    const fn authenticated(mut self, authenticated: bool) -> Self {
        self.authenticated = Some(authenticated);
        self
    }

    const fn bidirectional(mut self) -> Self {
        self.bidirectional = true;
        self
    }

    fn holds(&self, phase: Phase, sender: Side, item: Item, given: Given) -> bool {
        (self.phase, self.sender, self.item) == (phase, sender, item)
            && self.secured.is_none_or(|needed| needed == given.secured)
            && self
                .authenticated
                .is_none_or(|needed| needed == given.authenticated)
            && (given.bidirectional || !self.bidirectional)
    }
}

/// All rules of negotiation (RFC 6120 §4.3 to §7). Stream errors and closing tags are allowed in
/// every phase.
#[rustfmt::skip]
pub const RULES: &[Rule] = {
    use {Item as I, Phase as P, Side::{Client, Component, Host, Incoming, Outgoing, Server}};
    &[
        // --- From clients to servers
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
        // Another <auth/> replaces the exchange that runs (§6.4.2).
        rule(P::Sasl,        Client, I::Auth,        P::Sasl).authenticated(false),
        // An <abort/> that crosses the <failure/> is answered like any other (§6.4.4).
        rule(P::Choosing,    Client, I::Abort,       P::Sasl).authenticated(false),
        rule(P::Sasl,        Server, I::SaslFailure, P::Choosing),
        rule(P::Sasl,        Server, I::Success,     P::Opening),

        // SASL2 is for streams that TLS protects, and does not restart them (XEP-0388 §2.6.1, §3).
        rule(P::Choosing,    Client, I::Authenticate, P::Sasl2).under_tls().authenticated(false),
        rule(P::Sasl2,       Server, I::Challenge2,  P::Sasl2),
        rule(P::Sasl2,       Client, I::Response2,   P::Sasl2),
        rule(P::Sasl2,       Client, I::Abort2,      P::Sasl2),
        rule(P::Choosing,    Client, I::Abort2,      P::Sasl2).under_tls().authenticated(false),
        rule(P::Sasl2,       Server, I::Failure2,    P::Choosing),
        rule(P::Sasl2,       Server, I::Success2,    P::Offering),
        rule(P::Sasl2,       Server, I::Bound2,      P::Bound),
        rule(P::Sasl2,       Server, I::Resumed2,    P::Bound),
        rule(P::Sasl2,       Server, I::Continue,    P::Tasks),
        rule(P::Tasks,       Client, I::Next,        P::Tasks),
        rule(P::Tasks,       Client, I::TaskData,    P::Tasks),
        rule(P::Tasks,       Server, I::TaskData,    P::Tasks),
        rule(P::Tasks,       Server, I::Continue,    P::Tasks),
        rule(P::Tasks,       Client, I::Abort2,      P::Tasks),
        rule(P::Tasks,       Server, I::Failure2,    P::Choosing),
        rule(P::Tasks,       Server, I::Success2,    P::Offering),
        rule(P::Tasks,       Server, I::Bound2,      P::Bound),
        rule(P::Tasks,       Server, I::Resumed2,    P::Bound),

        rule(P::Choosing,    Client, I::Bind,        P::Binding).authenticated(true),
        rule(P::Binding,     Server, I::Error,       P::Choosing),
        rule(P::Binding,     Server, I::Result,      P::Bound),

        // A session is resumed instead of binding (XEP-0198 §5).
        rule(P::Choosing,    Client, I::Resume,           P::Resuming).authenticated(true),
        rule(P::Resuming,    Server, I::ManagementFailed, P::Choosing),
        rule(P::Resuming,    Server, I::Resumed,          P::Bound),

        // A server answers the legacy session request at any time. A client that has to send it
        // waits for the answer.
        rule(P::Bound,       Client, I::Session,     P::Session),
        rule(P::Session,     Server, I::Result,      P::Bound),
        rule(P::Session,     Server, I::Error,       P::Bound),
        // Stanzas may already be delivered to the resource (§10.5.4).
        rule(P::Session,     Server, I::Features,    P::Session),
        rule(P::Session,     Server, I::Stanza,      P::Session),
        rule(P::Session,     Server, I::Bind,        P::Session),
        rule(P::Session,     Server, I::Session,     P::Session),
        // A client ignores what it does not know (§11.4).
        rule(P::Session,     Server, I::Other,       P::Session),

        rule(P::Bound,       Client, I::Stanza,      P::Bound),
        rule(P::Bound,       Client, I::Result,      P::Bound),
        rule(P::Bound,       Client, I::Error,       P::Bound),
        rule(P::Bound,       Client, I::Bind,        P::Bound),
        rule(P::Bound,       Client, I::ClientState, P::Bound),
        // A server may offer features again at any time (§4.3.5).
        rule(P::Bound,       Server, I::Features,    P::Bound),
        rule(P::Bound,       Server, I::Stanza,      P::Bound),
        rule(P::Bound,       Server, I::Result,      P::Bound),
        rule(P::Bound,       Server, I::Error,       P::Bound),
        rule(P::Bound,       Server, I::Bind,        P::Bound),
        rule(P::Bound,       Server, I::Session,     P::Bound),
        rule(P::Bound,       Server, I::Other,       P::Bound),

        // Stream management (XEP-0198 §3, §4).
        rule(P::Bound,       Client, I::Enable,                 P::Bound),
        rule(P::Bound,       Server, I::Enabled,                P::Bound),
        rule(P::Bound,       Server, I::ManagementFailed,       P::Bound),
        rule(P::Bound,       Client, I::AcknowledgementRequest, P::Bound),
        rule(P::Bound,       Server, I::AcknowledgementRequest, P::Bound),
        rule(P::Bound,       Client, I::Acknowledgement,        P::Bound),
        rule(P::Bound,       Server, I::Acknowledgement,        P::Bound),

        // --- Between servers
        rule(P::Opening,     Outgoing, I::Header,       P::Answering),
        rule(P::Opening,     Outgoing, I::LegacyHeader, P::Answering).clear_text().authenticated(false),
        rule(P::Answering,   Incoming, I::Header,       P::Offering),
        // No features follow (§4.7.5), so dialback begins.
        rule(P::Answering,   Incoming, I::LegacyHeader, P::Choosing).clear_text().authenticated(false),
        rule(P::Offering,    Incoming, I::Features,     P::Choosing).authenticated(false),
        rule(P::Offering,    Incoming, I::Features,     P::Serving).authenticated(true),

        rule(P::Choosing,    Outgoing, I::StartTls,     P::StartingTls).clear_text(),
        rule(P::StartingTls, Incoming, I::Proceed,      P::Tls),
        rule(P::StartingTls, Incoming, I::TlsFailure,   P::Closed),
        rule(P::Tls,         Outgoing, I::Handshake,    P::Opening),

        rule(P::Choosing,    Outgoing, I::Bidi,         P::Choosing),
        rule(P::Choosing,    Outgoing, I::Auth,         P::Sasl),
        rule(P::Sasl,        Incoming, I::Challenge,    P::Sasl),
        rule(P::Sasl,        Outgoing, I::Response,     P::Sasl),
        rule(P::Sasl,        Outgoing, I::Abort,        P::Sasl),
        rule(P::Sasl,        Outgoing, I::Auth,         P::Sasl),
        rule(P::Sasl,        Incoming, I::SaslFailure,  P::Choosing),
        rule(P::Sasl,        Incoming, I::Success,      P::Opening),

        rule(P::Choosing,    Outgoing, I::Key,          P::Choosing),
        rule(P::Choosing,    Incoming, I::Invalid,      P::Choosing),
        rule(P::Choosing,    Incoming, I::Valid,        P::Serving),
        rule(P::Choosing,    Outgoing, I::Verify,       P::Choosing),
        rule(P::Choosing,    Incoming, I::Verified,     P::Choosing),

        rule(P::Serving,     Outgoing, I::Stanza,       P::Serving),
        rule(P::Serving,     Outgoing, I::Key,          P::Serving),
        rule(P::Serving,     Incoming, I::Valid,        P::Serving),
        rule(P::Serving,     Incoming, I::Invalid,      P::Serving),
        rule(P::Serving,     Outgoing, I::Verify,       P::Serving),
        rule(P::Serving,     Incoming, I::Verified,     P::Serving),
        rule(P::Serving,     Incoming, I::Features,     P::Serving),
        // The other direction (XEP-0288).
        rule(P::Serving,     Incoming, I::Stanza,       P::Serving).bidirectional(),
        rule(P::Serving,     Incoming, I::Key,          P::Serving).bidirectional(),
        rule(P::Serving,     Outgoing, I::Valid,        P::Serving).bidirectional(),
        rule(P::Serving,     Outgoing, I::Invalid,      P::Serving).bidirectional(),
        rule(P::Serving,     Incoming, I::Verify,       P::Serving).bidirectional(),
        rule(P::Serving,     Outgoing, I::Verified,     P::Serving).bidirectional(),

        // --- From components to servers
        rule(P::Opening,     Component, I::Header,             P::Answering),
        rule(P::Answering,   Host,      I::Header,             P::Proving),
        rule(P::Proving,     Component, I::ComponentHandshake, P::Attaching),
        rule(P::Attaching,   Host,      I::ComponentHandshake, P::Bound),
        rule(P::Bound,       Component, I::Stanza,             P::Bound),
        rule(P::Bound,       Host,      I::Stanza,             P::Bound),
        // The protocol has no features. Those of a server that sends some are ignored.
        rule(P::Attaching,   Host,      I::Features,           P::Attaching),
        rule(P::Bound,       Host,      I::Features,           P::Bound),
    ]
};

/// The phase that follows when `sender` sends `item`, or `None` if no rule allows it.
pub fn next(phase: Phase, sender: Side, item: Item, given: Given) -> Option<Phase> {
    RULES
        .iter()
        .find(|rule| rule.holds(phase, sender, item, given))
        .map(|rule| rule.next)
}
