//! Logins with tokens instead of the password (FAST, XEP-0484).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use xmppwire::{
    ClientConfig, CloseReason, Jid, SaslCondition, ServerEvent, StreamError, StreamErrorCondition,
    TlsPolicy, Token, TokenEnd, UserAgent,
};
use xmppwire_net::client::{Connector, ReconnectEvent, Verdict};
use xmppwire_net::find::Mode;
use xmppwire_net::tls::ServerTls;

use super::reconnect::at_once;
use crate::adapter::{Accepted, Adapter, Reconnecting, Session};
use crate::site::{MODES, Site};
use crate::{DOMAIN, JULIET, Login, PASSWORD, Porter, Relay, Tokens, both, juliet};

fn user_agent() -> UserAgent {
    UserAgent::from_id("9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f").unwrap()
}

/// Juliet, whose server issues tokens.
fn installed(site: &Site, mode: Mode) -> Connector {
    site.juliet(mode).with_user_agent(user_agent())
}

/// Lets the next client log in, on one connection.
fn log_in<A: Adapter>(site: &Site, mode: Mode, tokens: &Tokens) -> (A::Accepted, Login) {
    let mut client = site.accept::<A>(mode);
    let mut porter = Porter::issuing(tokens);
    while let Some(event) = client.next_event().unwrap() {
        assert!(porter.answer(client.connection_mut(), event));
        if let Some(login) = porter.login() {
            client.flush();
            return (client, login);
        }
    }
    panic!("the client is gone");
}

/// Takes what comes until the end, so that the news of the login are handled.
fn finish(mut client: impl Accepted, tokens: &Tokens) {
    let mut porter = Porter::issuing(tokens);
    while let Ok(Some(event)) = client.next_event() {
        if matches!(event, ServerEvent::Tokens(_)) {
            porter.answer(client.connection_mut(), event);
        }
    }
}

/// Lets clients log in and leave, one after the other. Returns which of them used a token.
fn logins<A: Adapter>(site: &Site, mode: Mode, tokens: &Tokens, count: usize) -> Vec<bool> {
    let log_in = |_| {
        let (client, login) = log_in::<A>(site, mode, tokens);
        finish(client, tokens);
        login.mechanism.is_none()
    };
    (0..count).map(log_in).collect()
}

fn visit<A: Adapter>(connector: &Connector) {
    let client = A::connect_with(connector).unwrap();
    client.close().unwrap();
}

/// A server's TLS without session tickets, which would come at a time of their own.
fn without_tickets(site: &Site) -> ServerTls {
    let identity = site.authority.issue(DOMAIN, |_| {});
    let certificate = identity.certificate().clone();
    let tls = ServerTls::builder(identity).build().unwrap();
    let mut config = tls.config(Mode::StartTls).as_ref().clone();
    config.send_tls13_tickets = 0;
    ServerTls::from_config(config, &certificate, &xmppwire_net::find::Service::CLIENT)
}

pub fn a_token_saves_a_round_trip<A: Adapter>() {
    for mode in MODES {
        let mut site = Site::new();
        site.tls = without_tickets(&site);
        let relay = Relay::new(SocketAddr::from(([127, 0, 0, 1], site.port)));
        let connector = juliet(&site.authority)
            .with_server("127.0.0.1", relay.port(), mode)
            .with_user_agent(user_agent());
        let tokens = Tokens::new();
        let server = move || logins::<A>(&site, mode, &tokens, 3);
        let client = move || {
            assert!(connector.token().is_none());
            let log_in = || {
                let client = A::connect_with(&connector).unwrap();
                let round_trips = relay.round_trips();
                client.close().unwrap();
                (round_trips, connector.token().unwrap())
            };
            let (by_password, first) = log_in();
            assert_eq!(first.count(), 0);
            assert_eq!(first.account().as_str(), JULIET);
            let (by_token, used) = log_in();
            assert_eq!(used.count(), 1);
            assert_eq!(by_token, by_password - 1);
            // In another run of the program.
            let stored = Token::from_bytes(&used.to_bytes()).unwrap();
            let connector = connector.with_token(stored);
            visit::<A>(&connector);
            assert_eq!(connector.token().unwrap().count(), 2);
            assert!(connector.take_token_end().is_none());
        };
        let (by_token, ()) = both(server, client);
        assert_eq!(by_token, [false, true, true], "{mode:?}");
    }
}

/// The next event that is not about the connection.
fn next(client: &mut impl Reconnecting) -> ReconnectEvent {
    loop {
        match client.next_event().unwrap().expect("an event") {
            ReconnectEvent::Disconnected { .. } => {}
            event => return event,
        }
    }
}

