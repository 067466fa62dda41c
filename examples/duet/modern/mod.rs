//! The login of these days: a password once, a token afterwards, and no message lost with a
//! connection.
//!
//! [`call`] is the client, which keeps a token and a session between its connections; [`Verona`] is
//! the server, which keeps the other halves. The machines do the rest: they write all requests into
//! one element, count stanzas, and send again what was lost.

mod explain;

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use xmppwire::{
    BindAnswer, Client, ClientConfig, ClientEvent, DecoyKey, DetachedLimits, DetachedSessions,
    Entropy, Host, HostAnswer, Instant, Jid, Mechanism, Message, Resumption, Sasl2, SaslAnswer,
    ScramHash, ScramKeys, Server, ServerConfig, ServerEvent, Stanza, StreamManagement, TlsOffer,
    Token, TokenAnswer, TokenPolicy, TokenSlots, UserAgent,
};
use xmppwire_net::find::{Domain, Mode};
use xmppwire_net::tls::{ClientTls, ServerTls};

use shared::{End, Result, Script, Trace, Wire, say};

use crate::{CLIENT, DOMAIN, PASSWORD, SERVER};

const ACCOUNT: &str = "juliet@verona.example";
const ROMEO: &str = "romeo@verona.example";

/// What Juliet does on one connection.
struct Visit {
    script: &'static Script,
    /// What she says once she is logged in; nothing where her session goes on.
    says: Option<&'static str>,
    /// Whether the connection breaks while she says it.
    breaks: bool,
}

const VISITS: [Visit; 3] = [
    Visit {
        script: &explain::PASSWORD,
        says: Some("Art thou not Romeo, and a Montague?"),
        breaks: false,
    },
    Visit {
        script: &explain::TOKEN,
        says: Some("At what o'clock to-morrow shall I send to thee?"),
        breaks: true,
    },
    Visit {
        script: &explain::RESUMPTION,
        says: None,
        breaks: false,
    },
];

/// What Romeo answers, in this order.
const ANSWERS: [&str; 2] = [
    "Neither, fair saint, if either thee dislike.",
    "At the hour of nine.",
];
/// What he says while Juliet has no connection.
const MEANWHILE: &str = "Let me stand here till thou remember it.";

/// What the client keeps between its connections. Both can be stored in a file.
#[derive(Default)]
struct Kept {
    token: Option<Token>,
    session: Option<Resumption>,
}

/// Logs in three times, and shows what passes on the wire.
pub(crate) fn run(listener: TcpListener, server_tls: ServerTls, tls: &ClientTls) -> Result<()> {
    let address = listener.local_addr()?;
    let server = thread::spawn(move || {
        let mut verona = Verona::new(server_tls)?;
        VISITS
            .iter()
            .try_for_each(|_| verona.serve(listener.accept()?.0))
    });
    say(&format!(
        "\nJuliet logs in to {DOMAIN} three times: with her password, with a token,"
    ));
    say("and with the token once more, because the second connection breaks.\n");
    let trace = Trace::new();
    let user_agent = UserAgent::new(&mut Entropy::from_os()?).with_software("duet");
    let mut kept = Kept::default();
    let mut round_trips = Vec::new();
    for visit in &VISITS {
        let config = match kept.token.take() {
            // Neither the program nor the server needs the password any more.
            Some(token) => ClientConfig::token(token, user_agent.clone()),
            None => {
                ClientConfig::new(Jid::new(ACCOUNT)?, PASSWORD)?.with_user_agent(user_agent.clone())
            }
        };
        let config = config
            .with_bind_tag("balcony")
            .with_stream_management(StreamManagement::new());
        let wire = trace.wire(visit.script, CLIENT, SERVER);
        let tcp = TcpStream::connect(address)?;
        round_trips.push(call(tcp, tls, config, visit, wire, &mut kept)?);
    }
    server.join().map_err(|_| "the server panicked")??;
    trace.end_chapter();
    say("Round trips before stanzas could be sent, after those of TCP and TLS:");
    for (number, login) in round_trips.iter().zip(["password", "token", "resumption"]) {
        say(&format!("    {login:<10}  {number}"));
    }
    Ok(())
}

