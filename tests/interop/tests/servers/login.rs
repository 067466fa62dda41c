//! Which logins succeed, by which mechanism, and which fail.

use xmppwire_test_support::adapter::Session;
use xmppwire_tokio::{
    ClientConfig, CloseReason, ConnectError, Connector, Error, PeerIncompatible, SaslCondition,
};

use crate::environment::{self, Account, MODES, connector, with_channel_binding, with_plain};
use crate::stanzas::ping_the_host;

/// Logs in by STARTTLS and by direct TLS, and closes.
fn succeeds<C: Session>(config: &ClientConfig) {
    for mode in MODES {
        let session = C::connect_with(&connector(config.clone(), mode))
            .unwrap_or_else(|why| panic!("{mode:?}: {why}"));
        assert_eq!(session.address().to_bare(), *config.jid());
        session
            .close()
            .unwrap_or_else(|why| panic!("{mode:?}: {why}"));
    }
}

/// The login fails, by STARTTLS and by direct TLS.
fn fails<C: Session>(
    connect: impl Fn(Connector) -> Connector,
    config: &ClientConfig,
    why: impl Fn(&ConnectError),
) {
    for mode in MODES {
        match C::connect_with(&connect(connector(config.clone(), mode))) {
            Ok(_) => panic!("{mode:?}: the login succeeds"),
            Err(error) => why(&error),
        }
    }
}

pub(crate) fn scram_sha_1<C: Session>() {
    succeeds::<C>(&Account::juliet().config("HOST_SHA1"));
}

pub(crate) fn scram_sha_256<C: Session>() {
    succeeds::<C>(&Account::juliet().config("HOST_SHA256"));
}

/// Prosody 0.12 has no such host.
pub(crate) fn scram_sha_512<C: Session>() {
    succeeds::<C>(&Account::juliet().config("HOST_SHA512"));
    succeeds::<C>(&Account::odd().config("HOST_SHA512"));
}

pub(crate) fn plain_inside_tls<C: Session>() {
    succeeds::<C>(&with_plain(Account::juliet().config("HOST_PLAIN")));
}

/// A client whose policy does not allow PLAIN does not send its password to a server that offers
/// PLAIN alone.
pub(crate) fn plain_is_not_used_unasked<C: Session>() {
    let config = Account::juliet().config("HOST_PLAIN");
    fails::<C>(
        |it| it,
        &config,
        |error| {
            let reason = error.close_reason();
            let Some(CloseReason::Incompatible(PeerIncompatible::NoMechanism { offered })) = reason
            else {
                panic!("{error}");
            };
            assert_eq!(offered, &["PLAIN"]);
        },
    );
}

/// A client that requires channel binding does not log in without it.
pub(crate) fn channel_binding_is_insisted_on<C: Session>() {
    let config = with_channel_binding(Account::juliet().config("HOST_SHA256"));
    let offer = environment::offer("HOST_SHA256");
    fails::<C>(
        |it| it,
        &config,
        |error| match error.close_reason() {
            Some(CloseReason::Incompatible(PeerIncompatible::NoMechanism { offered })) => {
                assert!(!offered.iter().any(|name| name.ends_with("-PLUS")));
            }
            // It is offered, but the server has only tls-unique, which TLS 1.3 does not define.
            _ if offer.contains("-PLUS") => is_not_authorized(error),
            other => panic!("{other:?}: {error}"),
        },
    );
}

/// Both servers offer channel binding over TLS 1.2 and mean tls-unique, which rustls does not
/// provide. The client has to log in without it, and must not send the flag "y": Prosody refuses
/// that.
pub(crate) fn channel_binding_over_tls_1_2<C: Session>() {
    for host in ["HOST_SHA1", "HOST_SHA256"] {
        let config = Account::juliet().config(host);
        for mode in MODES {
            let connector = connector(config.clone(), mode);
            let connector = connector.with_tls(environment::authority_over_tls_1_2());
            let session =
                C::connect_with(&connector).unwrap_or_else(|why| panic!("{mode:?}: {why}"));
            session.close().expect("an orderly end");
        }
    }
}

/// Each session gets an account of its own for as long as it lasts (XEP-0175).
pub(crate) fn anonymous<C: Session>() {
    let config = environment::anonymous("HOST_ANONYMOUS");
    for mode in MODES {
        let mut one = C::connect_with(&connector(config.clone(), mode)).expect("the first");
        let two = C::connect_with(&connector(config.clone(), mode)).expect("the second");
        assert_eq!(one.address().domainpart(), config.jid().as_str());
        assert_ne!(one.address().to_bare(), two.address().to_bare());
        ping_the_host(&mut one);
    }
}

/// A name with the characters that SCRAM escapes.
pub(crate) fn odd_name<C: Session>() {
    succeeds::<C>(&Account::odd().config("HOST_SHA1"));
    succeeds::<C>(&Account::odd().config("HOST_SHA256"));
}

pub(crate) fn is_not_authorized(error: &ConnectError) {
    match error.close_reason() {
        Some(CloseReason::AuthFailed(failure)) => {
            assert_eq!(failure.condition(), SaslCondition::NotAuthorized);
        }
        other => panic!("{other:?}: {error}"),
    }
}

pub(crate) fn wrong_password<C: Session>() {
    let juliet = Account::juliet().with_password("Wherefore?");
    for host in ["HOST_SHA1", "HOST_SHA256"] {
        fails::<C>(|it| it, &juliet.config(host), is_not_authorized);
    }
    fails::<C>(
        |it| it,
        &with_plain(juliet.config("HOST_PLAIN")),
        is_not_authorized,
    );
}

pub(crate) fn unknown_user<C: Session>() {
    let nobody = Account {
        localpart: "nobody".into(),
        password: "x".into(),
    };
    fails::<C>(|it| it, &nobody.config("HOST_SHA256"), is_not_authorized);
}

fn is_tls(error: &ConnectError) {
    let failure = error.last();
    assert!(
        matches!(failure, Some(Error::Tls(_))),
        "{failure:?}: {error}"
    );
}

/// The client does not trust the authority of the certificate.
pub(crate) fn other_authority<C: Session>() {
    let config = Account::juliet().config("HOST_SHA256");
    fails::<C>(
        |it| it.with_tls(environment::other_authority()),
        &config,
        is_tls,
    );
}

/// The certificate is trusted and names another domain.
pub(crate) fn other_name<C: Session>() {
    fails::<C>(
        |it| it,
        &with_plain(Account::juliet().config("HOST_MISNAMED")),
        is_tls,
    );
}
