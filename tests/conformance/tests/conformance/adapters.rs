//! What lives in the adapters: names, certificates and coming back. Sockets are those of the loopback
//! interface, the name server and the certificates are made for the case.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use xmppwire_blocking::backoff::{Backoff, Policy, Verdict};
use xmppwire_blocking::tls::{Identity, ServerTls};
use xmppwire_blocking::{
    Client, ConnectError, Connector, Error, HostAnswer, Mode, NameServers, ServerConnection,
    ServerEvent,
};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_net::Domain;
use xmppwire_net::srv::{Plan, Service};
use xmppwire_test_support::name_server::{NameServer, empty, srv};
use xmppwire_test_support::{Authority, DOMAIN, PASSWORD, PATIENCE, Porter, config, host, juliet};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for role in ROLES {
        cases.extend([
            Case::new(
                "dns/records-in-order",
                "SRV records of a name server lead to the server, the better priority first, an unreachable one passed over (§3.2.1).",
                role,
                &["stream-fqdn-resolution"],
                records_in_order,
            ),
            Case::new(
                "dns/fallback",
                "Without SRV records the domain itself is tried at the registered port (§3.2.2).",
                role,
                &["stream-fqdn-resolution"],
                fallback,
            ),
            Case::new(
                "dns/no-service",
                "The target `.` says that there is no service, and nothing else is tried (§3.2.1).",
                role,
                &["stream-fqdn-resolution"],
                no_service,
            ),
            Case::new(
                "reconnection/back-off",
                "A random start within a minute, windows that double up to a limit, and no knocking after refused credentials (§3.3).",
                role,
                &["stream-reconnect"],
                back_off,
            ),
        ]);
    }
    cases.extend(certificates());
    cases
}

// --- Certificates -------------------------------------------------------------------------------------

/// How a server tries to prove that it is the domain's.
struct Proof {
    name: &'static str,
    about: &'static str,
    domain: &'static str,
    accepted: bool,
    identity: fn(&Authority) -> Identity,
}

const PROOFS: &[Proof] = &[
    Proof {
        name: "dns-id",
        about: "The certificate names the domain: accepted (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority| authority.issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "wildcard",
        about: "A wildcard stands for one label: not for the domain without one (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| authority.issue("*.example.org", |_| {}),
    },
    Proof {
        name: "wildcard-of-the-domain",
        about: "A wildcard that stands for the domain's first label: accepted (§13.7.1.2.1).",
        domain: "im.example.org",
        accepted: true,
        identity: |authority| authority.issue("*.example.org", |_| {}),
    },
    Proof {
        name: "wrong-name",
        about: "The certificate of another domain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| authority.issue("example.com", |_| {}),
    },
    Proof {
        name: "name-of-the-srv-target",
        about: "The certificate of the host that SRV led to, and not of the domain: refused, since DNS is not secure (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| authority.issue("localhost", |_| {}),
    },
    Proof {
        name: "subdomain",
        about: "The certificate of a subdomain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| authority.issue("xmpp.example.org", |_| {}),
    },
    Proof {
        name: "expired",
        about: "A certificate whose time is over: refused (§13.7.2).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| {
            authority.issue(DOMAIN, |params| {
                params.not_before = rcgen::date_time_ymd(2001, 1, 1);
                params.not_after = rcgen::date_time_ymd(2002, 1, 1);
            })
        },
    },
    Proof {
        name: "not-yet-valid",
        about: "A certificate whose time is to come: refused (§13.7.2).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| {
            authority.issue(DOMAIN, |params| {
                params.not_before = rcgen::date_time_ymd(3001, 1, 1);
                params.not_after = rcgen::date_time_ymd(3002, 1, 1);
            })
        },
    },
    Proof {
        name: "unknown-authority",
        about: "The right name by an authority that nobody trusts: refused (§13.7.2).",
        domain: DOMAIN,
        accepted: false,
        identity: |_| Authority::new().issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "srv-id",
        about: "The service on the domain as an SRV-ID alone: accepted (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority| srv_id(authority, "_xmpp-client.example.org"),
    },
    Proof {
        name: "srv-id-of-another-service",
        about: "The SRV-ID of another service on the domain: refused (RFC 6125 §6.5).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| srv_id(authority, "_imaps.example.org"),
    },
    Proof {
        name: "srv-id-of-another-domain",
        about: "The SRV-ID of the service on another domain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| srv_id(authority, "_xmpp-client.example.com"),
    },
    Proof {
        name: "xmpp-addr",
        about: "The domain as an XMPP address alone: accepted (§13.7.1.2.1).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority| other_name(authority, XMPP_ADDR, 0x0C, "Example.org"),
    },
    Proof {
        name: "xmpp-addr-of-an-account",
        about: "The certificate of a user of the domain: refused (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| other_name(authority, XMPP_ADDR, 0x0C, "romeo@example.org"),
    },
    Proof {
        name: "limited-authority-within",
        about: "An authority that may speak for the domain alone names it: accepted (RFC 5280 §4.2.1.10).",
        domain: DOMAIN,
        accepted: true,
        identity: |authority| authority.limited_to(DOMAIN).issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "limited-authority-beyond",
        about: "An authority that may speak for another domain alone names this one: refused (RFC 5280 §4.2.1.10).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| authority.limited_to("example.com").issue(DOMAIN, |_| {}),
    },
    Proof {
        name: "limited-authority-by-srv-id",
        about: "The same by an SRV-ID, of which its limits say nothing: refused.",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| {
            srv_id(
                &authority.limited_to("example.com"),
                "_xmpp-client.example.org",
            )
        },
    },
    Proof {
        name: "common-name",
        about: "The domain as the common name alone: refused, as RFC 9525 wants it (§13.7.2.1).",
        domain: DOMAIN,
        accepted: false,
        identity: |authority| {
            authority.issue("example.com", |params| {
                params
                    .distinguished_name
                    .push(rcgen::DnType::CommonName, DOMAIN);
            })
        },
    },
];

