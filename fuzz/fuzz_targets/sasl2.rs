//! SASL2, Bind 2, FAST and stream management inside them: both machines under TLS and a hostile peer.
//!
//! The first byte chooses the machine and its settings; the rest is what the peer sends behind its
//! header: raw bytes. The machine must not panic, must make progress, and must do the same byte by
//! byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire::{
    BindAnswer, ChannelBindings, Client, ClientConfig, ClientEvent, Connection, DecoyKey, Entropy,
    Host, HostAnswer, Instant, Jid, Mechanism, MechanismPolicy, ResumeAnswer, Role, Sasl2,
    SaslAnswer, SaslCondition, SaslFailure, Server, ServerConfig, ServerEvent, StreamManagement,
    TaskAnswer, TaskVerdict, TlsInfo, TlsOffer, TokenAnswer, TokenPolicy, TokenSlots, UserAgent,
};

const NOW: Instant = Instant::ORIGIN;
const HEADER: &str = "<stream:stream xmlns='jabber:client' version='1.0' \
    xmlns:stream='http://etherx.jabber.org/streams' ";

fuzz_target!(|data: &[u8]| {
    let Some((settings, rest)) = data.split_first() else {
        return;
    };
    let input = match settings & 1 {
        0 => [HEADER.as_bytes(), b"id='1' from='example.org'>", rest].concat(),
        _ => [HEADER.as_bytes(), b"to='example.org'>", rest].concat(),
    };
    let run = |piece| match settings & 1 {
        0 => play(client(*settings), &input, piece, answer_client),
        _ => play(server(), &input, piece, |end, event| {
            answer_server(end, event, *settings)
        }),
    };
    assert!(run(input.len()) == run(1), "it depends on the pieces");
});

fn tls() -> TlsInfo {
    TlsInfo::new(ChannelBindings::tls13([7; 32]))
}

fn client(settings: u8) -> Connection<Client> {
    let mut entropy = Entropy::from_seed([1; 32]);
    let jid = Jid::new("juliet@example.org").expect("an address");
    let mut config = ClientConfig::new(jid, "s3cr3t")
        .expect("an account")
        .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
        .with_carbons()
        .with_stream_management(StreamManagement::new());
    if settings & 2 != 0 {
        config = config.with_tasks();
    }
    if settings & 4 != 0 {
        config = config.with_user_agent(UserAgent::new(&mut entropy));
    }
    Client::with_direct_tls(config, entropy, NOW, tls())
}

fn server() -> Connection<Server> {
    let config = ServerConfig::new(DecoyKey::new([9; 32]).with_iterations(1));
    Server::with_direct_tls(config, Entropy::from_seed([3; 32]), NOW, tls())
}

fn answer_client(client: &mut Connection<Client>, event: ClientEvent) {
    if let ClientEvent::Task(request) = event {
        let answer = match request.offered().first() {
            Some(task) => TaskAnswer::Choose(task.clone(), Vec::new()),
            None => TaskAnswer::Data(Vec::new()),
        };
        client.answer_task(request, answer).expect("it fits");
    }
}

fn answer_server(server: &mut Connection<Server>, event: ServerEvent, settings: u8) {
    let outcome = match event {
        ServerEvent::Opened(request) => {
            let mut sasl2 = Sasl2::new()
                .with_carbons()
                .with_tokens(TokenPolicy::new(1000));
            if settings & 2 != 0 {
                sasl2 = sasl2.with_tasks();
            }
            let host = Host::new(TlsOffer::Required, [Mechanism::Plain, Mechanism::Anonymous])
                .with_csi()
                .with_stream_management(StreamManagement::new())
                .with_sasl2(sasl2);
            server.choose_host(request, HostAnswer::Serve(host))
        }
        ServerEvent::Sasl(request) => {
            let refusal = || SaslAnswer::Reject(SaslFailure::new(SaslCondition::NotAuthorized));
            let answer = request.account().map_or_else(refusal, SaslAnswer::Accept);
            server.answer_sasl(request, answer)
        }
        ServerEvent::Token(lookup) => {
            server.answer_token(lookup, TokenAnswer::Slots(TokenSlots::default()))
        }
        ServerEvent::Task(question) => {
            let verdict = match question.content().next() {
                Some(_) => TaskVerdict::Done,
                None => TaskVerdict::Continue(vec!["T".into()], None),
            };
            server.decide_task(question, verdict)
        }
        ServerEvent::Resume(request) => {
            let answer = ResumeAnswer::Unknown { handled: None };
            server.answer_resume(request, answer).map(drop)
        }
        ServerEvent::Bind(request) => {
            let resource = request.suggested().clone();
            server.answer_bind(request, BindAnswer::Bind(resource))
        }
        _ => Ok(()),
    };
    outcome.expect("the question is open");
}

/// The output of a machine that is told this in pieces of that size, and what it told.
fn play<R: Role>(
    mut end: Connection<R>,
    input: &[u8],
    piece: usize,
    answer: impl Fn(&mut Connection<R>, R::Event),
) -> (Vec<u8>, Vec<String>) {
    let (mut sent, mut told) = (Vec::new(), Vec::new());
    let mut unread: &[u8] = &[];
    let mut pieces = input.chunks(piece.max(1));
    let mut at = 0;
    loop {
        sent.extend(end.take_output());
        if let Some(event) = end.poll_event() {
            told.push(format!("{event:?}"));
            answer(&mut end, event);
        } else if end.wants_read() && !unread.is_empty() {
            let consumed = end.receive(NOW, unread);
            assert!(consumed > 0, "it wants to read and does not");
            unread = &unread[consumed..];
            at += consumed;
        } else if unread.is_empty()
            && let Some(next) = pieces.next()
        {
            unread = next;
        } else {
            assert!(at <= input.len());
            return (sent, told);
        }
    }
}
