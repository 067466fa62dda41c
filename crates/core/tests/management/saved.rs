//! Sessions as bytes.

use xmppwire::{
    Detached, Jid, Message, Resumption, SavedSessionError, Stanza, StreamManagement, WhyNotResumed,
};

use crate::support::{Juliet, START, Verona, Wire, juliet, message, read, sessions, settle, write};

/// Both sides of a session with stanzas that were not acknowledged.
fn both() -> (Resumption, Detached) {
    let policy = StreamManagement::new();
    let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
    let (mut wire, mut sessions) = (Wire::default(), sessions());
    settle(&mut client, &mut server, &mut wire, &mut sessions);
    for id in ["1", "2"] {
        client.machine.send(&message(id)).unwrap();
        server.machine.send(&message(id)).unwrap();
    }
    server.machine.receive_eof(START);
    while server.poll(&mut sessions) {}
    let detached = sessions.remove(&juliet()).unwrap();
    (client.machine.take_resumption().unwrap(), detached)
}

#[test]
fn a_session_is_the_same_after_it_was_stored() {
    let (resumption, detached) = both();
    let bytes = resumption.to_bytes();
    let again = Resumption::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(*again.jid(), juliet());
    assert_eq!((again.acknowledged(), again.sent()), (0, 2));
    assert_eq!(again.into_unacknowledged().len(), 2);
    let bytes = detached.to_bytes();
    let again = Detached::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(again.id(), detached.id());
}

/// What the server said and what the library sent by itself are in the bytes as well.
#[test]
fn a_stored_session_keeps_where_to_resume_and_whose_stanzas_wait() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
    let (mut wire, mut sessions) = (Wire::default(), sessions());
    let located = "<enabled xmlns='urn:xmpp:sm:3' location='verona.example:5222' ";
    loop {
        let mut moved = write(&mut client.machine, &mut wire.to_server, usize::MAX);
        moved |= read(&mut server.machine, &mut wire.to_server, usize::MAX);
        moved |= server.poll(&mut sessions);
        let output = String::from_utf8(server.machine.take_output()).unwrap();
        let output = output.replace("<enabled xmlns='urn:xmpp:sm:3' ", located);
        wire.to_client.extend(output.bytes());
        moved |= read(&mut client.machine, &mut wire.to_client, usize::MAX);
        moved |= client.poll();
        if !moved {
            break;
        }
    }
    client.machine.send(&message("1")).unwrap();
    client.machine.take_output();
    // A request without a payload is answered with an error (RFC 6120 §8.2.3).
    let malformed = b"<iq type='get' id='2' from='romeo@example.net'/>";
    assert_eq!(client.machine.receive(START, malformed), malformed.len());
    assert!(client.machine.poll_event().is_some());
    assert!(client.machine.output().starts_with(b"<iq "));

    let bytes = client.machine.take_resumption().unwrap().to_bytes();
    let again = Resumption::from_bytes(&bytes).unwrap();
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(again.location(), Some("verona.example:5222"));
    assert_eq!(again.sent(), 2);
    let of_the_application = again.into_unacknowledged();
    assert_eq!(of_the_application.len(), 1);
    assert_eq!(of_the_application[0].stanza.id(), Some("1"));

    let elsewhere = both().0;
    let again = Resumption::from_bytes(&elsewhere.to_bytes()).unwrap();
    assert_eq!(again.location(), None);
}

#[test]
fn stanzas_that_are_added_to_a_session_count_as_queued_bytes() {
    let mut resumption = both().0;
    let before = resumption.queued_bytes();
    let stanza: Stanza =
        Message::chat(Jid::new("romeo@example.net").unwrap(), "O".repeat(10_000)).into();
    resumption.push(&stanza).unwrap();
    let after = resumption.queued_bytes();
    assert!(after >= before + 10_000, "{before} {after}");
}

