//! Runs the examples as a person would, but never for long.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that an example may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The program that cargo built of an example. It lies beside the directory of this test.
pub(crate) fn example(name: &str) -> Command {
    let test = std::env::current_exe().expect("a test has a path");
    let target = test.ancestors().nth(2).expect("target/PROFILE/deps/TEST");
    let program: PathBuf = target
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        program.exists(),
        "not built: run `cargo test -p xmppwire-examples` without choosing targets"
    );
    Command::new(program)
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
    pub(crate) fn wait(&mut self) -> std::process::ExitStatus {
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
