//! The machines that scripts are played for, with applications that answer from a small table.

use xmppwire::{
    BindAnswer, Client, ClientConfig, ClientEvent, CloseReason, Connection, DecoyKey, Entropy,
    Host, HostAnswer, Instant, Jid, Limits, Mechanism, MechanismPolicy, SaslAnswer, SaslCondition,
    SaslFailure, SaslQuestion, SaslRequest, ScramHash, ScramKeys, Server, ServerConfig,
    ServerEvent, StanzaError, StanzaErrorCondition, StartTls, TlsOffer, TlsPolicy,
};

/// A machine under test with its application.
pub trait Machine {
    const IS_CLIENT: bool;

    fn connection(&mut self) -> &mut dyn Drive;

    /// Takes the next event, lets the application answer it, and describes it.
    fn poll(&mut self, start_tls: &mut Option<StartTls>) -> Option<String>;
}

/// [`Connection`] without its event, so that both roles are one type to the player.
pub trait Drive {
    fn receive(&mut self, now: Instant, input: &[u8]) -> usize;
    fn receive_eof(&mut self, now: Instant);
    fn wants_read(&self) -> bool;
    fn take_output(&mut self) -> Vec<u8>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn handle_timeout(&mut self, now: Instant);
    fn begin_tls(
        &mut self,
        request: StartTls,
        unread: &[u8],
    ) -> Result<xmppwire::TlsHandoff, xmppwire::HandoffError>;
    fn tls_established(
        &mut self,
        now: Instant,
        handoff: xmppwire::TlsHandoff,
        tls: xmppwire::TlsInfo,
    ) -> Result<(), xmppwire::ApiMisuse>;
    fn send(&mut self, stanza: &xmppwire::Stanza) -> Result<(), xmppwire::ApiMisuse>;
    fn close(&mut self, now: Instant, error: Option<xmppwire::StreamError>);
    fn is_finished(&self) -> bool;
}

impl<C: Connection> Drive for C {
    fn receive(&mut self, now: Instant, input: &[u8]) -> usize {
        Connection::receive(self, now, input)
    }
    fn receive_eof(&mut self, now: Instant) {
        Connection::receive_eof(self, now);
    }
    fn wants_read(&self) -> bool {
        Connection::wants_read(self)
    }
    fn take_output(&mut self) -> Vec<u8> {
        Connection::take_output(self)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        Connection::poll_timeout(self)
    }
    fn handle_timeout(&mut self, now: Instant) {
        Connection::handle_timeout(self, now);
    }
    fn begin_tls(
        &mut self,
        request: StartTls,
        unread: &[u8],
    ) -> Result<xmppwire::TlsHandoff, xmppwire::HandoffError> {
        Connection::begin_tls(self, request, unread)
    }
    fn tls_established(
        &mut self,
        now: Instant,
        handoff: xmppwire::TlsHandoff,
        tls: xmppwire::TlsInfo,
    ) -> Result<(), xmppwire::ApiMisuse> {
        Connection::tls_established(self, now, handoff, tls)
    }
    fn send(&mut self, stanza: &xmppwire::Stanza) -> Result<(), xmppwire::ApiMisuse> {
        Connection::send(self, stanza)
    }
    fn close(&mut self, now: Instant, error: Option<xmppwire::StreamError>) {
        Connection::close(self, now, error);
    }
    fn is_finished(&self) -> bool {
        Connection::is_finished(self)
    }
}

/// How a connection ended, in the words of a script.
fn closed(reason: &CloseReason) -> String {
    match reason {
        CloseReason::PeerError(error) => format!("closed PeerError {error}"),
        CloseReason::Violation { sent, why } => match sent {
            Some(sent) => format!("closed Violation {}: {why}", sent.condition()),
            None => format!("closed Violation unsent: {why}"),
        },
        CloseReason::Incompatible(why) => format!("closed Incompatible: {why}"),
        CloseReason::AuthFailed(failure) => format!("closed AuthFailed {failure}"),
        CloseReason::BindFailed(error) => format!("closed BindFailed {error}"),
        other => format!("closed {other:?}"),
    }
}

// --- The client ---------------------------------------------------------------------------------------

/// A client whose application only listens.
pub struct Juliet(pub Client);

/// `juliet@example.org`, who accepts PLAIN so that scripts can be read.
pub fn client_config() -> ClientConfig {
    ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t")
        .unwrap()
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
}

pub fn juliet(config: ClientConfig) -> Juliet {
    Juliet(Client::new(
        config,
        Entropy::from_seed([1; 32]),
        Instant::ORIGIN,
    ))
}

impl Machine for Juliet {
    const IS_CLIENT: bool = true;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.0
    }

    fn poll(&mut self, start_tls: &mut Option<StartTls>) -> Option<String> {
        Some(match self.0.poll_event()? {
            ClientEvent::StartTls(request) => {
                *start_tls = Some(request);
                "start TLS".into()
            }
            ClientEvent::Bound(jid) => format!("bound {jid}"),
            ClientEvent::Stanza(stanza) => format!("stanza {}", stanza.element().to_xml()),
            ClientEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            ClientEvent::Closed(reason) => closed(&reason),
            other => format!("{other:?}"),
        })
    }
}

