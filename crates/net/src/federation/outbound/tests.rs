//! The way of a connection to a server with several addresses.

use super::*;
use std::time::Duration;
use xmppwire::Domainpart;

const NOW: Instant = Instant::ORIGIN;

fn outbound() -> Outbound {
    let domain = |name| Domainpart::new(name).unwrap();
    let pair = Pair::new(domain("a.example"), domain("b.example"));
    let config = FederationConfig::new().with_server(
        domain("b.example"),
        "xmpp.b.example",
        5269,
        Mode::StartTls,
    );
    let policy = DomainPolicy::default();
    Outbound::new(
        Key(0),
        pair,
        Purpose::Stanzas,
        policy,
        Arc::new(config),
        None,
    )
}

fn address(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 5269).into()
}

/// At the race between these addresses.
fn racing(last: &[u8]) -> Outbound {
    let mut outbound = outbound();
    assert!(matches!(outbound.next(NOW), Next::Resolve { .. }));
    outbound.resolved(Ok(last.iter().copied().map(address).collect()));
    outbound
}

fn opens(outbound: &mut Outbound, now: Instant, last: u8) {
    match outbound.next(now) {
        Next::Open(to) => assert_eq!(to, address(last)),
        other => panic!("{other:?}"),
    }
}

fn refused() -> io::Result<()> {
    Err(io::ErrorKind::ConnectionRefused.into())
}

#[test]
fn an_address_that_nothing_answers_at_is_not_waited_for() {
    let mut outbound = racing(&[1, 2]);
    opens(&mut outbound, NOW, 1);
    let Next::Wait(Some(later)) = outbound.next(NOW) else {
        panic!("the next address has no turn");
    };
    assert!(later <= NOW + Duration::from_secs(1), "{later:?}");
    opens(&mut outbound, later, 2);
    assert!(matches!(outbound.next(later), Next::Wait(None)));
    outbound.opened(later, address(2), Ok(()));
    assert!(matches!(outbound.next(later), Next::Drive));
    // What becomes of the others does not matter any more.
    outbound.opened(later, address(1), refused());
    assert!(matches!(outbound.next(later), Next::Drive));
}

#[test]
fn an_address_that_refuses_is_followed_at_once() {
    let mut outbound = racing(&[1, 2]);
    opens(&mut outbound, NOW, 1);
    outbound.opened(NOW, address(1), refused());
    opens(&mut outbound, NOW, 2);
    outbound.opened(NOW, address(2), refused());
    let Next::Over(report) = outbound.next(NOW) else {
        panic!("something is left to try");
    };
    assert!(report.is_last());
}

#[test]
fn the_other_addresses_have_a_turn_where_the_winner_is_of_no_use() {
    let mut outbound = racing(&[1, 2, 3]);
    opens(&mut outbound, NOW, 1);
    outbound.opened(NOW, address(1), Ok(()));
    assert!(matches!(outbound.next(NOW), Next::Drive));
    outbound
        .wire()
        .read_failed(io::ErrorKind::ConnectionReset.into());
    outbound
        .wire()
        .write_failed(io::ErrorKind::ConnectionReset.into());
    opens(&mut outbound, NOW, 2);
}

#[test]
fn an_order_to_close_ends_the_race() {
    let mut outbound = racing(&[1, 2]);
    opens(&mut outbound, NOW, 1);
    outbound.order(NOW, Order(Command::Close));
    assert!(outbound.is_called_off());
    outbound.opened(NOW, address(1), Ok(()));
    assert!(matches!(outbound.next(NOW), Next::Over(_)));
}
