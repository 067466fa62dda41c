//! How a session ends.

use std::time::{Duration, Instant};

use xmppwire_test_support::adapter::Session;
use xmppwire_tokio::{CloseReason, Error, Mode, Presence, StreamErrorCondition};

use crate::environment::{Account, MODES, connector};
use crate::shared::{RESTART, Signal, end_server};
use crate::stanzas::ping_the_host;

/// Takes stanzas until the end, and returns its reason.
pub(crate) fn end<C: Session>(session: &mut C) -> Error {
    loop {
        match session.next() {
            Ok(Some(_)) => {}
            Ok(None) => panic!("closed without a reason"),
            Err(error) => return error,
        }
    }
}

pub(crate) fn stream_error(error: &Error) -> StreamErrorCondition {
    match error.close_reason() {
        Some(CloseReason::PeerError(error)) => error.condition(),
        other => panic!("{other:?}: {error:?}"),
    }
}

fn session<C: Session>(mode: Mode) -> C {
    C::connect_with(&connector(Account::juliet().config("HOST_SHA256"), mode)).expect("a session")
}

/// ejabberd 23.01 ends with the stream error, without a closing tag. Prosody 0.12 sends both, but
/// it sometimes closes the connection before they are written, mostly on a busy machine. So the
/// session must never end in order, and must end with the stream error in one of several attempts.
pub(crate) fn shutdown<C: Session>() {
    for mode in MODES {
        let told = (0..8).any(|_| {
            let mut session = session::<C>(mode);
            let ended = end_server(Signal::Terminate);
            let error = end(&mut session);
            let after = session.send(Presence::available());
            assert!(matches!(after, Err(Error::NotConnected)), "{after:?}");
            ended.await_restart();
            match error.close_reason() {
                Some(CloseReason::TransportEof) => false,
                _ => {
                    assert_eq!(stream_error(&error), StreamErrorCondition::SystemShutdown);
                    true
                }
            }
        });
        assert!(told, "{mode:?}: no stream error arrived");
    }
}

/// The end of a connection without a closing tag is not an orderly end.
pub(crate) fn crash<C: Session>() {
    let mut session = session::<C>(Mode::StartTls);
    let ended = end_server(Signal::Kill);
    match end(&mut session) {
        Error::Io(_) => {}
        Error::Closed(reason) => assert_eq!(*reason, CloseReason::TransportEof),
        other => panic!("{other}"),
    }
    ended.await_restart();
}

pub(crate) fn close<C: Session>() {
    for mode in MODES {
        session::<C>(mode).close().expect("an orderly end");
    }
}

/// An application that reconnects by itself.
pub(crate) fn comes_back<C: Session>() {
    let mut old = session::<C>(Mode::DirectTls);
    let ended = end_server(Signal::Terminate);
    end(&mut old);
    let deadline = Instant::now() + RESTART;
    let connector = connector(Account::juliet().config("HOST_SHA256"), Mode::DirectTls);
    let mut new = loop {
        match C::connect_with(&connector) {
            Ok(session) => break session,
            Err(why) => assert!(Instant::now() < deadline, "{why}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    ping_the_host(&mut new);
    ended.await_restart();
}
