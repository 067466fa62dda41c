//! Logins by certificate (XEP-0178). Prosody 0.12 has them for servers only.

use xmppwire_test_support::adapter::Session;
use xmppwire_tokio::tls::Identity;
use xmppwire_tokio::{ClientConfig, ConnectError, Connector, Mode};

use crate::environment::{Account, MODES, authority_as, connector};
use crate::login::is_not_authorized;
use crate::shared::identity;
use crate::stanzas::ping_the_host;

fn with_identity(config: ClientConfig, mode: Mode, identity: Identity) -> Connector {
    connector(config, mode).with_tls(authority_as(identity))
}

/// No password, but a certificate.
fn without_password(account: &Account, identity: &Identity) -> ClientConfig {
    let config = ClientConfig::certificate(account.at("HOST_EXTERNAL"), &identity.identities());
    config.expect("an account")
}

pub(crate) fn account<C: Session>() {
    let juliet = Account::juliet();
    for mode in MODES {
        let identity = identity("IDENTITY");
        let config = without_password(&juliet, &identity);
        let mut session =
            C::connect_with(&with_identity(config, mode, identity)).expect("a session");
        assert_eq!(
            session.address().to_bare(),
            juliet.at("HOST_EXTERNAL").to_bare()
        );
        ping_the_host(&mut session);
        session.close().expect("an orderly end");
    }
}

fn refusal<C: Session>(identity: Identity, mode: Mode) -> ConnectError {
    let config = without_password(&Account::juliet(), &identity);
    match C::connect_with(&with_identity(config, mode, identity)) {
        Ok(_) => panic!("somebody is let in who must not be"),
        Err(error) => error,
    }
}

/// The certificate names another account.
pub(crate) fn other_account<C: Session>() {
    for mode in MODES {
        is_not_authorized(&refusal::<C>(identity("OTHER_IDENTITY"), mode));
    }
}

/// The certificate names the account, and its authority is unknown to the server.
pub(crate) fn stranger<C: Session>() {
    for mode in MODES {
        is_not_authorized(&refusal::<C>(identity("STRANGER_IDENTITY"), mode));
    }
}

/// After a refused certificate the client uses its password.
pub(crate) fn password_after_refusal<C: Session>() {
    for mode in MODES {
        let identity = identity("OTHER_IDENTITY");
        let config = Account::juliet()
            .config("HOST_EXTERNAL")
            .with_certificate(&identity.identities());
        let session = C::connect_with(&with_identity(config, mode, identity)).expect("a session");
        session.close().expect("an orderly end");
    }
}
