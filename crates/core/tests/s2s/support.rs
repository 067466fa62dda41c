//! One end of a stream between servers, told what to read and asked what it wrote.

use core::time::Duration;

use xmppwire::s2s::{
    DialbackSecret, Incoming, IncomingConfig, IncomingEvent, LocalDomains, Outgoing,
    OutgoingConfig, OutgoingEvent, Pair, PeerAnswer, PeerPolicy, Trust, VerifyRequest,
};
use xmppwire::{
    CertificateIdentities, ChannelBindings, CloseReason, Connection, Domainpart, Entropy, Instant,
    Jid, Message, PeerMisbehaved, Role, RoleEvent, Stanza, StreamErrorCondition, TlsInfo, TlsOffer,
};

/// A connection, its unread input and its clock.
pub(crate) struct Talk<R: Role> {
    pub(crate) connection: Connection<R>,
    unread: Vec<u8>,
    pub(crate) now: Instant,
}

impl<R: Role> Talk<R> {
    pub(crate) fn new(connection: Connection<R>) -> Self {
        Self {
            connection,
            unread: Vec::new(),
            now: Instant::ORIGIN,
        }
    }

    /// Reads, a few bytes at a time, and returns the events up to the first question that stops it.
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
            let piece = self.unread.len().min(7);
            let consumed = self.connection.receive(self.now, &self.unread[..piece]);
            assert!(consumed > 0, "what wants to be read is read");
            self.unread.drain(..consumed);
        }
    }

    /// What was written since the last call.
    pub(crate) fn wrote(&mut self) -> String {
        String::from_utf8(self.connection.take_output()).unwrap()
    }

    /// Reads, and returns what it wrote. Nothing is told.
    pub(crate) fn answers(&mut self, xml: &str) -> String {
        let events = self.reads(xml);
        assert!(events.is_empty(), "{events:?}");
        self.wrote()
    }

    /// Goes over to TLS with these names in the peer's certificate.
    pub(crate) fn secures(&mut self, certificate: Option<&str>) {
        let request = self.connection.poll_event().unwrap();
        let request = request.into_start_tls().unwrap();
        let handoff = self.connection.begin_tls(request, &self.unread).unwrap();
        let now = self.now;
        self.connection
            .tls_established(now, handoff, tls(certificate))
            .unwrap();
    }

    /// Lets time pass, and returns what is told.
    pub(crate) fn waits(&mut self, seconds: u64) -> Vec<R::Event> {
        let until = self.now + Duration::from_secs(seconds);
        // A driver tells the time whenever a deadline wants it, and only then.
        for _ in 0..1_000 {
            match self.connection.poll_timeout() {
                Some(when) if when <= until => {
                    self.now = self.now.max(when);
                    self.connection.handle_timeout(self.now);
                }
                _ => break,
            }
        }
        self.now = until;
        self.goes_on()
    }

    /// How the connection ended.
    pub(crate) fn ended(events: &[R::Event]) -> &CloseReason {
        events.last().and_then(RoleEvent::close_reason).unwrap()
    }

    /// The stream error that it ended with.
    pub(crate) fn failed(events: &[R::Event]) -> StreamErrorCondition {
        match Self::ended(events) {
            CloseReason::Violation {
                sent: Some(error), ..
            } => error.condition(),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn tls(certificate: Option<&str>) -> TlsInfo {
    let tls = TlsInfo::new(ChannelBindings::none());
    match certificate {
        Some(name) => tls.with_peer(CertificateIdentities::new().with_dns_id(name)),
        None => tls,
    }
}

pub(crate) fn domain(name: &str) -> Domainpart {
    Domainpart::new(name).unwrap()
}

pub(crate) fn pair(sender: &str, target: &str) -> Pair {
    Pair::new(domain(sender), domain(target))
}

pub(crate) fn message(from: &str, to: &str) -> Stanza {
    let message = Message::chat(Jid::new(to).unwrap(), "x");
    message.with_from(Jid::new(from).unwrap()).into()
}

pub(crate) fn secret() -> DialbackSecret {
    DialbackSecret::new("xyzzy")
}

pub(crate) const A_TO_B: &str =
    "<message from='u@a.example' to='v@b.example'><body>x</body></message>";
pub(crate) const DIALBACK: &str =
    "<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>";
pub(crate) const EXTERNAL: &str = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
    <mechanism>EXTERNAL</mechanism></mechanisms>";
pub(crate) const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub(crate) const STARTTLS_REQUIRED: &str =
    "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
pub(crate) const PROCEED: &str = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
pub(crate) const SUCCESS: &str = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

/// A header between servers with these attributes.
pub(crate) fn header(attributes: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:server' \
         xmlns:stream='http://etherx.jabber.org/streams' xmlns:db='jabber:server:dialback' {attributes}>"
    )
}

/// The features.
pub(crate) fn features(features: &str) -> String {
    format!("<stream:features>{features}</stream:features>")
}

/// `<auth/>` for SASL EXTERNAL.
pub(crate) fn auth(authzid: &str) -> String {
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>{authzid}</auth>")
}

/// `a.example` in base64.
pub(crate) const A_IN_BASE64: &str = "YS5leGFtcGxl";

// --- Outgoing ---------------------------------------------------------------------------------

/// The server of `a.example` opens a stream to `b.example`.
pub(crate) fn outgoing(config: OutgoingConfig) -> Talk<Outgoing> {
    let entropy = Entropy::from_seed([1; 32]);
    let pair = pair("a.example", "b.example");
    let mut talk = Talk::new(Outgoing::new(config, pair, entropy, Instant::ORIGIN));
    let initial = talk.wrote();
    assert_eq!(initial, header(OUR_HEADER), "{initial}");
    talk
}

pub(crate) const OUR_HEADER: &str = "from='a.example' to='b.example' version='1.0'";

/// One with TLS from the first byte, and this name in the peer's certificate.
pub(crate) fn outgoing_secured(
    config: OutgoingConfig,
    certificate: Option<&str>,
) -> Talk<Outgoing> {
    let entropy = Entropy::from_seed([1; 32]);
    let pair = pair("a.example", "b.example");
    let tls = tls(certificate);
    let connection = Outgoing::with_direct_tls(config, pair, entropy, Instant::ORIGIN, tls);
    let mut talk = Talk::new(connection);
    talk.wrote();
    talk
}

/// The response header of `b.example`, with this stream id.
pub(crate) fn response(id: &str) -> String {
    header(&format!(
        "from='b.example' to='a.example' id='{id}' version='1.0'"
    ))
}

/// A stream over TLS on which dialback has begun: the key is in the output, for the stream id `r1`.
pub(crate) fn asking(config: OutgoingConfig) -> Talk<Outgoing> {
    let mut talk = outgoing_secured(config.with_dialback(secret()), None);
    let opened = response("r1") + &features(DIALBACK);
    assert_eq!(talk.answers(&opened), key("a.example", "b.example", "r1"));
    talk
}

/// A stream over TLS on which stanzas may be sent.
pub(crate) fn ready(config: OutgoingConfig) -> Talk<Outgoing> {
    let mut talk = asking(config);
    let events = talk.reads(&valid("a.example", "b.example"));
    assert!(
        matches!(&events[..], [OutgoingEvent::Ready(ready, Trust::Dialback { tls: true }), ..]
            if *ready == pair("a.example", "b.example")),
        "{events:?}"
    );
    talk
}

/// Step 1 with the right key.
pub(crate) fn key(sender: &str, target: &str, id: &str) -> String {
    let key = secret().key(&pair(sender, target), id);
    format!("<db:result from='{sender}' to='{target}'>{key}</db:result>")
}

/// Step 4.
pub(crate) fn valid(sender: &str, target: &str) -> String {
    format!("<db:result from='{target}' to='{sender}' type='valid'/>")
}

/// A dialback error in the form of step 4.
pub(crate) fn refused(sender: &str, target: &str, kind: &str, condition: &str) -> String {
    format!(
        "<db:result from='{target}' to='{sender}' type='error'><error type='{kind}'>\
         <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:result>"
    )
}

// --- Incoming ---------------------------------------------------------------------------------

/// The server of `b.example` and `c.example`.
pub(crate) fn config() -> IncomingConfig {
    let domains: LocalDomains = ["b.example", "c.example"].map(domain).into_iter().collect();
    IncomingConfig::new(domains)
        .with_default_domain(domain("b.example"))
        .with_dialback(secret())
}

/// A stream in clear text that nothing was said on.
pub(crate) fn incoming(config: IncomingConfig) -> Talk<Incoming> {
    let entropy = Entropy::from_seed([2; 32]);
    Talk::new(Incoming::new(config, entropy, Instant::ORIGIN))
}

/// One with TLS from the first byte, and this name in the peer's certificate.
pub(crate) fn incoming_secured(
    config: IncomingConfig,
    certificate: Option<&str>,
) -> Talk<Incoming> {
    let entropy = Entropy::from_seed([2; 32]);
    let tls = tls(certificate);
    Talk::new(Incoming::with_direct_tls(
        config,
        entropy,
        Instant::ORIGIN,
        tls,
    ))
}

impl Talk<Incoming> {
    /// Reads a header and accepts the peer on these terms. Returns the id of the response.
    pub(crate) fn accepts(&mut self, header: &str, policy: PeerPolicy) -> String {
        let events = self.reads(header);
        let Ok([IncomingEvent::Opened(request)]) = <[_; 1]>::try_from(events) else {
            panic!("the question comes first");
        };
        self.connection
            .accept(request, PeerAnswer::Accept(policy))
            .unwrap();
        id_of(core::str::from_utf8(self.connection.output()).unwrap())
    }

    /// Reads a key that has to be verified.
    pub(crate) fn asks(&mut self, xml: &str) -> VerifyRequest {
        let events = self.reads(xml);
        match <[_; 1]>::try_from(events) {
            Ok([IncomingEvent::Verify(request)]) => request,
            other => panic!("{other:?}"),
        }
    }
}

/// The stream id in the last header of an output.
pub(crate) fn id_of(output: &str) -> String {
    let (_, id) = output.rsplit_once(" id='").unwrap();
    id.split('\'').next().unwrap().into()
}

/// The policy that most tests take: TLS, and dialback is enough.
pub(crate) fn policy() -> PeerPolicy {
    PeerPolicy::new(TlsOffer::Required)
}

/// A stream over TLS, without a certificate, from `a.example` to `b.example`, that was accepted.
pub(crate) fn opened(policy: PeerPolicy) -> (Talk<Incoming>, String) {
    let mut talk = incoming_secured(config(), None);
    let id = talk.accepts(&header(OUR_HEADER), policy);
    talk.wrote();
    (talk, id)
}

/// One that the pair from `a.example` to `b.example` was authorised on.
pub(crate) fn authorised(policy: PeerPolicy) -> (Talk<Incoming>, String) {
    let (mut talk, id) = opened(policy);
    let request = talk.asks(&key("a.example", "b.example", &id));
    let answer = request.answer(xmppwire::s2s::Verdict::Valid);
    assert!(talk.connection.answer_verify(answer));
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
    talk.goes_on();
    (talk, id)
}

/// What a peer did that was sent as a stanza it may not send.
pub(crate) fn is_unauthorised(reason: &CloseReason) -> bool {
    let CloseReason::Violation { why, .. } = reason else {
        return false;
    };
    matches!(why, PeerMisbehaved::Unauthorised { .. })
}

/// A stream over TLS of the server of `b.example`, with randomness of its own.
pub(crate) fn incoming_secured_with(entropy: Entropy) -> Talk<Incoming> {
    let tls = tls(None);
    Talk::new(Incoming::with_direct_tls(
        config(),
        entropy,
        Instant::ORIGIN,
        tls,
    ))
}