#[test]
fn debug_shows_no_secret() {
    let policy = StreamManagement::new();
    let (mut client, mut server) = (Juliet::new(&policy, 1, None), Verona::new(&policy, 2));
    let (mut wire, mut waiting) = (Wire::default(), sessions());
    settle(&mut client, &mut server, &mut wire, &mut waiting);
    server.machine.send(&message("1")).unwrap();
    let connections = format!("{:?} {:?}", client.machine, server.machine);
    let detached = server.machine.detach().unwrap();
    let id = detached.id().to_owned();
    let resumption = client.machine.take_resumption().unwrap();
    let session = format!("{detached:?} {resumption:?}");
    assert!(waiting.insert(START, detached).is_empty());
    let text = format!("{connections} {session} {waiting:?}");
    for secret in [&id, "romeo"] {
        assert!(!text.contains(secret), "{text}");
    }
    // What helps is there: the state of the sessions, and how much waits.
    for shown in [
        "is_resumable: true",
        "Queue { stanzas: 1, bytes: ",
        "Detached { jid: FullJid(\"juliet@example.org/balcony\"), handled: 0, sent: 1, acknowledged: 0, .. }",
        "Resumption { jid: FullJid(\"juliet@example.org/balcony\"), acknowledged: 0, sent: 0, .. }",
        "remembered: []",
    ] {
        assert!(text.contains(shown), "{shown} in {text}");
    }
}

#[test]
fn the_other_side_s_session_is_no_session() {
    let (resumption, detached) = both();
    let error = SavedSessionError::Kind;
    assert_eq!(
        Resumption::from_bytes(&detached.to_bytes()).unwrap_err(),
        error
    );
    assert_eq!(
        Detached::from_bytes(&resumption.to_bytes()).unwrap_err(),
        error
    );
    let mut later = resumption.to_bytes();
    later[4] = 2;
    let error = Resumption::from_bytes(&later).unwrap_err();
    assert_eq!(error, SavedSessionError::Version);
}

