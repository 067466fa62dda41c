//! A relay between a client and its server that cuts their connections.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

/// Relays TCP connections to a server, and cuts each of the next ones after so many bytes once it was
/// [told](Relay::begin) to.
///
/// The bytes of both directions count, and the cut can be in the middle of a TLS record. Every other
/// cut ends with a reset, which throws away what was not read yet; the rest are ends of input.
pub struct Relay {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    /// Connections that are still to be cut, and how many were.
    cuts: AtomicUsize,
    cut: AtomicUsize,
    /// Each is cut after fewer bytes than this.
    most: u64,
    begun: AtomicBool,
    /// The connections that are open.
    open: Mutex<Vec<Weak<Line>>>,
    /// How often the server answered on the connection that was opened last.
    answers: AtomicUsize,
    over: AtomicBool,
    numbers: Mutex<Numbers>,
}

/// A connection, to each side.
struct Line {
    client: TcpStream,
    server: TcpStream,
    /// Bytes that may still pass; `None` without a limit.
    left: Mutex<Option<usize>>,
    /// Whether the last bytes went to the server.
    asks: AtomicBool,
    is_cut: AtomicBool,
}

/// Pseudo-random numbers (SplitMix64), the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit.max(1)
    }
}

impl Relay {
    /// Cuts nothing by itself.
    pub fn new(server: SocketAddr) -> Self {
        Self::cutting(server, 0, 0, 0)
    }

    /// Cuts so many connections once it was told to begin, each after fewer than `most` bytes, at
    /// places that follow from the seed.
    pub fn cutting(server: SocketAddr, seed: u64, cuts: usize, most: u64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            server,
            cuts: AtomicUsize::new(cuts),
            cut: AtomicUsize::new(0),
            most,
            begun: AtomicBool::new(false),
            open: Mutex::default(),
            answers: AtomicUsize::new(0),
            over: AtomicBool::new(false),
            numbers: Mutex::new(Numbers(seed)),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            loop {
                let Ok((client, _)) = listener.accept() else {
                    return;
                };
                if accepting.over.load(Ordering::Relaxed) {
                    return;
                }
                let left = accepting.budget();
                accepting.serve(client, left);
            }
        });
        Self { port, shared }
    }

    /// Begins to cut, the connections that are open now among the others.
    pub fn begin(&self) {
        self.shared.begun.store(true, Ordering::Relaxed);
        for line in lock(&self.shared.open).iter().filter_map(Weak::upgrade) {
            *lock(&line.left) = self.shared.budget();
        }
    }

    /// Where clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many connections were cut.
    pub fn cut_so_far(&self) -> usize {
        self.shared.cut.load(Ordering::Relaxed)
    }

    /// Round trips so far on the connection that was opened last: how often bytes of the server
    /// came after bytes of the client.
    pub fn round_trips(&self) -> usize {
        self.shared.answers.load(Ordering::SeqCst)
    }

    /// Cuts every connection that is open now.
    pub fn cut(&self) {
        let open = std::mem::take(&mut *lock(&self.shared.open));
        for line in open.iter().filter_map(Weak::upgrade) {
            line.cut(&self.shared);
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.cut();
    }
}

impl Shared {
    /// After how many bytes another connection is cut, if it is.
    fn budget(&self) -> Option<usize> {
        let order = Ordering::Relaxed;
        let is_cut = self.begun.load(order)
            && self
                .cuts
                .fetch_update(order, order, |cuts| cuts.checked_sub(1))
                .is_ok();
        let bytes = is_cut.then(|| lock(&self.numbers).below(self.most))?;
        usize::try_from(bytes).ok()
    }

    fn serve(self: &Arc<Self>, client: TcpStream, left: Option<usize>) {
        let Ok(server) = TcpStream::connect_timeout(&self.server, Duration::from_secs(10)) else {
            return;
        };
        for socket in [&client, &server] {
            socket.set_nodelay(true).unwrap();
        }
        let line = Arc::new(Line {
            client,
            server,
            left: Mutex::new(left),
            asks: AtomicBool::new(false),
            is_cut: AtomicBool::new(false),
        });
        lock(&self.open).push(Arc::downgrade(&line));
        self.answers.store(0, Ordering::SeqCst);
        for to_server in [true, false] {
            let (line, shared) = (Arc::clone(&line), Arc::clone(self));
            thread::spawn(move || line.pass(to_server, &shared));
        }
    }
}

impl Line {
    /// Passes bytes in one direction until its end, or until the connection is cut.
    fn pass(&self, to_server: bool, shared: &Shared) {
        let (mut from, mut to) = match to_server {
            true => (&self.client, &self.server),
            false => (&self.server, &self.client),
        };
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => {
                    let _ = to.shutdown(Shutdown::Write);
                    return;
                }
                Ok(read) => read,
                Err(_) => return self.end(),
            };
            if is_answer(&self.asks, to_server) {
                shared.answers.fetch_add(1, Ordering::SeqCst);
            }
            let (pass, cut) = {
                let mut left = lock(&self.left);
                let pass = left.map_or(read, |left| left.min(read));
                *left = left.map(|left| left - pass);
                (pass, *left == Some(0))
            };
            if to.write_all(&buffer[..pass]).is_err() {
                return self.end();
            }
            if cut {
                return self.cut(shared);
            }
        }
    }

    fn cut(&self, shared: &Shared) {
        if self.is_cut.swap(true, Ordering::Relaxed) {
            return;
        }
        let number = shared.cut.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(2) {
            for socket in [&self.client, &self.server] {
                // The reset is sent when the last thread drops the socket.
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
        }
        self.end();
    }

    fn end(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// Notes the direction of some bytes. Returns whether they are the first of an answer.
fn is_answer(asks: &AtomicBool, to_server: bool) -> bool {
    asks.swap(to_server, Ordering::SeqCst) && !to_server
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let socket = socket.unwrap();
                thread::spawn(move || std::io::copy(&mut &socket, &mut &socket));
            }
        });
        address
    }

    #[test]
    fn it_passes_bytes_until_it_cuts() {
        let relay = Relay::cutting(echo(), 7, 3, 100);
        relay.begin();
        for _ in 0..3 {
            let mut socket = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
            let _ = socket.write_all(&[1; 200]);
            let mut echoed = Vec::new();
            let _ = socket.read_to_end(&mut echoed);
            assert!(echoed.len() < 100, "{}", echoed.len());
        }
        let mut socket = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
        socket.write_all(&[1; 200]).unwrap();
        let mut echoed = [0; 200];
        socket.read_exact(&mut echoed).unwrap();
        assert_eq!(relay.cut_so_far(), 3);
        relay.cut();
        assert!(matches!(socket.read(&mut echoed), Ok(0) | Err(_)));
    }
}
