//! SASL EXTERNAL between servers that do more than say who they are (RFC 6120 §6.4, RFC 4422 Appendix A).

use xmppwire::s2s::{Incoming, OutgoingConfig, PeerPolicy};
use xmppwire::{StreamErrorCondition, TlsOffer};

use crate::support::*;

const ABORT: &str = "<abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
const ABORTED: &str = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><aborted/></failure>";

/// There is nothing to say beyond the name, so a challenge ends the attempt. Dialback follows.
#[test]
fn a_challenge_is_not_answered() {
    let config = OutgoingConfig::new().with_certificate();
    let mut talk = outgoing_secured(config.with_dialback(secret()), None);
    let opened = response("r1") + &features(&format!("{EXTERNAL}{DIALBACK}"));
    assert_eq!(talk.answers(&opened), auth(A_IN_BASE64));
    let challenge = "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";
    assert_eq!(talk.answers(challenge), ABORT);
    assert_eq!(talk.answers(ABORTED), key("a.example", "b.example", "r1"));
}

/// A peer that is asked for its name may give up, and may prove itself by dialback then.
#[test]
fn a_peer_may_give_up() {
    let mut talk = incoming_secured(config(), Some("a.example"));
    let id = talk.accepts(&header(OUR_HEADER), policy());
    talk.wrote();
    let challenge =
        talk.answers("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'/>");
    assert_eq!(
        challenge,
        "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"
    );
    assert_eq!(talk.answers(ABORT), ABORTED);
    let events = talk.reads(&key("a.example", "b.example", &id));
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(talk.wrote(), valid("a.example", "b.example"));
}

/// A server of before RFC 3920 knows neither TLS nor SASL, so one that has TLS is not such a server.
#[test]
fn a_header_without_a_version_has_no_place_after_tls() {
    let mut talk = incoming_secured(config(), None);
    let events = talk.reads(&header("from='a.example' to='b.example'"));
    let failed = Talk::<Incoming>::failed(&events);
    assert_eq!(failed, StreamErrorCondition::UnsupportedVersion);
    // In clear text the application decides.
    let mut talk = incoming(config());
    let legacy = PeerPolicy::new(TlsOffer::Optional).with_legacy();
    talk.accepts(&header("from='a.example' to='b.example'"), legacy);
}
