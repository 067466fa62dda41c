//! `<see-other-host/>` (RFC 6120 §4.9.3.19) is followed, but only to the domain's own servers and a
//! limited number of times.

use xmppwire::{
    ClientConfig, CloseReason, Host, HostAnswer, Jid, Mechanism, PeerIncompatible, ServerEvent,
    StreamErrorCondition, TlsOffer, TlsPolicy,
};
use xmppwire_net::client::Verdict;
use xmppwire_net::client::{Connector, Error};
use xmppwire_net::find::{Mode, NameServers};
use xmppwire_net::tls::TlsError;

use crate::adapter::{Accepted, Adapter};
use crate::name_server::{NameServer, srv};
use crate::site::{Site, log_in, visit};
use crate::{Authority, JULIET, PASSWORD, both, config, juliet};

/// Sends the next client to another host, over TLS; false if it left without a header.
fn send_away<A: Adapter>(site: &Site, to: &str) -> bool {
    answer_next::<A>(site, &HostAnswer::SeeOtherHost(to.to_owned()))
}

/// Sends the next client to another host, in clear text; false if it left without a header.
fn send_away_in_clear<A: Adapter>(site: &Site, to: &str) -> bool {
    answer_next::<A>(site, &HostAnswer::SeeOtherHostInClear(to.to_owned()))
}

fn answer_next<A: Adapter>(site: &Site, answer: &HostAnswer) -> bool {
    let mut client = site.accept::<A>(Mode::StartTls);
    let mut asked = false;
    while let Ok(Some(event)) = client.next_event() {
        if let ServerEvent::Opened(request) = event {
            let answer = answer.clone();
            let connection = client.connection_mut();
            connection.choose_host(request, answer).unwrap();
            asked = true;
        }
    }
    asked
}

fn is_redirection(reason: Option<&CloseReason>) -> bool {
    match reason {
        Some(CloseReason::PeerError(error)) => {
            error.condition() == StreamErrorCondition::SeeOtherHost
        }
        _ => false,
    }
}

pub fn it_is_followed_to_an_address_of_either_kind<A: Adapter>() {
    for (address, bind) in [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("localhost", "127.0.0.1"),
    ] {
        let site = Site::new();
        // Some machines have no IPv6.
        let Ok(other) = Site::at(bind, Authority::new(), site.tls.clone()) else {
            assert_eq!(address, "[::1]");
            continue;
        };
        let to = format!("{address}:{}", other.port);
        let connector = site.juliet(Mode::StartTls);
        let server = move || {
            assert!(send_away::<A>(&site, &to));
            other.welcome::<A>(Mode::StartTls);
        };
        both(server, move || drop(A::connect_with(&connector).unwrap()));
    }
}

pub fn a_host_without_proof_is_refused<A: Adapter>() {
    let site = Site::new();
    // It even has a certificate, for the name in the redirection.
    let of_impostor = site.authority.server("localhost");
    let impostor = Site::at("127.0.0.1", Authority::new(), of_impostor).unwrap();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        assert!(send_away::<A>(
            &site,
            &format!("localhost:{}", impostor.port)
        ));
        assert!(log_in(&mut impostor.accept::<A>(Mode::StartTls)).is_none());
    };
    let client = move || {
        let error = A::connect_with(&connector).unwrap_err();
        assert!(
            matches!(error.last(), Some(Error::Tls(TlsError::Rustls(_)))),
            "{error}"
        );
        // The attacker who answered there may be gone the next time.
        assert_eq!(error.verdict(), Verdict::Retryable);
    };
    both(server, client);
}

/// A client that may do without TLS at its own server may not do so elsewhere.
pub fn it_is_not_followed_without_tls<A: Adapter>() {
    let (site, other) = (Site::new(), Site::new());
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let connector = Connector::new(account.with_tls(TlsPolicy::Forbidden))
        .unwrap()
        .with_redirects_in_clear()
        .with_server("127.0.0.1", site.port, Mode::StartTls);
    let server = move || {
        let to = format!("127.0.0.1:{}", other.port);
        assert!(send_away_in_clear::<A>(&site, &to));
        let mut client = A::accept(other.socket(), config(), None).unwrap();
        while let Ok(Some(event)) = client.next_event() {
            if let ServerEvent::Opened(request) = event {
                let host = Host::new(TlsOffer::Unavailable, [Mechanism::ScramSha256]);
                let answer = HostAnswer::Serve(host);
                let connection = client.connection_mut();
                connection.choose_host(request, answer).unwrap();
            }
        }
    };
    let client = move || {
        let error = A::connect_with(&connector).unwrap_err();
        let reason = error.close_reason();
        assert_eq!(
            reason,
            Some(&CloseReason::Incompatible(PeerIncompatible::NoTls)),
            "{error}"
        );
    };
    both(server, client);
}

pub fn it_is_not_followed_in_clear_text<A: Adapter>() {
    let (site, other) = (Site::new(), Site::new());
    let to = format!("127.0.0.1:{}", other.port);
    let connector = site.juliet(Mode::StartTls);
    let server = move || assert!(send_away_in_clear::<A>(&site, &to));
    let client = move || {
        let error = A::connect_with(&connector).unwrap_err();
        assert!(is_redirection(error.close_reason()), "{error}");
    };
    both(server, client);
    assert!(!other.has_visitor());
}

pub fn circles_end<A: Adapter>() {
    let site = Site::new();
    let port = site.port;
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let to = format!("127.0.0.1:{port}");
        let mut seen = 0;
        while send_away::<A>(&site, &to) {
            seen += 1;
        }
        seen
    };
    let client = move || {
        let error = A::connect_with(&connector).unwrap_err();
        assert!(is_redirection(error.close_reason()), "{error}");
        // A connection without a header ends the server's loop.
        drop(visit(port));
    };
    let (seen, ()) = both(server, client);
    assert_eq!(seen, 4, "the first connection, and three redirections");
}

pub fn without_a_port_the_host_is_looked_up<A: Adapter>() {
    let site = Site::new();
    let first = Site::at("127.0.0.1", Authority::new(), site.tls.clone()).unwrap();
    let port = site.port;
    let name_server = NameServer::start(move |asked, query| {
        let records: &[_] = match asked.name.as_str() {
            "_xmpp-client._tcp.elsewhere.example" => &[(1, 1, port, "localhost")],
            _ => &[],
        };
        vec![srv(query, records)]
    });
    let connector = juliet(&site.authority)
        .with_server("127.0.0.1", first.port, Mode::StartTls)
        .with_name_servers(NameServers::new([name_server.address]));
    let server = move || {
        assert!(send_away::<A>(&first, "elsewhere.example"));
        site.welcome::<A>(Mode::StartTls);
    };
    both(server, move || drop(A::connect_with(&connector).unwrap()));
    assert!(!name_server.asked().is_empty());
}
