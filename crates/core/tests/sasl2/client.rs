//! What a client asks for together with its login, and what follows.

use xmppwire::{Client, ClientEvent, Connection, FullJid, Resumption, StreamManagement, ns};

use crate::{NOW, agent, bind2, bound, config, offer, opened, success, tell};

const CARBONS: &str = "<enable xmlns='urn:xmpp:carbons:2'/>";
const INACTIVE: &str = "<inactive xmlns='urn:xmpp:csi:0'/>";
const SM: &str = "<sm xmlns='urn:xmpp:sm:3'/>";

/// What is wanted is asked for where it is offered, under exactly its name.
#[test]
fn what_is_wanted_is_asked_for_where_it_is_offered() {
    let other = "urn:example:other";
    for (wanted, offered, asked) in [
        (true, &[ns::CARBONS][..], true),
        (true, &[other, ns::CARBONS], true),
        (true, &[other], false),
        (true, &[], false),
        (false, &[ns::CARBONS], false),
    ] {
        let config = if wanted {
            config().with_carbons()
        } else {
            config()
        };
        let mut client = opened(config);
        let wrote = offer(&mut client, &bind2(offered));
        assert_eq!(wrote.contains(CARBONS), asked, "{offered:?}: {wrote}");
        tell(&mut client, &bound(""));
        assert_eq!(client.has_carbons(), asked);
    }
    for (active, offered, asked) in [
        (false, &[ns::CSI][..], true),
        (false, &[other], false),
        (true, &[ns::CSI], false),
    ] {
        let mut client = opened(config());
        client.set_active(active);
        let wrote = offer(&mut client, &bind2(offered));
        assert_eq!(wrote.contains(INACTIVE), asked, "{offered:?}: {wrote}");
    }
    // The name stands in a `<feature/>`.
    let mut client = opened(config().with_carbons());
    let wrote = offer(
        &mut client,
        "<bind xmlns='urn:xmpp:bind:0'><inline><other var='urn:xmpp:carbons:2'/></inline></bind>",
    );
    assert!(!wrote.contains(CARBONS), "{wrote}");
    // It is offered inside of Bind 2.
    let mut client = opened(config().with_carbons());
    let wrote = offer(&mut client, "<feature var='urn:xmpp:carbons:2'/>");
    assert!(!wrote.contains(CARBONS), "{wrote}");
}

/// A description of the installation is sent as it was given.
#[test]
fn the_server_is_told_what_the_client_is() {
    let id = "<user-agent id='9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f'";
    for (agent, shown) in [
        (agent(), format!("{id}/>")),
        (
            agent().with_software("Balcony").with_device("Phone"),
            format!("{id}><software>Balcony</software><device>Phone</device></user-agent>"),
        ),
    ] {
        let mut client = opened(config().with_user_agent(agent));
        let wrote = offer(&mut client, "");
        assert!(wrote.contains(&shown), "{wrote}");
    }
}

/// A client that is bound by Bind 2, without anything beside.
fn bound_client() -> Connection<Client> {
    let config = config().with_stream_management(StreamManagement::new());
    let mut client = opened(config);
    offer(&mut client, &bind2(&[]));
    assert_eq!(tell(&mut client, &bound("")), "");
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    client
}

fn features(content: &str) -> String {
    format!("<stream:features>{content}</stream:features>")
}

/// A server may offer stream management behind Bind 2 instead of inside it. Later features are no
/// reason to ask again.
#[test]
fn management_is_asked_for_once_by_the_features_behind_bind2() {
    let mut client = bound_client();
    let asked = tell(&mut client, &features(SM));
    assert_eq!(asked, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    tell(&mut client, "<failed xmlns='urn:xmpp:sm:3'/>");
    assert!(matches!(
        client.poll_event(),
        Some(ClientEvent::Unmanaged(_))
    ));
    assert_eq!(tell(&mut client, &features(SM)), "");
    assert_eq!(client.sent(), None);

    let mut client = bound_client();
    assert_eq!(tell(&mut client, &features("")), "");
    assert_eq!(tell(&mut client, &features(SM)), "");
    assert_eq!(client.sent(), None);
}

/// Behind the closing tag nothing can be agreed on, so nothing is counted.
#[test]
fn management_is_not_asked_for_behind_the_closing_tag() {
    let mut client = bound_client();
    client.close(NOW, None);
    client.take_output();
    assert_eq!(tell(&mut client, &features(SM)), "");
    assert_eq!(client.sent(), None);
}

/// A client whose session comes when its login is under way, and the session.
fn late() -> Connection<Client> {
    let config = config().with_stream_management(StreamManagement::new());
    let mut client = opened(config);
    offer(&mut client, &bind2(&[]));
    let mut session = b"XWSM\x01\x01".to_vec();
    session.extend([0; 16]);
    for text in ["own", "juliet@example.org/balcony", ""] {
        session.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
        session.extend(text.as_bytes());
    }
    session.extend([0; 4]);
    let resumption = Resumption::from_bytes(&session).unwrap();
    client.resume(resumption).unwrap();
    client
}

/// Where the login binds nothing, the session is resumed as without SASL2. Where it binds a resource,
/// the session is given up.
#[test]
fn a_session_that_comes_during_the_login_waits_for_its_end() {
    let mut client = late();
    assert_eq!(tell(&mut client, &success("juliet@example.org", "")), "");
    assert!(client.poll_event().is_none());
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
    let asked = tell(&mut client, &features(&format!("{bind}{SM}")));
    assert_eq!(asked, "<resume xmlns='urn:xmpp:sm:3' previd='own' h='0'/>");

    let mut client = late();
    tell(&mut client, &bound(""));
    let event = client.poll_event();
    assert!(
        matches!(event, Some(ClientEvent::NotResumed { .. })),
        "{event:?}"
    );
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
}

/// What a success says about a session counts where one was asked for.
#[test]
fn a_failure_that_was_not_asked_for_says_nothing() {
    let mut client = opened(config());
    offer(&mut client, &bind2(&[]));
    tell(
        &mut client,
        &bound("<failed xmlns='urn:xmpp:sm:3' h='many'/>"),
    );
    assert!(matches!(client.poll_event(), Some(ClientEvent::Bound(_))));
    assert!(client.poll_event().is_none());
    assert_eq!(
        client.jid().map(FullJid::as_str),
        Some("juliet@example.org/balcony")
    );
}
