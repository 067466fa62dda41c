//! Two servers, each with both ends, over wires that deliver what is written in pieces of any size;
//! and a third one that lies.

use xmppwire::s2s::{
    DialbackSecret, Incoming, IncomingConfig, IncomingEvent, LocalDomains, Outgoing,
    OutgoingConfig, OutgoingEvent, Pair, PeerAnswer, Trust, Verdict, VerifyAnswer, VerifyRequest,
};
use xmppwire::{Connection, Entropy, Instant, Message, Role, RoleEvent, Stanza};

use crate::support::*;

/// A wire between an outgoing and an incoming end, over TLS without certificates.
struct Wire {
    outgoing: Connection<Outgoing>,
    incoming: Connection<Incoming>,
    to_incoming: Vec<u8>,
    to_outgoing: Vec<u8>,
    random: u64,
    ready: Vec<Pair>,
    trust: Vec<Trust>,
    arrived: Vec<Stanza>,
    asked: Vec<VerifyRequest>,
    verified: Vec<VerifyAnswer>,
    closed: bool,
}

impl Wire {
    fn new(seed: u8, from: &str, to: &str, secrets: [&DialbackSecret; 2], verifies: bool) -> Self {
        let now = Instant::ORIGIN;
        let mut config = OutgoingConfig::new().with_dialback(secrets[0].clone());
        if verifies {
            config = config.only_verifies();
        }
        let outgoing = Outgoing::with_direct_tls(
            config,
            pair(from, to),
            Entropy::from_seed([seed; 32]),
            now,
            tls(None),
        );
        let domains: LocalDomains = [domain(to)].into_iter().collect();
        let config = IncomingConfig::new(domains).with_dialback(secrets[1].clone());
        let entropy = Entropy::from_seed([seed + 100; 32]);
        Self {
            outgoing,
            incoming: Incoming::with_direct_tls(config, entropy, now, tls(None)),
            to_incoming: Vec::new(),
            to_outgoing: Vec::new(),
            random: u64::from(seed) + 1,
            ready: Vec::new(),
            trust: Vec::new(),
            arrived: Vec::new(),
            asked: Vec::new(),
            verified: Vec::new(),
            closed: false,
        }
    }

    /// Delivers until nothing moves.
    fn pump(&mut self) {
        loop {
            let mut moved = false;
            moved |= self.outgoing_events() | self.incoming_events();
            self.to_incoming.extend(self.outgoing.take_output());
            self.to_outgoing.extend(self.incoming.take_output());
            moved |= deliver(&mut self.incoming, &mut self.to_incoming, &mut self.random);
            moved |= deliver(&mut self.outgoing, &mut self.to_outgoing, &mut self.random);
            if !moved {
                return;
            }
        }
    }

    fn outgoing_events(&mut self) -> bool {
        let Some(event) = self.outgoing.poll_event() else {
            return false;
        };
        match event {
            OutgoingEvent::Ready(pair, trust) => {
                self.ready.push(pair);
                self.trust.push(trust);
            }
            OutgoingEvent::Verified(answer) => self.verified.push(answer),
            other => self.closed |= other.close_reason().is_some(),
        }
        true
    }

    fn incoming_events(&mut self) -> bool {
        let Some(event) = self.incoming.poll_event() else {
            return false;
        };
        match event {
            IncomingEvent::Opened(request) => {
                let answer = PeerAnswer::Accept(policy());
                self.incoming.accept(request, answer).unwrap();
            }
            IncomingEvent::Verify(request) => self.asked.push(request),
            IncomingEvent::Stanza(stanza) => self.arrived.push(stanza),
            other => self.closed |= other.close_reason().is_some(),
        }
        true
    }
}

/// Offers a piece of what is on the way. Some pieces are of one byte, some are long.
fn deliver<R: Role>(to: &mut Connection<R>, bytes: &mut Vec<u8>, random: &mut u64) -> bool {
    if bytes.is_empty() || !to.wants_read() {
        return false;
    }
    *random = random
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1);
    let most = match *random >> 60 {
        0 => 1,
        1..=4 => 64,
        _ => 16 * 1024,
    };
    let piece = bytes.len().min(most);
    let consumed = to.receive(Instant::ORIGIN, &bytes[..piece]);
    assert!(consumed > 0);
    bytes.drain(..consumed);
    true
}

/// The verdict of `authority` about what was asked, over a connection of its own.
fn verify(asked: VerifyRequest, seed: u8, authority: &DialbackSecret) -> VerifyAnswer {
    let (sender, target) = (
        asked.pair().sender().as_str(),
        asked.pair().target().as_str(),
    );
    let own = DialbackSecret::new("not used");
    let mut wire = Wire::new(seed, target, sender, [&own, authority], true);
    wire.outgoing.verify(asked.clone()).unwrap();
    wire.pump();
    wire.verified.pop().unwrap()
}

/// Opens the pair of the wire by dialback with the domain's own server.
fn authorise(wire: &mut Wire, seed: u8, authority: &DialbackSecret) -> Verdict {
    wire.pump();
    let asked = wire.asked.pop().unwrap();
    let answer = verify(asked, seed, authority);
    let verdict = answer.verdict().clone();
    assert!(wire.incoming.answer_verify(answer));
    wire.pump();
    verdict
}

