//! One session for several tasks, under random schedules: each future is polled, left alone or
//! dropped at any await, and bytes move in pieces. Nothing is lost, doubled or out of order, and no
//! task that could go on is left asleep.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use xmppwire::{Element, Iq, Jid, Limits, Message, Stanza};
use xmppwire_net::client::{Driving, Error, Handle, RequestError, Stanzas, share};

use support::{NOW, connector_with, session};

const NUMBER: &str = "urn:example:number";
const UNKNOWN: &str = "urn:example:unknown";
const ROMEO: &str = "romeo@example.net/orchard";

/// A small generator: splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % end as u64).unwrap()
    }
}

/// Whether a task was woken since it was polled.
#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(true)))
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// What became of a task.
#[derive(Debug)]
enum Done {
    Sent(Result<(), Error>),
    Answered(Result<Iq, RequestError>),
}

struct Task {
    number: usize,
    future: Pin<Box<dyn Future<Output = Done>>>,
    flag: Arc<Flag>,
}

impl Task {
    fn poll(&mut self) -> Poll<Done> {
        let waker = Waker::from(Arc::clone(&self.flag));
        self.flag.take();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

/// The client, its tasks, and the server at the other end.
struct World {
    random: Random,
    handle: Option<Handle>,
    stanzas: Stanzas,
    stanzas_flag: Arc<Flag>,
    driving: Driving,
    driver_flag: Arc<Flag>,
    /// Bytes have moved since the driver was polled.
    moved: bool,
    tasks: Vec<Task>,
    next: usize,
    /// Messages whose `send` has returned, in that order.
    sent: Vec<usize>,
    /// Requests that were answered to the task that asked.
    answered: BTreeSet<usize>,
    dropped: BTreeSet<usize>,
    /// What the client took, in its order.
    received: Vec<usize>,

    // The server.
    from_client: String,
    to_client: Vec<u8>,
    arrived: Vec<usize>,
    /// Requests of the client that are not answered, with their ids.
    open: Vec<(usize, String)>,
    asked: BTreeSet<usize>,
    next_message: usize,
    next_request: usize,
    refusals: Vec<usize>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let inbox = [0, 1000, 20_000][random.below(3)];
        let most = 1 + random.below(4);
        let connector = connector_with(Limits::new())
            .with_inbox_bytes(inbox)
            .with_max_requests(most);
        let session = session(&connector, "");
        let (handle, events, driving) = share(Some(session), inbox, || NOW);
        Self {
            random,
            handle: Some(handle),
            stanzas: events.into(),
            stanzas_flag: Flag::new(),
            driving,
            driver_flag: Flag::new(),
            moved: false,
            tasks: Vec::new(),
            next: 0,
            sent: Vec::new(),
            answered: BTreeSet::new(),
            dropped: BTreeSet::new(),
            received: Vec::new(),
            from_client: String::new(),
            to_client: Vec::new(),
            arrived: Vec::new(),
            open: Vec::new(),
            asked: BTreeSet::new(),
            next_message: 0,
            next_request: 0,
            refusals: Vec::new(),
        }
    }

    fn spawn(&mut self) {
        let Some(handle) = self.handle.clone() else {
            return;
        };
        let number = self.next;
        self.next += 1;
        let is_request = self.random.below(2) == 0;
        let padding = "x".repeat(self.random.below(4) * 12_000);
        let future: Pin<Box<dyn Future<Output = Done>>> = if is_request {
            let text = number.to_string();
            let payload = Element::builder("n", NUMBER).text(&text).build();
            let to = Jid::new("example.org").unwrap();
            let request = Iq::get("", &payload).with_to(to);
            Box::pin(async move { Done::Answered(handle.request(request).await) })
        } else {
            let message = Message::chat(Jid::new(ROMEO).unwrap(), format!("{number} {padding}"));
            Box::pin(async move { Done::Sent(handle.send(message).await) })
        };
        self.tasks.push(Task {
            number,
            future,
            flag: Flag::new(),
        });
    }

    fn poll_task(&mut self, index: usize) {
        let Poll::Ready(done) = self.tasks[index].poll() else {
            return;
        };
        let task = self.tasks.swap_remove(index);
        match done {
            Done::Sent(result) => {
                result.unwrap();
                self.sent.push(task.number);
            }
            Done::Answered(answer) => {
                let answer = answer.unwrap();
                let text = answer.payload("n", NUMBER).unwrap().text();
                assert_eq!(text, task.number.to_string());
                self.answered.insert(task.number);
            }
        }
    }

    fn drop_task(&mut self, index: usize) {
        let task = self.tasks.swap_remove(index);
        self.dropped.insert(task.number);
    }

    /// Polls the driver; true if the session has ended.
    fn drive(&mut self) -> bool {
        self.driver_flag.take();
        self.moved = false;
        let waker = Waker::from(Arc::clone(&self.driver_flag));
        let end = self.driving.with(|driven| driven.poll(NOW, &waker));
        matches!(end, Poll::Ready(Ok(())))
    }

    /// Moves bytes of the client to the server, at most so many; true if there were any.
    fn write(&mut self, most: usize) -> bool {
        let bytes = self.driving.with(|driven| {
            let Some(wire) = driven.wire() else {
                return Vec::new();
            };
            let output = wire.output();
            let bytes = output[..output.len().min(most)].to_vec();
            wire.consume_output(bytes.len());
            if wire.wants_shutdown() {
                wire.shut_down();
            }
            bytes
        });
        self.from_client
            .push_str(std::str::from_utf8(&bytes).unwrap());
        self.serve();
        self.moved |= !bytes.is_empty();
        !bytes.is_empty()
    }

    /// Moves bytes of the server to the client.
    fn read(&mut self, most: usize) -> bool {
        let input = &mut self.to_client;
        let moved = self.driving.with(|driven| {
            let Some(wire) = driven.wire().filter(|wire| wire.wants_read()) else {
                return false;
            };
            let length = input.len().min(most);
            if length == 0 {
                return false;
            }
            let bytes: Vec<u8> = input.drain(..length).collect();
            wire.receive(NOW, &bytes);
            true
        });
        self.moved |= moved;
        moved
    }

    /// The server reads what arrived.
    fn serve(&mut self) {
        loop {
            let end = match self.from_client.get(..3) {
                Some("<me") => "</message>",
                Some("<iq") => "</iq>",
                Some("</s") => {
                    assert_eq!(self.from_client, "</stream:stream>");
                    self.from_client.clear();
                    self.to_client.extend_from_slice(b"</stream:stream>");
                    return;
                }
                Some(other) => panic!("{other}"),
                None => return,
            };
            let Some(length) = self.from_client.find(end) else {
                return;
            };
            let stanza: String = self.from_client.drain(..length + end.len()).collect();
            let element: Element = read(&stanza);
            match element.name() {
                "message" => {
                    let body = element.child("body", xmppwire::ns::CLIENT).unwrap().text();
                    let number = body.split(' ').next().unwrap().parse().unwrap();
                    self.arrived.push(number);
                }
                _ if element.attr("type") == Some("error") => {
                    self.refusals
                        .push(element.attr("id").unwrap().parse().unwrap());
                }
                _ => {
                    let number = element.child("n", NUMBER).unwrap().text().parse().unwrap();
                    assert!(self.asked.insert(number), "asked twice");
                    let id = element.attr("id").unwrap().to_owned();
                    self.open.push((number, id));
                }
            }
        }
    }

    /// The server says something: an answer, a message or a request.
    fn say(&mut self) {
        let said = match self.random.below(4) {
            0 | 1 => return self.answer(),
            2 => {
                let number = self.next_message;
                self.next_message += 1;
                let padding = "y".repeat(self.random.below(3) * 400);
                format!("<message from='{ROMEO}'><body>{number} {padding}</body></message>")
            }
            _ => {
                let number = self.next_request;
                self.next_request += 1;
                format!("<iq type='get' id='{number}' from='{ROMEO}'><x xmlns='{UNKNOWN}'/></iq>")
            }
        };
        self.to_client.extend_from_slice(said.as_bytes());
    }

    fn answer(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let index = self.random.below(self.open.len());
        let (number, id) = self.open.swap_remove(index);
        let answer = format!(
            "<iq type='result' id='{id}' from='example.org'><n xmlns='{NUMBER}'>{number}</n></iq>"
        );
        self.to_client.extend_from_slice(answer.as_bytes());
    }

    /// Polls the receiver for one stanza, in a future that is dropped at once.
    fn receive(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.stanzas_flag));
        self.stanzas_flag.take();
        let next = Box::pin(self.stanzas.next())
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        match next {
            Poll::Ready(Some(Stanza::Message(message))) => {
                let body = message.body().unwrap();
                // A task that has a stanza asks for the next one.
                self.stanzas_flag.0.store(true, Ordering::SeqCst);
                self.received
                    .push(body.split(' ').next().unwrap().parse().unwrap());
                true
            }
            Poll::Ready(Some(other)) => panic!("{other:?}"),
            Poll::Ready(None) | Poll::Pending => false,
        }
    }

    /// One step at random.
    fn step(&mut self) {
        match self.random.below(12) {
            0 | 1 => self.spawn(),
            2..=4 if !self.tasks.is_empty() => {
                let index = self.random.below(self.tasks.len());
                // A task may be polled without having been woken.
                self.poll_task(index);
            }
            5 if !self.tasks.is_empty() => {
                let index = self.random.below(self.tasks.len());
                self.drop_task(index);
            }
            6 => {
                self.drive();
            }
            7 | 8 => {
                let most = 1 + self.random.below(9_000);
                self.write(most);
            }
            9 => {
                let most = 1 + self.random.below(700);
                self.read(most);
            }
            10 => self.say(),
            _ => {
                self.receive();
            }
        }
    }

    /// Lets everything go on, but polls only what was woken, until nothing moves any more.
    fn settle(&mut self) {
        if self.moved {
            self.drive();
        }
        loop {
            let mut moved = false;
            while !self.open.is_empty() {
                self.answer();
            }
            // As a pump does: the driver is polled when it was woken and when bytes have moved.
            if self.driver_flag.take() {
                self.drive();
            }
            loop {
                let (out, into) = (1 + self.random.below(50_000), 1 + self.random.below(500));
                if !self.write(out) && !self.read(into) {
                    break;
                }
                moved = true;
                self.drive();
            }
            let mut index = 0;
            while index < self.tasks.len() {
                if self.tasks[index].flag.take() {
                    moved = true;
                    let before = self.tasks.len();
                    self.poll_task(index);
                    if self.tasks.len() < before {
                        continue;
                    }
                }
                index += 1;
            }
            if self.stanzas_flag.take() {
                moved = true;
                while self.receive() {}
            }
            if !moved && self.open.is_empty() {
                return;
            }
        }
    }

    fn check(&self) {
        assert_eq!(self.tasks.len(), 0, "tasks that nothing wakes");
        // Those that were dropped are not in `sent`, so they did not arrive.
        assert_eq!(self.arrived, self.sent);
        assert!(self.answered.is_subset(&self.asked));
        // A request that was dropped may have been sent, and no other is unanswered.
        let unanswered: BTreeSet<_> = self.asked.difference(&self.answered).copied().collect();
        assert!(unanswered.is_subset(&self.dropped), "{unanswered:?}");
        assert!(self.received.iter().copied().eq(0..self.next_message));
        assert!(self.refusals.iter().copied().eq(0..self.next_request));
    }
}

