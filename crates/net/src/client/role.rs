//! The roles that exchange stanzas with a server of their own.

use std::fmt;

use xmppwire::component::{Component, ComponentEvent};
use xmppwire::{
    ApiMisuse, Client, ClientEvent, CloseReason, DerivationRequest, Domainpart, Endpoint, Entropy,
    FullJid, Instant, IqTracker, Resumption, Role, SaltedPassword, Stanza, StanzaFault,
    StreamErrorCondition, TlsPolicy, Token, TokenEnd, Unacknowledged,
};

use super::duties::Duties;
use super::wishes::Wishes;
use super::{ClientSettings, Error, Verdict};
use crate::component::ComponentSettings;
use crate::find::{Domain, NameServers};
use crate::link::{Link, Secured, TlsSide};

/// A role that exchanges stanzas with a server of its own once it has negotiated: [`Client`] or
/// [`Component`].
///
/// What is generic over it, such as [`Session`](super::Session), works the same way for both.
pub trait SessionRole: Role + sealed::Sealed {
    /// The address that the stream is for: the full JID of a client, the domain of a component.
    type Address: Clone + Eq + fmt::Debug + fmt::Display + Send + Sync + 'static;

    /// What a connector has for this role alone.
    #[doc(hidden)]
    type Settings: Clone + fmt::Debug + Send + Sync + 'static;

    /// What the event is to a login and to a session.
    #[doc(hidden)]
    fn news(event: Self::Event) -> News;

    /// The address of the stream, once it is ready for stanzas.
    #[doc(hidden)]
    fn address(endpoint: &Endpoint<Self>) -> Option<&Self::Address>;

    /// The default language of the peer's stanzas.
    #[doc(hidden)]
    fn stream_lang(endpoint: &Endpoint<Self>) -> Option<&str>;

    /// Answers [`News::Derive`].
    #[doc(hidden)]
    fn derived(
        endpoint: &mut Endpoint<Self>,
        request: DerivationRequest,
        salted: &SaltedPassword,
    ) -> Result<(), ApiMisuse>;

    /// The link over a connection: over TLS after a finished handshake, otherwise in clear text.
    /// The token is for the login, if there is one.
    #[doc(hidden)]
    fn link(
        settings: &Self::Settings,
        token: Option<Token>,
        wishes: Wishes,
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Self>, Error>;

    /// This end of direct TLS.
    #[doc(hidden)]
    fn side(settings: &Self::Settings) -> Option<TlsSide>;

    /// Whether a stream in clear text has to change to TLS.
    #[doc(hidden)]
    fn expects_tls(settings: &Self::Settings) -> bool;

    /// The domain whose servers are looked up if the connector names none.
    #[doc(hidden)]
    fn domain(settings: &Self::Settings) -> Option<&Domain>;

    /// The name servers to ask, if not those of the system.
    #[doc(hidden)]
    fn name_servers(settings: &Self::Settings) -> Option<&NameServers>;

    /// Whether `<see-other-host/>` is followed, in clear text or over TLS.
    #[doc(hidden)]
    fn follows_redirects(settings: &Self::Settings, in_clear: bool) -> bool;

    /// Changes the settings for a server that another one redirects to.
    #[doc(hidden)]
    fn redirect(settings: &mut Self::Settings);

    /// What matches answers with the requests of a session under this address.
    #[doc(hidden)]
    fn tracker(address: &Self::Address, entropy: Entropy) -> IqTracker;

    /// What a session under this address does with the requests of others; `None` where the
    /// application answers all of them.
    #[doc(hidden)]
    fn duties(settings: &Self::Settings, address: &Self::Address) -> Option<Duties>;

    /// Lets the stream continue this session (XEP-0198 §5). Gives back one that it cannot continue.
    #[doc(hidden)]
    fn resume(endpoint: &mut Endpoint<Self>, resumption: Resumption) -> Option<Resumption>;

    /// Takes the session, if it can continue on another stream.
    #[doc(hidden)]
    fn take_resumption(endpoint: &mut Endpoint<Self>) -> Option<Resumption>;

    /// Tells the server whether the user looks at the client.
    #[doc(hidden)]
    fn set_active(endpoint: &mut Endpoint<Self>, active: bool);

    /// Whether the user looks at the client, as the application said last.
    #[doc(hidden)]
    fn is_active(endpoint: &Endpoint<Self>) -> bool;

    /// Whether carbons were enabled together with the binding.
    #[doc(hidden)]
    fn has_carbons(endpoint: &Endpoint<Self>) -> bool;

    /// Whether another attempt can help after this failure.
    #[doc(hidden)]
    fn verdict(reason: &Error) -> Verdict;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for xmppwire::Client {}
    impl Sealed for xmppwire::component::Component {}
}

/// An event of a login or a session.
#[doc(hidden)]
#[derive(Debug)]
pub enum News {
    /// The stream is ready for stanzas.
    Ready,
    /// The session of another stream continues. The server has handled this many stanzas of it.
    Resumed(u64),
    /// It is over.
    NotResumed(u64, Vec<Unacknowledged>),
    /// The server has handled all stanzas up to the one with this number.
    Acknowledged(u64),
    /// The server refused to manage the stream.
    Unmanaged,
    /// A salted password has to be computed.
    Derive(DerivationRequest),
    /// The token for the next login.
    Token(Box<Token>),
    /// The token is of no use any more.
    TokenGone(TokenEnd),
    Stanza(Stanza),
    Refused(StanzaFault),
    Closed(CloseReason),
    /// Nothing that matters here.
    Other,
}

impl SessionRole for Client {
    type Address = FullJid;
    type Settings = ClientSettings;