/// Every cut, and every byte changed to any other: nothing panics, what is read is read again as the
/// same, and every stanza in it is one.
#[test]
fn damaged_bytes_make_no_session_that_is_none() {
    let bytes = both().0.to_bytes();
    for end in 0..bytes.len() {
        assert!(Resumption::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    for at in 0..bytes.len() {
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 255, b'<' ^ bytes[at]] {
            let mut damaged = bytes.clone();
            damaged[at] ^= change;
            if let Ok(session) = Resumption::from_bytes(&damaged) {
                // The address may have been prepared.
                let bytes = session.to_bytes();
                assert_eq!(Resumption::from_bytes(&bytes).unwrap().to_bytes(), bytes);
                assert!(session.into_unacknowledged().len() <= 2);
            }
        }
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(Resumption::from_bytes(&longer).is_err());
}

/// What is written to a stream later must not be anything but stanzas.
#[test]
fn only_stanzas_are_taken() {
    let (resumption, _) = both();
    let bytes = resumption.to_bytes();
    let stanza = b"<message id='1' to='romeo@example.net'";
    let at = bytes
        .windows(8)
        .position(|piece| piece == b"<message")
        .unwrap();
    let end = bytes[at..]
        .windows(10)
        .position(|piece| piece == b"</message>")
        .unwrap()
        + 10;
    assert!(stanza.len() < end);
    let len = u32::from_be_bytes(bytes[at - 4..at].try_into().unwrap());
    assert_eq!(len as usize, end);
    for injected in [
        "</stream:stream>",
        "<message/><message/>",
        "<message>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        " <message/>",
        "<iq type='get'/>",
        "",
    ] {
        let mut changed = bytes[..at - 4].to_vec();
        changed.extend(u32::try_from(injected.len()).unwrap().to_be_bytes());
        changed.extend(injected.as_bytes());
        changed.extend(&bytes[at + end..]);
        let error = Resumption::from_bytes(&changed).unwrap_err();
        assert_eq!(error, SavedSessionError::Stanza, "{injected}");
    }
}

#[test]
fn a_session_of_another_account_is_refused_and_kept() {
    let (resumption, _) = both();
    let bytes = resumption.to_bytes();
    let text = String::from_utf8_lossy(&bytes).replace("juliet@", "mallet@");
    let foreign = Resumption::from_bytes(text.as_bytes()).unwrap();
    let mut client = Juliet::new(&StreamManagement::new(), 1, None);
    let refused = client.machine.resume(foreign).unwrap_err();
    assert_eq!(refused.why, WhyNotResumed::OtherAccount);
    assert_eq!(refused.resumption.to_bytes(), text.as_bytes());
    // The own one is taken once.
    client.machine.resume(resumption).unwrap();
    let second = Resumption::from_bytes(&bytes).unwrap();
    let refused = client.machine.resume(second).unwrap_err();
    assert_eq!(refused.why, WhyNotResumed::TooLate);
}

#[test]
fn stanzas_are_added_to_a_session_without_a_stream() {
    let (mut resumption, mut detached) = both();
    assert_eq!(resumption.push(&message("3")), Ok(3));
    assert_eq!(detached.push(&message("3")), Ok(3));
    let back = resumption.into_unacknowledged();
    assert_eq!(back[2].stanza, message("3"));
    assert_eq!(back[2].number, 3);
    assert_eq!(detached.into_unacknowledged().len(), 3);
}

#[cfg(feature = "serde")]
#[test]
fn serde_takes_and_gives_the_same() {
    let (resumption, detached) = both();
    let json = serde_json::to_string(&resumption).unwrap();
    assert!(json.starts_with('"'), "{json}");
    let again: Resumption = serde_json::from_str(&json).unwrap();
    assert_eq!(again.to_bytes(), resumption.to_bytes());
    let json = serde_json::to_string(&detached).unwrap();
    let again: Detached = serde_json::from_str(&json).unwrap();
    assert_eq!(again.to_bytes(), detached.to_bytes());
    assert!(serde_json::from_str::<Resumption>("\"AAAA\"").is_err());
}

/// Text formats get base64, which is what a test of JSON can read.
#[cfg(feature = "serde")]
#[test]
fn a_text_format_stores_a_session_as_base64() {
    let (resumption, detached) = both();
    let json = serde_json::to_string(&resumption).unwrap();
    let expected = xmppwire_sasl::wire::encode(&resumption.to_bytes());
    assert_eq!(json, format!("\"{expected}\""));
    let again: Resumption = serde_json::from_str(&json).unwrap();
    assert_eq!(again.to_bytes(), resumption.to_bytes());
    let json = serde_json::to_string(&detached).unwrap();
    let again: Detached = serde_json::from_str(&json).unwrap();
    assert_eq!(again.to_bytes(), detached.to_bytes());
    let error = serde_json::from_str::<Resumption>("7").unwrap_err();
    assert!(error.to_string().contains("a saved session"), "{error}");
    assert!(serde_json::from_str::<Resumption>("\"*\"").is_err());
}

/// Other formats get the bytes as they are, and give them back borrowed or owned.
#[cfg(feature = "serde")]
#[test]
fn a_binary_format_stores_a_session_as_bytes() {
    use serde::Deserialize;
    use serde::de::value::Error;
    use serde::de::{Deserializer, Visitor};
    use serde::forward_to_deserialize_any;

    struct Binary<'a> {
        bytes: &'a [u8],
        owned: bool,
    }

    impl<'de> Deserializer<'de> for Binary<'_> {
        type Error = Error;

        fn is_human_readable(&self) -> bool {
            false
        }

        fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.owned {
                true => visitor.visit_byte_buf(self.bytes.to_vec()),
                false => visitor.visit_bytes(self.bytes),
            }
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
            ignored_any
        }
    }

    let bytes = both().0.to_bytes();
    for owned in [true, false] {
        let bytes = &bytes[..];
        let again = Resumption::deserialize(Binary { bytes, owned }).unwrap();
        assert_eq!(again.to_bytes(), bytes, "{owned}");
    }
}
