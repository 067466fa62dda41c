//! What values say: to users, to applications, and in logs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

use core::time::Duration;

use xmppwire::{
    CertificateIdentities, Client, ClientConfig, ClientEvent, CloseReason, Element, Entropy,
    ErrorType, FaultKind, Instant, Iq, Jid, Mechanism, MechanismPolicy, Message, SaslCondition,
    SaslFailure, Stanza, StanzaError, StanzaErrorCondition, TlsInfo,
};

fn element(xml: &str) -> Element {
    xml.parse().unwrap()
}

fn stanza(xml: &str) -> Stanza {
    Stanza::try_from(element(xml)).unwrap()
}

fn iq(xml: &str) -> Iq {
    match stanza(xml) {
        Stanza::Iq(iq) => iq,
        other => panic!("{other:?}"),
    }
}

/// What a user reads when a login was refused: what it means first, then what the server said.
#[test]
fn a_refused_login_is_explained() {
    for (condition, means) in [
        (
            SaslCondition::NotAuthorized,
            "the server refused the user name or the password (not-authorized)",
        ),
        (
            SaslCondition::CredentialsExpired,
            "the password has expired (credentials-expired)",
        ),
        (
            SaslCondition::AccountDisabled,
            "the account is disabled (account-disabled)",
        ),
        (
            SaslCondition::TemporaryAuthFailure,
            "the server cannot check the password at the moment (temporary-auth-failure)",
        ),
        (
            SaslCondition::MechanismTooWeak,
            "the login failed (mechanism-too-weak)",
        ),
    ] {
        let reason = CloseReason::AuthFailed(SaslFailure::new(condition));
        assert_eq!(reason.to_string(), means);
    }
    let failure = SaslFailure::new(SaslCondition::AccountDisabled).with_text("ask the nurse");
    let reason = CloseReason::AuthFailed(failure).to_string();
    assert!(reason.starts_with("the account is disabled (account-disabled"));
    assert!(reason.contains("ask the nurse"), "{reason}");
}

/// What the sender can do, where the one that answers does not say otherwise (RFC 6120 §8.3.3).
#[test]
fn a_condition_has_its_usual_type() {
    use StanzaErrorCondition as E;
    for (kind, conditions) in [
        (
            ErrorType::Modify,
            &[
                E::BadRequest,
                E::JidMalformed,
                E::NotAcceptable,
                E::PolicyViolation,
                E::Redirect,
            ][..],
        ),
        (
            ErrorType::Auth,
            &[
                E::Forbidden,
                E::NotAuthorized,
                E::RegistrationRequired,
                E::SubscriptionRequired,
            ],
        ),
        (
            ErrorType::Wait,
            &[
                E::RecipientUnavailable,
                E::RemoteServerTimeout,
                E::ResourceConstraint,
                E::UnexpectedRequest,
            ],
        ),
        (
            ErrorType::Cancel,
            &[
                E::Conflict,
                E::FeatureNotImplemented,
                E::Gone,
                E::InternalServerError,
                E::ItemNotFound,
                E::NotAllowed,
                E::RemoteServerNotFound,
                E::ServiceUnavailable,
            ],
        ),
    ] {
        for condition in conditions {
            assert_eq!(condition.default_type(), kind, "{condition:?}");
            assert_eq!(StanzaError::new(*condition).error_type(), kind);
        }
    }
}

/// The entity that detected an error (RFC 6120 §8.3.2).
#[test]
fn an_error_says_who_detected_it() {
    for (by, told) in [
        ("by='example.org'", Some("example.org")),
        ("", None),
        ("by='a@@b'", None),
    ] {
        let error = format!(
            "<iq xmlns='jabber:client' type='error' id='1'><error type='cancel' {by}>\
             <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        );
        let error = stanza(&error).error().unwrap();
        assert_eq!(error.by().map(Jid::as_str), told, "{by}");
    }
}

/// An error may repeat the request beside it, in either order.
#[test]
fn the_payload_of_an_iq_is_not_its_error() {
    const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
    const ERROR: &str = "<error type='cancel'>\
        <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    for (kind, content, payload) in [
        ("get", PING.to_owned(), Some("ping")),
        ("result", PING.to_owned(), Some("ping")),
        ("result", String::new(), None),
        ("error", ERROR.to_owned(), None),
        ("error", format!("{PING}{ERROR}"), Some("ping")),
        ("error", format!("{ERROR}{PING}"), Some("ping")),
        // In an answer that is none, it is what was asked for.
        ("result", ERROR.to_owned(), Some("error")),
    ] {
        let iq = iq(&format!(
            "<iq xmlns='jabber:client' type='{kind}' id='1'>{content}</iq>"
        ));
        let name = iq.child().map(|child| child.name().to_owned());
        assert_eq!(name.as_deref(), payload, "{kind} {content}");
    }
}

