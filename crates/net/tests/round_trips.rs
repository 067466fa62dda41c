//! How often a client waits for the server between an open TCP connection and its first stanza.
//!
//! Both ends are in memory, so the count does not depend on time: the client does all that it can do
//! without an answer, then the server does the same. Each turn of the client that is not its last is
//! a round trip. `tests/interop/run-roundtrips` counts the same on a socket, for other libraries too.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::task::Poll;
use std::time::Duration;

use xmppwire::{
    BindAnswer, Client, ClientConfig, ClientEvent, DetachedLimits, DetachedSessions, Entropy,
    HostAnswer, Instant, Jid, Resumption, Role, Sasl2, Server, ServerEvent, StreamManagement,
    Token, TokenAnswer, TokenPolicy, TokenSlots, UserAgent,
};
use xmppwire_net::find::Mode::{self, DirectTls, StartTls};
use xmppwire_net::link::{Handshake, Link, Secured, TlsSide, Wire};
use xmppwire_test_support::{Authority, DOMAIN, JULIET, PASSWORD, Porter, config, host};

const NOW: Instant = Instant::ORIGIN;

/// One side: a TLS handshake, if TLS comes first, and then the link.
enum Side<R: Role> {
    Handshake(Box<Handshake>, Option<Box<dyn FnOnce(Secured) -> Link<R>>>),
    Link(Box<Link<R>>),
}

impl<R: Role> Side<R> {
    fn direct(tls: TlsSide, link: impl FnOnce(Secured) -> Link<R> + 'static) -> Self {
        let handshake = Handshake::new(tls, NOW + Duration::from_secs(10)).unwrap();
        Self::Handshake(Box::new(handshake), Some(Box::new(link)))
    }

    /// Takes the other side's bytes, and does all that can be done then. Returns what it wrote.
    fn turn(&mut self, mut input: &[u8], mut on: impl FnMut(&mut Link<R>, R::Event)) -> Vec<u8> {
        let mut written = Vec::new();
        loop {
            let wire: &mut dyn Wire = match self {
                Self::Handshake(handshake, _) => &mut **handshake,
                Self::Link(link) => &mut **link,
            };
            let length = wire.output().len();
            let mut moved = length > 0;
            written.extend_from_slice(wire.output());
            wire.consume_output(length);
            if wire.wants_read() && !input.is_empty() {
                // In one piece: a handshake keeps what follows it.
                wire.receive(NOW, input);
                input = &[];
                moved = true;
            }
            match self {
                Self::Handshake(handshake, link) => {
                    if let Poll::Ready(secured) = handshake.poll(NOW) {
                        let link = link.take().unwrap();
                        *self = Self::Link(Box::new(link(secured.unwrap())));
                        moved = true;
                    }
                }
                Self::Link(link) => {
                    while let Poll::Ready(Some(event)) = link.poll_event(NOW) {
                        on(link, event.unwrap());
                        moved = true;
                    }
                }
            }
            if !moved {
                assert!(input.is_empty(), "bytes are left over");
                return written;
            }
        }
    }
}

/// What both ends keep from one connection to the next.
struct World {
    authority: Authority,
    user_agent: UserAgent,
    token: Option<Token>,
    session: Option<Resumption>,
    slots: TokenSlots,
    sessions: DetachedSessions,
    seed: u8,
}

/// How the client logs in.
#[derive(Clone, Copy, PartialEq)]
enum Login {
    /// SCRAM as in RFC 6120.
    Sasl,
    /// SCRAM in SASL2, with all requests inline.
    Sasl2,
    /// A token in SASL2.
    Token,
}

impl World {
    fn new() -> Self {
        Self {
            authority: Authority::new(),
            user_agent: UserAgent::new(&mut Entropy::from_seed([9; 32])),
            token: None,
            session: None,
            slots: TokenSlots::default(),
            sessions: DetachedSessions::new(DetachedLimits::default()),
            seed: 0,
        }
    }

    fn entropy(&mut self) -> Entropy {
        self.seed += 1;
        Entropy::from_seed([self.seed; 32])
    }

