//! A refused password is final: nothing is tried a second time.

use xmppwire::{AccountError, ClientConfig, CloseReason, Jid, SaslCondition};
use xmppwire_net::client::Verdict;
use xmppwire_net::client::{ConnectError, Connector};
use xmppwire_net::find::Mode;

use crate::adapter::{Adapter, Reconnecting};
use crate::site::{Site, log_in};
use crate::{JULIET, PASSWORD, both};

/// A connector that knows the site twice, so that a second attempt would have a server to go to.
fn with_password(site: &Site, jid: &str, password: &str) -> Connector {
    let account = ClientConfig::new(Jid::new(jid).unwrap(), password).unwrap();
    Connector::new(account)
        .unwrap()
        .with_tls(site.authority.client())
        .with_server("127.0.0.1", site.port, Mode::StartTls)
        .with_server("127.0.0.1", site.port, Mode::StartTls)
}

fn is_refusal(reason: Option<&CloseReason>) -> bool {
    match reason {
        Some(CloseReason::AuthFailed(failure)) => {
            failure.condition() == SaslCondition::NotAuthorized
        }
        _ => false,
    }
}

/// Refuses one login.
fn refuse<A: Adapter>(site: Site) -> Site {
    assert!(log_in(&mut site.accept::<A>(Mode::StartTls)).is_none());
    site
}

pub fn wrong_passwords_and_unknown_users_are_refused_alike<A: Adapter>() {
    for (jid, password) in [(JULIET, "wrong"), ("nobody@example.org", PASSWORD)] {
        let site = Site::new();
        let connector = with_password(&site, jid, password);
        let client = move || {
            let error = A::connect_with(&connector).unwrap_err();
            assert!(is_refusal(error.close_reason()), "{error}");
            assert_eq!(error.verdict(), Verdict::Fatal);
            let ConnectError::Failed(failures) = error else {
                panic!("{error:?}");
            };
            assert_eq!(failures.iter().count(), 1);
        };
        let (site, ()) = both(|| refuse::<A>(site), client);
        assert!(!site.has_visitor(), "the client tries again");
    }
}

pub fn a_reconnecting_client_gives_up<A: Adapter>() {
    let site = Site::new();
    let connector = with_password(&site, JULIET, "wrong");
    let client = move || {
        let mut client = A::reconnecting(connector, super::reconnect::at_once());
        let error = client.next_event().unwrap_err();
        assert!(is_refusal(error.close_reason()), "{error}");
        assert!(client.next_event().unwrap().is_none());
        client.connect_now();
        assert!(client.next_event().unwrap().is_none(), "it stays over");
    };
    let (site, ()) = both(|| refuse::<A>(site), client);
    assert!(!site.has_visitor(), "the client tries again");
}

pub fn addresses_without_an_account_are_refused_at_once<A: Adapter>() {
    let connect = |jid| A::connect(jid, PASSWORD);
    assert!(matches!(connect("@"), Err(ConnectError::Address(_))));
    assert!(matches!(
        connect("example.org"),
        Err(ConnectError::Account(AccountError::NoLocalpart))
    ));
    assert!(matches!(
        A::connect(JULIET, ""),
        Err(ConnectError::Account(AccountError::EmptyPassword))
    ));
    let no_host = "juliet@".to_owned() + &"a".repeat(64);
    assert!(matches!(
        connect(&no_host),
        Err(ConnectError::Domain(_) | ConnectError::Address(_))
    ));
}
