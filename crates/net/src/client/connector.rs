//! Where to connect to, and how.

use std::fmt;
use std::time::Duration;

use xmppwire::{
    Client, ClientConfig, Instant, Jid, KeepAlive, Password, Resumption, StreamManagement, Token,
    TokenEnd, UserAgent,
};

use super::continuity::Continuity;
use super::duties::Claims;
use super::wishes::Wishes;
use super::{ConnectError, Error, Profile, SessionRole};
use crate::find::{Domain, InvalidDomain, Mode, NameServers, Redirect, Target};
use crate::link::{Handshake, LazyTls, Link, LinkError, Secured};
use crate::log::log;
use crate::tls::ClientTls;

/// Where to connect to, and how: a [`Connector`] for clients, or a
/// [`ComponentConnector`](crate::component::ComponentConnector). Serves any number of connections.
#[must_use]
pub struct SessionConnector<R: SessionRole> {
    pub(crate) role: R::Settings,
    pub(crate) servers: Vec<Target>,
    connect_timeout: Duration,
    total_timeout: Duration,
    request_timeout: Duration,
    max_requests: usize,
    inbox_bytes: usize,
    keep_alive: Option<KeepAlive>,
    /// A session to resume, and the newest token.
    pub(crate) continuity: Continuity,
    pub(super) wishes: Wishes,
}

/// Where a client connects to, and how. Serves any number of connections.
///
/// ```
/// use std::time::Duration;
/// use xmppwire::{ClientConfig, Jid};
/// use xmppwire_net::client::Connector;
/// use xmppwire_net::find::Mode;
/// use xmppwire_net::tls::{ClientTls, roots_from_pem};
///
/// # fn connector(pem: &[u8]) -> Result<Connector, Box<dyn std::error::Error>> {
/// let account = ClientConfig::new(Jid::new("juliet@example.org")?, "s3cr3t")?.with_lang("en");
/// let connector = Connector::new(account)?
///     .with_server("127.0.0.1", 5222, Mode::StartTls)
///     .with_tls(ClientTls::builder(roots_from_pem(pem)?).build()?)
///     .with_connect_timeout(Duration::from_secs(5));
/// # Ok(connector)
/// # }
/// ```
pub type Connector = SessionConnector<Client>;

/// Iterations of a SCRAM login that are computed in line: less than 20 milliseconds. Above it, the
/// driver is asked.
const INLINE_ITERATIONS: u32 = 20_000;

/// What a connector has for clients alone.
#[derive(Clone, Debug)]
pub struct ClientSettings {
    pub(super) account: ClientConfig,
    pub(super) domain: Domain,
    pub(super) name_servers: Option<NameServers>,
    pub(super) tls: LazyTls,
    pub(super) claims: Claims,
    pub(super) profile: Option<Profile>,
    pub(super) redirects_in_clear: bool,
    pub(super) management: Option<StreamManagement>,
}

impl Connector {
    /// Connects to the domain of this account: to the servers that the DNS names, over TLS with a
    /// certificate that the platform trusts.
    ///
    /// # Errors
    ///
    /// [`InvalidDomain`] if the domain cannot be a host name.
    pub fn new(mut account: ClientConfig) -> Result<Self, InvalidDomain> {
        let token = account.take_token();
        let settings = ClientSettings {
            domain: Domain::parse(account.jid().domainpart())?,
            account: account.with_inline_iterations(INLINE_ITERATIONS),
            name_servers: None,
            tls: LazyTls::default(),
            claims: Claims::default(),
            profile: Some(Profile::default()),
            redirects_in_clear: false,
            management: Some(StreamManagement::new()),
        };
        let connector = Self::with_role(settings, Vec::new());
        Ok(match token {
            Some(token) => connector.with_token(token),
            None => connector,
        })
    }

    /// Connects as this JID with this password, with the defaults for everything else.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Address`], [`ConnectError::Account`] or [`ConnectError::Domain`] for an
    /// invalid JID, one without a localpart or an empty password, and one whose domain cannot be a
    /// host name.
    pub fn account(jid: &str, password: impl Into<Password>) -> Result<Self, ConnectError> {
        let account = ClientConfig::new(Jid::new(jid)?, password)?;
        Ok(Self::new(account)?)
    }

