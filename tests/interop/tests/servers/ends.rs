//! How a session ends.

use std::time::{Duration, Instant};

use xmppwire_test_support::adapter::Session;
use xmppwire_tokio::{
    CloseReason, Error, Jid, Message, MessageType, Mode, Presence, StreamErrorCondition,
};

use crate::environment::{Account, MODES, connector, connector_to};
use crate::shared::{RESTART, Signal, end_server, get};
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

/// The server acknowledges everything before it confirms the closing tag: also what was sent before it
/// agreed to manage the stream, and where the question before the closing tag is the second one that is
/// open.
pub(crate) fn close_managed<C: Session>() {
    let account = Account::juliet();
    for port in ["STARTTLS_PORT", "TLS_PORT"] {
        let mode = match port {
            "TLS_PORT" => Mode::DirectTls,
            _ => Mode::StartTls,
        };
        let port = get(port).parse().expect("a port");
        let connector = connector_to(account.config("HOST_SHA256"), mode, port);
        let host = Jid::new(&get("HOST_SHA256")).expect("a domain");
        // Nothing stores a headline for later.
        let headline = |number: u32| {
            Message::new(host.clone())
                .with_type(MessageType::Headline)
                .with_body(number.to_string())
        };
        for (count, agreed) in [
            (0, true),
            (1, false),
            (1, true),
            (10, false),
            (15, true),
            (500, true),
        ] {
            let mut session = C::connect_with(&connector).expect("a session");
            if agreed {
                let sent = session.send_acked(headline(0));
                sent.expect("the server manages the stream");
            }
            for number in 0..count {
                session.send(headline(number)).expect("it is sent");
            }
            let end = session.close();
            assert!(end.is_ok(), "{mode:?}, {count} stanzas, {agreed}: {end:?}");
        }
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
