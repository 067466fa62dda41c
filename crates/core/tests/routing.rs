//! Where stanzas go: every kind of stanza to every kind of address (RFC 6120 §10, RFC 6121 §8.5).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use xmppwire::routing::{Directory, Resource, Route, Served, route};
use xmppwire::{
    BareJid, Element, FullJid, Iq, Jid, Message, MessageType, Presence, PresenceType, Stanza,
    StanzaError, StanzaErrorCondition, ns,
};

/// Juliet is on her balcony (5), in her chamber (5), in the garden (1), asleep (-1), and connected
/// from a device that sent no presence. The nurse has nothing but such a device. Romeo is not there.
struct Verona;

impl Directory for Verona {
    fn served(&self, domain: &str) -> Served {
        match domain {
            "example.org" => Served::Here,
            "rooms.example.org" => Served::ByService,
            _ => Served::Elsewhere,
        }
    }

    fn resources(&self, account: &BareJid) -> Option<Vec<Resource>> {
        let full = |resource| FullJid::new(&format!("{account}/{resource}")).unwrap();
        match account.as_str() {
            "juliet@example.org" => Some(vec![
                Resource::available(full("balcony"), 5),
                Resource::available(full("chamber"), 5),
                Resource::available(full("garden"), 1),
                Resource::available(full("bed"), -1),
                Resource::connected(full("device")),
            ]),
            "nurse@example.org" => Some(vec![Resource::connected(full("device"))]),
            "romeo@example.org" => Some(Vec::new()),
            _ => None,
        }
    }
}

fn decide(mut stanza: Stanza, to: Option<&str>) -> String {
    stanza.set_to(to.map(|to| Jid::new(to).unwrap()));
    let sender = BareJid::new("juliet@example.org").unwrap();
    match route(&stanza, &sender, &Verona) {
        Route::Deliver(to) => {
            let to: Vec<_> = to.iter().map(FullJid::resourcepart).collect();
            to.join(" ")
        }
        Route::Refuse(condition) => condition.name().to_owned(),
        Route::Account(account) => format!("for {}", account.localpart().unwrap()),
        Route::Offline(account) => format!("store {}", account.localpart().unwrap()),
        other => format!("{other:?}"),
    }
}

fn message(kind: MessageType) -> Stanza {
    let romeo = Jid::new("romeo@example.net").unwrap();
    Message::new(romeo).with_type(kind).into()
}

fn presence(kind: PresenceType) -> Stanza {
    Presence::available().with_type(kind).into()
}

fn iq(answer: bool) -> Stanza {
    let ping = Iq::get("1", &Element::builder("ping", ns::PING).build());
    match answer {
        false => ping.into(),
        true => {
            let error = StanzaError::new(StanzaErrorCondition::Gone);
            ping.error_reply(&error).unwrap().into()
        }
    }
}

