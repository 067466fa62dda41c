//! The names that an adapter re-exports: all that an application needs beside the adapter's own
//! types.
//!
//! One list for all adapters, so that a program moves from one to another by changing the name of
//! the crate. What only a driver of connections calls is not in it; see [`xmppwire`] and the other
//! modules of this crate for that.

pub use xmppwire::{
    AccountError, ApiMisuse, Attr, Attrs, BareJid, BindAnswer, BindRequest, Carbon,
    CarbonDirection, CertificateIdentities, ChannelBindingType, ChannelBindings, Children,
    ClientConfig, ClientEvent, CloseReason, Credentials, CredentialsError, DecoyKey,
    DerivationRequest, Detached, DetachedLimits, DetachedSessions, Domainpart, Element,
    ElementBuilder, ElementRef, Endpoint, Entropy, EntropyUnavailable, ErrorType, FaultKind,
    FullJid, Host, HostAnswer, HostRequest, InvalidStanza, InvalidUserAgentId, Iq, IqTracker,
    IqType, IssuedToken, Jid, JidError, JidErrorReason, JidPart, KeepAlive, KeysError, Limits,
    Localpart, Managed, Mechanism, MechanismPolicy, Message, MessageType, NodeRef, Nodes,
    ParseError, Password, PeerIncompatible, PeerMisbehaved, Presence, PresenceType, Probe,
    PushError, ReadError, ReadErrorKind, Resourcepart, ResumeAnswer, ResumeRequest, Resumption,
    Role, RoleEvent, SaltedPassword, Sasl2, SaslAnswer, SaslClientError, SaslCondition,
    SaslFailure, SaslMessageError, SaslPrepError, SaslQuestion, SaslRequest, SavedSessionError,
    SavedTokenError, ScramHash, ScramKeys, ScramServerError, Server, ServerConfig, ServerEvent,
    Show, Stanza, StanzaError, StanzaErrorCondition, StanzaFault, StartTls, StreamError,
    StreamErrorCondition, StreamFeatures, StreamLimits, StreamManagement, TaskAnswer, TaskQuestion,
    TaskRequest, TaskStep, TaskVerdict, Text, Timer, TlsInfo, TlsOffer, TlsPolicy, ToJid, Token,
    TokenAnswer, TokenEnd, TokenLookup, TokenMechanism, TokenPolicy, TokenSlots, TokenStore,
    TokenUpdate, Unacknowledged, UserAgent, WriteError, XmlLimits, component, escaping, ns,
    routing,
};

pub use xmppwire::s2s::{DialbackSecret, Pair, Trust};

pub use crate::client::{
    Cause, ConnectError, Connector, Error, NotAcknowledged, NotAllAcknowledged, Profile,
    ReconnectEvent, ReconnectPolicy, RequestError, RequestId, SessionConnector, SessionRole,
    Suspended, Verdict,
};
pub use crate::component::ComponentConnector;
pub use crate::federation::{
    DomainPolicy, FederationConfig, FederationEvent, FederationLimits, LocalDomain, NotRouted,
    Overload, Policies, Undelivered,
};
pub use crate::find::{
    Domain, Failure, Failures, InvalidDomain, LookupError, Mode, NameServers, Origin, PlanError,
    Service, Target,
};
pub use crate::link::LinkError;
pub use crate::tls;
