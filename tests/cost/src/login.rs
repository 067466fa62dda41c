//! A client and a server in memory, and their login without the derivation of keys.

use std::sync::LazyLock;

use xmppwire::{
    BindAnswer, ChannelBindings, Client, ClientConfig, ClientEvent, Connection, DecoyKey, Entropy,
    Host, HostAnswer, Instant, Jid, Mechanism, Role, SaltedPassword, SaslAnswer, ScramHash,
    ScramKeys, Server, ServerConfig, ServerEvent, StreamManagement, TlsInfo, TlsOffer,
};

const NOW: Instant = Instant::ORIGIN;
const PASSWORD: &str = "s3cr3t";
/// As many as RFC 7677 §4 asks for at least.
const ITERATIONS: u32 = 4096;

static KEYS: LazyLock<ScramKeys> = LazyLock::new(|| {
    ScramKeys::derive(ScramHash::Sha256, PASSWORD, b"salt and pepper!", ITERATIONS)
        .expect("the password can be prepared")
});

/// Both ends of a connection, whose bytes stay in memory.
pub struct Pair {
    pub client: Connection<Client>,
    pub server: Connection<Server>,
}

/// What the applications of both ends keep from login to login.
pub struct Site {
    config: ClientConfig,
    server: ServerConfig,
    /// The client's password in salted form, since its first login.
    salted: Option<SaltedPassword>,
    logins: u64,
    /// Whether both ends manage their streams.
    managed: bool,
}

impl Default for Site {
    fn default() -> Self {
        let account = Jid::new("juliet@im.example.com").expect("an address");
        let config = ClientConfig::new(account, PASSWORD).expect("an account");
        Self {
            config: config.with_inline_iterations(0),
            server: ServerConfig::new(DecoyKey::new([9; 32])),
            salted: None,
            logins: 0,
            managed: false,
        }
    }
}

impl Site {
    /// A site whose streams are managed (XEP-0198).
    pub fn managed() -> Self {
        let plain = Self::default();
        let policy = StreamManagement::new();
        Self {
            config: plain.config.clone().with_stream_management(policy),
            managed: true,
            ..plain
        }
    }

    /// A pair over TLS that has exchanged nothing yet.
    pub fn pair(&mut self) -> Pair {
        self.logins += 1;
        let seed = |end: u8| {
            let mut seed = [end; 32];
            seed[..8].copy_from_slice(&self.logins.to_be_bytes());
            Entropy::from_seed(seed)
        };
        let tls = || TlsInfo::new(ChannelBindings::tls13([0x42; 32]));
        Pair {
            client: Client::with_direct_tls(self.config.clone(), seed(1), NOW, tls()),
            server: Server::with_direct_tls(self.server.clone(), seed(2), NOW, tls()),
        }
    }

    /// A pair that has logged in.
    pub fn bound(&mut self) -> Pair {
        let mut pair = self.pair();
        self.log_in(&mut pair);
        pair
    }

    /// Logs in, with SCRAM-SHA-256-PLUS.
    pub fn log_in(&mut self, pair: &mut Pair) {
        let (mut bound, mut unread) = ([false; 2], [Vec::new(), Vec::new()]);
        let mut managed = [!self.managed; 2];
        while (bound, managed) != ([true; 2], [true; 2]) {
            carry(&mut pair.client, &mut pair.server, &mut unread[1]);
            carry(&mut pair.server, &mut pair.client, &mut unread[0]);
            while let Some(event) = pair.client.poll_event() {
                if matches!(event, ClientEvent::Managed(_)) {
                    managed[0] = true;
                    continue;
                }
                bound[0] |= self.client(&mut pair.client, event);
            }
            while let Some(event) = pair.server.poll_event() {
                match event {
                    ServerEvent::Managed(_) => managed[1] = true,
                    other => server(&mut pair.server, other, self.managed),
                }
            }
            bound[1] = pair.server.jid().is_some();
        }
    }

    /// Whether the client has logged in.
    fn client(&mut self, client: &mut Connection<Client>, event: ClientEvent) -> bool {
        match event {
            ClientEvent::Derivation(request) => {
                let salted = self.salted.get_or_insert_with(|| request.derive());
                client
                    .answer_derivation(request, salted)
                    .expect("the answer");
                false
            }
            ClientEvent::Bound(_) => true,
            other => panic!("{other:?}"),
        }
    }
}

fn server(server: &mut Connection<Server>, event: ServerEvent, managed: bool) {
    match event {
        ServerEvent::Opened(request) => {
            let mechanisms = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
            let policy = managed.then(StreamManagement::new);
            let host = Host::new(TlsOffer::Required, mechanisms).with_stream_management(policy);
            server
                .choose_host(request, HostAnswer::Serve(host))
                .expect("the host");
        }
        ServerEvent::Sasl(request) => {
            let answer = SaslAnswer::ScramKeys(KEYS.clone());
            server.answer_sasl(request, answer).expect("the keys");
        }
        ServerEvent::Authenticated(_) => {}
        ServerEvent::Bind(request) => {
            let answer = BindAnswer::Bind(request.suggested().clone());
            server.answer_bind(request, answer).expect("the resource");
        }
        other => panic!("{other:?}"),
    }
}

/// Brings the output of one end to the other.
fn carry<A: Role, B: Role>(from: &mut Connection<A>, to: &mut Connection<B>, unread: &mut Vec<u8>) {
    unread.extend(from.take_output());
    if to.wants_read() {
        let consumed = to.receive(NOW, unread);
        unread.drain(..consumed);
    }
}
