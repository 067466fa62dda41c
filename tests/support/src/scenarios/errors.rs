//! What people read when something goes wrong: what happened, what to do, and each text once. The
//! error of the system or of rustls is at the end of the chain.

use std::error::Error as StdError;
use std::io;
use std::sync::mpsc;
use std::time::Duration;

use rcgen::{CertificateParams, date_time_ymd};
use xmppwire::{ClientConfig, Jid, KeepAlive, Limits};
use xmppwire_net::client::{Connector, Error};
use xmppwire_net::find::Mode;
use xmppwire_net::tls::{Identity, ServerTls, rustls};

use crate::adapter::{Adapter, Session};
use crate::site::{CLOSED_PORT, Site, accept, log_in};
use crate::{Authority, BlackHole, DOMAIN, JULIET, PASSWORD, both, juliet};

/// The texts of the error and its sources. Prints them for who wants to see them.
fn chain(name: &str, error: &dyn StdError) -> Vec<String> {
    let mut all = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        all.push(source.to_string());
        next = source.source();
    }
    println!("{name}\n    {}", all.join("\n    "));
    for (at, text) in all.iter().enumerate() {
        assert!(!text.is_empty());
        let repeated = all[..at].iter().any(|before| before.contains(text));
        assert!(!repeated, "said twice: {all:?}");
    }
    all
}

/// The error of this type in the chain.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> &'a E {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return found;
        }
        next = error.source();
    }
    panic!("not in the chain: {error:?}")
}

fn kind(error: &(dyn StdError + 'static)) -> io::ErrorKind {
    find::<io::Error>(error).kind()
}

/// What a client gets that connects to this site, which lets it in where it can.
fn failure<A: Adapter>(site: Site, mode: Mode, connector: Connector) -> impl StdError + 'static {
    let server = move || {
        let socket = site.socket();
        let config = crate::config();
        let accepted = match mode {
            Mode::StartTls => A::accept(socket, config, Some(site.tls)),
            _ => A::accept_direct_tls(socket, config, site.tls, crate::PATIENCE),
        };
        // It fails where the client does not like what it sees.
        if let Ok(mut client) = accepted {
            log_in(&mut client);
        }
    };
    both(server, move || A::connect_with(&connector).unwrap_err()).1
}

fn with_password(password: &str) -> Connector {
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), password).unwrap();
    Connector::new(account).unwrap()
}

fn at(site: &Site, connector: Connector, mode: Mode) -> Connector {
    connector.with_server("127.0.0.1", site.port, mode)
}

pub fn a_refused_password_is_called_so<A: Adapter>() {
    let site = Site::new();
    let connector = with_password("wrong").with_tls(site.authority.client());
    let connector = at(&site, connector, Mode::StartTls);
    let port = site.port;
    let error = failure::<A>(site, Mode::StartTls, connector);
    assert_eq!(
        chain("a wrong password", &error),
        [format!(
            "127.0.0.1, port {port}: the server refused the user name or the password (not-authorized)"
        )]
    );
    let error = A::connect(JULIET, "").unwrap_err();
    assert_eq!(
        chain("an empty password", &error),
        ["the password is empty"]
    );
}

/// What a client that trusts `trusted` says of a server with this certificate.
fn refusal<A: Adapter>(
    name: &str,
    trusted: &Authority,
    issuer: &Authority,
    domain: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> (Vec<String>, rustls::CertificateError) {
    let identity: Identity = issuer.issue(domain, change);
    let tls = ServerTls::builder(identity).build().unwrap();
    let site = Site::at("127.0.0.1", Authority::new(), tls).unwrap();
    let connector = at(&site, juliet(trusted), Mode::StartTls);
    let port = site.port;
    let error = failure::<A>(site, Mode::StartTls, connector);
    let mut texts = chain(name, &error);
    texts[0] = texts[0].replace(&format!("127.0.0.1, port {port}: "), "");
    match find(&error) {
        rustls::Error::InvalidCertificate(reason) => (texts, reason.clone()),
        other => panic!("{other:?}"),
    }
}

pub fn a_refused_certificate_says_what_to_change<A: Adapter>() {
    let authority = Authority::new();
    let unknown = Authority::named("Unknown Authority");
    let (texts, reason) =
        refusal::<A>("an unknown authority", &authority, &unknown, DOMAIN, |_| {});
    assert_eq!(reason, rustls::CertificateError::UnknownIssuer);
    assert_eq!(
        texts,
        [
            "no trusted authority has signed the certificate; \
             `Connector::with_tls` takes roots, such as those of `tls::roots_from_pem`",
            "invalid peer certificate: UnknownIssuer",
        ]
    );
    let host = "im.example.org";
    let (texts, _) = refusal::<A>(
        "a certificate of the host",
        &authority,
        &authority,
        host,
        |_| {},
    );
    assert_eq!(
        texts[0],
        "the certificate is not for this domain; \
         it has to name the domain of the JID, whatever the host is called"
    );
    let expire = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    };
    let (texts, _) = refusal::<A>(
        "an expired certificate",
        &authority,
        &authority,
        DOMAIN,
        expire,
    );
    assert_eq!(
        texts[0],
        "the certificate has expired, or the clock of this machine is wrong"
    );
}

