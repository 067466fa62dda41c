//! What proves the user, and what happens where it does not.

use xmppwire_blocking::backoff::Verdict;
use xmppwire_blocking::{
    Client, ClientConfig, CloseReason, ConnectError, Connector, Jid, Mode, SaslCondition,
};
use xmppwire_test_support::JULIET;

use crate::support::{Site, both, log_in};

#[test]
fn a_wrong_password_is_final() {
    let site = Site::new();
    let other = Site::new();
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), "wr0ng").unwrap();
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(site.authority.client())
        .with_server("127.0.0.1", site.port, Mode::StartTls)
        .with_server("127.0.0.1", other.port, Mode::StartTls);

    let server = move || {
        let mut client = site.accept(Mode::StartTls);
        assert!(log_in(&mut client).is_none());
    };
    let client = move || {
        let error = Client::connect_with(&connector).unwrap_err();
        let Some(CloseReason::AuthFailed(failure)) = error.close_reason() else {
            panic!("{error:?}");
        };
        assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
        assert_eq!(error.verdict(), Verdict::Fatal);
        let ConnectError::Failed(failures) = error else {
            panic!("{error:?}");
        };
        assert_eq!(failures.iter().count(), 1);
        assert!(!other.has_visitor(), "the other server is not bothered");
    };
    both(server, client);
}
