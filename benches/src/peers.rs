//! The peers in C and C++: a program of its own, started from here.

use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The names that the program knows.
pub const NAMES: [&str; 2] = ["libexpat", "pugixml"];

/// The running program, with a stream.
pub struct Peers {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    stream: PathBuf,
}

/// Compiles the program and returns its place.
pub fn compile() -> Result<PathBuf, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join("target/peers");
    let done = Command::new(std::env::var("CXX").unwrap_or_else(|_| "c++".into()))
        .args(["-std=c++17", "-O3", "-o"])
        .arg(&program)
        .arg(folder.join("src/peers.cpp"))
        .args(["-lpugixml", "-lexpat"])
        .status()?;
    done.success()
        .then_some(program)
        .ok_or_else(|| "Debian has what is missing in g++, libexpat1-dev and libpugixml-dev".into())
}

impl Peers {
    /// Starts the program.
    pub fn start(program: &Path, stream: &[u8]) -> Result<Self, Box<dyn Error>> {
        let file = std::env::temp_dir().join(format!("xmppwire-benches-{}", std::process::id()));
        std::fs::write(&file, stream)?;
        let mut child = Command::new(program)
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            input: child.stdin.take(),
            output: BufReader::new(child.stdout.take().ok_or("no output")?),
            child,
            stream: file,
        })
    }

    /// Lets a contender work once. Returns its processor time and the number of stanzas.
    pub fn run(&mut self, name: &str) -> Result<(Duration, usize), Box<dyn Error>> {
        writeln!(self.input.as_mut().ok_or("no input")?, "{name}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let (time, stanzas) = line.trim().split_once(' ').ok_or("no answer")?;
        Ok((Duration::from_nanos(time.parse()?), stanzas.parse()?))
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.stream);
    }
}
