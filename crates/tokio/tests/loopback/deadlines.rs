//! Silence does not last for ever. The clock is paused: it jumps to the next deadline when nothing else can happen.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use xmppwire_tokio::{
    Client, CloseReason, Error, Limits, LinkError, Mode, ServerConnection, ServerEvent, Timer,
};

use crate::support::{Authority, DOMAIN, config, juliet, piped};

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up() {
    let connector = juliet(&Authority::new());
    let (near, _far) = duplex(4096);
    let error = Client::over(near, Mode::StartTls, &connector)
        .await
        .unwrap_err();
    let reason = error.close_reason();
    assert_eq!(reason, Some(&CloseReason::TimedOut(Timer::Negotiation)));

    let (near, _far) = duplex(4096);
    let error = Client::over(near, Mode::DirectTls, &connector)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_given_up() {
    let tls = Authority::new().server(DOMAIN);
    let (_near, far) = duplex(4096);
    let mut client = ServerConnection::accept(far, config(), Some(tls.clone())).unwrap();
    let event = client.next_event().await.unwrap();
    assert!(matches!(
        event,
        Some(ServerEvent::Closed(CloseReason::TimedOut(
            Timer::Negotiation
        )))
    ));

    let (_near, far) = duplex(4096);
    let patience = Duration::from_secs(10);
    let result = ServerConnection::accept_direct_tls(far, config(), tls, patience).await;
    assert!(
        matches!(result, Err(LinkError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut)
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_never_ends_is_given_up() {
    let connector = juliet(&Authority::new());
    let (near, mut far) = duplex(4096);
    let server = async {
        let mut heard = Vec::new();
        while !heard.ends_with(b"version='1.0'>") {
            heard.push(far.read_u8().await.unwrap());
        }
        far.write_all(
            b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
            id='1' version='1.0' from='example.org'><stream:features>\
            <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>\
            <proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        )
        .await
        .unwrap();
        // Reads on and never answers.
        let _ = far.read_to_end(&mut Vec::new()).await;
    };
    let (client, ()) = tokio::join!(Client::over(near, Mode::StartTls, &connector), server);
    let error = client.unwrap_err();
    assert_eq!(
        error.close_reason(),
        Some(&CloseReason::TimedOut(Timer::Negotiation)),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_does_not_keep_the_connection() {
    let (_client, mut server) = piped(Mode::StartTls, 256, |connector| connector).await;
    server.close(Some(
        xmppwire_tokio::StreamErrorCondition::SystemShutdown.into(),
    ));
    let event = server.next_event().await.unwrap();
    assert!(matches!(
        event,
        Some(ServerEvent::Closed(CloseReason::Local))
    ));
    assert!(server.next_event().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_client_may_insist_on_signs_of_life() {
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let mut limits = Limits::default();
    limits.idle_timeout = Some(Duration::from_secs(300));
    let account = xmppwire_tokio::ClientConfig::new(
        xmppwire_tokio::Jid::new("juliet@example.org").unwrap(),
        "s3cr3t",
    )
    .unwrap()
    .with_limits(limits);
    let connector = xmppwire_tokio::Connector::new(account)
        .unwrap()
        .with_tls(authority.client());
    let (near, far) = duplex(4096);
    let server = async {
        let mut client = crate::support::over(far, &tls, Mode::DirectTls).await;
        crate::support::log_in(&mut client).await.unwrap();
        client.flush().await;
        client
    };
    let (client, _server) = tokio::join!(Client::over(near, Mode::DirectTls, &connector), server);
    let error = client.unwrap().next().await.unwrap_err();
    assert_eq!(
        error.close_reason(),
        Some(&CloseReason::TimedOut(Timer::Idle))
    );
}