    fn client(&mut self, mode: Mode, login: Login) -> Side<Client> {
        let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD)
            .unwrap()
            .with_bind_tag("balcony")
            .with_stream_management(StreamManagement::new())
            .with_user_agent(self.user_agent.clone());
        let account = match login {
            Login::Sasl => account.without_sasl2(),
            Login::Sasl2 => account,
            Login::Token => account.with_token(self.token.take().expect("a token")),
        };
        let tls = TlsSide::client(self.authority.client(), DOMAIN.parse().unwrap());
        let (entropy, session) = (self.entropy(), self.session.take());
        match mode {
            DirectTls => Side::direct(tls, move |secured| {
                let mut client = Client::with_direct_tls(account, entropy, NOW, secured.info());
                if let Some(session) = session {
                    client.resume(session).unwrap();
                }
                Link::over_tls(client, secured)
            }),
            _ => {
                let mut client = Client::new(account, entropy, NOW);
                if let Some(session) = session {
                    client.resume(session).unwrap();
                }
                Side::Link(Box::new(Link::new(client, Some(tls))))
            }
        }
    }

    fn server(&mut self, mode: Mode) -> Side<Server> {
        let tls = TlsSide::server(self.authority.server(DOMAIN));
        let entropy = self.entropy();
        match mode {
            DirectTls => Side::direct(tls, |secured| {
                let server = Server::with_direct_tls(config(), entropy, NOW, secured.info());
                Link::over_tls(server, secured)
            }),
            _ => {
                let server = Server::new(config(), entropy, NOW);
                Side::Link(Box::new(Link::new(server, Some(tls))))
            }
        }
    }

    /// Round trips before stanzas may be sent. Then the connection is lost. Whether the login is what
    /// it should be is checked too: it resumes the session, if there is one.
    fn round_trips(&mut self, mode: Mode, login: Login) -> usize {
        let resumes = self.session.is_some();
        let (mut client, mut server) = (self.client(mode, login), self.server(mode));
        let mut porter = Porter::default();
        let (mut ready, mut resumed, mut by_token) = (false, false, false);
        let mut to_client = Vec::new();
        for trips in 0..20 {
            let token = &mut self.token;
            let to_server = client.turn(&to_client, |_, event| match event {
                ClientEvent::Bound(_) => ready = true,
                ClientEvent::Resumed { .. } => (ready, resumed) = (true, true),
                ClientEvent::Token(new) => *token = Some(new),
                ClientEvent::Managed(_) => {}
                other => panic!("{other:?}"),
            });
            let (slots, sessions) = (&mut self.slots, &mut self.sessions);
            to_client = server.turn(&to_server, |link, event| {
                answer(link, event, &mut porter, slots, sessions, &mut by_token);
            });
            if ready {
                assert_eq!((resumes, login == Login::Token), (resumed, by_token));
                // What the server wrote last: stream management begins, where it is not inline.
                client.turn(&to_client, |_, _| {});
                self.part(client, server);
                return trips;
            }
        }
        panic!("no login in 20 round trips");
    }

    /// The connection is lost, and both ends keep the session.
    fn part(&mut self, client: Side<Client>, server: Side<Server>) {
        let (Side::Link(mut client), Side::Link(mut server)) = (client, server) else {
            panic!("a handshake does not end");
        };
        self.session = client.connection_mut().take_resumption();
        let detached = server.connection_mut().detach().expect("a session");
        assert!(self.sessions.insert(NOW, detached).is_empty());
    }
}

fn answer(
    link: &mut Link<Server>,
    event: ServerEvent,
    porter: &mut Porter,
    slots: &mut TokenSlots,
    sessions: &mut DetachedSessions,
    by_token: &mut bool,
) {
    let server = link.connection_mut();
    match event {
        ServerEvent::Opened(request) => {
            let host = host()
                .with_stream_management(StreamManagement::new())
                .with_sasl2(Sasl2::new().with_tokens(TokenPolicy::new(1_800_000_000)));
            server
                .choose_host(request, HostAnswer::Serve(host))
                .unwrap();
        }
        ServerEvent::Token(lookup) => {
            *by_token = true;
            let answer = TokenAnswer::Slots(slots.clone());
            server.answer_token(lookup, answer).unwrap();
        }
        ServerEvent::Tokens(update) => update.apply(slots),
        ServerEvent::Bind(request) => {
            let resource = request.suggested().clone();
            server
                .answer_bind(request, BindAnswer::Bind(resource))
                .unwrap();
        }
        ServerEvent::Resume(request) => {
            let answer = sessions.answer(NOW, &request);
            assert!(server.answer_resume(request, answer).unwrap().is_none());
        }
        ServerEvent::Resumed { .. } | ServerEvent::Managed(_) => {}
        event => assert!(porter.answer(server, event)),
    }
}

#[test]
fn from_an_open_connection_to_the_first_stanza() {
    let mut found = Vec::new();
    for mode in [DirectTls, StartTls] {
        let mut world = World::new();
        let mut count = |login: Login, resumes: bool| {
            if !resumes {
                world.session = None;
            }
            let trips = world.round_trips(mode, login);
            assert!(world.session.is_some(), "the session is not managed");
            found.push((login, resumes, mode, trips));
        };
        count(Login::Sasl, false);
        count(Login::Sasl, true);
        count(Login::Sasl2, false);
        count(Login::Sasl2, true);
        count(Login::Token, false);
        count(Login::Token, true);
    }
    let trips: Vec<_> = found.iter().map(|(.., trips)| *trips).collect();
    // STARTTLS costs two more: its header and features, and its request and answer.
    assert_eq!(trips, [6, 6, 4, 4, 3, 3, 8, 8, 6, 6, 5, 5]);
}
