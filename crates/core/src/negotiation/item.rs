//! What can be sent during negotiation.

use core::fmt;

use xmppwire_xml::Element;

use crate::ns;

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
