//! The blocking resolver against name servers on the loopback interface.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use xmppwire_net::find::{
    Domain, LookupError, Mode, NameServers, Origin, PlanError, Resolver, Service, SrvRecord,
};
use xmppwire_test_support::name_server::{NameServer, empty, srv};

const NAME: &str = "_xmpp-client._tcp.example.org";
const OK: u16 = 0x8180;
const SERVFAIL: u16 = 0x8182;
const NXDOMAIN: u16 = 0x8183;
const TRUNCATED: u16 = 0x8380;

/// For tests that expect an answer: long enough for a busy machine.
const PATIENT: Duration = Duration::from_secs(10);
/// For tests without an answer: short, because they wait until it is over.
const BRIEF: Duration = Duration::from_millis(100);

fn resolver(servers: &[SocketAddr], timeout: Duration) -> Resolver {
    Resolver::new(NameServers::new(servers.iter().copied()).with_timeout(timeout))
}

fn one_record() -> Vec<SrvRecord> {
    vec![SrvRecord::new(1, 2, 5222, Some("xmpp.example.net"))]
}

const ONE: &[(u16, u16, u16, &str)] = &[(1, 2, 5222, "xmpp.example.net")];

/// A port on which nothing listens: one that the system does not hand out to the other tests.
fn closed() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 1))
}

#[test]
fn records_are_found() {
    let server = NameServer::start(|_, query| vec![srv(query, ONE)]);
    let resolver = resolver(&[server.address], PATIENT);
    assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(one_record()));
    assert_eq!(server.asked()[0].name, NAME);
}

#[test]
fn the_root_as_target_is_recognised() {
    let server = NameServer::start(|_, query| vec![srv(query, &[(0, 0, 0, ".")])]);
    let records = resolver(&[server.address], PATIENT).srv(NAME, Duration::MAX);
    assert_eq!(records, Ok(vec![SrvRecord::new(0, 0, 0, None)]));
}

#[test]
fn no_such_name_is_an_answer_that_ends_the_search() {
    let first = NameServer::start(|_, query| vec![empty(query, NXDOMAIN)]);
    let second = NameServer::start(|_, query| vec![srv(query, ONE)]);
    let resolver = resolver(&[first.address, second.address], PATIENT);
    assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(vec![]));
    assert_eq!(second.asked(), []);
}

#[test]
fn long_answers_come_over_tcp() {
    let many: Vec<_> = (0..30).map(|n| (n, 0, 5222, "xmpp.example.net")).collect();
    let server = NameServer::start(move |asked, query| {
        if asked.tcp {
            vec![srv(query, &many)]
        } else {
            vec![empty(query, TRUNCATED)]
        }
    });
    let records = resolver(&[server.address], PATIENT)
        .srv(NAME, Duration::MAX)
        .unwrap();
    assert_eq!(records.len(), 30);
    let tcp: Vec<_> = server.asked().iter().map(|asked| asked.tcp).collect();
    assert_eq!(tcp, [false, true]);
}

#[test]
fn the_next_server_has_its_turn() {
    let silent = NameServer::start(|_, _| vec![]);
    // The limit of the whole look-up comes before that of each server: waiting for those would take
    // hours.
    let hours = Duration::from_secs(100_000);
    assert_eq!(
        resolver(&[silent.address], hours).srv(NAME, BRIEF),
        Err(LookupError::TimedOut)
    );

    let failing = NameServer::start(|_, query| vec![empty(query, SERVFAIL)]);
    let garbled =
        NameServer::start(|_, query| vec![query[..2].to_vec(), empty(query, OK)[..20].to_vec()]);
    let good = NameServer::start(|_, query| vec![srv(query, ONE)]);
    for bad in [silent.address, failing.address, garbled.address, closed()] {
        let resolver = resolver(&[bad, good.address], Duration::from_millis(500));
        assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(one_record()), "{bad}");
    }
}

#[test]
fn a_server_that_recovers_is_asked_again() {
    let times = std::sync::atomic::AtomicU32::new(0);
    let server = NameServer::start(move |_, query| {
        match times.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => vec![empty(query, SERVFAIL)],
            _ => vec![srv(query, ONE)],
        }
    });
    let resolver = resolver(&[server.address], PATIENT);
    assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(one_record()));
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn failures_have_different_errors() {
    let silent = NameServer::start(|_, _| vec![]);
    let start = Instant::now();
    assert_eq!(
        resolver(&[silent.address], BRIEF).srv(NAME, Duration::MAX),
        Err(LookupError::TimedOut)
    );
    assert!(start.elapsed() >= 2 * BRIEF, "both rounds are waited for");

    // The limit of the whole look-up comes before that of each server: waiting for those would take
    // hours.
    let hours = Duration::from_secs(100_000);
    assert_eq!(
        resolver(&[silent.address], hours).srv(NAME, BRIEF),
        Err(LookupError::TimedOut)
    );

    let failing = NameServer::start(|_, query| vec![empty(query, SERVFAIL)]);
    assert_eq!(
        resolver(&[failing.address], PATIENT).srv(NAME, Duration::MAX),
        Err(LookupError::Server(2))
    );
    assert!(matches!(
        resolver(&[closed()], BRIEF).srv(NAME, Duration::MAX),
        Err(LookupError::Io(_) | LookupError::TimedOut)
    ));
    assert_eq!(
        resolver(&[], BRIEF).srv(NAME, Duration::MAX),
        Err(LookupError::NoNameServers)
    );
    assert_eq!(
        resolver(&[silent.address], BRIEF).srv(&"a".repeat(64), Duration::MAX),
        Err(LookupError::InvalidName)
    );
}

