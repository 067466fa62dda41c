//! What the adapters add to the machines: finding a server and reconnecting. The sockets are
//! loopback sockets, and the name server is the test's own.

use std::time::Duration;

use xmppwire::Instant;
use xmppwire_blocking::{
    FederationLimits, Jid, Message, Mode, NameServers, PlanError, Policies, ReconnectPolicy,
    Stanza, Verdict,
};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_net::client::{Backoff, Cause};
use xmppwire_net::federation::{End, Federation, Step, Told};
use xmppwire_net::find::{Domain, Plan, Resolver, Service};
use xmppwire_test_support::adapter::Blocking;
use xmppwire_test_support::name_server::{NameServer, empty};
use xmppwire_test_support::scenarios::{federation, srv as scenarios};
use xmppwire_test_support::{DOMAIN, PATIENCE};

pub(crate) fn cases() -> Vec<Case> {
    let dns = |name: &str, about: &str, role, run: fn()| {
        Case::new(
            &format!("dns/{name}"),
            about,
            role,
            &["stream-fqdn-resolution"],
            run,
        )
    };
    let back_off = |role| {
        Case::new(
            "reconnection/back-off",
            "A random start within a minute, windows that double up to a limit, and no attempt after refused credentials (§3.3).",
            role,
            &["stream-reconnect"],
            back_off,
        )
    };
    let client = [
        dns(
            "records-in-order",
            "SRV records of a name server lead to the server, the better priority first, an unreachable one passed over (§3.2.1).",
            Role::Client,
            scenarios::records_lead_to_the_server::<Blocking>,
        ),
        dns(
            "fallback",
            "Without SRV records the domain itself is tried at port 5222 (§3.2.2).",
            Role::Client,
            || falls_back(&Service::CLIENT, 5222),
        ),
        dns(
            "no-service",
            "The target `.` says that there is no service, and nothing else is tried (§3.2.1).",
            Role::Client,
            scenarios::the_target_dot_means_no_service::<Blocking>,
        ),
        back_off(Role::Client),
    ];
    let server = [
        dns(
            "records-in-order",
            "SRV records lead servers to each other, by service names of their own; an unreachable one is passed over (§3.2.1).",
            Role::Server,
            federation::records_lead_to_the_other_server::<Blocking>,
        ),
        dns(
            "fallback",
            "Without SRV records the peer server's domain itself is tried at port 5269 (§3.2.2).",
            Role::Server,
            || falls_back(&Service::SERVER, 5269),
        ),
        dns(
            "no-service",
            "The target `.` says that there is no service, and nothing else is tried (§3.2.1).",
            Role::Server,
            federation::a_domain_without_the_service_gets_nothing::<Blocking>,
        ),
        Case::new(
            "reconnection/between-servers",
            "What waits for a server that cannot be reached is sent when it is there (§3.3).",
            Role::Server,
            &["stream-reconnect"],
            federation::what_waits_for_a_server_is_sent_when_it_is_there::<Blocking>,
        ),
        Case::new(
            "reconnection/back-off",
            "The pool of streams to other servers connects again after a random time, whose window doubles up to a limit (§3.3).",
            Role::Server,
            &["stream-reconnect"],
            pool_back_off,
        ),
    ];
    client.into_iter().chain(server).collect()
}

// --- Names --------------------------------------------------------------------------------------------

fn falls_back(service: &Service, port: u16) {
    let name_server = NameServer::start(|_, query| vec![empty(query, NO_ERROR)]);
    let plan = plan(service, &name_server).unwrap();
    assert_eq!(targets(&plan), [(DOMAIN, port, Mode::StartTls)]);
}

/// The header flags of an answer without an error, to a query that wanted recursion.
const NO_ERROR: u16 = 0x8180;

fn only(name_server: &NameServer) -> NameServers {
    NameServers::new([name_server.address]).with_timeout(PATIENCE)
}

/// Where the service of the domain is, according to this name server.
fn plan(service: &Service, name_server: &NameServer) -> Result<Plan, PlanError> {
    let domain = Domain::parse(DOMAIN).unwrap();
    Resolver::new(only(name_server)).plan(service, &domain)
}

fn targets(plan: &Plan) -> Vec<(&str, u16, Mode)> {
    let targets = plan.targets().iter();
    targets
        .map(|target| (target.host.as_str(), target.port, target.mode))
        .collect()
}

// --- Reconnecting --------------------------------------------------------------------------------------

fn back_off() {
    const MINUTE: Duration = Duration::from_secs(60);
    let after = |failures: u32, random: u32| {
        let mut backoff = Backoff::new(ReconnectPolicy::default());
        let delays = (0..=failures)
            .map(|_| backoff.after(Verdict::Retryable, Cause::Server, Duration::ZERO, random));
        delays.last().flatten().expect("it goes on")
    };
    // The first is anywhere within a minute.
    assert_eq!(after(0, 0), Duration::ZERO);
    assert!(after(0, u32::MAX / 2) > MINUTE / 3 && after(0, u32::MAX / 2) < MINUTE * 2 / 3);
    assert!(after(0, u32::MAX) <= MINUTE);
    // Then the delays grow, and each window is twice as wide as the one before, up to a limit.
    assert!(after(1, 0) >= MINUTE / 2 && after(1, u32::MAX) <= MINUTE);
    assert!(after(2, 0) >= MINUTE && after(2, u32::MAX) <= 2 * MINUTE);
    assert!(after(3, 0) >= 2 * MINUTE && after(3, u32::MAX) <= 4 * MINUTE);
    assert!(after(50, u32::MAX) <= ReconnectPolicy::default().max);
    // After refused credentials there is no other attempt.
    let mut backoff = Backoff::new(ReconnectPolicy::default());
    assert_eq!(
        backoff.after(Verdict::Fatal, Cause::Server, Duration::ZERO, 0),
        None
    );
}

/// The same for streams between servers, as the pool that opens them decides.
fn pool_back_off() {
    let mut limits = FederationLimits::default();
    limits.queue_time = Duration::from_secs(100_000);
    let policy = limits.reconnect.clone();
    let mut firsts = Vec::new();
    for _ in 0..50 {
        let mut pool = Federation::new(limits.clone(), Policies::default());
        let mut message: Stanza =
            Message::chat(Jid::new("romeo@b.example").unwrap(), "Ciao").into();
        message.set_from(Some(Jid::new("juliet@a.example").unwrap()));
        let mut now = Instant::ORIGIN;
        pool.route(now, message).unwrap();
        let mut window = policy.first;
        for failure in 0..8 {
            let Some(Step::Connect { key, .. }) = pool.poll(now) else {
                panic!("it connects");
            };
            pool.told(
                now,
                key,
                Told::Closed {
                    end: End::Unreachable,
                    unsent: Vec::new(),
                },
            );
            assert!(pool.poll(now).is_none(), "nothing connects at once");
            let next = pool.poll_timeout().unwrap();
            let delay = next.saturating_since(now);
            assert!(delay <= window, "{failure}: {delay:?} in {window:?}");
            if failure == 0 {
                firsts.push(delay);
            }
            window = (window * 2).min(policy.max);
            now = next;
            pool.handle_timeout(now);
        }
    }
    firsts.sort();
    firsts.dedup();
    assert!(firsts.len() > 40, "the start is random: {firsts:?}");
}
