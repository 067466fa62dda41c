//! What only sockets and real TLS can show: the loopback scenarios of the test support, over the
//! blocking adapter.

use xmppwire::Mechanism;
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_test_support::adapter::Blocking;
use xmppwire_test_support::scenarios::{scram, tcp};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = vec![
        Case::new(
            "tcp/client",
            "The client opens one TCP connection, which carries the whole session, STARTTLS and restarts included; it closes the connection with the stream (§3, §4.4).",
            Role::Client,
            &["stream-tcp-binding"],
            tcp::a_client_uses_one_connection_and_closes_it::<Blocking>,
        ),
        Case::new(
            "tcp/server",
            "The TCP connection that the server accepted carries the whole session, STARTTLS and restarts included; the server closes it with the stream (§3, §4.4).",
            Role::Server,
            &["stream-tcp-binding"],
            tcp::a_server_uses_the_connection_that_it_accepted_and_closes_it::<Blocking>,
        ),
    ];
    for mechanism in [
        Mechanism::ScramSha1,
        Mechanism::ScramSha1Plus,
        Mechanism::ScramSha256,
        Mechanism::ScramSha256Plus,
    ] {
        cases.extend([Role::Client, Role::Server].map(|role| {
            Case::new(
                &format!("tls/{}", mechanism.name().to_lowercase()),
                "Client and server over sockets and TLS 1.3, by STARTTLS and direct TLS: the right password logs in by this mechanism, a wrong one does not (§13.8).",
                role,
                &["security-mti-auth-scram", "security-mti-both-scram"],
                move || scram::logs_in_over_tls::<Blocking>(mechanism),
            )
        }));
    }
    cases
}
