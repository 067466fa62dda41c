//! One end of a component's stream, which is told what to read and asked what it wrote.

use core::time::Duration;

use xmppwire::component::{
    AttachAnswer, Component, ComponentConfig, ComponentEvent, DomainAnswer, Host, HostConfig,
    HostEvent, Secret, Terms,
};
use xmppwire::{
    CloseReason, Connection, Domainpart, Entropy, Instant, Jid, Message, Role, RoleEvent, Stanza,
    StreamErrorCondition,
};

/// Every test runs with the input whole, in pieces and byte by byte.
pub(crate) const PIECES: [usize; 3] = [usize::MAX, 7, 1];

pub(crate) const SECRET: &str = "sesame, open the gate";

/// A connection, its unread input and its clock.
pub(crate) struct Talk<R: Role> {
    pub(crate) connection: Connection<R>,
    unread: Vec<u8>,
    piece: usize,
    now: Instant,
}

impl<R: Role> Talk<R> {
    fn new(connection: Connection<R>, piece: usize) -> Self {
        Self {
            connection,
            unread: Vec::new(),
            piece,
            now: Instant::ORIGIN,
        }
    }

    /// Reads, and returns the events up to the first question that stops it.
    pub(crate) fn reads(&mut self, xml: &str) -> Vec<R::Event> {
        self.unread.extend_from_slice(xml.as_bytes());
        self.goes_on()
    }

    /// Reads what a question left over.
    pub(crate) fn goes_on(&mut self) -> Vec<R::Event> {
        let mut events = Vec::new();
        loop {
            let told = std::iter::from_fn(|| self.connection.poll_event());
            events.extend(told.take(10_000));
            if !self.connection.wants_read() || self.unread.is_empty() {
                return events;
            }
            let piece = self.unread.len().min(self.piece);
            let consumed = self.connection.receive(self.now, &self.unread[..piece]);
            assert!(consumed > 0, "what wants to be read is read");
            self.unread.drain(..consumed);
        }
    }

    /// What was written since the last call.
    pub(crate) fn wrote(&mut self) -> String {
        String::from_utf8(self.connection.take_output()).unwrap()
    }

    /// Reads, and returns what it wrote. There is no event.
    pub(crate) fn answers(&mut self, xml: &str) -> String {
        let events = self.reads(xml);
        assert!(events.is_empty(), "{events:?}");
        self.wrote()
    }

    /// Lets time pass, and returns the events.
    pub(crate) fn waits(&mut self, seconds: u64) -> Vec<R::Event> {
        // A driver tells the time whenever a deadline wants it.
        self.connection.handle_timeout(self.now);
        self.now = self.now + Duration::from_secs(seconds);
        self.connection.handle_timeout(self.now);
        // The driver would call again at once, and find nothing to do.
        let next = self.connection.poll_timeout();
        assert!(
            next.is_none_or(|when| when > self.now),
            "a deadline in the past"
        );
        self.goes_on()
    }

    /// The end of the transport, and the events.
    pub(crate) fn is_cut(&mut self) -> Vec<R::Event> {
        self.connection.receive_eof(self.now);
        self.goes_on()
    }

    /// How the connection ended. Nothing else was told, and the output ends with the closing tag.
    pub(crate) fn ended(&mut self, events: &[R::Event]) -> CloseReason {
        let [event] = events else {
            panic!("{events:?}");
        };
        let wrote = self.wrote();
        assert!(wrote.ends_with("</stream:stream>"), "{wrote}");
        assert!(self.connection.is_finished());
        event.close_reason().unwrap().clone()
    }

    /// The stream error that it ended the stream with because of the peer.
    pub(crate) fn failed(&mut self, events: &[R::Event]) -> StreamErrorCondition {
        match self.ended(events) {
            CloseReason::Violation {
                sent: Some(error), ..
            } => error.condition(),
            other => panic!("{other:?}"),
        }
    }
}

/// A header in the content namespace of components.
pub(crate) fn header(attributes: &str) -> String {
    header_in("jabber:component:accept", attributes)
}

