//! The requests of others (RFC 6120 §8.2.3): each gets one answer, from the client or from the
//! application.

use xmppwire::{
    Element, FullJid, Iq, Jid, Presence, ServerEvent, Stanza, StanzaErrorCondition, ns,
};
use xmppwire_net::client::Profile;
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Session};
use crate::both;
use crate::site::{Site, body, end, message};

const INFO: &str = "http://jabber.org/protocol/disco#info";
const VERSION: &str = "jabber:iq:version";
const UNKNOWN: &str = "urn:example:unknown";
const ROMEO: &str = "romeo@example.net/orchard";

fn get(id: &str, from: &str, payload: &Element) -> Iq {
    Iq::get(id, payload).with_from(Jid::new(from).unwrap())
}

fn payload(name: &str, ns: &str) -> Element {
    Element::builder(name, ns).build()
}

fn next_iq(client: &mut impl Accepted) -> Iq {
    loop {
        match client.next_event().unwrap() {
            Some(ServerEvent::Stanza(Stanza::Iq(iq))) => return iq,
            Some(ServerEvent::Stanza(Stanza::Presence(_))) => {}
            other => panic!("no IQ: {other:?}"),
        }
    }
}

/// The client's answer to a request from this address.
fn ask(client: &mut impl Accepted, id: &str, from: &str, payload: &Element) -> Iq {
    client.send(get(id, from, payload));
    let answer = next_iq(client);
    assert_eq!(answer.id(), Some(id));
    assert_eq!(answer.to().map(Jid::as_str), Some(from));
    answer
}

fn condition(answer: &Iq) -> Option<StanzaErrorCondition> {
    answer.error().map(|error| error.condition())
}

/// Two entities ask each other, and each waits for its answer first.
pub fn a_client_that_waits_for_an_answer_answers_others<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        let request = next_iq(&mut client);
        let pong = ask(&mut client, "p", "example.org", &payload("ping", ns::PING));
        assert!(pong.child().is_none() && !pong.is_error(), "{pong:?}");
        client.send(request.result(None).unwrap());
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let server = Jid::new("example.org").unwrap();
        let ping = Iq::get("", &payload("ping", ns::PING)).with_to(server);
        client.request(ping).unwrap();
        client.close().unwrap();
    };
    both(server, client);
}

pub fn a_request_that_is_not_claimed_is_refused<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls).with_claim("urn:example:known");
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        let unknown = payload("x", UNKNOWN);
        for (id, from) in [("1", "example.org"), ("2", ROMEO)] {
            let answer = ask(&mut client, id, from, &unknown);
            let refused = Some(StanzaErrorCondition::ServiceUnavailable);
            assert_eq!(condition(&answer), refused);
        }
        // A set is no get.
        client.send(Iq::set("3", &payload("ping", ns::PING)));
        let answer = next_iq(&mut client);
        assert_eq!((answer.id(), answer.is_error()), (Some("3"), true));
        // An answer is not answered.
        let asked = get("4", ROMEO, &unknown).with_to(Jid::new("example.org").unwrap());
        client.send(asked.result(None).unwrap());
        let error = StanzaErrorCondition::ItemNotFound.into();
        client.send(asked.error_reply(&error).unwrap());
        // A claimed request is the application's.
        let answer = ask(&mut client, "5", ROMEO, &payload("x", "urn:example:known"));
        assert!(answer.payload("y", "urn:example:known").is_some());
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        let mut seen = Vec::new();
        while let Some(Stanza::Iq(iq)) = client.next().unwrap() {
            seen.push(iq.id().unwrap().to_owned());
            if let Some(mut answer) = iq.result(Some(&payload("y", "urn:example:known"))) {
                answer.set_from(None);
                client.send(answer).unwrap();
                break;
            }
        }
        assert_eq!(seen, ["4", "4", "5"]);
        client.close().unwrap();
    };
    both(server, client);
}

pub fn all_requests_can_be_claimed<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls).with_claim_on_all();
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        client.send(get("1", "example.org", &payload("ping", ns::PING)));
        client.send(get("2", ROMEO, &payload("x", UNKNOWN)));
        client.send(message("the end"));
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        for id in ["1", "2"] {
            assert_eq!(client.expect().id(), Some(id));
        }
        assert_eq!(body(client.next().unwrap()), "the end");
        client.close().unwrap();
    };
    both(server, client);
}

pub fn the_profile_is_told_to_those_who_see_the_presence<A: Adapter>() {
    let site = Site::new();
    let profile = Profile::new("Elsinore", "1.2")
        .with_system("Debian")
        .with_identity("client", "phone")
        .with_feature("urn:example:feature");
    let connector = site.juliet(Mode::StartTls).with_profile(profile);
    let connector = connector.with_claim("urn:example:claim");
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        let asked = [("ping", ns::PING), ("query", VERSION), ("query", INFO)];
        for (name, ns) in asked {
            let answer = ask(&mut client, "1", ROMEO, &payload(name, ns));
            // As the server answers for a client that is not there.
            let refused = Some(StanzaErrorCondition::ServiceUnavailable);
            assert_eq!(condition(&answer), refused);
        }
        client.send(message("show yourself"));
        let Some(ServerEvent::Stanza(Stanza::Presence(_))) = client.next_event().unwrap() else {
            panic!("no presence");
        };
        for from in [ROMEO, "example.org", "juliet@example.org/other"] {
            let pong = ask(&mut client, "2", from, &payload("ping", ns::PING));
            assert!(!pong.is_error() && pong.child().is_none());

            let answer = ask(&mut client, "3", from, &payload("query", VERSION));
            let version = answer.payload("query", VERSION).unwrap();
            for (name, expected) in [("name", "Elsinore"), ("version", "1.2"), ("os", "Debian")] {
                let text = version.child(name, VERSION).unwrap().text();
                assert_eq!(text, expected);
            }

            let answer = ask(&mut client, "4", from, &payload("query", INFO));
            let info = answer.payload("query", INFO).unwrap();
            let identity = info.child("identity", INFO).unwrap();
            assert_eq!(identity.attr("type"), Some("phone"));
            let features = info.children().filter(|child| child.is("feature", INFO));
            let features: Vec<_> = features.filter_map(|child| child.attr("var")).collect();
            let expected = [
                INFO,
                VERSION,
                "urn:example:claim",
                "urn:example:feature",
                ns::PING,
            ];
            assert_eq!(features, expected);

            let node = Element::builder("query", INFO).attr("node", "x").build();
            let answer = ask(&mut client, "5", from, &node);
            assert_eq!(condition(&answer), Some(StanzaErrorCondition::ItemNotFound));
        }
        client.close(None);
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert_eq!(body(client.next().unwrap()), "show yourself");
        let romeo = FullJid::new(ROMEO).unwrap();
        client.send(Presence::available().with_to(romeo)).unwrap();
        // The requests are answered while this waits for the end.
        assert!(client.next().unwrap().is_none());
    };
    both(server, client);
}

pub fn a_profile_can_be_switched_off<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::DirectTls).without_profile();
    let server = move || {
        let mut client = site.welcome::<A>(Mode::DirectTls);
        for (name, ns) in [("ping", ns::PING), ("query", VERSION), ("query", INFO)] {
            let answer = ask(&mut client, "1", "example.org", &payload(name, ns));
            let refused = Some(StanzaErrorCondition::ServiceUnavailable);
            assert_eq!(condition(&answer), refused);
        }
        client.close(None);
        end(&mut client);
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert!(client.next().unwrap().is_none());
    };
    both(server, client);
}