pub fn a_port_of_the_other_mode_is_named<A: Adapter>() {
    for (mode, other, first) in [
        (
            Mode::DirectTls,
            Mode::StartTls,
            "the other side does not speak TLS here; \
             a port that begins in clear text needs `Mode::StartTls`",
        ),
        (
            Mode::StartTls,
            Mode::DirectTls,
            "the stream ended before TLS: the peer broke the protocol: malformed input: ",
        ),
    ] {
        let site = Site::new();
        let connector = at(&site, juliet(&site.authority), mode);
        let port = site.port;
        let error = failure::<A>(site, other, connector);
        let texts = chain(&format!("{mode:?} on a port for {other:?}"), &error);
        let text = texts[0].strip_prefix(&format!("127.0.0.1, port {port}: "));
        let text = text.unwrap();
        assert!(text.starts_with(first), "{text}");
        assert!(
            text.ends_with(&format!("needs `Mode::{other:?}`")),
            "{text}"
        );
        if mode == Mode::DirectTls {
            let error = find::<rustls::Error>(&error);
            assert!(matches!(error, rustls::Error::InvalidMessage(_)));
        }
    }
}

pub fn a_server_that_cannot_be_reached_is_told_apart<A: Adapter>() {
    let authority = Authority::new();
    let to = |host: &str, port| juliet(&authority).with_server(host, port, Mode::StartTls);
    let error = A::connect_with(&to("127.0.0.1", CLOSED_PORT)).unwrap_err();
    let texts = chain("nothing listens", &error);
    assert_eq!(
        texts[0],
        "127.0.0.1, port 1: no server accepts connections at this address and port"
    );
    assert_eq!(kind(&error), io::ErrorKind::ConnectionRefused);

    // No name in the DNS has such a label, so the system need not ask.
    let host = format!("{}.example", "x".repeat(64));
    let error = A::connect_with(&to(&host, 5222)).unwrap_err();
    let texts = chain("no such host", &error);
    let text = "the host has no address that the name service of the system would know";
    assert_eq!(texts[0], format!("{host}, port 5222: {text}"));
    find::<io::Error>(&error);

    if cfg!(target_os = "linux") {
        let (hole, _listener) = BlackHole::beside_a_listener();
        let connector = to("127.0.0.1", hole.address.port());
        let connector = connector.with_connect_timeout(Duration::from_millis(20));
        let error = A::connect_with(&connector).unwrap_err();
        let texts = chain("nothing answers", &error);
        assert!(texts[0].ends_with(": no answer came in time"), "{texts:?}");
        assert_eq!(kind(&error), io::ErrorKind::TimedOut);
    }
}

/// A session that is lost says how.
pub fn a_lost_session_says_how<A: Adapter>() {
    for hangs in [true, false] {
        let site = Site::new();
        let second = Duration::from_secs(1);
        let keep_alive = KeepAlive::ping().with_silence(second).with_patience(second);
        let connector = at(&site, juliet(&site.authority), Mode::StartTls);
        let connector = connector.with_keep_alive(keep_alive);
        let (done, wait) = mpsc::channel::<()>();
        let server = move || {
            let client = site.welcome::<A>(Mode::StartTls);
            if hangs {
                let _ = wait.recv();
            }
            drop(client);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            let error: Error = client.next().unwrap_err();
            drop(done);
            error
        };
        let ((), error) = both(server, client);
        match hangs {
            true => assert_eq!(
                chain("a server that hangs", &error),
                ["the stream ended: the peer was silent and did not answer a check"]
            ),
            false => {
                chain("a cut connection", &error);
            }
        }
    }
}

pub fn what_the_server_lacks_says_which_setting_matters<A: Adapter>() {
    let site = Site::new();
    // The server offers SCRAM alone.
    let policy = xmppwire::MechanismPolicy::default();
    let policy = policy.with_floor(xmppwire::Mechanism::ScramSha512Plus);
    let account = ClientConfig::new(Jid::new(JULIET).unwrap(), PASSWORD).unwrap();
    let account = account.with_mechanisms(policy).with_limits(Limits::new());
    let connector = Connector::new(account)
        .unwrap()
        .with_tls(site.authority.client());
    let connector = at(&site, connector, Mode::StartTls);
    let server = move || {
        let mut client = accept::<A>(site.socket(), &site.tls, Mode::StartTls);
        log_in(&mut client);
    };
    let client = move || A::connect_with(&connector).unwrap_err();
    let ((), error) = both(server, client);
    let texts = chain("no mechanism in common", &error);
    assert!(
        texts[0]
            .contains("no acceptable SASL mechanism among: SCRAM-SHA-256-PLUS, SCRAM-SHA-256; ")
            && texts[0].contains("`ClientConfig::with_mechanisms`"),
        "{texts:?}"
    );
}