    fn news(event: ClientEvent) -> News {
        match event {
            ClientEvent::Bound(_) => News::Ready,
            ClientEvent::Resumed { acknowledged, .. } => News::Resumed(acknowledged),
            ClientEvent::NotResumed {
                acknowledged,
                unacknowledged,
            } => News::NotResumed(acknowledged, unacknowledged),
            ClientEvent::Acknowledged(number) => News::Acknowledged(number),
            ClientEvent::Unmanaged(_) => News::Unmanaged,
            ClientEvent::Derivation(request) => News::Derive(request),
            ClientEvent::Token(token) => News::Token(Box::new(token)),
            ClientEvent::TokenGone(end) => News::TokenGone(end),
            ClientEvent::Stanza(stanza) => News::Stanza(stanza),
            ClientEvent::Refused(fault) => News::Refused(fault),
            ClientEvent::Closed(reason) => News::Closed(reason),
            _ => News::Other,
        }
    }

    fn address(endpoint: &Endpoint<Self>) -> Option<&FullJid> {
        endpoint.jid()
    }

    fn stream_lang(endpoint: &Endpoint<Self>) -> Option<&str> {
        endpoint.stream_lang()
    }

    fn derived(
        endpoint: &mut Endpoint<Self>,
        request: DerivationRequest,
        salted: &SaltedPassword,
    ) -> Result<(), ApiMisuse> {
        endpoint.answer_derivation(request, salted)
    }

    fn link(
        settings: &ClientSettings,
        token: Option<Token>,
        wishes: Wishes,
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Self>, Error> {
        let entropy = Entropy::from_os()?;
        let mut account = settings.account.clone();
        if let Some(token) = token {
            account = account.with_token(token);
        }
        if wishes.carbons {
            account = account.with_carbons();
        }
        if let Some(management) = &settings.management {
            account = account.with_stream_management(management.clone());
        }
        let mut link = match secured {
            Some(secured) => {
                let client = Self::with_direct_tls(account, entropy, now, secured.info());
                Link::over_tls(client, secured)
            }
            None => Link::new(Self::new(account, entropy, now), Self::side(settings)),
        };
        link.connection_mut().set_active(!wishes.inactive);
        Ok(link)
    }

    fn side(settings: &ClientSettings) -> Option<TlsSide> {
        let (tls, domain) = (settings.tls.clone(), settings.domain.clone());
        Some(TlsSide::lazy_client(tls, domain))
    }

    fn expects_tls(_: &ClientSettings) -> bool {
        true
    }

    fn domain(settings: &ClientSettings) -> Option<&Domain> {
        Some(&settings.domain)
    }

    fn name_servers(settings: &ClientSettings) -> Option<&NameServers> {
        settings.name_servers.as_ref()
    }

    fn follows_redirects(settings: &ClientSettings, in_clear: bool) -> bool {
        !in_clear || settings.redirects_in_clear
    }

    /// The other server has to prove its identity with TLS, even if the first one was trusted
    /// without, for example because it is on the same machine.
    fn redirect(settings: &mut ClientSettings) {
        settings.account = settings.account.clone().with_tls(TlsPolicy::Required);
    }

    fn tracker(address: &FullJid, entropy: Entropy) -> IqTracker {
        IqTracker::new(address.clone(), entropy)
    }

    fn duties(settings: &ClientSettings, address: &FullJid) -> Option<Duties> {
        let (claims, profile) = (settings.claims.clone(), settings.profile.clone());
        Some(Duties::new(address.clone(), claims, profile))
    }

    fn resume(endpoint: &mut Endpoint<Self>, resumption: Resumption) -> Option<Resumption> {
        let refused = endpoint.resume(resumption).err()?;
        Some(refused.resumption)
    }

    fn take_resumption(endpoint: &mut Endpoint<Self>) -> Option<Resumption> {
        endpoint.take_resumption()
    }

    fn set_active(endpoint: &mut Endpoint<Self>, active: bool) {
        endpoint.set_active(active);
    }

    fn is_active(endpoint: &Endpoint<Self>) -> bool {
        endpoint.is_active()
    }

    fn has_carbons(endpoint: &Endpoint<Self>) -> bool {
        endpoint.has_carbons()
    }

    fn verdict(reason: &Error) -> Verdict {
        reason.verdict()
    }
}

impl SessionRole for Component {
    type Address = Domainpart;
    type Settings = ComponentSettings;

