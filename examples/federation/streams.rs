//! The two ends of a stream between servers, and the question that dialback asks.

use std::net::TcpStream;

use shared::{End, Result, Script};
use tokio::sync::mpsc::UnboundedSender;
use xmppwire::s2s::{
    Incoming, IncomingConfig, IncomingEvent, Outgoing, OutgoingConfig, OutgoingEvent, Pair,
    PeerAnswer, PeerPolicy, VerifyAnswer, VerifyRequest,
};
use xmppwire::{CloseReason, Entropy, Instant, Stanza, StartTls, TlsOffer};
use xmppwire_net::find::{Domain, Mode};

use crate::Proof;
use crate::explain;
use crate::house::House;

/// Opens a stream to the other server, proves the own domain, sends a stanza, and closes the stream.
pub(crate) fn send(house: &House, stanza: &Stanza) -> Result<()> {
    let config = match house.stage.proof {
        Proof::External => OutgoingConfig::new().with_certificate(),
        Proof::Dialback => OutgoingConfig::new().with_dialback(house.secret.clone()),
    };
    let pair = Pair::of(stanza).ok_or("a stanza without addresses")?;
    let script = match house.stage.proof {
        Proof::External => &explain::EXTERNAL,
        Proof::Dialback => &explain::DIALBACK,
    };
    let mut end = open(house, config.with_certified_peer(), pair, script)?;
    let mut reason = None;
    while let Some(event) = end.next_event()? {
        match event {
            OutgoingEvent::StartTls(request) => secure(house, &mut end, request)?,
            OutgoingEvent::Ready(..) => {
                end.machine.send(stanza)?;
                end.close();
            }
            OutgoingEvent::Closed(closed) => reason = Some(closed),
            _ => {}
        }
    }
    house.stage.set_told();
    match reason {
        Some(CloseReason::Local) => Ok(()),
        Some(reason) => Err(reason.to_string().into()),
        None => Err("the stream ended".into()),
    }
}

/// Serves a stream that the other server opened, and passes its stanzas on.
pub(crate) fn receive(
    house: &House,
    tcp: TcpStream,
    arrivals: &UnboundedSender<Stanza>,
) -> Result<()> {
    // With its secret, it also answers for the keys of this server: it is the authoritative one.
    let config = IncomingConfig::new(house.domain.clone()).with_dialback(house.secret.clone());
    let incoming = Incoming::new(config, Entropy::from_os()?, Instant::ORIGIN);
    let mut end = End::new(incoming, tcp, None)?;
    while let Some(event) = end.next_event()? {
        match event {
            IncomingEvent::StartTls(request) => {
                let connection = house.incoming.accept(Mode::StartTls)?;
                end.secure(request, connection, |it| house.incoming.summary(it))?;
            }
            IncomingEvent::Opened(request) => {
                let policy = PeerPolicy::new(TlsOffer::Required);
                end.machine.accept(request, PeerAnswer::Accept(policy))?;
            }
            IncomingEvent::Verify(request) => {
                let answer = verify(house, request)?;
                end.machine.answer_verify(answer);
            }
            // The machine has checked that the peer may send for this pair of domains.
            IncomingEvent::Stanza(stanza) => arrivals.send(stanza)?,
            _ => {}
        }
    }
    Ok(())
}

/// Asks the server of the sender domain whether it made the key that came from there.
fn verify(house: &House, request: VerifyRequest) -> Result<VerifyAnswer> {
    let config = OutgoingConfig::new().with_certified_peer();
    // This connection is in the other direction.
    let pair = request.pair().inverse();
    let script = &explain::VERIFICATION;
    let mut end = open(house, config.only_verifies(), pair, script)?;
    let asked = end.machine.verify(request);
    asked.map_err(|_| "the stream cannot ask about this key")?;
    let mut answer = None;
    while let Some(event) = end.next_event()? {
        match event {
            OutgoingEvent::StartTls(request) => secure(house, &mut end, request)?,
            OutgoingEvent::Verified(verified) => {
                answer = Some(verified);
                end.close();
            }
            _ => {}
        }
    }
    answer.ok_or_else(|| "no answer about the key".into())
}

/// Connects to the server of the pair's target domain.
fn open(
    house: &House,
    config: OutgoingConfig,
    pair: Pair,
    script: &'static Script,
) -> Result<End<Outgoing>> {
    let (other, port) = house.other;
    let stage = &house.stage;
    let wire = stage.trace.wire(script, house.name.speaker, other.speaker);
    let wire = match stage.is_told() {
        true => wire.brief(),
        false => wire,
    };
    let tcp = TcpStream::connect(("127.0.0.1", port))?;
    let outgoing = Outgoing::new(config, pair, Entropy::from_os()?, Instant::ORIGIN);
    End::new(outgoing, tcp, Some(wire))
}

/// Hands the socket to TLS; the certificate has to be one of the other domain.
fn secure(house: &House, end: &mut End<Outgoing>, request: StartTls) -> Result<()> {
    let domain = Domain::parse(house.other.0.domain)?;
    let connection = house.outgoing.connect(&domain, Mode::StartTls)?;
    end.secure(request, connection, |it| house.outgoing.summary(it))
}
