//! What crosses the closing tag of a stream between servers, and what never has a place on one.

use xmppwire::s2s::{Incoming, Outgoing, OutgoingConfig};
use xmppwire::{CloseReason, Instant, Role, StreamErrorCondition};

use crate::bidi::{bidi_authorised, bidi_ready};
use crate::support::*;

/// Elements that end an open stream, and with which error.
const MISPLACED: [(&str, StreamErrorCondition); 3] = [
    (
        "<message xmlns='jabber:client' from='u@a.example' to='v@b.example'/>",
        StreamErrorCondition::InvalidNamespace,
    ),
    (
        "<r xmlns='urn:xmpp:sm:3'/>",
        StreamErrorCondition::UnsupportedStanzaType,
    ),
    (
        "<other xmlns='urn:example:other'/>",
        StreamErrorCondition::UnsupportedStanzaType,
    ),
];

fn ends<R: Role>(talk: impl Fn() -> Talk<R>) {
    for (misplaced, condition) in MISPLACED {
        let events = talk().reads(misplaced);
        assert_eq!(Talk::<R>::failed(&events), condition, "{misplaced}");

        let mut closing = talk();
        closing.connection.close(Instant::ORIGIN, None);
        assert_eq!(closing.wrote(), "</stream:stream>");
        assert_eq!(closing.answers(misplaced), "");
        let events = closing.reads("</stream:stream>");
        assert_eq!(
            Talk::<R>::ended(&events),
            &CloseReason::Local,
            "{misplaced}"
        );
    }
}

#[test]
fn what_crosses_the_closing_tag_is_not_judged() {
    ends::<Outgoing>(|| ready(OutgoingConfig::new()));
    ends::<Outgoing>(bidi_ready);
    ends::<Incoming>(|| authorised(policy()).0);
    ends::<Incoming>(|| bidi_authorised().0);
}
