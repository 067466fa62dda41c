//! How long the certificate of the other side is still valid (RFC 6120 §13.7.2.3).

use std::time::Duration;

use rcgen::date_time_ymd;
use xmppwire_net::find::Mode;
use xmppwire_net::tls::{ClientCertificates, ClientTls, Identity, ServerTls, TlsSummary};
use xmppwire_test_support::Authority;

use crate::handshake::connect;

const DAY: Duration = Duration::from_secs(86_400);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// A certificate that ends with the beginning of that year.
fn until(authority: &Authority, year: i32) -> Identity {
    authority.issue("example.org", |params| {
        params.not_after = date_time_ymd(year, 1, 1);
    })
}

/// What both ends know after a handshake with these certificates.
fn both(root: &Authority, server: Identity, client: Identity) -> (TlsSummary, TlsSummary) {
    let server = ServerTls::builder(server)
        .client_certificates(ClientCertificates::Requested(root.roots()))
        .build()
        .unwrap();
    let client = ClientTls::builder(root.roots()).identity(client);
    let client = client.build().unwrap();
    connect(&client, &server, "example.org", Mode::StartTls).unwrap()
}

/// Dates before and after 2050 are written in different ways (RFC 5280 §4.1.2.5).
#[test]
fn the_end_of_a_certificate_is_told() {
    let root = Authority::new();
    let (client, server) = both(&root, until(&root, 2045), until(&root, 2055));
    let (of_server, of_client) = (
        client.peer_valid_for.unwrap(),
        server.peer_valid_for.unwrap(),
    );
    // Ten years, three of them leap years, and the moment between the two handshakes.
    let between = of_client.checked_sub(of_server).unwrap();
    assert!((10 * YEAR + 2 * DAY..10 * YEAR + 4 * DAY).contains(&between));
    // From 1970 to 2045 there are 75 years and 19 leap days.
    let since_1970 = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let end = 75 * YEAR + 19 * DAY;
    let left = of_server + since_1970;
    assert!(end.abs_diff(left) < DAY, "{end:?} and {left:?}");
}

#[test]
fn an_authority_that_ends_earlier_counts() {
    let root = Authority::new();
    let between = root.below(|params| params.not_after = date_time_ymd(2045, 1, 1));
    let (client, _) = both(&root, until(&between, 2055), until(&root, 2055));
    let (alone, _) = both(&root, until(&root, 2045), until(&root, 2055));
    let (through, alone) = (
        client.peer_valid_for.unwrap(),
        alone.peer_valid_for.unwrap(),
    );
    assert!(through.abs_diff(alone) < DAY, "{through:?} and {alone:?}");
}

/// A certificate that has ended was not needed for the proof.
#[test]
fn an_old_path_beside_the_new_one_does_not_count() {
    let (root, old) = (Authority::new(), Authority::named("an old authority"));
    let expired = old.below(|params| params.not_after = date_time_ymd(2001, 1, 1));
    let beside = root.unlimited().with_chain_of(&expired);
    let (client, _) = both(&root, until(&beside, 2045), until(&root, 2055));
    assert!(client.peer_valid_for.unwrap() > YEAR);
}

#[test]
fn what_proves_nothing_has_no_end() {
    let root = Authority::new();
    let server = ServerTls::builder(until(&Authority::new(), 2045))
        .build()
        .unwrap();
    let client = root.client().for_dialback();
    let (client, server) = connect(&client, &server, "example.org", Mode::StartTls).unwrap();
    assert!(client.unverified.is_some());
    assert_eq!(client.peer_valid_for, None);
    // The client showed no certificate.
    assert_eq!(server.peer_valid_for, None);
}