/// id-on-xmppAddr (RFC 6120 §13.7.1.4).
const XMPP_ADDR: u8 = 5;
/// id-on-dnsSRV (RFC 4985 §2).
const DNS_SRV: u8 = 7;

fn srv_id(authority: &Authority, name: &str) -> Identity {
    other_name(authority, DNS_SRV, 0x16, name)
}

/// A certificate whose only name is of a kind below id-on, 1.3.6.1.5.5.7.8, as a string of that tag.
fn other_name(authority: &Authority, kind: u8, tag: u8, name: &str) -> Identity {
    let der = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 0x80, "one octet says the length");
        [&[tag, length], content].concat()
    };
    let id = der(0x06, &[0x2B, 6, 1, 5, 5, 7, 8, kind]);
    let value = der(0xA0, &der(tag, name.as_bytes()));
    let names = der(0x30, &der(0xA0, &[id, value].concat()));
    authority.issue(DOMAIN, |params| {
        params.subject_alt_names.clear();
        let extension = rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 17], names);
        params.custom_extensions.push(extension);
    })
}

fn certificates() -> Vec<Case> {
    let of = |proof: &'static Proof| {
        ROLES.map(|role| {
            Case::new(
                &format!("certificates/{}", proof.name),
                proof.about,
                role,
                &["tls-certs"],
                move || {
                    [Mode::StartTls, Mode::DirectTls]
                        .map(|mode| check(proof, mode))
                        .into_iter()
                        .collect()
                },
            )
        })
    };
    PROOFS.iter().flat_map(of).collect()
}

/// Lets a client meet a server with that proof.
fn check(proof: &'static Proof, mode: Mode) {
    let authority = Authority::new();
    let tls = ServerTls::builder((proof.identity)(&authority))
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || serve(&listener, tls, mode));
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let jid = format!("juliet@{}", proof.domain);
    let connector = Connector::account(&jid, PASSWORD)
        .unwrap()
        .with_tls(authority.client());
    match Client::over(socket, mode, &connector) {
        Ok(client) => {
            assert!(proof.accepted, "{mode:?}: {} is believed", proof.name);
            client.close().unwrap();
        }
        Err(Error::Tls(why)) => assert!(!proof.accepted, "{mode:?}: {}: {why}", proof.name),
        Err(other) => panic!("{mode:?}: {}: {other}", proof.name),
    }
    let logged_in = server.join().unwrap();
    assert_eq!(logged_in, proof.accepted, "{mode:?}: {}", proof.name);
}

