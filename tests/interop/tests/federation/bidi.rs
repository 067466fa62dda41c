//! Streams in both directions (XEP-0288), which Prosody knows and ejabberd 23.01 does not.

use xmppwire_test_support::Zone;
use xmppwire_tokio::{DomainPolicy, Message, Trust};

use crate::exchange::{exchange, from_ours};
use crate::is_prosody;
use crate::juliet::Juliet;
use crate::ours::Setup;

fn setup(name: &str) -> Setup {
    let mut setup = Setup::trusted(name);
    setup.policy = DomainPolicy::default().with_bidi();
    setup
}

#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn a_server_that_knows_no_such_streams_is_served_by_two() {
    let mut ours = setup("both-ways").start().await;
    exchange(&mut ours, "HOST_SHA256").await;
    ours.close().await;
}

/// The other server cannot find ours, and answers all the same.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn theirs_answers_over_our_stream() {
    if !is_prosody() {
        return;
    }
    let mut ours = setup("hidden").start_unpublished().await;
    let mut juliet = Juliet::at("HOST_SHA256").await;
    // A ping and an error come back.
    from_ours(&mut ours, &mut juliet, "HOST_SHA256").await;
    juliet
        .send(Message::chat(ours.jid("someone"), "Ciao"))
        .await;
    assert_eq!(ours.stanza().await.from(), Some(&juliet.jid()));
    assert_eq!(ours.trust, Some(Trust::Certificate));
    ours.close().await;
}

/// Our server cannot find the other one, and answers all the same.
#[tokio::test]
#[ignore = "needs a server: tests/interop/README.md"]
async fn ours_answers_over_their_stream() {
    if !is_prosody() {
        return;
    }
    let mut setup = setup("lost");
    let empty = Zone::serve(0);
    setup.name_server = empty.address();
    let mut ours = setup.start().await;
    let mut juliet = Juliet::at("HOST_SHA256").await;
    juliet
        .send(Message::chat(ours.jid("someone"), "Ciao"))
        .await;
    assert_eq!(ours.stanza().await.from(), Some(&juliet.jid()));
    from_ours(&mut ours, &mut juliet, "HOST_SHA256").await;
    assert_eq!(ours.reached, Some(Trust::Certificate));
    ours.close().await;
}
