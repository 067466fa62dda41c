//! The table itself.

use super::{Item, Phase, Side};

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