#[test]
fn every_query_has_a_new_port_and_a_new_id() {
    let server = NameServer::start(|_, query| vec![srv(query, ONE)]);
    let resolver = resolver(&[server.address], PATIENT);
    for _ in 0..8 {
        resolver.srv(NAME, Duration::MAX).unwrap();
    }
    let asked = server.asked();
    let ports: HashSet<_> = asked.iter().map(|asked| asked.port).collect();
    let ids: HashSet<_> = asked.iter().map(|asked| asked.id).collect();
    assert!(ports.len() > 4, "{ports:?}");
    assert!(ids.len() > 4, "{ids:?}");
}

#[test]
fn forged_answers_are_passed_over() {
    let server = NameServer::start(|_, query| {
        let mut wrong_id = srv(query, &[(0, 0, 1, "evil.example")]);
        wrong_id[0] ^= 1;
        let mut wrong_name = srv(query, &[(0, 0, 1, "evil.example")]);
        wrong_name[14] ^= 1;
        vec![wrong_id, wrong_name, query.to_vec(), srv(query, ONE)]
    });
    let resolver = resolver(&[server.address], PATIENT);
    assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(one_record()));
}

#[test]
fn answers_from_elsewhere_never_arrive() {
    // Answers from another port before the real server can.
    let server = NameServer::start(|asked, query| {
        let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
        let forged = srv(query, &[(0, 0, 1, "evil.example")]);
        elsewhere
            .send_to(&forged, ("127.0.0.1", asked.port))
            .unwrap();
        vec![srv(query, ONE)]
    });
    let resolver = resolver(&[server.address], PATIENT);
    assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(one_record()));
}

#[test]
fn a_flood_of_guesses_ends_on_tcp() {
    let server = NameServer::start(|asked, query| {
        if asked.tcp {
            return vec![srv(query, ONE)];
        }
        let mut guess = srv(query, &[(0, 0, 1, "evil.example")]);
        guess[0] ^= 1;
        vec![guess; 40]
    });
    let resolver = resolver(&[server.address], PATIENT);
    assert_eq!(resolver.srv(NAME, Duration::MAX), Ok(one_record()));
}

#[test]
fn a_server_that_fails_over_tcp_is_given_up() {
    let hangs_up = NameServer::start(|asked, query| match asked.tcp {
        true => vec![],
        false => vec![empty(query, TRUNCATED)],
    });
    let result = resolver(&[hangs_up.address], PATIENT).srv(NAME, Duration::MAX);
    assert!(matches!(result, Err(LookupError::Io(_))), "{result:?}");

    let falls_silent = NameServer::start(|asked, query| match asked.tcp {
        true => vec![vec![]],
        false => vec![empty(query, TRUNCATED)],
    });
    let result = resolver(&[falls_silent.address], BRIEF).srv(NAME, Duration::MAX);
    assert_eq!(result, Err(LookupError::TimedOut));
}

#[test]
fn plans_ask_for_both_kinds_of_record() {
    let server = NameServer::start(|asked, query| {
        vec![if asked.name.starts_with("_xmpps-") {
            srv(query, &[(5, 0, 443, "tls.example.net")])
        } else {
            srv(query, &[(1, 0, 5222, "xmpp.example.net")])
        }]
    });
    let domain = Domain::parse("bücher.example").unwrap();
    let resolver = resolver(&[server.address], PATIENT);
    let plan = resolver.plan(&Service::CLIENT, &domain).unwrap();
    let targets: Vec<_> = plan
        .targets()
        .iter()
        .map(|target| (target.host.as_str(), target.port, target.mode))
        .collect();
    assert_eq!(
        targets,
        [
            ("xmpp.example.net", 5222, Mode::StartTls),
            ("tls.example.net", 443, Mode::DirectTls),
        ]
    );
    let mut names: Vec<_> = server.asked().into_iter().map(|asked| asked.name).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "_xmpp-client._tcp.xn--bcher-kva.example",
            "_xmpps-client._tcp.xn--bcher-kva.example",
        ]
    );
}

#[test]
fn plans_fall_back_where_the_standard_says_so() {
    let domain = Domain::parse("example.org").unwrap();
    let plan = |resolver: &Resolver| resolver.plan(&Service::CLIENT, &domain);

    let none = NameServer::start(|_, query| vec![empty(query, NXDOMAIN)]);
    let of_none = plan(&resolver(&[none.address], PATIENT)).unwrap();
    assert_eq!(of_none.origin(), &Origin::NoRecords);
    assert_eq!(of_none.targets()[0].host, "example.org");

    let silent = NameServer::start(|_, _| vec![]);
    let of_silent = plan(&resolver(&[silent.address], BRIEF)).unwrap();
    assert_eq!(of_silent.origin(), &Origin::NoAnswer(LookupError::TimedOut));

    let refusing = NameServer::start(|_, query| vec![srv(query, &[(0, 0, 0, ".")])]);
    let of_refusing = plan(&resolver(&[refusing.address], PATIENT));
    assert_eq!(of_refusing, Err(PlanError::Unavailable));
}

#[test]
fn addresses_and_localhost_are_never_asked_for() {
    let server = NameServer::start(|_, query| vec![srv(query, ONE)]);
    let resolver = resolver(&[server.address], PATIENT);
    for domainpart in ["192.0.2.1", "[::1]", "localhost"] {
        let domain = Domain::parse(domainpart).unwrap();
        let plan = resolver.plan(&Service::CLIENT, &domain).unwrap();
        assert_eq!(plan.origin(), &Origin::Literal);
    }
    assert_eq!(server.asked(), []);
}
