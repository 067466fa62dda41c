//! Two servers that open a stream in memory, over real TLS.

use std::task::Poll;
use std::time::Duration;

use xmppwire::s2s::{
    Incoming, IncomingEvent, Outgoing, OutgoingEvent, Pair, Refusal, Trust, Verdict,
};
use xmppwire::{CloseReason, Instant};
use xmppwire_net::federation::{DomainPolicy, FederationConfig, Purpose};
use xmppwire_net::find::Mode;
use xmppwire_net::link::{Handshake, Link, LinkError, Secured, TlsSide, Wire};
use xmppwire_net::tls::{TlsError, rustls};

const NOW: Instant = Instant::ORIGIN;

/// What became of a stream between servers.
#[derive(Debug)]
pub enum Outcome {
    /// Stanzas may pass. How well the receiving server is known to the initiating one, and the
    /// other way round.
    Ready(Trust, Trust),
    /// The receiving server refuses the pair.
    Refused(Refusal),
    /// The stream ended.
    Closed(CloseReason),
    /// The initiating server does not go on with TLS.
    NoTls(rustls::Error),
}

/// Opens a stream for this pair from `a` to `b`. Keys are verified as if the DNS led to `a`.
pub fn open(
    a: &FederationConfig,
    b: &FederationConfig,
    pair: &Pair,
    policy: DomainPolicy,
    mode: Mode,
) -> Outcome {
    let (near, far) = match mode {
        Mode::DirectTls => match shake_hands(a.side(pair), b.accepting_side()) {
            Ok((near, far)) => (Some(near), Some(far)),
            Err(error) => return Outcome::NoTls(error),
        },
        _ => (None, None),
    };
    let purpose = Purpose::Stanzas;
    let mut out: Link<Outgoing> = a.outgoing(NOW, pair, purpose, policy, near).unwrap();
    let mut inc: Link<Incoming> = b.accept(NOW, far).unwrap();
    let mut known = None;
    loop {
        let mut moved = false;
        while let Poll::Ready(Some(event)) = inc.poll_event(NOW) {
            moved = true;
            match event {
                Ok(IncomingEvent::Opened(request)) => {
                    let (answer, side): (_, Option<TlsSide>) = b.terms(&request);
                    inc.set_tls(side.unwrap());
                    inc.connection_mut().accept(request, answer).unwrap();
                }
                Ok(IncomingEvent::Verify(request)) => {
                    let answer = request.answer(Verdict::Valid);
                    assert!(inc.connection_mut().answer_verify(answer));
                }
                Ok(IncomingEvent::Authorised(of, trust)) => {
                    assert_eq!(of, *pair);
                    known = Some(trust);
                }
                _ => {}
            }
        }
        if let Poll::Ready(Some(event)) = out.poll_event(NOW) {
            return match event {
                Ok(OutgoingEvent::Ready(_, trust)) => Outcome::Ready(trust, known.unwrap()),
                Ok(OutgoingEvent::PairRefused(_, refusal)) => Outcome::Refused(refusal),
                Ok(OutgoingEvent::Closed(reason)) => Outcome::Closed(reason),
                Err(LinkError::Tls(TlsError::Rustls(error))) => Outcome::NoTls(error),
                other => panic!("{other:?}"),
            };
        }
        moved |= carry(&mut out, &mut inc);
        moved |= carry(&mut inc, &mut out);
        assert!(moved, "the servers wait for each other");
    }
}

/// Direct TLS, up to the end or to the error of the initiating server.
fn shake_hands(
    near: Option<TlsSide>,
    far: Option<TlsSide>,
) -> Result<(Secured, Secured), rustls::Error> {
    let begin = |side: Option<TlsSide>| Handshake::new(side.unwrap(), NOW + Duration::from_secs(1));
    let (mut near, mut far) = (begin(near).unwrap(), begin(far).unwrap());
    let mut done = None;
    loop {
        let moved = carry(&mut near, &mut far) | carry(&mut far, &mut near);
        // What is left to write would go with the result.
        if done.is_none()
            && near.output().is_empty()
            && let Poll::Ready(result) = near.poll(NOW)
        {
            match result {
                Ok(secured) => done = Some(secured),
                Err(LinkError::Tls(TlsError::Rustls(error))) => return Err(error),
                Err(other) => panic!("{other}"),
            }
        }
        if done.is_some()
            && let Poll::Ready(result) = far.poll(NOW)
        {
            return Ok((done.unwrap(), result.unwrap()));
        }
        assert!(moved, "the servers wait for each other");
    }
}

/// Moves what `from` has written, and its end. What `to` no longer reads is lost.
fn carry<A: Wire, B: Wire>(from: &mut A, to: &mut B) -> bool {
    let output = from.output().to_vec();
    from.consume_output(output.len());
    if to.wants_read() {
        to.receive(NOW, &output);
    }
    let ends = from.wants_shutdown();
    if ends {
        from.shut_down();
        to.receive_eof();
    }
    ends || !output.is_empty()
}