fn next_token(client: &mut impl Reconnecting) -> Token {
    match next(client) {
        ReconnectEvent::Token(token) => token,
        event => panic!("no token: {event:?}"),
    }
}

fn is_connected(client: &mut impl Reconnecting) {
    let event = next(client);
    assert!(matches!(event, ReconnectEvent::Connected(_)), "{event:?}");
}

/// Ends a session so that the client comes back.
fn shut_down(mut client: impl Accepted, tokens: &Tokens) {
    client.close(Some(StreamError::new(StreamErrorCondition::SystemShutdown)));
    finish(client, tokens);
}

/// A token is replaced after half of its time. The client tells each one, and goes on with it.
pub fn a_new_token_is_used_next<A: Adapter>() {
    let site = Site::new();
    let tokens = Tokens::new();
    let connector = installed(&site, Mode::DirectTls);
    let server = move || {
        let mut by_token = Vec::new();
        for _ in 0..4 {
            let (client, login) = log_in::<A>(&site, Mode::DirectTls, &tokens);
            by_token.push(login.mechanism.is_none());
            shut_down(client, &tokens);
            tokens.advance(8);
        }
        by_token
    };
    let client = move || {
        let mut client = A::reconnecting(connector, at_once());
        let mut expires = Vec::new();
        for _ in 0..4 {
            let token = next_token(&mut client);
            assert_eq!(token.count(), 0, "each login brought a new one");
            expires.push(token.expires().unwrap());
            is_connected(&mut client);
        }
        let later: Vec<u64> = (0..4)
            .map(|round| expires[0] + round * 8 * 86_400)
            .collect();
        assert_eq!(expires, later);
    };
    let (by_token, ()) = both(server, client);
    // The time between the first login and the last one is longer than the life of a token.
    assert_eq!(by_token, [false, true, true, true]);
}

/// On the same connection. The next login uses the token that came with the password.
pub fn a_refused_token_leads_to_the_password<A: Adapter>() {
    type Spoil = fn(&Tokens);
    let cases: [(Spoil, SaslCondition); 2] = [
        (Tokens::revoke, SaslCondition::NotAuthorized),
        (
            |tokens| tokens.advance(15),
            SaslCondition::CredentialsExpired,
        ),
    ];
    for (spoil, condition) in cases {
        let site = Site::new();
        let tokens = Tokens::new();
        let connector = installed(&site, Mode::DirectTls);
        let server = move || {
            let (client, first) = log_in::<A>(&site, Mode::DirectTls, &tokens);
            shut_down(client, &tokens);
            spoil(&tokens);
            let (client, second) = log_in::<A>(&site, Mode::DirectTls, &tokens);
            shut_down(client, &tokens);
            let (client, third) = log_in::<A>(&site, Mode::DirectTls, &tokens);
            drop(client);
            [first, second, third].map(|login| login.mechanism.is_none())
        };
        let client = move || {
            let (handle, mut events, driver) = A::reconnecting(connector, at_once()).split();
            let driver = thread::spawn(driver);
            let mut next =
                || events.find(|event| !matches!(event, ReconnectEvent::Disconnected { .. }));
            let first = match next() {
                Some(ReconnectEvent::Token(token)) => token,
                event => panic!("{event:?}"),
            };
            assert!(matches!(next(), Some(ReconnectEvent::Connected(_))));
            match next() {
                Some(ReconnectEvent::TokenGone(TokenEnd::Refused(failure))) => {
                    assert_eq!(failure.condition(), condition);
                }
                event => panic!("{event:?}"),
            }
            match next() {
                Some(ReconnectEvent::Token(token)) => {
                    assert_eq!(token.count(), 0);
                    assert_ne!(token.to_bytes(), first.to_bytes());
                }
                event => panic!("{event:?}"),
            }
            assert!(matches!(next(), Some(ReconnectEvent::Connected(_))));
            assert!(matches!(next(), Some(ReconnectEvent::Token(token)) if token.count() == 1));
            drop(handle);
            drop(events);
            let _ = driver.join().unwrap();
        };
        let (by_token, ()) = both(server, client);
        assert_eq!(by_token, [false, false, true]);
    }
}

