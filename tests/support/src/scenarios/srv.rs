//! A name server tells where the domain's servers are (RFC 6120 §3.2), here one of the test's own.

use std::time::Duration;

use xmppwire_net::client::{ConnectError, Connector};
use xmppwire_net::find::{LookupError, Mode, NameServers, Origin, PlanError};

use crate::adapter::{Adapter, Session};
use crate::name_server::{Asked, NameServer, empty, srv};
use crate::site::{CLOSED_PORT, Site, end};
use crate::{PASSWORD, PATIENCE, both, juliet};

const OK: u16 = 0x8180;
const TRUNCATED: u16 = 0x8380;

/// Priority, weight, port and target.
type Record = (u16, u16, u16, &'static str);

fn is_direct(asked: &Asked) -> bool {
    asked.name.starts_with("_xmpps-client.")
}

fn name_server(direct_tls: Vec<Record>, starttls: Vec<Record>) -> NameServer {
    NameServer::start(move |asked, query| {
        let records = match is_direct(asked) {
            true => &direct_tls,
            false => &starttls,
        };
        vec![srv(query, records)]
    })
}

/// Logs in at the site, which the name server leads to.
fn arrives<A: Adapter>(site: Site, mode: Mode, name_server: &NameServer) {
    let servers = NameServers::new([name_server.address]).with_timeout(PATIENCE);
    let connector = juliet(&site.authority).with_name_servers(servers);
    let server = move || end(&mut site.welcome::<A>(mode));
    let client = move || A::connect_with(&connector).unwrap().close().unwrap();
    both(server, client);
}

pub fn records_lead_to_the_server<A: Adapter>() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let site = Site::new();
        // The server of the better priority is down.
        let records = vec![
            (20, 0, site.port, "localhost"),
            (10, 0, CLOSED_PORT, "localhost"),
        ];
        let name_server = match mode {
            Mode::StartTls => name_server(vec![], records),
            _ => name_server(records, vec![]),
        };
        arrives::<A>(site, mode, &name_server);
        let asked = name_server.asked().into_iter();
        let mut names: Vec<_> = asked.map(|asked| asked.name).collect();
        names.sort();
        assert_eq!(
            names,
            [
                "_xmpp-client._tcp.example.org",
                "_xmpps-client._tcp.example.org"
            ]
        );
    }
}

pub fn both_kinds_of_records_are_one_list<A: Adapter>() {
    let site = Site::new();
    let direct_tls = vec![(10, 0, site.port, "localhost")];
    let name_server = name_server(direct_tls, vec![(20, 0, CLOSED_PORT, "localhost")]);
    arrives::<A>(site, Mode::DirectTls, &name_server);
}

pub fn a_long_answer_is_fetched_over_tcp<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    let name_server = NameServer::start(move |asked, query| match (is_direct(asked), asked.tcp) {
        (true, _) => vec![empty(query, OK)],
        (false, false) => vec![empty(query, TRUNCATED)],
        (false, true) => vec![srv(query, &[(1, 1, port, "localhost")])],
    });
    arrives::<A>(site, Mode::StartTls, &name_server);
}

pub fn a_forged_answer_does_not_keep_the_right_one_out<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    let name_server = NameServer::start(move |asked, query| {
        if is_direct(asked) {
            return vec![empty(query, OK)];
        }
        let right = srv(query, &[(1, 1, port, "localhost")]);
        let mut forged = srv(query, &[(1, 1, CLOSED_PORT, "localhost")]);
        forged[0] ^= 0x55;
        vec![forged, right]
    });
    arrives::<A>(site, Mode::StartTls, &name_server);
}

/// Why a login to a domain fails that the system's resolver has no address for.
fn failure<A: Adapter>(name_server: &NameServer, patience: Duration) -> ConnectError {
    let servers = NameServers::new([name_server.address]);
    let connector = Connector::account("juliet@nowhere.invalid", PASSWORD)
        .unwrap()
        .with_name_servers(servers.with_timeout(patience).with_rounds(1));
    A::connect_with(&connector).unwrap_err()
}

pub fn the_target_dot_means_no_service<A: Adapter>() {
    let name_server = name_server(vec![], vec![(0, 0, 0, ".")]);
    let error = failure::<A>(&name_server, PATIENCE);
    assert!(
        matches!(error, ConnectError::NoServer(PlanError::Unavailable)),
        "{error}"
    );
}

pub fn without_records_the_domain_itself_is_the_server<A: Adapter>() {
    let error = failure::<A>(&name_server(vec![], vec![]), PATIENCE);
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

pub fn without_an_answer_the_domain_itself_is_the_server_too<A: Adapter>() {
    let silent = NameServer::start(|_, _| vec![]);
    let error = failure::<A>(&silent, Duration::from_millis(50));
    let ConnectError::Failed(failures) = error else {
        panic!("{error}");
    };
    assert_eq!(failures.origin(), &Origin::NoAnswer(LookupError::TimedOut));
    assert!(failures.to_string().contains("SRV"), "{failures}");
}
