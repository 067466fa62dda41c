//! What `with_prosody.py` tells: see README.md.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use xmppwire_tokio::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{ClientConfig, Connector, Jid, Mechanism, MechanismPolicy, Mode};

fn get(name: &str) -> String {
    let name = format!("XMPPWIRE_PROSODY_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run tests/interop/run"))
}

pub(crate) const MODES: [Mode; 2] = [Mode::StartTls, Mode::DirectTls];

/// An account of the server.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) localpart: String,
    pub(crate) password: String,
}

impl Account {
    fn named(prefix: &str) -> Self {
        Self {
            localpart: get(&format!("{prefix}USER")),
            password: get(&format!("{prefix}PASSWORD")),
        }
    }

    pub(crate) fn juliet() -> Self {
        Self::named("")
    }

    pub(crate) fn romeo() -> Self {
        Self::named("OTHER_")
    }

    /// One whose name SCRAM has to escape.
    pub(crate) fn odd() -> Self {
        Self::named("ODD_")
    }

    pub(crate) fn with_password(self, password: &str) -> Self {
        Self {
            password: password.into(),
            ..self
        }
    }

    /// The address on a host.
    pub(crate) fn at(&self, host: &str) -> Jid {
        Jid::new(&format!("{}@{}", self.localpart, get(host))).expect("an address")
    }

    /// A configuration for a host, SCRAM only.
    pub(crate) fn config(&self, host: &str) -> ClientConfig {
        ClientConfig::new(self.at(host), self.password.as_str()).expect("an account")
    }

    /// The same with PLAIN.
    pub(crate) fn plain_config(&self, host: &str) -> ClientConfig {
        let policy = MechanismPolicy::default().with_floor(Mechanism::Plain);
        self.config(host).with_mechanisms(policy)
    }

    /// The same with a resource.
    pub(crate) fn config_as(&self, host: &str, resource: &str) -> ClientConfig {
        let jid = format!("{}/{resource}", self.at(host));
        let jid = Jid::new(&jid).expect("an address");
        ClientConfig::new(jid, self.password.as_str()).expect("an account")
    }
}

/// Who can say who Prosody is.
pub(crate) fn authority() -> ClientTls {
    trusting("CA")
}

/// Somebody who has never heard of it.
pub(crate) fn other_authority() -> ClientTls {
    trusting("OTHER_CA")
}

fn trusting(name: &str) -> ClientTls {
    let pem = std::fs::read(get(name)).expect("the authority can be read");
    let roots = roots_from_pem(&pem).expect("the authority is one");
    ClientTls::builder(roots).build().expect("a configuration")
}

/// Logs in with that configuration at the address of Prosody.
pub(crate) fn connector(config: ClientConfig, mode: Mode) -> Connector {
    let port = match mode {
        Mode::StartTls => get("STARTTLS_PORT"),
        Mode::DirectTls => get("TLS_PORT"),
    };
    Connector::new(config)
        .expect("a host")
        .with_server(get("ADDRESS"), port.parse().expect("a port"), mode)
        .with_tls(authority())
}

/// What the script can do to the process.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    Terminate,
    Kill,
}

/// Ends Prosody, which is started again half a second later.
pub(crate) fn end_prosody(signal: Signal) {
    let pid = std::fs::read_to_string(get("PIDFILE")).expect("Prosody runs");
    let signal = match signal {
        Signal::Terminate => "-TERM",
        Signal::Kill => "-KILL",
    };
    let status = Command::new("kill").args([signal, pid.trim()]).status();
    assert!(status.expect("there is kill").success());
}

/// Waits until Prosody accepts connections at both ports.
pub(crate) fn await_prosody() {
    let deadline = Instant::now() + Duration::from_secs(20);
    // Until it is down, an answer is that of the old process.
    std::thread::sleep(Duration::from_millis(300));
    for port in ["STARTTLS_PORT", "TLS_PORT"] {
        let address: SocketAddr = format!("{}:{}", get("ADDRESS"), get(port))
            .parse()
            .expect("an address");
        while TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_err() {
            assert!(Instant::now() < deadline, "Prosody does not come back");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