/// Serves one client until it goes; whether it has logged in.
fn serve(listener: &TcpListener, tls: ServerTls, mode: Mode) -> bool {
    let (socket, _) = listener.accept().unwrap();
    let connection = match mode {
        Mode::StartTls => ServerConnection::accept(socket, config(), Some(tls)),
        Mode::DirectTls => ServerConnection::accept_direct_tls(socket, config(), tls, PATIENCE),
    };
    let Ok(mut connection) = connection else {
        return false;
    };
    let mut porter = Porter::default();
    while let Ok(Some(event)) = connection.next_event() {
        match event {
            ServerEvent::Opened(request) => {
                let answer = HostAnswer::Serve(host());
                connection
                    .connection_mut()
                    .choose_host(request, answer)
                    .unwrap();
            }
            event => {
                porter.answer(connection.connection_mut(), event);
            }
        }
    }
    porter.login().is_some()
}

// --- Names --------------------------------------------------------------------------------------------

/// Nobody listens there: it is not among the ports that the system hands out.
const CLOSED: u16 = 1;

fn records_in_order() {
    let authority = Authority::new();
    let tls = authority.server(DOMAIN);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || serve(&listener, tls, Mode::StartTls));
    let name_server = NameServer::start(move |asked, query| {
        vec![match asked.name.as_str() {
            "_xmpp-client._tcp.example.org" => srv(
                query,
                &[(9, 0, port, "localhost"), (1, 0, CLOSED, "localhost")],
            ),
            _ => empty(query, 0x8180),
        }]
    });
    let connector = juliet(&authority)
        .with_name_servers(NameServers::new([name_server.address]).with_timeout(PATIENCE));
    Client::connect_with(&connector).unwrap().close().unwrap();
    assert!(server.join().unwrap());
    let mut asked: Vec<String> = name_server
        .asked()
        .into_iter()
        .map(|asked| asked.name)
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "_xmpp-client._tcp.example.org",
            "_xmpps-client._tcp.example.org"
        ]
    );
}

fn fallback() {
    let domain = Domain::parse(DOMAIN).unwrap();
    for (service, port) in [(Service::CLIENT, 5222), (Service::SERVER, 5269)] {
        let plan = Plan::fallback(&service, &domain);
        let targets = plan.targets().iter();
        let targets: Vec<_> = targets.map(|t| (t.host.as_str(), t.port, t.mode)).collect();
        assert_eq!(targets, [(DOMAIN, port, Mode::StartTls)]);
    }
}

fn no_service() {
    let name_server = NameServer::start(|_, query| vec![srv(query, &[(0, 0, 0, ".")])]);
    let connector = juliet(&Authority::new())
        .with_name_servers(NameServers::new([name_server.address]).with_timeout(PATIENCE));
    let error = Client::connect_with(&connector).unwrap_err();
    assert!(matches!(error, ConnectError::NoServer(_)), "{error}");
}

// --- Coming back --------------------------------------------------------------------------------------

fn back_off() {
    const MINUTE: Duration = Duration::from_secs(60);
    let after = |failures: u32, random: u32| {
        let mut backoff = Backoff::new(Policy::default());
        let delays =
            (0..=failures).map(|_| backoff.after(Verdict::Retryable, Duration::ZERO, random));
        delays.last().flatten().expect("it goes on")
    };
    // The first is anywhere within a minute.
    assert_eq!(after(0, 0), Duration::ZERO);
    assert!(after(0, u32::MAX / 2) > MINUTE / 3 && after(0, u32::MAX / 2) < MINUTE * 2 / 3);
    assert!(after(0, u32::MAX) <= MINUTE);
    // Each window is twice as wide as the one before, up to a limit.
    assert!(after(1, u32::MAX) > MINUTE && after(1, u32::MAX) <= 2 * MINUTE);
    assert!(after(2, 0) >= 2 * MINUTE && after(2, u32::MAX) <= 4 * MINUTE);
    assert!(after(50, u32::MAX) <= Policy::default().max);
    // Who was refused does not knock again.
    let mut backoff = Backoff::new(Policy::default());
    assert_eq!(backoff.after(Verdict::Fatal, Duration::ZERO, 0), None);
}
