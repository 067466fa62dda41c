//! SCRAM inside real TLS, with each of its hashes, with and without channel binding (RFC 6120
//! §13.8).

use xmppwire::{
    ClientConfig, CloseReason, Host, HostAnswer, Jid, Mechanism, MechanismPolicy, SaslAnswer,
    SaslCondition, ScramKeys, ServerEvent, TlsOffer,
};
use xmppwire_net::client::Connector;
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Session};
use crate::site::{MODES, Site, end};
use crate::{JULIET, Login, PASSWORD, Porter, both};

pub fn each_mechanism_logs_in_over_tls<A: Adapter>() {
    for &mechanism in Mechanism::ALL.iter().filter(|one| one.hash().is_some()) {
        logs_in_over_tls::<A>(mechanism);
    }
}

/// With this mechanism alone on offer, the right password logs in and a wrong one does not.
pub fn logs_in_over_tls<A: Adapter>(mechanism: Mechanism) {
    for mode in MODES {
        for (password, is_right) in [(PASSWORD, true), ("wr0ng", false)] {
            let site = Site::new();
            let connector = with_password(&site, password, mode);
            let server = move || {
                let mut client = site.accept::<A>(mode);
                let login = offer(&mut client, mechanism)?;
                assert!(client.tls().is_some());
                client.flush();
                end(&mut client);
                login.mechanism
            };
            let client = move || match A::connect_with(&connector) {
                Ok(client) => {
                    assert!(is_right, "{mechanism}: a wrong password is let in");
                    client.close().unwrap();
                }
                Err(error) => match error.close_reason() {
                    Some(CloseReason::AuthFailed(failure)) if !is_right => {
                        assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
                    }
                    _ => panic!("{mechanism}: {error}"),
                },
            };
            let (used, ()) = both(server, client);
            assert_eq!(used, is_right.then_some(mechanism));
        }
    }
}

/// More iterations than a client computes in line: the adapter has to answer a question of the login.
pub fn many_iterations_are_computed<A: Adapter>() {
    let site = Site::new();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.accept::<A>(Mode::StartTls);
        let mut porter = Porter::default();
        while porter.login().is_none() {
            let event = client.next_event().unwrap().unwrap();
            let connection = client.connection_mut();
            match event {
                ServerEvent::Sasl(request) => {
                    porter.note(request.mechanism());
                    let hash = request.mechanism().hash().unwrap();
                    let keys = ScramKeys::derive(hash, PASSWORD, b"a fixed salt", 20_001).unwrap();
                    let answer = SaslAnswer::ScramKeys(keys);
                    connection.answer_sasl(request, answer).unwrap();
                }
                event => assert!(porter.answer(connection, event)),
            }
        }
        end(&mut client);
    };
    let client = move || A::connect_with(&connector).unwrap().close().unwrap();
    both(server, client);
}

fn with_password(site: &Site, password: &str, mode: Mode) -> Connector {
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), password).unwrap();
    let policy = MechanismPolicy::default().with_floor(Mechanism::ScramSha1);
    Connector::new(account.with_mechanisms(policy))
        .unwrap()
        .with_tls(site.authority.client())
        .with_server("127.0.0.1", site.port, mode)
}

/// Lets a client log in with this mechanism alone.
fn offer(client: &mut impl Accepted, mechanism: Mechanism) -> Option<Login> {
    let mut porter = Porter::default();
    while let Ok(Some(event)) = client.next_event() {
        let connection = client.connection_mut();
        match event {
            ServerEvent::Opened(request) => {
                let host = Host::new(TlsOffer::Required, [mechanism]);
                let answer = HostAnswer::Serve(host);
                connection.choose_host(request, answer).unwrap();
            }
            event => {
                if !porter.answer(connection, event) {
                    return None;
                }
            }
        }
        if let Some(login) = porter.login() {
            return Some(login);
        }
    }
    None
}