/// A client that is bound over a trusted transport, for what only needs stanzas.
pub fn bound_client() -> Client {
    let config = client_config().with_tls(TlsPolicy::Forbidden);
    let mut client = Client::with_direct_tls(
        config,
        Entropy::from_seed([2; 32]),
        Instant::ORIGIN,
        xmppwire::TlsInfo::default(),
    );
    const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
        xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org'>";
    let mut tell = |text: &str| {
        let text = text.replace("HEADER", HEADER);
        assert_eq!(
            Connection::receive(&mut client, Instant::ORIGIN, text.as_bytes()),
            text.len()
        );
        String::from_utf8(Connection::take_output(&mut client)).unwrap()
    };
    tell(
        "HEADER<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    );
    tell("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    let request = tell(
        "HEADER<stream:features>\
        <bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>",
    );
    let id = request
        .split("id='")
        .nth(1)
        .and_then(|rest| rest.split('\'').next())
        .unwrap();
    tell(&format!(
        "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
        <jid>juliet@example.org/balcony</jid></bind></iq>"
    ));
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    client
}

// --- The server ---------------------------------------------------------------------------------------

/// A server for `example.org` with one account, `juliet`, whose password is `s3cr3t`.
pub struct Verona {
    server: Server,
    host: Host,
    keys: ScramKeys,
}

pub fn host(mechanisms: impl IntoIterator<Item = Mechanism>) -> Host {
    Host::new(TlsOffer::Required, mechanisms)
}

pub fn server_config() -> ServerConfig {
    ServerConfig::new(DecoyKey::new([9; 32])).with_default_domain("example.org")
}

pub fn verona(config: ServerConfig, host: Host) -> Verona {
    let keys = ScramKeys::derive(ScramHash::Sha256, "s3cr3t", b"pepper and salt.", 4096)
        .expect("the password can be prepared");
    Verona {
        server: Server::new(config, Entropy::from_seed([3; 32]), Instant::ORIGIN),
        host,
        keys,
    }
}

pub fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

impl Machine for Verona {
    const IS_CLIENT: bool = false;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.server
    }

    fn poll(&mut self, start_tls: &mut Option<StartTls>) -> Option<String> {
        let event = self.server.poll_event()?;
        let server = &mut self.server;
        Some(match event {
            ServerEvent::Opened(request) => {
                let text = format!("opened {}", request.domain());
                let answer = match request.domain().as_str() {
                    "example.org" => HostAnswer::Serve(self.host.clone()),
                    "gone.example" => HostAnswer::Gone,
                    "moved.example" => HostAnswer::SeeOtherHost("[2001:db8::1]:5222".into()),
                    _ => HostAnswer::Unknown,
                };
                server
                    .choose_host(request, answer)
                    .expect("the question is open");
                text
            }
            ServerEvent::StartTls(request) => {
                *start_tls = Some(request);
                "start TLS".into()
            }
            ServerEvent::Sasl(request) => {
                let (text, answer) = answer_sasl(&self.keys, &request);
                server
                    .answer_sasl(request, answer)
                    .expect("the question is open");
                text
            }
            ServerEvent::Authenticated(account) => format!("authenticated {account}"),
            ServerEvent::Bind(request) => {
                let requested = request
                    .requested()
                    .map(|resource| resource.as_str().to_owned());
                let answer = match requested.as_deref() {
                    Some("taken") => {
                        BindAnswer::Reject(StanzaError::new(StanzaErrorCondition::Conflict))
                    }
                    _ => BindAnswer::Bind(request.suggested().clone()),
                };
                server
                    .answer_bind(request, answer)
                    .expect("the question is open");
                format!("bind {}", requested.as_deref().unwrap_or("anything"))
            }
            ServerEvent::Stanza(stanza) => format!("stanza {}", stanza.element().to_xml()),
            ServerEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            ServerEvent::Closed(reason) => closed(&reason),
            other => format!("{other:?}"),
        })
    }
}

/// What the application makes of a login: juliet may, by password or certificate, and so may strangers;
/// everybody else is an example of a refusal.
fn answer_sasl(keys: &ScramKeys, request: &SaslRequest) -> (String, SaslAnswer) {
    let mechanism = request.mechanism().name();
    let refuse = |condition| SaslAnswer::Reject(SaslFailure::new(condition));
    let by_name = |username: &str| match username {
        "disabled" => refuse(SaslCondition::AccountDisabled),
        "expired" => refuse(SaslCondition::CredentialsExpired),
        "careful" => refuse(SaslCondition::MechanismTooWeak),
        "unlucky" => refuse(SaslCondition::TemporaryAuthFailure),
        _ => refuse(SaslCondition::NotAuthorized),
    };
    let text = format!("sasl {mechanism} {}", request.username());
    match request.question() {
        SaslQuestion::Password {
            username: "juliet",
            password: "s3cr3t",
        } => {
            let account = request.account().expect("juliet is a localpart");
            (text, SaslAnswer::Accept(account))
        }
        SaslQuestion::ScramKeys {
            username: "juliet",
            mechanism,
        } => {
            let keys = match mechanism.hash() {
                Some(hash) if hash != keys.hash() => {
                    ScramKeys::derive(hash, "s3cr3t", b"salt and pepper.", 4096)
                        .expect("the password can be prepared")
                }
                _ => keys.clone(),
            };
            (text, SaslAnswer::ScramKeys(keys))
        }
        SaslQuestion::ScramKeys { username, .. } | SaslQuestion::Password { username, .. } => {
            (text, by_name(username))
        }
        SaslQuestion::External { account, peer, .. } => {
            let text = format!(
                "sasl {mechanism} {} of {}",
                account.map_or("nobody", |account| account.as_str()),
                peer.xmpp_addrs().join(",")
            );
            let answer = match account {
                Some(account) if account.localpart() == Some("juliet") => {
                    SaslAnswer::Accept(account.clone())
                }
                Some(account) => by_name(account.localpart().unwrap_or_default()),
                None => refuse(SaslCondition::NotAuthorized),
            };
            (text, answer)
        }
        SaslQuestion::Anonymous { account, trace } => (
            format!("sasl {mechanism} {}", trace.unwrap_or("without a trace")),
            SaslAnswer::Accept(account.clone()),
        ),
        _ => panic!("a question that no script has"),
    }
}
