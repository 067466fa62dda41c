//! What the tests against a server have in common: the environment, and the server's process.

use std::process::Command;
use std::time::{Duration, Instant};

use xmppwire_tokio::tls::rustls::RootCertStore;
use xmppwire_tokio::tls::{Identity, roots_from_pem};

/// A value of the environment; README.md names them.
pub(crate) fn get(name: &str) -> String {
    let name = format!("XMPPWIRE_INTEROP_{name}");
    std::env::var(&name)
        .unwrap_or_else(|_| panic!("{name} is not set: see tests/interop/README.md"))
}

/// More time than a server needs to end and to start on a busy machine.
pub(crate) const RESTART: Duration = Duration::from_secs(60);

/// A certificate and its key.
pub(crate) fn identity(name: &str) -> Identity {
    let path = get(name);
    let read = |end: &str| std::fs::read(format!("{path}.{end}")).expect("it can be read");
    Identity::from_pem(&read("crt"), &read("key")).expect("an identity")
}

/// The authority in this file.
pub(crate) fn roots(name: &str) -> RootCertStore {
    let pem = std::fs::read(get(name)).expect("the authority can be read");
    roots_from_pem(&pem).expect("the authority is one")
}

/// A signal for the server's process.
#[derive(Clone, Copy)]
pub(crate) enum Signal {
    Terminate,
    Kill,
}

/// A server that was ended and is started again, half a second after it is gone.
#[must_use = "the next test needs the server"]
pub(crate) struct Ended {
    pid: String,
}

/// Ends the server.
pub(crate) fn end_server(signal: Signal) -> Ended {
    let pid = std::fs::read_to_string(get("PIDFILE")).expect("the server runs");
    let signal = match signal {
        Signal::Terminate => "-TERM",
        Signal::Kill => "-KILL",
    };
    let status = Command::new("kill").args([signal, pid.trim()]).status();
    assert!(status.expect("there is kill").success());
    Ended { pid }
}

impl Ended {
    /// Waits until clients can log in again.
    pub(crate) fn await_restart(self) {
        let deadline = Instant::now() + RESTART;
        let file = get("PIDFILE");
        // While the server is down, the file is missing or still has the old process.
        while std::fs::read_to_string(&file).map_or(true, |pid| pid == self.pid) {
            assert!(Instant::now() < deadline, "the server does not come back");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