pub(crate) fn header_in(content_ns: &str, attributes: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='{content_ns}' \
         xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
    )
}

pub(crate) fn stream_error(condition: &str) -> String {
    format!(
        "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>"
    )
}

pub(crate) fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).unwrap()
}

pub(crate) fn message(from: Option<&str>, to: Option<&str>) -> Stanza {
    let mut stanza: Stanza = Message::chat(Jid::new("nobody.example").unwrap(), "x").into();
    stanza.set_from(from.map(|from| Jid::new(from).unwrap()));
    stanza.set_to(to.map(|to| Jid::new(to).unwrap()));
    stanza
}

// --- The component's end ---------------------------------------------------------------------

pub(crate) fn config() -> ComponentConfig {
    ComponentConfig::new(domain("gate.example"), Secret::new(SECRET))
}

/// A component that has sent its header.
pub(crate) fn component(config: ComponentConfig, piece: usize) -> Talk<Component> {
    let mut talk = Talk::new(Component::new(config, Instant::ORIGIN), piece);
    assert_eq!(talk.wrote(), header("to='gate.example'"));
    talk
}

/// One that is attached.
pub(crate) fn attached(config: ComponentConfig, piece: usize) -> Talk<Component> {
    let mut talk = component(config, piece);
    talk.answers(&header("from='gate.example' id='c0ffee42'"));
    let events = talk.reads("<handshake/>");
    assert!(matches!(events[..], [ComponentEvent::Bound]), "{events:?}");
    talk
}

// --- The server's end ------------------------------------------------------------------------

pub(crate) fn host(piece: usize) -> Talk<Host> {
    host_with(1, piece)
}

fn host_with(seed: u8, piece: usize) -> Talk<Host> {
    host_of(HostConfig::new(), seed, piece)
}

/// A host with this configuration.
pub(crate) fn host_of(config: HostConfig, seed: u8, piece: usize) -> Talk<Host> {
    let entropy = Entropy::from_seed([seed; 32]);
    Talk::new(Host::new(config, entropy, Instant::ORIGIN), piece)
}

pub(crate) fn terms() -> Terms {
    Terms::new(Secret::new(SECRET)).unwrap()
}

/// A host that awaits the handshake of `gate.example`, and the id of its stream.
pub(crate) fn proving(terms: Terms, piece: usize) -> (Talk<Host>, String) {
    proving_with(1, terms, piece)
}

/// The same with this seed of randomness.
pub(crate) fn proving_with(seed: u8, terms: Terms, piece: usize) -> (Talk<Host>, String) {
    let mut talk = host_with(seed, piece);
    let mut events = talk.reads(&header("to='gate.example'"));
    let Some(HostEvent::Opened(request)) = events.pop() else {
        panic!("{events:?}");
    };
    assert_eq!(request.domain().as_str(), "gate.example");
    assert!(!request.secured());
    let answer = DomainAnswer::Serve(terms);
    talk.connection.answer_domain(request, answer).unwrap();
    let wrote = talk.wrote();
    let id = wrote.split_once("id='").unwrap().1;
    let id = id.split_once('\'').unwrap().0.to_owned();
    let expected = format!("from='gate.example' id='{id}' xml:lang='en'");
    assert_eq!(wrote, header(&expected));
    (talk, id)
}

/// A host with an attached component.
pub(crate) fn hosting(terms: Terms, piece: usize) -> Talk<Host> {
    let (mut talk, id) = proving(terms, piece);
    let proof = Secret::new(SECRET).handshake(&id);
    let mut events = talk.reads(&format!("<handshake>{proof}</handshake>"));
    let Some(HostEvent::Attach(request)) = events.pop() else {
        panic!("{events:?}");
    };
    assert_eq!(request.domain().as_str(), "gate.example");
    let answer = AttachAnswer::Accept;
    talk.connection.answer_attach(request, answer).unwrap();
    assert_eq!(talk.wrote(), "<handshake/>");
    assert_eq!(talk.connection.domain().unwrap().as_str(), "gate.example");
    talk
}
