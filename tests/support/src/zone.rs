//! A zone that a test writes while other programs ask for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use simple_dns::rdata::{RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use crate::name_server::NameServer;

/// The names of records, before the domain.
const STARTTLS: &str = "_xmpp-server._tcp.";
const DIRECT_TLS: &str = "_xmpps-server._tcp.";

/// A name server for domains whose servers run on this machine. Domains that were not published do
/// not exist. Answers are not to be kept.
pub struct Zone {
    server: NameServer,
    ports: Arc<Mutex<BTreeMap<String, u16>>>,
}

impl Zone {
    /// Serves a zone without domains at this port.
    pub fn serve(port: u16) -> Self {
        let ports = Arc::new(Mutex::new(BTreeMap::new()));
        let published = ports.clone();
        let server = NameServer::start_at(port, move |_, query| {
            vec![answer(query, &published.lock().unwrap())]
        });
        Self { server, ports }
    }

    /// Says that the server of the domain listens on this port of `localhost` for other servers,
    /// with STARTTLS.
    pub fn publish(&self, domain: &str, port: u16) {
        self.add(STARTTLS, domain, port);
    }

    /// The same with TLS from the first byte (XEP-0368).
    pub fn publish_direct_tls(&self, domain: &str, port: u16) {
        self.add(DIRECT_TLS, domain, port);
    }

    fn add(&self, service: &str, domain: &str, port: u16) {
        let mut ports = self.ports.lock().unwrap();
        ports.insert(format!("{service}{domain}"), port);
    }

    pub fn address(&self) -> SocketAddr {
        self.server.address
    }
}

fn answer(query: &[u8], ports: &BTreeMap<String, u16>) -> Vec<u8> {
    let query = Packet::parse(query).unwrap();
    let mut reply = Packet::new_reply(query.id());
    // Erlang's resolver drops answers that do not repeat the flag of the question.
    reply.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    let question = query.questions[0].clone();
    let name = question.qname.to_string().to_ascii_lowercase();
    let Some(&port) = ports.get(&name) else {
        *reply.rcode_mut() = RCODE::NameError;
        reply.questions.push(question);
        return reply.build_bytes_vec().unwrap();
    };
    if question.qtype == QTYPE::TYPE(TYPE::SRV) {
        let record = SRV {
            priority: 0,
            weight: 0,
            port,
            target: Name::new_unchecked("localhost"),
        };
        let owner = question.qname.clone();
        let record = ResourceRecord::new(owner, CLASS::IN, 0, RData::SRV(record));
        reply.answers.push(record);
    }
    reply.questions.push(question);
    reply.build_bytes_vec().unwrap()
}