    /// Connects to this host or address instead of those that the DNS names. Each further call adds
    /// a server to try after the others. The certificate still has to be that of the JID's domain.
    pub fn with_server(mut self, host: impl Into<String>, port: u16, mode: Mode) -> Self {
        let host = host.into();
        self.servers.push(Target { host, port, mode });
        self
    }

    /// Asks these name servers for SRV records instead of those of the system.
    pub fn with_name_servers(mut self, name_servers: NameServers) -> Self {
        self.role.name_servers = Some(name_servers);
        self
    }

    /// Sets the TLS configuration: the root certificates to trust, the certificate to show, or all
    /// of it.
    pub fn with_tls(mut self, tls: ClientTls) -> Self {
        self.role.tls = tls.into();
        self
    }

    /// Leaves the requests with a payload of this namespace to the application, which then answers
    /// each one (RFC 6120 §8.2.3). May be called for several namespaces.
    ///
    /// Every other request is answered in the application's name, while any method of the client
    /// runs: by the [profile](Self::with_profile), or with `service-unavailable`. The application
    /// does not see it.
    ///
    /// ```
    /// use xmppwire_net::client::Connector;
    ///
    /// // Calls, and changes of the contact list (RFC 6121 §2.1.6).
    /// let connector = Connector::account("juliet@example.org", "s3cr3t")?
    ///     .with_claim("urn:xmpp:jingle:1")
    ///     .with_claim("jabber:iq:roster");
    /// # Ok::<_, xmppwire_net::client::ConnectError>(())
    /// ```
    pub fn with_claim(mut self, namespace: impl Into<String>) -> Self {
        self.role.claims.namespaces.insert(namespace.into());
        self
    }

    /// Leaves all requests to the application, which then answers each one. Nothing is left to the
    /// [profile](Self::with_profile).
    pub const fn with_claim_on_all(mut self) -> Self {
        self.role.claims.all = true;
        self
    }

