//! A test that goes wrong fails instead of hanging.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a test may take before it counts as hanging: many times what the slowest takes on a
/// busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a test on a thread of its own, and fails if it has not returned after [`PATIENCE`].
///
/// A time-out inside the test would not notice a loop that never waits. The thread of a test that
/// hangs is abandoned and ends with the process.
pub fn within<T: Send + 'static>(test: impl FnOnce() -> T + Send + 'static) -> T {
    within_time(PATIENCE, test)
}

/// The same with another deadline, for tests that wait for other programs.
pub fn within_time<T: Send + 'static>(
    patience: Duration,
    test: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (report, reports) = mpsc::channel();
    spawn(test, report);
    next(&reports, patience)
}

/// Runs both ends of a connection, each on a thread of its own, and fails if one of them has not
/// returned after [`PATIENCE`].
///
/// A panic of one end fails the test at once, even if the other end still waits for it.
pub fn both<A: Send + 'static, B: Send + 'static>(
    server: impl FnOnce() -> A + Send + 'static,
    client: impl FnOnce() -> B + Send + 'static,
) -> (A, B) {
    enum End<A, B> {
        Server(A),
        Client(B),
    }
    let (report, reports) = mpsc::channel();
    spawn(|| End::Server(server()), report.clone());
    spawn(|| End::Client(client()), report);
    let started = Instant::now();
    let first = next(&reports, PATIENCE);
    match (
        first,
        next(&reports, PATIENCE.saturating_sub(started.elapsed())),
    ) {
        (End::Server(server), End::Client(client)) | (End::Client(client), End::Server(server)) => {
            (server, client)
        }
        _ => unreachable!("each end reports once"),
    }
}

/// What a thread returned, or what it panicked with.
type Report<T> = Result<T, Box<dyn Any + Send>>;

/// Runs `test` on a thread with the name of this one, so that its panics name the test.
fn spawn<T: Send + 'static>(
    test: impl FnOnce() -> T + Send + 'static,
    report: mpsc::Sender<Report<T>>,
) {
    let name = thread::current().name().unwrap_or("test").to_owned();
    let run = move || {
        // If the receiver is gone, the test has failed already.
        let _ = report.send(catch_unwind(AssertUnwindSafe(test)));
    };
    thread::Builder::new().name(name).spawn(run).unwrap();
}

/// The next report, if it comes in time.
fn next<T>(reports: &mpsc::Receiver<Report<T>>, patience: Duration) -> T {
    match reports.recv_timeout(patience) {
        Ok(Ok(value)) => value,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(_) => panic!("the test hangs: it has not ended in time"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "the test hangs")]
    fn a_busy_loop_fails() {
        let (report, reports) = mpsc::channel();
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = stop.clone();
        let busy = move || while !stopped.load(std::sync::atomic::Ordering::Relaxed) {};
        spawn(busy, report);
        let failed = catch_unwind(|| next(&reports, Duration::from_millis(10)));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        failed.unwrap_or_else(|panic| resume_unwind(panic));
    }

    #[test]
    #[should_panic(expected = "the server")]
    fn a_panic_of_one_end_fails_at_once() {
        let (held, wait) = mpsc::channel::<()>();
        let client = move || wait.recv();
        let failed = catch_unwind(|| both(|| panic!("the server"), client));
        drop(held);
        failed
            .map(drop)
            .unwrap_or_else(|panic| resume_unwind(panic));
    }

    #[test]
    fn both_ends_return() {
        assert_eq!(both(|| 1, || "two"), (1, "two"));
    }
}