/// Reads a stanza, which inherits the namespace of the stream.
fn read(stanza: &str) -> Element {
    let name = stanza.find([' ', '>']).unwrap();
    let (start, rest) = stanza.split_at(name);
    format!("{start} xmlns='jabber:client'{rest}")
        .parse()
        .unwrap()
}

#[test]
fn nothing_is_lost_or_doubled_under_any_schedule() {
    let (mut sent, mut answered, mut dropped) = (0, 0, 0);
    for seed in 0..100 {
        let mut world = World::new(seed);
        for _ in 0..300 {
            world.step();
            let ahead = world.handle.as_ref().unwrap().backlog();
            assert!(ahead <= 64 * 1024 + 50_000, "{ahead} bytes");
        }
        world.settle();
        world.check();
        sent += world.sent.len();
        answered += world.answered.len();
        dropped += world.dropped.len();
        // The last user is gone: the stream is closed in order.
        world.handle = None;
        let World {
            stanzas,
            mut driving,
            driver_flag,
            ..
        } = world;
        drop(stanzas);
        assert!(driver_flag.take(), "the driver is not woken");
        let waker = Waker::from(Arc::clone(&driver_flag));
        let output = driving.with(|driven| {
            assert!(driven.poll(NOW, &waker).is_pending());
            support::written(driven.wire().unwrap())
        });
        assert_eq!(output, "</stream:stream>");
    }
    println!("{sent} messages sent, {answered} requests answered, {dropped} futures dropped");
    assert!(sent > 500 && answered > 500 && dropped > 500);
}

/// The first of those that wait is woken, and dropped before it is polled: the turn passes on.
#[test]
fn a_turn_that_is_not_taken_passes_on() {
    let mut world = World::new(1);
    let handle = world.handle.clone().unwrap();
    let wait = |number: usize| {
        let (handle, padding) = (handle.clone(), "x".repeat(70_000));
        let message = Message::chat(Jid::new(ROMEO).unwrap(), format!("{number} {padding}"));
        Task {
            number,
            future: Box::pin(async move { Done::Sent(handle.send(message).await) }),
            flag: Flag::new(),
        }
    };
    let [mut first, mut second, mut third] = [0, 1, 2].map(wait);
    assert!(first.poll().is_ready(), "there is room");
    assert!(second.poll().is_pending() && third.poll().is_pending());
    world.write(usize::MAX);
    world.drive();
    assert!(second.flag.take() && !third.flag.take());
    drop(second);
    assert!(third.flag.take());
    assert!(third.poll().is_ready());
    world.drive();
    world.write(usize::MAX);
    assert_eq!(world.arrived, [0, 2]);
}
