use super::*;
use crate::client::Connector;
use crate::client::Verdict;
use crate::find::SrvRecord;
use crate::tls::TlsError;
use xmppwire::{
    ClientConfig, CloseReason, Jid, SaslCondition, SaslFailure, StreamError, TlsPolicy,
};

const NOW: Instant = Instant::ORIGIN;

fn connector() -> Connector {
    Connector::account("juliet@example.org", "s3cr3t").unwrap()
}

fn two_servers() -> Connector {
    connector()
        .with_server("192.0.2.1", 5222, Mode::StartTls)
        .with_server("192.0.2.2", 5222, Mode::StartTls)
}

fn refused() -> Error {
    io::Error::from(io::ErrorKind::ConnectionRefused).into()
}

fn elsewhere(host: &str) -> Error {
    CloseReason::PeerError(StreamError::see_other_host(host)).into()
}

/// Opens the next connection, to an address, and begins to log in.
fn next(attempts: &mut Attempts) -> Option<(Login, String)> {
    match attempts.next_step(NOW)? {
        Step::Open(address) => Some((attempts.log_in(NOW).unwrap(), address.to_string())),
        step => panic!("{step:?}"),
    }
}

fn run(errors: impl IntoIterator<Item = Error>) -> (usize, ConnectError) {
    let mut attempts = Attempts::new(&two_servers(), NOW);
    let mut tried = 0;
    for error in errors {
        if next(&mut attempts).is_none() {
            break;
        }
        tried += 1;
        attempts.failed(error);
    }
    (tried, attempts.into_error())
}

fn answers(starttls: &str) -> SrvAnswers {
    let record = SrvRecord::new(1, 1, 5222, (starttls != ".").then_some(starttls));
    SrvAnswers {
        direct_tls: Ok(vec![]),
        starttls: Ok(vec![record]),
    }
}

#[test]
fn a_domain_without_given_servers_is_looked_up() {
    let mut attempts = Attempts::new(&connector(), NOW);
    let Some(Step::LookUp(names)) = attempts.next_step(NOW) else {
        panic!("nothing is looked up");
    };
    assert_eq!(names.starttls, "_xmpp-client._tcp.example.org");
    attempts.looked_up(answers("im.example.net"));
    let Some(Step::Resolve { host, port }) = attempts.next_step(NOW) else {
        panic!("no host");
    };
    assert_eq!((host.as_str(), port), ("im.example.net", 5222));
    attempts.resolved(Err(io::ErrorKind::NotFound.into()));
    assert!(attempts.next_step(NOW).is_none());
}

#[test]
fn a_domain_without_servers_says_so() {
    let mut attempts = Attempts::new(&connector(), NOW);
    assert!(matches!(attempts.next_step(NOW), Some(Step::LookUp(_))));
    attempts.looked_up(answers("."));
    assert!(attempts.next_step(NOW).is_none());
    let error = attempts.into_error();
    assert!(matches!(
        error,
        ConnectError::NoServer(PlanError::Unavailable)
    ));
}

#[test]
fn every_address_of_a_host_is_tried_until_one_opens() {
    let connector = connector()
        .with_server("im.example.org", 5222, Mode::StartTls)
        .with_server("192.0.2.9", 5222, Mode::StartTls);
    let mut attempts = Attempts::new(&connector, NOW);
    assert!(matches!(
        attempts.next_step(NOW),
        Some(Step::Resolve { .. })
    ));
    let addresses = [1, 2, 3].map(|n| SocketAddr::from(([192, 0, 2, n], 5222)));
    attempts.resolved(Ok(addresses.to_vec()));
    for address in &addresses[..2] {
        let step = attempts.next_step(NOW);
        assert!(
            matches!(step, Some(Step::Open(next)) if next == *address),
            "{step:?}"
        );
        if *address == addresses[0] {
            attempts.not_opened(*address, refused());
        }
    }
    // It opened. Where the login fails, another address of the same host would not help.
    attempts.log_in(NOW).unwrap();
    attempts.failed(Error::NotConnected);
    assert_eq!(next(&mut attempts).unwrap().1, "192.0.2.9:5222");
    attempts.failed(refused());
    assert!(attempts.next_step(NOW).is_none());
    let ConnectError::Failed(failures) = attempts.into_error() else {
        panic!("there were servers");
    };
    let hosts: Vec<_> = failures.iter().map(|f| f.target.host.as_str()).collect();
    assert_eq!(hosts, ["im.example.org", "192.0.2.9"]);
}

