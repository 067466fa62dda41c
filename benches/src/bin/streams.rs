//! Measures streams over TLS on the loopback interface: client to server, and server to server, with
//! the same messages and the same adapter in the same run.
//!
//! `cargo run --release --bin streams` prints the messages in a second and the time of the processor
//! for a message, of both ends together, each of the best of several rounds that take turns. On a busy
//! machine only the time of the processor says something. `--messages N` and `--rounds N` take longer.

use std::net::TcpListener;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use xmppwire::{Domainpart, Jid, Message, ServerEvent, Stanza};
use xmppwire_net::federation::{FederationConfig, FederationEvent, LocalDomain};
use xmppwire_net::find::Mode;
use xmppwire_test_support::Authority;
use xmppwire_test_support::adapter::{Accepted, Adapter, Blocking, Federation, Session, Tokio};
use xmppwire_test_support::site::Site;

const TEXT: &str = "But, soft! what light through yonder window breaks? It is the east, and Juliet is \
    the sun. Arise, fair sun, and kill the envious moon, who is already sick and pale with grief.";

fn main() -> Result<(), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut messages, mut rounds) = (20_000, 5);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("messages") => messages = args.value()?.parse()?,
            Long("rounds") => rounds = args.value()?.parse()?,
            _ => return Err(arg.unexpected()),
        }
    }
    measure(
        "tokio",
        [clients::<Tokio>, servers_of_tokio],
        messages,
        rounds,
    );
    measure(
        "blocking",
        [clients::<Blocking>, servers::<Blocking>],
        messages,
        rounds,
    );
    Ok(())
}

type Round = fn(usize) -> (Duration, Duration);

fn measure(name: &str, rounds_of: [Round; 2], messages: usize, rounds: usize) {
    let mut best = [(Duration::MAX, Duration::MAX); 2];
    for _ in 0..rounds {
        for (best, round) in best.iter_mut().zip(rounds_of) {
            let (time, cpu) = round(messages);
            best.0 = best.0.min(time);
            best.1 = best.1.min(cpu);
        }
    }
    for (what, (time, cpu)) in ["client to server", "server to server"]
        .into_iter()
        .zip(best)
    {
        let rate = messages as f64 / time.as_secs_f64();
        let each = cpu.as_nanos() as f64 / messages as f64 / 1000.0;
        println!("{name:<10} {what:<18} {rate:>9.0} messages/s {each:>7.2} µs of processor each");
    }
}

fn message(from: &str, to: &str) -> Stanza {
    let message = Message::chat(Jid::new(to).unwrap(), TEXT);
    message.with_from(Jid::new(from).unwrap()).into()
}

/// Measures until `received` has returned, from the first message on.
fn clock(received: impl FnOnce()) -> (Duration, Duration) {
    let (time, cpu) = (Instant::now(), ProcessTime::now());
    received();
    (time.elapsed(), cpu.elapsed())
}

fn clients<A: Adapter>(messages: usize) -> (Duration, Duration) {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let client = thread::spawn(move || {
        let mut client = A::connect_with(&connector).unwrap();
        let to = "romeo@example.net";
        let message = message(&client.address().to_string(), to);
        for _ in 0..messages {
            client.send(message.clone()).unwrap();
        }
        client.flush().unwrap();
        client.close()
    });
    let mut server = site.welcome::<A>(Mode::StartTls);
    let measured = clock(|| {
        let mut count = 0;
        while count < messages {
            let event = server.next_event().unwrap();
            count += usize::from(matches!(event, Some(ServerEvent::Stanza(_))));
        }
    });
    while server.next_event().unwrap().is_some() {}
    let _ = client.join();
    measured
}

const CAPULET: &str = "capulet.example";
const MONTAGUE: &str = "montague.example";

fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).unwrap()
}

/// The configurations of a server that sends and of one that listens.
fn configs(port: u16) -> [FederationConfig; 2] {
    let authority = Authority::new();
    let config = |own| {
        let identity = authority.issue(own, |_| {});
        let tls = LocalDomain::new(identity, authority.roots()).unwrap();
        FederationConfig::new().with_domain(domain(own), tls)
    };
    let sender = config(CAPULET).with_server(domain(MONTAGUE), "127.0.0.1", port, Mode::StartTls);
    [sender, config(MONTAGUE)]
}

/// One server sends to another, each in a thread of its own. The clock runs from the moment at which
/// the stream is authorised, before the sender has begun with the messages, until all have arrived.
fn servers<A: Adapter>(messages: usize) -> (Duration, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let [from, to] = configs(listener.local_addr().unwrap().port());
    let mut receiver = A::Federation::new(to);
    receiver.listen(listener, Mode::StartTls);
    let (begin, begun) = mpsc::channel();
    let sender = thread::spawn(move || {
        let mut sender = A::Federation::new(from);
        let message = message("juliet@capulet.example/balcony", "romeo@montague.example");
        sender.send(message.clone()).unwrap();
        let mut left = messages;
        let mut has_begun = false;
        loop {
            match begun.try_recv() {
                Ok(()) => has_begun = true,
                Err(TryRecvError::Disconnected) if has_begun => return,
                Err(_) => {}
            }
            while has_begun && left > 0 && sender.send(message.clone()).is_ok() {
                left -= 1;
            }
            sender.next(Duration::from_millis(if left > 0 { 1 } else { 5 }));
        }
    });
    let mut stanza = || loop {
        let event = receiver
            .next(Duration::from_secs(30))
            .expect("a stanza arrives");
        if matches!(event, Some(FederationEvent::Stanza(_))) {
            return;
        }
    };
    stanza();
    let measured = clock(|| {
        begin.send(()).unwrap();
        (0..messages).for_each(|_| stanza());
    });
    drop(begin);
    sender.join().unwrap();
    measured
}

/// The same on tokio, each server in a runtime of its own.
fn servers_of_tokio(messages: usize) -> (Duration, Duration) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let [from, to] = configs(listener.local_addr().unwrap().port());
    let (begin, mut begun) = tokio::sync::oneshot::channel();
    let (end, mut ended) = tokio::sync::oneshot::channel::<()>();
    let sender = thread::spawn(move || {
        runtime().block_on(async {
            let mut sender = xmppwire_tokio::Federation::new(from);
            let message = message("juliet@capulet.example/balcony", "romeo@montague.example");
            sender.send(message.clone()).unwrap();
            tokio::select! {
                _ = &mut begun => {}
                _ = async { loop { sender.next().await; } } => {}
            }
            let mut left = messages;
            loop {
                while left > 0 && sender.send(message.clone()).is_ok() {
                    left -= 1;
                }
                tokio::select! {
                    biased;
                    _ = &mut ended => return,
                    _ = sender.next() => {}
                    () = tokio::time::sleep(Duration::from_millis(1)), if left > 0 => {}
                }
            }
        });
    });
    let measured = runtime().block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let mut receiver = xmppwire_tokio::Federation::new(to);
        let (socket, _) = listener.accept().await.unwrap();
        receiver.accept(socket, Mode::StartTls);
        while !matches!(receiver.next().await, Some(FederationEvent::Stanza(_))) {}
        let (time, cpu) = (Instant::now(), ProcessTime::now());
        begin.send(()).unwrap();
        let mut count = 0;
        while count < messages {
            count += usize::from(matches!(
                receiver.next().await,
                Some(FederationEvent::Stanza(_))
            ));
        }
        (time.elapsed(), cpu.elapsed())
    });
    let _ = end.send(());
    sender.join().unwrap();
    measured
}
