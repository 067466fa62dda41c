//! A refused password is a final answer, and nobody is asked twice.

use xmppwire_tokio::backoff::Verdict;
use xmppwire_tokio::{
    Client, ClientConfig, CloseReason, ConnectError, Connector, Jid, Mode, ReconnectingClient,
    SaslCondition,
};

use crate::support::{JULIET, Site, accept, log_in, within};

fn with_password(site: &Site, jid: &str, password: &str) -> Connector {
    let account = ClientConfig::new(Jid::new(jid).unwrap(), password).unwrap();
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(site.authority.client());
    // Twice, so that there is somebody left to be bothered.
    connector
        .with_server("127.0.0.1", site.port, Mode::StartTls)
        .with_server("127.0.0.1", site.port, Mode::StartTls)
}

fn is_refusal(reason: Option<&CloseReason>) -> bool {
    match reason {
        Some(CloseReason::AuthFailed(failure)) => {
            failure.condition() == SaslCondition::NotAuthorized
        }
        _ => false,
    }
}

/// Lets every client fail that comes, and counts them.
async fn count_logins(site: &Site, count: &mut u32) {
    loop {
        let mut client = accept(&site.listener, &site.tls, Mode::StartTls).await;
        *count += 1;
        assert!(log_in(&mut client).await.is_none());
    }
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_are_refused_alike() {
    for (jid, password) in [(JULIET, "wrong"), ("nobody@example.org", "s3cr3t")] {
        let site = Site::new().await;
        let connector = with_password(&site, jid, password);
        let mut logins = 0;
        let result = within(async {
            tokio::select! {
                result = Client::connect_with(&connector) => result,
                () = count_logins(&site, &mut logins) => unreachable!(),
            }
        })
        .await;
        let error = result.unwrap_err();
        assert!(is_refusal(error.close_reason()), "{error}");
        assert_eq!(error.verdict(), Verdict::Fatal);
        assert_eq!(logins, 1);
    }
}

#[tokio::test]
async fn a_reconnecting_client_gives_up() {
    let site = Site::new().await;
    let mut client = ReconnectingClient::new(with_password(&site, JULIET, "wrong"));
    let mut logins = 0;
    within(async {
        tokio::select! {
            () = async {
                let error = client.next_event().await.unwrap_err();
                assert!(is_refusal(error.close_reason()), "{error}");
                assert!(client.next_event().await.unwrap().is_none());
                client.connect_now();
                assert!(client.next_event().await.unwrap().is_none(), "it stays over");
            } => {}
            () = count_logins(&site, &mut logins) => unreachable!(),
        }
    })
    .await;
    assert_eq!(logins, 1);
}

#[tokio::test]
async fn addresses_without_an_account_are_refused_at_once() {
    let connect = |jid| Client::connect(jid, "s3cr3t");
    assert!(matches!(connect("@").await, Err(ConnectError::Address(_))));
    assert!(matches!(
        connect("example.org").await,
        Err(ConnectError::NoAccount(_))
    ));
    let no_host = "juliet@".to_owned() + &"a".repeat(64);
    assert!(matches!(
        connect(&no_host).await,
        Err(ConnectError::Domain(_) | ConnectError::Address(_))
    ));
}
