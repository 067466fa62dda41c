//! Which resource a session gets, and what happens when another session asks for the same one.

use xmppwire_test_support::adapter::Session;
use xmppwire_tokio::{CloseReason, StanzaErrorCondition, StreamErrorCondition};

use crate::ends::{end, stream_error};
use crate::environment::{Account, MODES, connector, with_plain};
use crate::stanzas::ping_the_host;

pub(crate) fn made_up<C: Session>() {
    let config = Account::juliet().config("HOST_SHA256");
    for mode in MODES {
        let one = C::connect_with(&connector(config.clone(), mode)).expect("the first");
        let two = C::connect_with(&connector(config.clone(), mode)).expect("the second");
        assert_ne!(one.address().resourcepart(), two.address().resourcepart());
    }
}

pub(crate) fn own<C: Session>() {
    let config = Account::juliet().config_as("HOST_SHA256", "Balkon über dem Garten");
    for mode in MODES {
        let session = C::connect_with(&connector(config.clone(), mode)).expect("a session");
        assert_eq!(session.address().resourcepart(), "Balkon über dem Garten");
        session.close().expect("an orderly end");
    }
}

/// A server may end the session that has the resource (RFC 6120 §7.7.2.2).
pub(crate) fn taken_over<C: Session>() {
    for mode in MODES {
        let config = Account::juliet().config_as("HOST_SHA256", "balcony");
        let mut first = C::connect_with(&connector(config.clone(), mode)).expect("the first");
        let mut second = C::connect_with(&connector(config, mode)).expect("the second");
        assert_eq!(
            stream_error(&end(&mut first)),
            StreamErrorCondition::Conflict
        );
        assert!(matches!(first.next(), Ok(None)), "the end is told once");
        ping_the_host(&mut second);
    }
}

/// A server may refuse the resource to the second session (RFC 6120 §7.7.2.2).
pub(crate) fn refused<C: Session>() {
    for mode in MODES {
        // Not the resource of the round before, because its session may not be over yet.
        let config = Account::juliet().config_as("HOST_SHA1", &format!("{mode:?}"));
        let mut first = C::connect_with(&connector(config.clone(), mode)).expect("the first");
        match C::connect_with(&connector(config, mode)) {
            Ok(second) => panic!("{} was bound twice", second.address()),
            Err(error) => match error.close_reason() {
                Some(CloseReason::BindFailed(refusal)) => {
                    assert_eq!(refusal.condition(), StanzaErrorCondition::Conflict);
                }
                other => panic!("{other:?}: {error}"),
            },
        }
        ping_the_host(&mut first);
        first.close().expect("an orderly end");
    }
}

/// A server may give the second session another resource (RFC 6120 §7.7.2.2).
pub(crate) fn replaced<C: Session>() {
    for mode in MODES {
        let config = with_plain(Account::juliet().config_as("HOST_PLAIN", "balcony"));
        let mut first = C::connect_with(&connector(config.clone(), mode)).expect("the first");
        let mut second = C::connect_with(&connector(config, mode)).expect("the second");
        assert_ne!(first.address(), second.address());
        assert_eq!(first.address().to_bare(), second.address().to_bare());
        ping_the_host(&mut first);
        ping_the_host(&mut second);
    }
}
