//! Ten megabytes each way at the same time: no deadlock, and no buffer that grows with them.

use xmppwire_tokio::{Client, Connection, Error, Mode, ServerConnection, ServerEvent, Stanza};

use crate::support::{Site, from_romeo, within};

const STANZA: usize = 10 * 1024;
const STANZAS: usize = 1024;
/// What may wait to be written: the 64 KiB that `send` goes ahead, one stanza, and what TLS has sealed of them.
const BACKLOG: usize = 64 * 1024 + 2 * STANZA;

/// Answers each stanza with as many bytes, and reads the next one when they are written.
async fn echo(mut client: ServerConnection) -> usize {
    let mut seen = 0;
    loop {
        match client.next_event().await.unwrap() {
            Some(ServerEvent::Stanza(stanza)) => {
                seen += 1;
                client.connection_mut().send(&stanza).unwrap();
                client.flush().await;
                assert!(client.backlog() <= BACKLOG);
            }
            Some(ServerEvent::Closed(_)) | None => return seen,
            Some(event) => panic!("{event:?}"),
        }
    }
}

#[tokio::test]
async fn one_that_reads_when_it_has_to() {
    let site = Site::new().await;
    let (mut client, server) = within(site.pair(Mode::StartTls)).await;
    let stanza = from_romeo(&"x".repeat(STANZA));
    let client = async {
        let mut got = 0;
        for _ in 0..STANZAS {
            while let Err(error) = client.send(stanza.clone()).await {
                assert!(matches!(error, Error::InboxFull), "{error}");
                client.next().await.unwrap();
                got += 1;
            }
            assert!(client.backlog() <= BACKLOG);
        }
        while got < STANZAS {
            client.next().await.unwrap();
            got += 1;
        }
        client.close().await.unwrap();
    };
    let (seen, ()) = within(async { tokio::join!(echo(server), client) }).await;
    assert_eq!(seen, STANZAS);
}

/// Sends and receives at once, whichever can go on.
async fn both_ways(client: &mut Client, stanza: &Stanza) {
    let (mut sent, mut got) = (0, 0);
    while sent < STANZAS || got < STANZAS {
        assert!(client.backlog() <= BACKLOG);
        if sent < STANZAS {
            match client.send(stanza.clone()).await {
                Ok(()) => sent += 1,
                Err(Error::InboxFull) => {
                    client.next().await.unwrap();
                    got += 1;
                }
                Err(error) => panic!("{error}"),
            }
        } else {
            client.next().await.unwrap();
            got += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_talk_without_being_asked() {
    let site = Site::new().await;
    let (mut client, mut server) = within(site.pair(Mode::DirectTls)).await;
    let stanza = from_romeo(&"x".repeat(STANZA));
    let to_client = stanza.clone();
    let server = tokio::spawn(async move {
        let (mut sent, mut got) = (0, 0);
        while sent < STANZAS || got < STANZAS {
            if sent < STANZAS && server.backlog() < BACKLOG - 2 * STANZA {
                server.connection_mut().send(&to_client).unwrap();
                sent += 1;
            }
            assert!(server.backlog() <= BACKLOG);
            if sent < STANZAS && got >= sent {
                server.flush().await;
            } else if got < STANZAS {
                let event = server.next_event().await.unwrap();
                assert!(matches!(event, Some(ServerEvent::Stanza(_))));
                got += 1;
            }
        }
        while server.next_event().await.unwrap().is_some() {}
    });
    within(both_ways(&mut client, &stanza)).await;
    within(client.close()).await.unwrap();
    within(server).await.unwrap();
}