    fn news(event: ComponentEvent) -> News {
        match event {
            ComponentEvent::Bound => News::Ready,
            ComponentEvent::Stanza(stanza) => News::Stanza(stanza),
            ComponentEvent::Refused(fault) => News::Refused(fault),
            ComponentEvent::Closed(reason) => News::Closed(reason),
            _ => News::Other,
        }
    }

    fn address(endpoint: &Endpoint<Self>) -> Option<&Domainpart> {
        Some(endpoint.domain())
    }

    fn stream_lang(endpoint: &Endpoint<Self>) -> Option<&str> {
        endpoint.stream_lang()
    }

    /// A component never asks.
    fn derived(
        _: &mut Endpoint<Self>,
        _: DerivationRequest,
        _: &SaltedPassword,
    ) -> Result<(), ApiMisuse> {
        Err(ApiMisuse::StaleRequest)
    }

    fn link(
        settings: &ComponentSettings,
        _: Option<Token>,
        _: Wishes,
        now: Instant,
        secured: Option<Secured>,
    ) -> Result<Link<Self>, Error> {
        let config = settings.component.clone();
        Ok(match secured {
            Some(secured) => {
                let component = Self::with_direct_tls(config, now, secured.info());
                Link::over_tls(component, secured)
            }
            None => Link::new(Self::new(config, now), None),
        })
    }

    fn side(settings: &ComponentSettings) -> Option<TlsSide> {
        settings.tls.clone()
    }

    /// The protocol has no STARTTLS.
    fn expects_tls(_: &ComponentSettings) -> bool {
        false
    }

    /// There are no SRV records for components.
    fn domain(_: &ComponentSettings) -> Option<&Domain> {
        None
    }

    fn name_servers(_: &ComponentSettings) -> Option<&NameServers> {
        None
    }

    /// The secret is for the servers that the connector names.
    fn follows_redirects(_: &ComponentSettings, _: bool) -> bool {
        false
    }

    fn redirect(_: &mut ComponentSettings) {}

    fn tracker(_: &Domainpart, entropy: Entropy) -> IqTracker {
        IqTracker::without_account(entropy)
    }

    fn duties(_: &ComponentSettings, _: &Domainpart) -> Option<Duties> {
        None
    }

    /// The protocol has no stream management.
    fn resume(_: &mut Endpoint<Self>, resumption: Resumption) -> Option<Resumption> {
        Some(resumption)
    }

    fn take_resumption(_: &mut Endpoint<Self>) -> Option<Resumption> {
        None
    }

    /// Neither client states nor carbons are for components.
    fn set_active(_: &mut Endpoint<Self>, _: bool) {}

    fn is_active(_: &Endpoint<Self>) -> bool {
        true
    }

    fn has_carbons(_: &Endpoint<Self>) -> bool {
        false
    }

    fn verdict(reason: &Error) -> Verdict {
        match reason.close_reason() {
            // The other component of the domain may go away.
            Some(CloseReason::PeerError(error))
                if error.condition() == StreamErrorCondition::Conflict =>
            {
                Verdict::Retryable
            }
            _ => reason.verdict(),
        }
    }
}
