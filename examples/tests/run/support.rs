//! Runs the examples as a person would, but never for long.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use xmppwire_test_support::within_time;

/// The longest that an example may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on a runtime with one thread, and fails if it hangs.
pub(crate) fn run(test: impl AsyncFnOnce() + Send + 'static) {
    within_time(5 * PATIENCE, || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        runtime.block_on(test());
    });
}

/// The program that cargo built of an example. It lies beside the directory of this test.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let program: PathBuf = target
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    if let Err(why) = check_fresh(&program) {
        panic!("{why}: run `cargo test -p xmppwire-examples` without choosing targets");
    }
    Command::new(program)
}

/// Whether a program is newer than its sources. `cargo test --test run` does not build the examples,
/// so what lies there may be what an earlier version of the sources did.
fn check_fresh(program: &Path) -> Result<(), String> {
    let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
    let name = program.display();
    let built = modified(program).map_err(|_| format!("{name} is not built"))?;
    // Cargo lists the sources of a program, those of the crates of the workspace included, as
    // `PROGRAM: FILE FILE…`.
    let list = program.with_extension("d");
    let list = fs::read_to_string(&list).map_err(|_| format!("{name} has no list of sources"))?;
    let (_, sources) = list.split_once(": ").unwrap_or_default();
    let sources = sources.replace("\\ ", "\0");
    for source in sources.split_whitespace() {
        let source = source.replace('\0', " ");
        // One that is gone has a reason, which the next build finds.
        if modified(Path::new(&source)).is_ok_and(|changed| changed > built) {
            return Err(format!("{name} is older than {source}"));
        }
    }
    Ok(())
}

/// Runs a program to its end and returns what it printed.
pub(crate) fn output(mut command: Command) -> Output {
    let mut child = Running::spawn(
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped()),
    );
    let stdout = read(child.0.stdout.take().expect("a pipe"));
    let stderr = read(child.0.stderr.take().expect("a pipe"));
    let status = child.wait();
    let join = |reader: thread::JoinHandle<Vec<u8>>| reader.join().expect("no panic");
    Output {
        status,
        stdout: join(stdout),
        stderr: join(stderr),
    }
}

fn read(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a readable pipe");
        bytes
    })
}

/// A program that does not outlive its test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self(command.spawn().expect("a program that starts"))
    }

    /// Waits for its end, for [`PATIENCE`] at most.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().expect("a child") {
                return status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test failed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certificate of a domain, and its key, as PEM.