/// The client: logs in, says something, and leaves when the server has it.
fn call(
    tcp: TcpStream,
    tls: &ClientTls,
    config: ClientConfig,
    visit: &Visit,
    wire: Wire,
    kept: &mut Kept,
) -> Result<usize> {
    let connection = tls.connect(&Domain::parse(DOMAIN)?, Mode::DirectTls)?;
    let entropy = Entropy::from_os()?;
    let mut end = End::direct(
        tcp,
        connection,
        |connection| tls.summary(connection),
        |info| Client::with_direct_tls(config, entropy, Instant::ORIGIN, info),
        Some(wire),
    )?;
    if let Some(session) = kept.session.take() {
        end.machine.resume(session).map_err(|refused| refused.why)?;
    }
    let mut round_trips = 0;
    while let Some(event) = end.next_event()? {
        match event {
            // A new one, or the one in use with a higher count.
            ClientEvent::Token(token) => kept.token = Some(token),
            ClientEvent::Bound(_) => {
                round_trips = end.wire().map_or(0, Wire::round_trips);
                if let Some(says) = visit.says {
                    end.machine.send(&Message::chat(ROMEO, says)?.into())?;
                }
                match visit.breaks {
                    true => end.cut()?,
                    false => end.machine.request_acknowledgement(),
                }
            }
            // What was lost is in the output again.
            ClientEvent::Resumed { .. } => {
                round_trips = end.wire().map_or(0, Wire::round_trips);
                end.machine.request_acknowledgement();
            }
            ClientEvent::Acknowledged(_) => end.close(),
            _ => {}
        }
    }
    // There is one if the connection broke.
    kept.session = end.machine.take_resumption();
    Ok(round_trips)
}

/// The server: one account, one connection at a time, and Romeo's part.
struct Verona {
    tls: ServerTls,
    keys: ScramKeys,
    /// The tokens of Juliet's client.
    tokens: TokenSlots,
    /// Sessions that wait for their client.
    sessions: DetachedSessions,
    answers: std::array::IntoIter<&'static str, 2>,
}

impl Verona {
    fn new(tls: ServerTls) -> Result<Self> {
        let salt = Entropy::from_os()?.salt();
        Ok(Self {
            tls,
            keys: ScramKeys::derive(ScramHash::Sha256, PASSWORD, &salt, 4096)?,
            tokens: TokenSlots::default(),
            sessions: DetachedSessions::new(DetachedLimits::default()),
            answers: ANSWERS.into_iter(),
        })
    }

    fn serve(&mut self, tcp: TcpStream) -> Result<()> {
        let (config, entropy) = (ServerConfig::new(DecoyKey::random()?), Entropy::from_os()?);
        let mut end = End::direct(
            tcp,
            self.tls.accept(Mode::DirectTls)?,
            |connection| self.tls.summary(connection),
            |info| Server::with_direct_tls(config, entropy, Instant::ORIGIN, info),
            None,
        )?;
        while let Some(event) = end.next_event()? {
            let machine = &mut end.machine;
            match event {
                ServerEvent::Opened(question) => {
                    machine.choose_host(question, HostAnswer::Serve(host()?))?;
                }
                ServerEvent::Sasl(question) => {
                    let answer = SaslAnswer::ScramKeys(self.keys.clone());
                    machine.answer_sasl(question, answer)?;
                }
                ServerEvent::Token(question) => {
                    let answer = TokenAnswer::Slots(self.tokens.clone());
                    machine.answer_token(question, answer)?;
                }
                ServerEvent::Tokens(update) => update.apply(&mut self.tokens),
                ServerEvent::Bind(question) => {
                    let resource = question.suggested().clone();
                    machine.answer_bind(question, BindAnswer::Bind(resource))?;
                }
                ServerEvent::Resume(question) => {
                    let answer = self.sessions.answer(Instant::ORIGIN, &question);
                    machine.answer_resume(question, answer)?;
                }
                ServerEvent::Stanza(Stanza::Message(message)) => {
                    let answer = self.answers.next().ok_or("more messages than answers")?;
                    let reply = message.reply(answer).ok_or("a message without a sender")?;
                    machine.send(&reply.into())?;
                }
                // What arrives for the session meanwhile waits with it.
                ServerEvent::Detached(mut session) => {
                    let message = Message::chat(session.jid().clone(), MEANWHILE);
                    session.push(&message.with_from(Jid::new(ROMEO)?).into())?;
                    // It is the only one, so no other has to end for it.
                    drop(self.sessions.insert(Instant::ORIGIN, session));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// What the server offers.
fn host() -> Result<Host> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mechanisms = [Mechanism::ScramSha256Plus, Mechanism::ScramSha256];
    Ok(Host::new(TlsOffer::Required, mechanisms)
        .with_sasl2(Sasl2::new().with_tokens(TokenPolicy::new(now)))
        .with_stream_management(StreamManagement::new()))
}
