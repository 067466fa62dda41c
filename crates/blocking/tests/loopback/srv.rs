//! Where the domain's servers are is found out from a name server, here one of the test's own.

use xmppwire_blocking::{Client, ConnectError, Mode, NameServers, PlanError};
use xmppwire_test_support::name_server::{NameServer, empty, srv};
use xmppwire_test_support::{PATIENCE, juliet};

use crate::support::{Site, both, last_event};

/// Nobody listens there: it is not among the ports that the system hands out.
const CLOSED: u16 = 1;

#[test]
fn records_lead_to_the_server() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let site = Site::new();
        let port = site.port;
        let name_server = NameServer::start(move |asked, query| {
            let of_direct_tls = asked.name == "_xmpps-client._tcp.example.org";
            vec![match of_direct_tls == (mode == Mode::DirectTls) {
                // The first that would be tried is down.
                true => srv(
                    query,
                    &[(9, 0, port, "localhost"), (1, 0, CLOSED, "localhost")],
                ),
                false => empty(query, 0x8180),
            }]
        });
        let servers = NameServers::new([name_server.address]).with_timeout(PATIENCE);
        let connector = juliet(&site.authority).with_name_servers(servers);

        let server = move || {
            last_event(&mut site.welcome(mode));
        };
        let client = move || Client::connect_with(&connector).unwrap().close().unwrap();
        both(server, client);
        assert_eq!(name_server.asked().len(), 2, "both kinds are asked for");
    }
}

#[test]
fn the_target_dot_means_no_service() {
    let name_server = NameServer::start(|_, query| vec![srv(query, &[(0, 0, 0, ".")])]);
    let servers = NameServers::new([name_server.address]).with_timeout(PATIENCE);
    let connector = juliet(&Site::new().authority).with_name_servers(servers);
    let error = Client::connect_with(&connector).unwrap_err();
    assert!(
        matches!(error, ConnectError::NoServer(PlanError::Unavailable)),
        "{error}"
    );
}