#[test]
fn a_redirection_comes_first_and_insists_on_tls() {
    let account = ClientConfig::new(Jid::new("juliet@example.org").unwrap(), "s3cr3t").unwrap();
    let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))
        .unwrap()
        .with_server("192.0.2.1", 5222, Mode::DirectTls)
        .with_server("192.0.2.2", 5222, Mode::StartTls);
    let insists = |login: &Login| format!("{login:?}").contains("tls: Required");
    let mut attempts = Attempts::new(&connector, NOW);
    let (first, _) = next(&mut attempts).unwrap();
    assert!(!insists(&first));
    attempts.failed(elsewhere("[2001:db8::1]:9222"));
    let (second, address) = next(&mut attempts).unwrap();
    assert_eq!(address, "[2001:db8::1]:9222");
    assert!(insists(&second));
    assert!(
        format!("{second:?}").contains("Handshake"),
        "direct TLS, as before"
    );
    attempts.failed(refused());
    let (third, address) = next(&mut attempts).unwrap();
    assert_eq!(address, "192.0.2.2:5222");
    assert!(!insists(&third));
}

#[test]
fn a_redirection_in_clear_text_is_followed_only_by_choice() {
    for (connector, then) in [
        (two_servers(), "192.0.2.2:5222"),
        (two_servers().with_redirects_in_clear(), "192.0.2.3:5223"),
    ] {
        let mut attempts = Attempts::new(&connector, NOW);
        next(&mut attempts).unwrap();
        let reason = CloseReason::PeerError(StreamError::see_other_host("192.0.2.3:5223"));
        attempts.failed(Error::ClosedInClear(Box::new(reason)));
        assert_eq!(next(&mut attempts).unwrap().1, then);
    }
}

#[test]
fn a_redirection_without_a_port_is_looked_up() {
    let mut attempts = Attempts::new(&two_servers(), NOW);
    next(&mut attempts).unwrap();
    attempts.failed(elsewhere("other.example"));
    let Some(Step::LookUp(names)) = attempts.next_step(NOW) else {
        panic!("nothing is looked up");
    };
    assert_eq!(names.starttls, "_xmpp-client._tcp.other.example");
    attempts.looked_up(answers("192.0.2.7"));
    assert_eq!(next(&mut attempts).unwrap().1, "192.0.2.7:5222");
    attempts.failed(elsewhere("127.0.0.1"));
    assert_eq!(next(&mut attempts).unwrap().1, "127.0.0.1:5222");
    attempts.failed(refused());
    assert_eq!(next(&mut attempts).unwrap().1, "192.0.2.2:5222");
}

#[test]
fn redirections_are_followed_three_times() {
    let mut attempts = Attempts::new(&two_servers(), NOW);
    let mut seen = Vec::new();
    while let Some((_, address)) = next(&mut attempts) {
        seen.push(address);
        attempts.failed(elsewhere("192.0.2.3:1"));
    }
    let round = "192.0.2.3:1";
    assert_eq!(
        seen,
        ["192.0.2.1:5222", round, round, round, "192.0.2.2:5222"]
    );
    // All of this may come from an attacker on the network path, who may be gone tomorrow.
    assert_eq!(attempts.into_error().verdict(), Verdict::Retryable);
}

#[test]
fn a_final_answer_is_not_asked_for_twice() {
    let failure = SaslFailure::new(SaslCondition::NotAuthorized);
    let (tried, error) = run([CloseReason::AuthFailed(failure).into(), refused()]);
    assert_eq!(tried, 1);
    assert_eq!(error.verdict(), Verdict::Fatal);
    assert!(matches!(
        error.close_reason(),
        Some(CloseReason::AuthFailed(_))
    ));
}

#[test]
fn every_server_has_its_turn_and_its_line() {
    let (tried, error) = run([Error::Tls(TlsError::NoPlatformRoots), refused()]);
    assert_eq!(tried, 2);
    assert_eq!(error.verdict(), Verdict::Retryable);
    assert_eq!(
        error.to_string(),
        "192.0.2.1, port 5222: the platform has no root certificates; \
         192.0.2.2, port 5222: no server accepts connections at this address and port"
    );
}

#[test]
fn servers_that_can_only_fail_are_not_tried_again() {
    let untrusted = || Error::Tls(TlsError::NoPlatformRoots);
    assert_eq!(run([untrusted(), untrusted()]).1.verdict(), Verdict::Fatal);
}