pub(crate) struct Certificate {
    pub(crate) domain: String,
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Certificate {
    pub(crate) fn new(domain: &str) -> Self {
        Self::naming(domain, &[])
    }

    /// The same for more names.
    pub(crate) fn naming(domain: &str, others: &[&str]) -> Self {
        let names = [&[domain], others].concat();
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
        Self {
            domain: domain.into(),
            chain: made.cert.pem(),
            key: made.signing_key.serialize_pem(),
        }
    }
}

/// The example server with three accounts, and what its clients need to know.
pub(crate) struct Server {
    process: Running,
    directory: PathBuf,
    /// Its first domain.
    pub(crate) domain: String,
    pub(crate) address: SocketAddr,
    /// Where clients connect that begin with TLS, if it serves them.
    pub(crate) for_tls: Option<SocketAddr>,
    /// Where other servers and components connect, if it serves them.
    pub(crate) for_servers: Option<SocketAddr>,
    pub(crate) for_components: Option<SocketAddr>,
}

pub(crate) const ACCOUNTS: [(&str, &str); 3] = [
    ("juliet", "O Romeo, Romeo!"),
    ("romeo", "päss:wörd "),
    ("nurse", "madam"),
];

impl Server {
    /// Starts it with a directory of its own, so that tests can run side by side.
    pub(crate) fn start(test: &str) -> Self {
        Self::start_with(test, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(test: &str, arguments: &[&str]) -> Self {
        Self::of(test, &Certificate::new("localhost"), arguments)
    }

    /// The same for the domain of this certificate.
    pub(crate) fn of(test: &str, certificate: &Certificate, arguments: &[&str]) -> Self {
        let accounts: String = ACCOUNTS
            .iter()
            .map(|(user, password)| format!("{user}:{password}\n"))
            .collect();
        let file = directory(test).join("accounts");
        fs::write(&file, accounts).expect("a writable file");
        Self::launch(test, certificate, Some(&file), arguments)
    }

    /// Starts it with the accounts that it had before.
    pub(crate) fn start_again(test: &str, arguments: &[&str]) -> Self {
        let file = directory(test).join("accounts");
        Self::launch(test, &Certificate::new("localhost"), Some(&file), arguments)
    }

    /// Starts it without a file of accounts.
    pub(crate) fn start_without_file(test: &str, arguments: &[&str]) -> Self {
        Self::launch(test, &Certificate::new("localhost"), None, arguments)
    }

    fn launch(
        test: &str,
        certificate: &Certificate,
        accounts: Option<&Path>,
        arguments: &[&str],
    ) -> Self {
        let directory = directory(test);
        let mut command = example("server");
        command.args(["--listen", "127.0.0.1:0", "--domain", &certificate.domain]);
        command.args(["--component-listen", "127.0.0.1:0"]);
        for (option, text) in [("cert", &certificate.chain), ("key", &certificate.key)] {
            let file = directory.join(option);
            fs::write(&file, text).expect("a writable file");
            command.arg(format!("--{option}")).arg(file);
        }
        if let Some(accounts) = accounts {
            command.arg("--accounts").arg(accounts);
        }
        command.args(arguments);
        let log = fs::File::create(directory.join("log")).expect("a writable file");
        let mut process = Running::spawn(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(log),
        );

        let stdout = process.0.stdout.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        // Reads to the end, because the server writes more after the first line.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let listens = |whom: &str| {
            let line = lines.recv_timeout(PATIENCE).expect("a line in time");
            let address = line.strip_prefix("listening on ").expect("an address");
            let address = address.strip_suffix(whom).expect(whom);
            address.parse().expect("an address")
        };
        let has = |option| arguments.contains(&option);
        Self {
            process,
            directory,
            domain: certificate.domain.clone(),
            address: listens(""),
            for_tls: has("--tls-listen").then(|| listens(" with TLS")),
            for_servers: has("--s2s-listen").then(|| listens(" for servers")),
            for_components: has("--component").then(|| listens(" for components")),
        }
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("cert")
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).expect("a log")
    }

    /// Waits until it has logged this.
    pub(crate) fn expect_log(&self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < PATIENCE, "not logged: {text}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The most memory that it has held so far, in KiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn peak_memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id()));
        let status = status.expect("a running process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        peak.and_then(|peak| peak.parse().ok()).expect("a number")
    }

    /// Asks it to stop.
    #[cfg(unix)]
    pub(crate) fn terminate(&mut self) {
        self.signal("TERM");
    }

    /// Sends it this signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.0.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()
            .expect("kill");
        assert!(sent.success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.process.wait()
    }
}

/// A directory for the files of a test.
pub(crate) fn directory(test: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

/// Fails unless all of these are in the text, in this order.
pub(crate) fn assert_in_order<'a>(text: &str, expected: impl IntoIterator<Item = &'a str>) {
    let mut rest = text;
    for expected in expected {
        let at = rest.find(expected);
        let at =
            at.unwrap_or_else(|| panic!("{expected:?} is missing, or in the wrong place:\n{text}"));
        rest = &rest[at + expected.len()..];
    }
}

/// Fails unless every item is explained, and every line fits a terminal and is without colours.
pub(crate) fn assert_display(text: &str) {
    for line in text.lines() {
        let is_explained = !line.ends_with("─▶") && !line.ends_with("◀─");
        assert!(is_explained, "unexplained:\n{text}");
        assert!(line.chars().count() <= 80, "too long: {line}");
        let section = line.find("RFC ").or_else(|| line.find("XEP-"));
        let before = section.and_then(|at| line.get(..at));
        let is_apart = before.is_none_or(|before| before.ends_with([' ', '(']));
        assert!(is_apart, "no space before the section: {line}");
    }
    assert!(!text.contains('\x1b'), "colours without a terminal");
}