#[test]
fn a_malformed_stanza_says_what_is_wrong() {
    let fault = Stanza::try_from(element("<iq xmlns='jabber:client' type='get'/>")).unwrap_err();
    assert_eq!(fault.kind(), FaultKind::MissingId);
    let shown = fault.to_string();
    assert_eq!(shown, format!("<iq/> is refused: {}", FaultKind::MissingId));
}

/// A queue that counts the memory of stanzas counts at least their texts, and the addresses twice:
/// in the element, and prepared beside it.
#[test]
fn a_stanza_tells_the_memory_that_it_holds() {
    let size = |to: &str, from: &str, body: &str| {
        let message = Message::chat(to, body).unwrap().with_from(from).unwrap();
        let stanza: Stanza = message.into();
        stanza.heap_size()
    };
    let near = "romeo@example.net";
    let far = format!("{}@example.net", "x".repeat(1000));
    let short = size(near, near, "");
    assert!((4 * near.len()..1000).contains(&short), "{short}");
    assert!(size(near, near, &"x".repeat(10_000)) > 10_000);
    for (to, from, least) in [
        (&*far, near, 2000),
        (near, &*far, 2000),
        (&*far, &*far, 4000),
    ] {
        let held = size(to, from, "");
        assert!((least..least + 4000).contains(&held), "{held}");
    }
}

#[test]
fn a_certificate_keeps_its_names_by_kind() {
    let peer = CertificateIdentities::new()
        .with_dns_id("example.org")
        .with_dns_id("*.example.org")
        .with_srv_id("_xmpp-client.example.org")
        .with_xmpp_addr("juliet@example.org");
    assert_eq!(peer.dns_ids(), ["example.org", "*.example.org"]);
    assert_eq!(peer.srv_ids(), ["_xmpp-client.example.org"]);
    assert_eq!(peer.xmpp_addrs(), ["juliet@example.org"]);
    assert!(CertificateIdentities::new().dns_ids().is_empty());
}

#[test]
fn a_moment_knows_its_distance_from_the_origin() {
    for seconds in [0, 1, 86_400] {
        let span = Duration::from_secs(seconds);
        assert_eq!(Instant::from_origin(span).since_origin(), span);
        assert_eq!((Instant::ORIGIN + span).since_origin(), span);
    }
}

/// Randomness is a secret, and a log shows only that there is some.
#[test]
fn entropy_is_not_shown() {
    assert_eq!(format!("{:?}", Entropy::from_seed([7; 32])), "Entropy(..)");
}

/// What only negotiation needs of a TLS session is given back when it is over: here the names in the
/// certificate of the peer, which may be many.
#[test]
fn the_names_in_a_certificate_are_forgotten_after_binding() {
    const NAME: &str = "names.of.a.certificate.example";
    let peer = CertificateIdentities::new().with_dns_id(NAME);
    let tls = TlsInfo::default().with_peer(peer);
    let config = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let policy = MechanismPolicy::default().with_floor(Mechanism::Plain);
    let entropy = Entropy::from_seed([1; 32]);
    let config = config.with_mechanisms(policy);
    let mut client = Client::with_direct_tls(config, entropy, Instant::ORIGIN, tls);
    let success = "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>\
        juliet@example.org/balcony</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/>\
        </success>";
    for (said, known) in [
        (
            "<stream:stream xmlns='jabber:client' version='1.0' id='1' from='example.org' \
             xmlns:stream='http://etherx.jabber.org/streams'><stream:features>\
             <authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline>\
             <bind xmlns='urn:xmpp:bind:0'/></inline></authentication></stream:features>",
            true,
        ),
        (success, false),
    ] {
        client.receive(Instant::ORIGIN, said.as_bytes());
        assert_eq!(format!("{client:?}").contains(NAME), known, "{said}");
    }
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
}