/// The kinds of stanza.
fn kinds() -> [(&'static str, Stanza); 12] {
    [
        ("chat", message(MessageType::Chat)),
        ("normal", message(MessageType::Normal)),
        ("headline", message(MessageType::Headline)),
        ("groupchat", message(MessageType::Groupchat)),
        ("message error", message(MessageType::Error)),
        ("available", Presence::available().into()),
        ("unavailable", presence(PresenceType::Unavailable)),
        ("subscribe", presence(PresenceType::Subscribe)),
        ("probe", presence(PresenceType::Probe)),
        ("presence error", presence(PresenceType::Error)),
        ("request", iq(false)),
        ("iq error", iq(true)),
    ]
}

/// Checks where each kind of stanza to this address goes. The table has lines of a kind and a
/// decision, and `*` for all other kinds.
#[track_caller]
fn check(to: Option<&str>, table: &str) {
    let rows = table.lines().filter_map(|line| line.split_once(':'));
    let rows: Vec<_> = rows
        .map(|(kind, what)| (kind.trim(), what.trim()))
        .collect();
    let kinds = kinds();
    for (kind, _) in &rows {
        let is_known = *kind == "*" || kinds.iter().any(|(name, _)| name == kind);
        assert!(is_known, "{kind} is no kind");
    }
    for (name, stanza) in kinds {
        let row = rows.iter().find(|(kind, _)| *kind == name);
        let (_, expected) = row.or(rows.iter().find(|(kind, _)| *kind == "*")).unwrap();
        assert_eq!(decide(stanza, to), *expected, "{name} to {to:?}");
    }
}

/// RFC 6120 §10.3
#[test]
fn without_an_address_it_is_for_the_senders_account() {
    check(
        None,
        "chat: balcony chamber
        normal: balcony chamber
        headline: balcony chamber garden
        groupchat: service-unavailable
        message error: Ignore
        available: Broadcast
        unavailable: Broadcast
        subscribe: bad-request
        probe: bad-request
        presence error: Ignore
        *: for juliet",
    );
}

/// RFC 6120 §10.4
#[test]
fn other_domains_are_remote() {
    for to in ["example.net", "romeo@example.net", "romeo@example.net/x"] {
        check(Some(to), "*: Remote");
    }
}

/// RFC 6120 §10.5
#[test]
fn a_service_of_this_server_gets_all_that_is_for_its_domain() {
    for to in [
        "rooms.example.org",
        "rooms.example.org/x",
        "masks@rooms.example.org",
        "masks@rooms.example.org/romeo",
        "juliet@rooms.example.org/balcony",
    ] {
        check(Some(to), "*: Service");
    }
}

/// RFC 6120 §10.5.1, §10.5.2
#[test]
fn the_domain_is_the_server() {
    for to in ["example.org", "example.org/service"] {
        check(Some(to), "*: Server");
    }
}

/// RFC 6120 §10.5.3.1
#[test]
fn a_missing_account_is_refused_or_ignored() {
    for to in ["nobody@example.org", "nobody@example.org/x"] {
        check(
            Some(to),
            "chat: service-unavailable
            normal: service-unavailable
            groupchat: service-unavailable
            request: service-unavailable
            *: Ignore",
        );
    }
}

/// RFC 6120 §10.5.3.2, RFC 6121 §8.5.2.1
#[test]
fn an_account_with_available_resources() {
    check(
        Some("juliet@example.org"),
        "chat: balcony chamber
        normal: balcony chamber
        headline: balcony chamber garden
        groupchat: service-unavailable
        message error: Ignore
        available: balcony chamber garden bed
        unavailable: balcony chamber garden bed
        presence error: balcony chamber garden bed
        *: for juliet",
    );
}

/// RFC 6120 §10.5.3.2, RFC 6121 §8.5.2.2: resources without presence do not count.
#[test]
fn an_account_without_available_resources() {
    for name in ["romeo", "nurse"] {
        check(
            Some(&format!("{name}@example.org")),
            &format!(
                "chat: store {name}
                normal: store {name}
                headline: Ignore
                groupchat: service-unavailable
                message error: Ignore
                available: Ignore
                unavailable: Ignore
                presence error: Ignore
                *: for {name}"
            ),
        );
    }
}

/// RFC 6120 §10.5.4: also with a negative priority, and without presence.
#[test]
fn a_connected_resource_gets_what_is_for_it() {
    for (account, resource) in [
        ("juliet", "balcony"),
        ("juliet", "bed"),
        ("juliet", "device"),
        ("nurse", "device"),
    ] {
        check(
            Some(&format!("{account}@example.org/{resource}")),
            &format!(
                "subscribe: for {account}
                probe: for {account}
                *: {resource}"
            ),
        );
    }
}

/// RFC 6120 §10.5.4: messages go on to the account.
#[test]
fn a_resource_that_is_not_connected() {
    check(
        Some("juliet@example.org/attic"),
        "chat: balcony chamber
        normal: balcony chamber
        headline: balcony chamber garden
        groupchat: service-unavailable
        subscribe: for juliet
        probe: for juliet
        request: service-unavailable
        *: Ignore",
    );
    check(
        Some("romeo@example.org/attic"),
        "chat: store romeo
        normal: store romeo
        groupchat: service-unavailable
        subscribe: for romeo
        probe: for romeo
        request: service-unavailable
        *: Ignore",
    );
}

/// RFC 6120 §13.10.2: who is refused, or answered by the server, is so for the account and for each
/// of its resources that is not connected.
#[test]
fn errors_do_not_tell_a_resource_from_the_account() {
    for account in ["juliet", "nurse", "romeo", "nobody"] {
        let bare = format!("{account}@example.org");
        let full = format!("{bare}/attic");
        for (name, stanza) in kinds() {
            let (to_bare, to_full) = (
                decide(stanza.clone(), Some(&bare)),
                decide(stanza, Some(&full)),
            );
            match name {
                // Nothing that the server does with presence is an error.
                "available" | "unavailable" | "presence error" => {
                    assert_ne!(to_full, "service-unavailable", "{name} to {full}");
                }
                // The server answers a request to the account in its name: with this error where it
                // does not understand it.
                "request" => assert_eq!(to_full, "service-unavailable", "{full}"),
                "iq error" => assert_eq!(to_full, "Ignore", "{full}"),
                _ => assert_eq!(to_full, to_bare, "{name} to {full}"),
            }
        }
    }
}