    /// Sets what the client answers about itself. Unless set, that is the default [`Profile`].
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self.role.profile = Some(profile);
        self
    }

    /// Answers requests about the client, pings included, with `service-unavailable`.
    pub fn without_profile(mut self) -> Self {
        self.role.profile = None;
        self
    }

    /// Sets how the stream is managed (XEP-0198), or that it is not: as
    /// [`StreamManagement::new`] says unless set. With management, a client that lost its
    /// connection can continue its session on another one, and no stanza is lost without a word.
    pub fn with_stream_management(mut self, policy: impl Into<Option<StreamManagement>>) -> Self {
        self.role.management = policy.into();
        self
    }

    /// Continues this session instead of beginning a new one, if its server still has it: the
    /// session of a client that was suspended, or of an earlier run of the program.
    ///
    /// The first client that connects takes the session, and no other. Where its attempts fail, the
    /// session is still here for the next one. The outcome is told by
    /// [`ReconnectEvent::Resumed`](super::ReconnectEvent::Resumed), or by `is_resumed` of a client.
    pub fn with_resumption(self, resumption: Resumption) -> Self {
        self.continuity.park(resumption, None);
        self
    }

    /// Takes back a session that no client has resumed.
    pub fn take_resumption(&self) -> Option<Resumption> {
        self.continuity.take_session()
    }

    fn map_account(mut self, change: impl FnOnce(ClientConfig) -> ClientConfig) -> Self {
        self.role.account = change(self.role.account);
        self
    }

    /// Sets the installation that SASL2 shows to the server, and asks for a token with each login
    /// by password where the server issues tokens (FAST, XEP-0484). See
    /// [`ClientConfig::with_user_agent`].
    ///
    /// The connector keeps the newest token and logs in with it: in one round trip less, and without
    /// the computation of SCRAM. To use it in a later run of the program, store the id of the
    /// user agent once, and the token whenever it changes.
    ///
    /// ```
    /// use xmppwire::{Entropy, Token, UserAgent};
    /// use xmppwire_net::client::Connector;
    ///
    /// # fn connector(stored: Option<(String, Vec<u8>)>) -> Result<Connector, Box<dyn std::error::Error>> {
    /// let connector = Connector::account("juliet@example.org", "s3cr3t")?;
    /// Ok(match stored {
    ///     Some((id, token)) => connector
    ///         .with_user_agent(UserAgent::from_id(&id)?)
    ///         .with_token(Token::from_bytes(&token)?),
    ///     // Store its id.
    ///     None => connector.with_user_agent(UserAgent::new(&mut Entropy::from_os()?)),
    /// })
    /// # }
    /// ```
    pub fn with_user_agent(self, user_agent: UserAgent) -> Self {
        self.map_account(|account| account.with_user_agent(user_agent))
    }

    /// Enables carbons in every new session: copies of the messages that the user's other clients
    /// send and receive (XEP-0280). It is done with the binding where the server offers that
    /// (XEP-0386), otherwise by a request, of whose answer nothing is told. See
    /// [`Carbon::open`](xmppwire::Carbon::open) for what then arrives.
    pub const fn with_carbons(mut self) -> Self {
        self.wishes.carbons = true;
        self
    }

    /// Sets the name of the software at the beginning of the resource that the server generates
    /// with Bind 2; see [`ClientConfig::with_bind_tag`].
    pub fn with_bind_tag(self, tag: impl Into<String>) -> Self {
        self.map_account(|account| account.with_bind_tag(tag))
    }

    /// Logs in with this token, which an earlier run of the program has stored, if it is of this
    /// account and of the [user agent](Self::with_user_agent). See [`ClientConfig::with_token`].
    ///
    /// It goes over TLS only. If the server refuses it, the client logs in with the password on the
    /// same stream, and asks for another token. Without a password
    /// ([`ClientConfig::token`]) the login fails as
    /// [`CloseReason::AuthFailed`](xmppwire::CloseReason::AuthFailed).
    ///
    /// A connector and its clones share the newest token. A client that reconnects goes on with a
    /// copy of its own, and tells each change of it:
    /// [`ReconnectEvent::Token`](super::ReconnectEvent::Token),
    /// [`ReconnectEvent::TokenGone`](super::ReconnectEvent::TokenGone).
    pub fn with_token(self, token: Token) -> Self {
        self.continuity.with_tokens(|tokens| tokens.set(token));
        self
    }

    /// Invalidates the token with the next login that uses it, as at a logout (XEP-0484 §3.6).
    pub fn with_token_invalidated(self) -> Self {
        self.map_account(ClientConfig::with_token_invalidated)
    }

    /// The token for the next login, to be stored after each one, also after one that failed: the
    /// server may have issued another one, and each attempt is counted in it. `None` if the server
    /// issued none or refused the last one; a stored one should be deleted then.
    pub fn token(&self) -> Option<Token> {
        self.continuity
            .with_tokens(|tokens| tokens.newest().cloned())
    }

    /// Why the last token that went was of no use any more; told once.
    pub fn take_token_end(&self) -> Option<TokenEnd> {
        self.continuity.with_tokens(super::tokens::Tokens::take_end)
    }

    /// Follows `<see-other-host/>` also when it arrives in clear text, which is not done by
    /// default.
    ///
    /// Anyone on the network path can send it in clear text and so keep a client away from its
    /// server; a careful server sends it over TLS only (RFC 6120 §4.9.3.19). The other host needs
    /// the certificate of the account's domain either way.
    pub const fn with_redirects_in_clear(mut self) -> Self {
        self.role.redirects_in_clear = true;
        self
    }
}

impl<R: SessionRole> SessionConnector<R> {
    pub(crate) fn with_role(role: R::Settings, servers: Vec<Target>) -> Self {
        Self {
            role,
            servers,
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(120),
            request_timeout: Duration::from_secs(30),
            max_requests: 16 * 1024,
            inbox_bytes: 1024 * 1024,
            keep_alive: Some(KeepAlive::ping()),
            continuity: Continuity::default(),
            wishes: Wishes::default(),
        }
    }

    /// Sets how long each of these may take: to ask the system for the addresses of one server, to
    /// open a TCP connection to one address, and the handshake of direct TLS. 10 seconds unless
    /// set. What follows the handshake is limited by the account's
    /// [`Limits`](xmppwire::Limits::negotiation_timeout).
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sets how long all of connecting may take, from the first SRV query to the bound resource:
    /// every server, every address and every redirection. Two minutes unless set. Afterwards the
    /// servers that are left are not tried, and a login in progress fails with
    /// [`TimedOut`](std::io::ErrorKind::TimedOut).
    pub const fn with_total_timeout(mut self, timeout: Duration) -> Self {
        self.total_timeout = timeout;
        self
    }

