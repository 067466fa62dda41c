//! What the two ends have in common, with the events of both in one shape.

use xmppwire::s2s::{
    Incoming, IncomingEvent, KeyRequest, Outgoing, OutgoingEvent, Pair, PeerAnswer, PeerPolicy,
    PeerRequest, Trust, Verdict, VerifyAnswer, VerifyRequest,
};
use xmppwire::{
    ApiMisuse, CloseReason, Endpoint, Role, Stanza, StartTls, StreamErrorCondition, TlsOffer,
    negotiation,
};

/// An event of either end.
#[derive(Debug)]
pub enum Told {
    StartTls(StartTls),
    Opened(PeerRequest),
    Verify(VerifyRequest),
    CheckKey(KeyRequest),
    Verified,
    Authorised(Pair, Trust),
    Ready(Pair),
    PairRefused,
    Stanza(Stanza),
    Refused,
    Unsolicited,
    Closed(CloseReason),
    Unknown(String),
}

/// What the application can say to a peer that opens a stream.
#[derive(Clone, Copy, Debug)]
pub enum Terms {
    Strict,
    Lax,
    Refuse,
}

/// An end that is explored.
pub trait Party: Role {
    const END: negotiation::Side;

    fn sort(event: Self::Event) -> Told;
    fn accept(
        endpoint: &mut Endpoint<Self>,
        request: PeerRequest,
        terms: Terms,
    ) -> Result<(), ApiMisuse>;
    fn answer_verify(endpoint: &mut Endpoint<Self>, answer: VerifyAnswer) -> bool;
    fn answer_key(endpoint: &mut Endpoint<Self>, request: KeyRequest, verdict: Verdict) -> bool;
    fn verify(endpoint: &mut Endpoint<Self>, request: VerifyRequest) -> bool;
    fn add_pair(endpoint: &mut Endpoint<Self>, pair: Pair);
}

impl Party for Incoming {
    const END: negotiation::Side = negotiation::Side::Incoming;

    fn sort(event: IncomingEvent) -> Told {
        match event {
            IncomingEvent::Opened(request) => Told::Opened(request),
            IncomingEvent::StartTls(request) => Told::StartTls(request),
            IncomingEvent::Verify(request) => Told::Verify(request),
            IncomingEvent::CheckKey(request) => Told::CheckKey(request),
            IncomingEvent::Authorised(pair, trust) => Told::Authorised(pair, trust),
            IncomingEvent::Ready(pair, _) => Told::Ready(pair),
            IncomingEvent::PairRefused(..) => Told::PairRefused,
            IncomingEvent::Stanza(stanza) => Told::Stanza(stanza),
            IncomingEvent::Refused(_) => Told::Refused,
            IncomingEvent::Unsolicited(_) => Told::Unsolicited,
            IncomingEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
    }

    fn accept(
        endpoint: &mut Endpoint<Self>,
        request: PeerRequest,
        terms: Terms,
    ) -> Result<(), ApiMisuse> {
        let answer = match terms {
            Terms::Strict => PeerAnswer::Accept(PeerPolicy::new(TlsOffer::Required)),
            Terms::Lax => PeerAnswer::Accept(
                PeerPolicy::new(TlsOffer::Optional)
                    .with_bidi()
                    .with_legacy(),
            ),
            Terms::Refuse => PeerAnswer::Refuse(StreamErrorCondition::PolicyViolation.into()),
        };
        endpoint.accept(request, answer)
    }

    fn answer_verify(endpoint: &mut Endpoint<Self>, answer: VerifyAnswer) -> bool {
        endpoint.answer_verify(answer)
    }

    fn answer_key(endpoint: &mut Endpoint<Self>, request: KeyRequest, verdict: Verdict) -> bool {
        endpoint.answer_key(request, verdict)
    }

    fn verify(_: &mut Endpoint<Self>, _: VerifyRequest) -> bool {
        false
    }

    fn add_pair(endpoint: &mut Endpoint<Self>, pair: Pair) {
        let _ = endpoint.add_pair(pair);
    }
}

impl Party for Outgoing {
    const END: negotiation::Side = negotiation::Side::Outgoing;

    fn sort(event: OutgoingEvent) -> Told {
        match event {
            OutgoingEvent::StartTls(request) => Told::StartTls(request),
            OutgoingEvent::Verify(request) => Told::Verify(request),
            OutgoingEvent::CheckKey(request) => Told::CheckKey(request),
            OutgoingEvent::Verified(_) => Told::Verified,
            OutgoingEvent::Authorised(pair, trust) => Told::Authorised(pair, trust),
            OutgoingEvent::Ready(pair, _) => Told::Ready(pair),
            OutgoingEvent::PairRefused(..) => Told::PairRefused,
            OutgoingEvent::Stanza(stanza) => Told::Stanza(stanza),
            OutgoingEvent::Refused(_) => Told::Refused,
            OutgoingEvent::Unsolicited(_) => Told::Unsolicited,
            OutgoingEvent::Closed(reason) => Told::Closed(reason),
            other => Told::Unknown(format!("{other:?}")),
        }
    }

    fn accept(_: &mut Endpoint<Self>, _: PeerRequest, _: Terms) -> Result<(), ApiMisuse> {
        Err(ApiMisuse::StaleRequest)
    }

    fn answer_verify(endpoint: &mut Endpoint<Self>, answer: VerifyAnswer) -> bool {
        endpoint.answer_verify(answer)
    }

    fn answer_key(endpoint: &mut Endpoint<Self>, request: KeyRequest, verdict: Verdict) -> bool {
        endpoint.answer_key(request, verdict)
    }

    fn verify(endpoint: &mut Endpoint<Self>, request: VerifyRequest) -> bool {
        endpoint.verify(request).is_ok()
    }

    fn add_pair(endpoint: &mut Endpoint<Self>, pair: Pair) {
        let _ = endpoint.add_pair(pair);
    }
}