#[test]
fn ten_thousand_messages_each_way_arrive_in_order() {
    const MESSAGES: usize = 10_000;
    let (a, b) = (DialbackSecret::new("of a"), DialbackSecret::new("of b"));
    let mut there = Wire::new(1, "a.example", "b.example", [&a, &b], false);
    let mut back = Wire::new(2, "b.example", "a.example", [&b, &a], false);
    assert_eq!(authorise(&mut there, 3, &a), Verdict::Valid);
    assert_eq!(authorise(&mut back, 4, &b), Verdict::Valid);
    assert_eq!(there.ready, [pair("a.example", "b.example")]);
    assert_eq!(there.trust, [Trust::Dialback { tls: true }]);

    for (wire, from, to) in [
        (&mut there, "u@a.example", "v@b.example"),
        (&mut back, "v@b.example", "u@a.example"),
    ] {
        let text = |n: usize| format!("{n} <&> \u{1f339}");
        let (from, to) = (
            xmppwire::Jid::new(from).unwrap(),
            xmppwire::Jid::new(to).unwrap(),
        );
        for n in 0..MESSAGES {
            let message = Message::chat(to.clone(), text(n)).with_from(from.clone());
            wire.outgoing.send(&message.into()).unwrap();
            if n % 100 == 0 {
                wire.pump();
            }
        }
        wire.pump();
        assert_eq!(wire.arrived.len(), MESSAGES);
        for (n, stanza) in wire.arrived.iter().enumerate() {
            let Stanza::Message(message) = stanza else {
                panic!("{stanza:?}");
            };
            assert_eq!(message.body().as_deref(), Some(&*text(n)));
        }
        assert!(!wire.closed);
    }
}

/// The third server has no key of `a.example`, and nothing that it can do makes one.
/// RFC 6120 §8.4: what neither server understands is passed on unmodified, byte by byte. Content may
/// need the declarations of prefixes although no name has them.
#[test]
fn a_stanza_passes_two_servers_unmodified() {
    let stanza = "<message from='u@a.example' to='v@b.example' xml:lang='en'>\
        <v xmlns='urn:x' xmlns:xs='http://www.w3.org/2001/XMLSchema' \
        xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='xs:string'>1</v>\
        <e:Envelope xmlns:e='http://www.w3.org/2003/05/soap-envelope'><e:Body><e:Fault><e:Code>\
        <e:Value>e:Receiver</e:Value></e:Code></e:Fault></e:Body></e:Envelope></message>";
    let (a, b) = (DialbackSecret::new("of a"), DialbackSecret::new("of b"));
    let mut wire = Wire::new(9, "a.example", "b.example", [&a, &b], false);
    assert_eq!(authorise(&mut wire, 10, &a), Verdict::Valid);

    // As the first server reads it on its client's stream.
    let of_client =
        xmppwire::Element::parse_fragment(stanza, "jabber:client", &xmppwire::XmlLimits::default());
    let read = Stanza::try_from(of_client.unwrap().remove(0)).unwrap();
    wire.outgoing.send(&read).unwrap();
    let written = wire.outgoing.output().to_vec();
    assert_eq!(String::from_utf8(written).unwrap(), stanza);
    wire.pump();
    // As the second server writes it on its client's stream.
    let mut out = Vec::new();
    let writer = xmppwire_xml::Writer::new("jabber:client");
    let arrived = wire.arrived.pop().unwrap();
    writer.element(&mut out, arrived.element().root()).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), stanza);
}

#[test]
fn a_third_server_cannot_pose_as_another() {
    let (a, b) = (DialbackSecret::new("of a"), DialbackSecret::new("of b"));
    let liar = DialbackSecret::new("of m");

    // With a key of its own.
    let mut wire = Wire::new(5, "a.example", "b.example", [&liar, &b], false);
    assert_eq!(authorise(&mut wire, 6, &a), Verdict::Invalid);
    assert!(wire.ready.is_empty() && wire.closed);

    // With a key that `a.example` gave it, for a stream from there to the liar.
    let mut lured = Wire::new(7, "a.example", "m.example", [&a, &liar], false);
    lured.pump();
    let stolen = lured.asked.pop().unwrap();
    let (mut talk, id) = opened(policy());
    let replayed = format!(
        "<db:result from='a.example' to='b.example'>{}</db:result>",
        stolen.key()
    );
    let asked = talk.asks(&replayed);
    assert_eq!(asked.stream_id(), id);
    assert_eq!(*verify(asked, 8, &a).verdict(), Verdict::Invalid);

    // With a key of `a.example` for another stream to the same target.
    let mut honest = Wire::new(9, "a.example", "b.example", [&a, &b], false);
    honest.pump();
    let overheard = honest.asked.pop().unwrap();
    let (mut talk, _) = opened(policy());
    let replayed = format!(
        "<db:result from='a.example' to='b.example'>{}</db:result>",
        overheard.key()
    );
    let asked = talk.asks(&replayed);
    assert_eq!(*verify(asked, 10, &a).verdict(), Verdict::Invalid);
    // While the stream that the key is for gets what it deserves.
    assert_eq!(*verify(overheard, 11, &a).verdict(), Verdict::Valid);
}
