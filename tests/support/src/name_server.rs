//! A name server on the loopback interface, for as long as a test runs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long the threads wait before they check whether to stop.
const TICK: Duration = Duration::from_millis(5);

/// A query that the server has received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub name: String,
    pub tcp: bool,
    /// The port that it came from.
    pub port: u16,
    pub id: u16,
}

/// The answers to a query. Over UDP the server sends all of them. Over TCP it sends the first one
/// after its length; without one it closes the connection, and for an empty one it sends the first
/// byte of the length and nothing more.
pub type Script = dyn Fn(&Asked, &[u8]) -> Vec<Vec<u8>> + Send + Sync;

/// A name server that answers by a script, over UDP and TCP on the same port, until it is dropped.
pub struct NameServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl NameServer {
    pub fn start(script: impl Fn(&Asked, &[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::over(sockets(), script)
    }

    /// The same at this port.
    pub fn start_at(
        port: u16,
        script: impl Fn(&Asked, &[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self::over(bind(port).expect("the port is free"), script)
    }

    fn over(
        (udp, tcp): (UdpSocket, TcpListener),
        script: impl Fn(&Asked, &[u8]) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let script: Arc<Script> = Arc::new(script);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let address = udp.local_addr().unwrap();
        let threads = vec![
            thread::spawn({
                let (script, asked, stop) = (script.clone(), asked.clone(), stop.clone());
                move || serve_udp(&udp, &*script, &asked, &stop)
            }),
            thread::spawn({
                let (asked, stop) = (asked.clone(), stop.clone());
                move || serve_tcp(&tcp, &*script, &asked, &stop)
            }),
        ];
        Self {
            address,
            asked,
            stop,
            threads,
        }
    }

    /// The queries so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let result = thread.join();
            assert!(
                result.is_ok() || thread::panicking(),
                "the name server panicked"
            );
        }
    }
}

/// A UDP and a TCP socket on the same port.
fn sockets() -> (UdpSocket, TcpListener) {
    let mut attempts = (0..20).filter_map(|_| bind(0).ok());
    attempts
        .next()
        .expect("a port that is free for both UDP and TCP")
}

fn bind(port: u16) -> std::io::Result<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
    let tcp = TcpListener::bind(udp.local_addr()?)?;
    udp.set_read_timeout(Some(TICK))?;
    tcp.set_nonblocking(true)?;
    Ok((udp, tcp))
}

fn serve_udp(socket: &UdpSocket, script: &Script, asked: &Mutex<Vec<Asked>>, stop: &AtomicBool) {
    let mut buffer = [0; 512];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let query = &buffer[..length];
        let question = read(query, false, from);
        asked.lock().unwrap().push(question.clone());
        for reply in script(&question, query) {
            socket.send_to(&reply, from).unwrap();
        }
    }
}

fn serve_tcp(
    listener: &TcpListener,
    script: &Script,
    asked: &Mutex<Vec<Asked>>,
    stop: &AtomicBool,
) {
    let mut silent = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let Ok((mut stream, from)) = listener.accept() else {
            thread::sleep(TICK);
            continue;
        };
        stream.set_nonblocking(false).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut query = vec![0; u16::from_be_bytes(length).into()];
        stream.read_exact(&mut query).unwrap();
        let question = read(&query, true, from);
        asked.lock().unwrap().push(question.clone());
        let replies = script(&question, &query);
        let Some(reply) = replies.first() else {
            continue;
        };
        // The client may be gone by now, so errors do not count. The length is cut, as networks do.
        let length = (reply.len() as u16).to_be_bytes();
        let _ = stream.write_all(&length[..1]);
        if reply.is_empty() {
            silent.push(stream);
        } else {
            let _ = stream.write_all(&length[1..]);
            let _ = stream.write_all(reply);
        }
    }
}

fn read(query: &[u8], tcp: bool, from: SocketAddr) -> Asked {
    let packet = simple_dns::Packet::parse(query).unwrap();
    Asked {
        name: packet.questions[0].qname.to_string(),
        tcp,
        port: from.port(),
        id: packet.id(),
    }
}

/// The query as an answer without records, with these header flags.
pub fn empty(query: &[u8], flags: u16) -> Vec<u8> {
    let mut message = query.to_vec();
    message[2..4].copy_from_slice(&flags.to_be_bytes());
    message
}

/// An answer with SRV records of priority, weight, port and target.
pub fn srv(query: &[u8], records: &[(u16, u16, u16, &str)]) -> Vec<u8> {
    let mut message = empty(query, 0x8180);
    message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for (priority, weight, port, target) in records {
        let mut data = Vec::new();
        for number in [priority, weight, port] {
            data.extend_from_slice(&number.to_be_bytes());
        }
        for label in target.split('.').filter(|label| !label.is_empty()) {
            data.push(label.len() as u8);
            data.extend_from_slice(label.as_bytes());
        }
        data.push(0);
        // The owner as a pointer to the question, type SRV, class IN, a minute to live.
        message.extend_from_slice(&[0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
        message.extend_from_slice(&(data.len() as u16).to_be_bytes());
        message.extend_from_slice(&data);
    }
    message
}