    /// Sets how long a request waits for its answer. 30 seconds unless set.
    pub const fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// Sets how many requests may wait for their answer at the same time. 16,384 unless set.
    ///
    /// Each holds 540 bytes of memory, as measured with a short address. The answers that wait to be taken
    /// have the budget of [`with_inbox_bytes`](Self::with_inbox_bytes) besides; while it is used
    /// up, nothing is read.
    pub const fn with_max_requests(mut self, most: usize) -> Self {
        self.max_requests = most;
        self
    }

    /// Sets the budget, in bytes of memory, for stanzas that arrive while the caller waits for
    /// something else than the next one; 1 MiB unless set.
    ///
    /// A stanza is still taken in while those before it are within the budget, so the stanzas hold
    /// at most the budget and one stanza, which the account's
    /// [`Limits`](xmppwire::Limits::after_authentication) bound. Past it, what the caller waits for
    /// ends with [`Error::InboxFull`]; nothing is lost. With the default budget and limits, the
    /// floods of `tests/inbox.rs` hold 2.2 MB at most, the stanza that is being read included.
    pub const fn with_inbox_bytes(mut self, bytes: usize) -> Self {
        self.inbox_bytes = bytes;
        self
    }

    /// Sets how a silent server is checked, or that it is not: [`KeepAlive::ping`] unless set, which
    /// notices a server that hangs within five and a half minutes.
    ///
    /// The adapters also switch the keep-alive of TCP on, which finds a connection dead that the
    /// network has lost, usually within four minutes, and keeps the state of NATs and firewalls on
    /// the way, many of which forget a silent connection after five.
    pub fn with_keep_alive(mut self, keep_alive: impl Into<Option<KeepAlive>>) -> Self {
        self.keep_alive = keep_alive.into();
        self
    }

    /// The connector for a server that another one redirects to.
    pub(crate) fn redirected(mut self) -> Self {
        R::redirect(&mut self.role);
        self
    }

    /// Where this end of a stream leads to, if it is followed.
    pub(crate) fn redirection(&self, reason: &Error) -> Option<Redirect> {
        let redirect = Redirect::of(reason)?;
        let in_clear = matches!(reason, Error::ClosedInClear(_));
        if !R::follows_redirects(&self.role, in_clear) {
            log!(info, host = %redirect.host, in_clear, "not redirected");
            return None;
        }
        Some(redirect)
    }

    pub(crate) fn servers(&self) -> &[Target] {
        &self.servers
    }

    pub(crate) fn domain(&self) -> Option<&Domain> {
        R::domain(&self.role)
    }

    pub(crate) fn name_servers(&self) -> Option<&NameServers> {
        R::name_servers(&self.role)
    }

    pub(crate) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(crate) const fn total_timeout(&self) -> Duration {
        self.total_timeout
    }

    pub(crate) const fn request_timeout(&self) -> Duration {
        self.request_timeout
    }

    pub(super) const fn max_requests(&self) -> usize {
        self.max_requests
    }

    pub(crate) const fn inbox_bytes(&self) -> usize {
        self.inbox_bytes
    }

    /// The TLS handshake that begins a connection of mode [`Mode::DirectTls`].
    pub(super) fn handshake(&self, deadline: Instant) -> Result<Handshake, Error> {
        let side = R::side(&self.role).ok_or(LinkError::NoTlsConfigured)?;
        Ok(Handshake::new(side, deadline)?)
    }

    /// The link over a connection: over TLS after a finished handshake, otherwise in clear text.
    pub(super) fn link(&self, now: Instant, secured: Option<Secured>) -> Result<Link<R>, Error> {
        let token = self
            .continuity
            .with_tokens(|tokens| tokens.newest().cloned());
        let mut link = R::link(&self.role, token, self.wishes, now, secured)?;
        link.connection_mut().set_keep_alive(self.keep_alive);
        Ok(link)
    }
}

impl<R: SessionRole> Clone for SessionConnector<R> {
    fn clone(&self) -> Self {
        Self {
            role: self.role.clone(),
            servers: self.servers.clone(),
            continuity: self.continuity.clone(),
            ..*self
        }
    }
}

impl<R: SessionRole> fmt::Debug for SessionConnector<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("role", &self.role)
            .field("servers", &self.servers)
            .field("connect_timeout", &self.connect_timeout)
            .field("total_timeout", &self.total_timeout)
            .field("request_timeout", &self.request_timeout)
            .field("max_requests", &self.max_requests)
            .field("inbox_bytes", &self.inbox_bytes)
            .field("keep_alive", &self.keep_alive)
            .finish()
    }
}