/// However many servers, addresses and redirections there are, and however slow each of them is.
#[test]
fn connecting_ends_when_its_time_is_over() {
    let connector = connector()
        .with_connect_timeout(Duration::from_secs(10))
        .with_total_timeout(Duration::from_secs(35));
    let addresses: Vec<_> = (1..=100).map(|n| ([192, 0, 2, n], 5222).into()).collect();
    let mut attempts = Attempts::new(&connector, NOW);
    let (mut now, mut limits) = (NOW, Vec::new());
    while let Some(step) = attempts.next_step(now) {
        let limit = attempts.timeout(now);
        limits.push(limit.as_secs());
        now = now + limit.min(Duration::from_secs(10));
        match step {
            Step::LookUp(_) => attempts.looked_up(answers("im.example.net")),
            Step::Resolve { .. } => attempts.resolved(Ok(addresses.clone())),
            Step::Open(address) => {
                attempts.not_opened(address, io::Error::from(io::ErrorKind::TimedOut));
            }
            Step::Wait(_) => panic!("one at a time"),
        }
    }
    assert_eq!(limits, [35, 10, 10, 5]);
    let error = attempts.into_error();
    assert_eq!(error.verdict(), Verdict::Retryable);
    assert_eq!(
        error.to_string(),
        "im.example.net, port 5222: no answer came in time; the time to connect is over"
    );
}

#[test]
fn a_login_does_not_outlast_the_time_to_connect() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let connector = connector()
            .with_server("192.0.2.1", 5222, mode)
            .with_server("192.0.2.2", 5222, mode)
            .with_total_timeout(Duration::from_secs(7));
        let deadline = NOW + Duration::from_secs(7);
        let mut attempts = Attempts::new(&connector, NOW);
        let (mut login, _) = next(&mut attempts).unwrap();
        assert!(login.poll(NOW).is_pending());
        assert_eq!(
            crate::link::Wired::wire(&mut login).poll_timeout(),
            Some(deadline)
        );
        let std::task::Poll::Ready(Err(error)) = login.poll(deadline) else {
            panic!("it goes on");
        };
        attempts.failed(error);
        assert!(attempts.next_step(deadline).is_none());
        assert!(matches!(
            attempts.into_error().last(),
            Some(Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut
        ));
    }
}

/// Nothing was tried, so nothing is known to be final.
#[test]
fn a_slow_name_service_is_a_reason_to_try_again() {
    let mut attempts = Attempts::new(&connector().with_total_timeout(Duration::from_secs(1)), NOW);
    attempts.next_step(NOW);
    attempts.looked_up(answers("im.example.net"));
    assert!(attempts.next_step(NOW + Duration::from_secs(1)).is_none());
    let error = attempts.into_error();
    assert_eq!(error.verdict(), Verdict::Retryable);
    assert_eq!(error.to_string(), "the time to connect is over");
}

/// The addresses of a server race; those of the next one have to wait for them.
#[test]
fn addresses_race_and_priorities_are_kept() {
    let connector = connector()
        .with_server("im.example.org", 5222, Mode::StartTls)
        .with_server("192.0.2.9", 5222, Mode::StartTls);
    let addresses: Vec<SocketAddr> = ["[2001:db8::1]:5222", "[2001:db8::2]:5222", "192.0.2.1:5222"]
        .map(|address| address.parse().unwrap())
        .to_vec();
    let mut attempts = Attempts::new(&connector, NOW);
    attempts.next_step(NOW);
    attempts.resolved(Ok(addresses.clone()));
    let mut now = NOW;
    let mut opened = Vec::new();
    let end = loop {
        match attempts.next_step(now) {
            Some(Step::Open(address)) => opened.push((now.since_origin().as_millis(), address)),
            Some(Step::Wait(until)) if until < NOW + Duration::from_secs(1) => now = until,
            step => break step,
        }
    };
    // All three hang: there is nothing to do but to wait for them.
    let expected = [(0, addresses[0]), (250, addresses[2]), (500, addresses[1])];
    assert_eq!(opened, expected);
    assert!(matches!(end, Some(Step::Wait(until)) if until == NOW + Duration::from_secs(120)));
    for address in &addresses {
        attempts.not_opened(*address, refused());
    }
    assert_eq!(next(&mut attempts).unwrap().1, "192.0.2.9:5222");
    // One that is open is the server; the others are forgotten.
    attempts.not_opened(addresses[0], refused());
    attempts.failed(refused());
    assert!(attempts.next_step(now).is_none());
    let ConnectError::Failed(failures) = attempts.into_error() else {
        panic!("there were servers");
    };
    assert_eq!(failures.iter().count(), 2);
}

#[test]
fn a_race_ends_when_the_time_to_connect_is_over() {
    let connector = connector()
        .with_server("im.example.org", 5222, Mode::StartTls)
        .with_total_timeout(Duration::from_millis(100));
    let mut attempts = Attempts::new(&connector, NOW);
    attempts.next_step(NOW);
    let addresses = [1, 2].map(|n| SocketAddr::from(([192, 0, 2, n], 5222)));
    attempts.resolved(Ok(addresses.to_vec()));
    assert!(matches!(attempts.next_step(NOW), Some(Step::Open(_))));
    let deadline = NOW + Duration::from_millis(100);
    assert!(matches!(attempts.next_step(NOW), Some(Step::Wait(until)) if until == deadline));
    assert!(attempts.next_step(deadline).is_none());
}
