//! `<see-other-host/>` (RFC 6120 §4.9.3.19): followed, but only to the domain's own servers and not for ever.

use tokio::net::TcpListener;
use xmppwire_tokio::backoff::Verdict;
use xmppwire_tokio::tls::{ServerTls, TlsError};
use xmppwire_tokio::{
    Client, ClientConfig, CloseReason, Connector, Error, HostAnswer, Jid, Mode, PeerIncompatible,
    ServerEvent, StreamErrorCondition, TlsPolicy,
};

use crate::support::{Authority, JULIET, PASSWORD, Site, accept, juliet, listen, log_in, within};

/// Sends one client to another host.
async fn send_away(listener: &TcpListener, tls: &ServerTls, to: &str) {
    let mut client = accept(listener, tls, Mode::StartTls).await;
    while let Ok(Some(event)) = client.next_event().await {
        if let ServerEvent::Opened(request) = event {
            let answer = HostAnswer::SeeOtherHost(to.to_owned());
            client
                .connection_mut()
                .choose_host(request, answer)
                .unwrap();
        }
    }
}

fn is_redirection(reason: Option<&CloseReason>) -> bool {
    match reason {
        Some(CloseReason::PeerError(error)) => {
            error.condition() == StreamErrorCondition::SeeOtherHost
        }
        _ => false,
    }
}

#[tokio::test]
async fn it_is_followed_to_an_address_of_either_kind() {
    for address in ["127.0.0.1", "[::1]", "localhost"] {
        let site = Site::new().await;
        let bind = if address == "localhost" {
            "127.0.0.1"
        } else {
            address
        };
        // Some machines have no IPv6.
        let Ok(other) = TcpListener::bind(format!("{bind}:0")).await else {
            assert_eq!(address, "[::1]");
            continue;
        };
        let to = format!("{address}:{}", other.local_addr().unwrap().port());
        let connector = site.juliet(Mode::StartTls);
        let other = async {
            let mut client = accept(&other, &site.tls, Mode::StartTls).await;
            log_in(&mut client).await.unwrap();
            client.flush().await;
            client
        };
        let (client, (), _server) = within(async {
            let sent_away = send_away(&site.listener, &site.tls, &to);
            tokio::join!(Client::connect_with(&connector), sent_away, other)
        })
        .await;
        assert!(client.is_ok(), "{to}");
    }
}

#[tokio::test]
async fn an_impostor_is_not_believed() {
    let site = Site::new().await;
    let (impostor, port) = listen().await;
    // It even has a certificate, of the name that the redirection gives.
    let of_impostor = site.authority.server("localhost");
    let impostor = async {
        let mut client = accept(&impostor, &of_impostor, Mode::StartTls).await;
        assert!(log_in(&mut client).await.is_none());
    };
    let connector = site.juliet(Mode::StartTls);
    let to = format!("localhost:{port}");
    let (client, (), ()) = within(async {
        let sent_away = send_away(&site.listener, &site.tls, &to);
        tokio::join!(Client::connect_with(&connector), sent_away, impostor)
    })
    .await;
    let error = client.unwrap_err();
    assert!(
        matches!(error.last(), Some(Error::Tls(TlsError::Rustls(_)))),
        "{error}"
    );
    // Whoever said that in clear text may be gone the next time.
    assert_eq!(error.verdict(), Verdict::Retryable);
}

#[tokio::test]
async fn who_may_do_without_tls_may_not_elsewhere() {
    let site = Site::new().await;
    let (other, port) = listen().await;
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))
        .unwrap()
        .with_server("127.0.0.1", site.port, Mode::StartTls);
    let other = async {
        let (socket, _) = other.accept().await.unwrap();
        let config = crate::support::config();
        let mut client = xmppwire_tokio::ServerConnection::accept(socket, config, None).unwrap();
        while let Ok(Some(event)) = client.next_event().await {
            if let ServerEvent::Opened(request) = event {
                let mechanisms = [xmppwire_tokio::Mechanism::ScramSha256];
                let host =
                    xmppwire_tokio::Host::new(xmppwire_tokio::TlsOffer::Unavailable, mechanisms);
                let answer = HostAnswer::Serve(host);
                client
                    .connection_mut()
                    .choose_host(request, answer)
                    .unwrap();
            }
        }
    };
    let to = format!("127.0.0.1:{port}");
    let (client, (), ()) = within(async {
        let sent_away = send_away(&site.listener, &site.tls, &to);
        tokio::join!(Client::connect_with(&connector), sent_away, other)
    })
    .await;
    let error = client.unwrap_err();
    let reason = error.close_reason();
    assert_eq!(
        reason,
        Some(&CloseReason::Incompatible(PeerIncompatible::NoTls)),
        "{error}"
    );
}

#[tokio::test]
async fn circles_come_to_an_end() {
    let site = Site::new().await;
    let connector = site.juliet(Mode::StartTls);
    let to = format!("127.0.0.1:{}", site.port);
    let mut seen = 0;
    let result = within(async {
        tokio::select! {
            result = Client::connect_with(&connector) => result,
            () = async {
                loop {
                    send_away(&site.listener, &site.tls, &to).await;
                    seen += 1;
                }
            } => unreachable!(),
        }
    })
    .await;
    let error = result.unwrap_err();
    assert!(is_redirection(error.close_reason()), "{error}");
    assert!(
        seen <= 4,
        "the first connection, and three that it was sent to"
    );
}

#[tokio::test]
async fn without_a_port_the_host_is_looked_up() {
    let site = Site::new().await;
    let port = site.port;
    let name_server = xmppwire_test_support::name_server::NameServer::start(move |asked, query| {
        let records: &[_] = match asked.name.as_str() {
            "_xmpp-client._tcp.elsewhere.example" => &[(1, 1, port, "localhost")],
            _ => &[],
        };
        vec![xmppwire_test_support::name_server::srv(query, records)]
    });
    let (first, first_port) = listen().await;
    let connector = juliet(&Authority::new())
        .with_tls(site.authority.client())
        .with_server("127.0.0.1", first_port, Mode::StartTls)
        .with_name_servers(xmppwire_tokio::NameServers::new([name_server.address]));
    let (client, (), _server) = within(async {
        let sent_away = send_away(&first, &site.tls, "elsewhere.example");
        tokio::join!(
            Client::connect_with(&connector),
            sent_away,
            site.welcome(Mode::StartTls)
        )
    })
    .await;
    client.unwrap();
}