pub fn without_a_password_a_refused_token_ends_the_attempts<A: Adapter>() {
    let site = Site::new();
    let tokens = Tokens::new();
    let connector = installed(&site, Mode::DirectTls);
    let (tls, port) = (site.authority.client(), site.port);
    let server = move || {
        assert_eq!(
            logins::<A>(&site, Mode::DirectTls, &tokens, 2),
            [false, true]
        );
        tokens.revoke();
        for _ in 0..2 {
            let mut client = site.accept::<A>(Mode::DirectTls);
            let mut porter = Porter::issuing(&tokens);
            while let Ok(Some(event)) = client.next_event() {
                porter.answer(client.connection_mut(), event);
            }
            assert!(porter.login().is_none());
        }
    };
    let client = move || {
        visit::<A>(&connector);
        let account = ClientConfig::token(connector.token().unwrap(), user_agent());
        let connector = Connector::new(account).unwrap().with_tls(tls).with_server(
            "127.0.0.1",
            port,
            Mode::DirectTls,
        );
        visit::<A>(&connector);
        let used = connector.token().unwrap();

        let error = A::connect_with(&connector).unwrap_err();
        assert!(
            matches!(error.close_reason(), Some(CloseReason::AuthFailed(_))),
            "{error:?}"
        );
        assert_eq!(error.verdict(), Verdict::Fatal);
        assert!(connector.token().is_none());
        let end = connector.take_token_end();
        assert!(matches!(end, Some(TokenEnd::Refused(_))), "{end:?}");
        assert!(connector.take_token_end().is_none());

        let connector = connector.with_token(used);
        let mut client = A::reconnecting(connector, at_once());
        let event = client.next_event().unwrap();
        assert!(
            matches!(event, Some(ReconnectEvent::TokenGone(TokenEnd::Refused(_)))),
            "{event:?}"
        );
        client.next_event().unwrap_err();
        assert!(client.next_event().unwrap().is_none());
    };
    both(server, client);
}

pub fn a_token_is_invalidated_at_the_logout<A: Adapter>() {
    let site = Site::new();
    let tokens = Tokens::new();
    let connector = installed(&site, Mode::DirectTls);
    let issued = tokens.clone();
    let server = move || logins::<A>(&site, Mode::DirectTls, &tokens, 3);
    let client = move || {
        visit::<A>(&connector);
        let token = connector.token().unwrap();
        let connector = connector.with_token_invalidated();
        visit::<A>(&connector);
        assert!(connector.token().is_none());
        let end = connector.take_token_end();
        assert_eq!(end, Some(TokenEnd::Invalidated));
        assert!(issued.is_empty());
        // Who has stolen it cannot use it.
        let connector = connector.with_token(token);
        visit::<A>(&connector);
        let end = connector.take_token_end();
        assert!(matches!(end, Some(TokenEnd::Refused(_))), "{end:?}");
    };
    let (by_token, ()) = both(server, client);
    assert_eq!(by_token, [false, true, false]);
}

/// Whatever the server offers, and even if the user trusts it without TLS.
pub fn a_token_never_goes_without_tls<A: Adapter>() {
    let site = Site::new();
    let tokens = Tokens::new();
    let connector = installed(&site, Mode::DirectTls);
    let server = move || logins::<A>(&site, Mode::DirectTls, &tokens, 1);
    let (_, token) = both(server, move || {
        visit::<A>(&connector);
        connector.token().unwrap()
    });

    const FEATURES: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' \
        xmlns:stream='http://etherx.jabber.org/streams' id='1' from='example.org' version='1.0'>\
        <stream:features><authentication xmlns='urn:xmpp:sasl:2'>\
        <mechanism>SCRAM-SHA-256</mechanism><inline><fast xmlns='urn:xmpp:fast:0'>\
        <mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-ENDP</mechanism>\
        <mechanism>HT-SHA-256-UNIQ</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>\
        </inline></authentication><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
        <mechanism>SCRAM-SHA-256</mechanism></mechanisms></stream:features>";
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))
        .unwrap()
        .with_server("127.0.0.1", port, Mode::StartTls)
        .with_user_agent(user_agent())
        .with_token(token.clone());
    let server = move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.write_all(FEATURES.as_bytes()).unwrap();
        let (mut heard, mut buffer) = (String::new(), [0; 1024]);
        while !heard.contains("</auth") {
            let read = socket.read(&mut buffer).unwrap();
            assert!(read > 0, "the client is gone: {heard}");
            heard.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
        heard
    };
    let client = move || {
        A::connect_with(&connector).unwrap_err();
        // It was not tried, and is as good as before.
        assert_eq!(connector.token().unwrap().count(), token.count());
    };
    let (heard, ()) = both(server, client);
    assert!(
        heard.contains("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'"),
        "{heard}"
    );
    assert!(
        !heard.contains("urn:xmpp:sasl:2") && !heard.contains("HT-"),
        "{heard}"
    );
}
