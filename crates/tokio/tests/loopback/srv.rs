//! Where the domain's servers are is found out from a name server, here one of the test's own.

use std::time::Duration;

use xmppwire_test_support::name_server::{Asked, NameServer, empty, srv};
use xmppwire_tokio::{
    Client, ConnectError, Connector, LookupError, Mode, NameServers, Origin, PlanError,
};

use crate::support::{Site, juliet, within};

const OK: u16 = 0x8180;
const TRUNCATED: u16 = 0x8380;

/// Nobody listens there: it is not among the ports that the system hands out.
const CLOSED: u16 = 1;

type Records = Vec<(u16, u16, u16, &'static str)>;

fn is_direct(asked: &Asked) -> bool {
    asked.name.starts_with("_xmpps-client.")
}

fn name_server(direct_tls: Records, starttls: Records) -> NameServer {
    NameServer::start(move |asked, query| {
        vec![srv(
            query,
            if is_direct(asked) {
                &direct_tls
            } else {
                &starttls
            },
        )]
    })
}

fn asking(connector: Connector, name_server: &NameServer) -> Connector {
    let patience = Duration::from_secs(30);
    connector.with_name_servers(NameServers::new([name_server.address]).with_timeout(patience))
}

/// Logs in by what the name server says, which leads to the site.
async fn arrives(site: &Site, mode: Mode, name_server: &NameServer) {
    let connector = asking(juliet(&site.authority), name_server);
    let client = Client::connect_with(&connector);
    let (client, _server) = within(async { tokio::join!(client, site.welcome(mode)) }).await;
    client.unwrap();
}

#[tokio::test]
async fn priorities_are_kept_and_the_next_server_is_tried() {
    let site = Site::new().await;
    let starttls = vec![
        (20, 0, site.port, "localhost"),
        (10, 0, CLOSED, "localhost"),
    ];
    let name_server = name_server(vec![], starttls);
    arrives(&site, Mode::StartTls, &name_server).await;
    let mut names: Vec<_> = name_server
        .asked()
        .into_iter()
        .map(|asked| asked.name)
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "_xmpp-client._tcp.example.org",
            "_xmpps-client._tcp.example.org"
        ]
    );
}

#[tokio::test]
async fn both_kinds_of_records_are_one_list() {
    let site = Site::new().await;
    let direct_tls = vec![(10, 0, site.port, "localhost")];
    let name_server = name_server(direct_tls, vec![(20, 0, CLOSED, "localhost")]);
    arrives(&site, Mode::DirectTls, &name_server).await;
}

#[tokio::test]
async fn a_long_answer_is_fetched_over_tcp() {
    let site = Site::new().await;
    let port = site.port;
    let name_server = NameServer::start(move |asked, query| match (is_direct(asked), asked.tcp) {
        (true, _) => vec![empty(query, OK)],
        (false, false) => vec![empty(query, TRUNCATED)],
        (false, true) => vec![srv(query, &[(1, 1, port, "localhost")])],
    });
    arrives(&site, Mode::StartTls, &name_server).await;
}

#[tokio::test]
async fn a_wrong_answer_does_not_keep_the_right_one_out() {
    let site = Site::new().await;
    let port = site.port;
    let name_server = NameServer::start(move |asked, query| {
        if is_direct(asked) {
            return vec![empty(query, OK)];
        }
        let right = srv(query, &[(1, 1, port, "localhost")]);
        let mut forged = srv(query, &[(1, 1, CLOSED, "localhost")]);
        forged[0] ^= 0x55;
        vec![forged, right]
    });
    arrives(&site, Mode::StartTls, &name_server).await;
}

/// What comes of a login to a domain that no resolver has an address for.
async fn failure(name_server: &NameServer, patience: Duration) -> ConnectError {
    let servers = NameServers::new([name_server.address]);
    let connector = Connector::account("juliet@nowhere.invalid", "s3cr3t")
        .unwrap()
        .with_name_servers(servers.with_timeout(patience).with_rounds(1));
    within(Client::connect_with(&connector)).await.unwrap_err()
}

#[tokio::test]
async fn the_target_dot_means_no_service() {
    let name_server = name_server(vec![], vec![(0, 0, 0, ".")]);
    let error = failure(&name_server, Duration::from_secs(30)).await;
    assert!(
        matches!(error, ConnectError::NoServer(PlanError::Unavailable)),
        "{error}"
    );
}

#[tokio::test]
async fn without_records_the_domain_itself_is_the_server() {
    let error = failure(&name_server(vec![], vec![]), Duration::from_secs(30)).await;
    let ConnectError::Failed(failures) = error else {
        panic!("{error}");
    };
    let target = &failures.last().unwrap().target;
    assert_eq!(
        (target.host.as_str(), target.port),
        ("nowhere.invalid", 5222)
    );
    assert_eq!(target.mode, Mode::StartTls);
    assert_eq!(failures.origin(), &Origin::NoRecords);
}

#[tokio::test]
async fn without_an_answer_the_domain_itself_is_the_server_too() {
    let silent = NameServer::start(|_, _| vec![]);
    let error = failure(&silent, Duration::from_millis(50)).await;
    let ConnectError::Failed(failures) = error else {
        panic!("{error}");
    };
    assert_eq!(failures.origin(), &Origin::NoAnswer(LookupError::TimedOut));
    assert!(failures.to_string().contains("SRV"), "{failures}");
}
