//! Servers that exchange stanzas over loopback sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use xmppwire::s2s::{DialbackSecret, Pair, Trust};
use xmppwire::{Domainpart, Jid, Message, Stanza, StanzaErrorCondition as Condition, TlsPolicy};
use xmppwire_net::federation::{
    DomainPolicy, FederationConfig, FederationEvent, FederationLimits, LocalDomain, Policies,
};
use xmppwire_net::find::{Mode, NameServers, Service};
use xmppwire_net::tls::{ClientTls, ServerTls};

use crate::adapter::{Adapter, Federation};
use crate::name_server::{NameServer, empty, srv};
use crate::{Authority, PATIENCE};

const A: &str = "capulet.example";
const B: &str = "montague.example";
const C: &str = "verona.example";

/// The header flags of an answer without an error, to a query that wanted recursion.
const OK: u16 = 0x8180;

/// Time that a site has to itself while nothing happens on it.
const TURN: Duration = Duration::from_millis(2);

fn domain(text: &str) -> Domainpart {
    Domainpart::new(text).unwrap()
}

fn message(from: &str, to: &str, body: impl ToString) -> Stanza {
    let to = Jid::new(&format!("someone@{to}")).unwrap();
    let mut stanza: Stanza = Message::chat(to, body.to_string()).into();
    stanza.set_from(Some(Jid::new(&format!("someone@{from}")).unwrap()));
    stanza
}

fn body(stanza: &Stanza) -> String {
    let Stanza::Message(message) = stanza else {
        panic!("{stanza:?}");
    };
    message.body().unwrap().into_owned()
}

/// How servers prove their domains.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Proof {
    Certificate,
    Dialback,
}

/// A server, and what happened on it.
struct Site<F> {
    federation: F,
    arrived: Vec<Stanza>,
    undelivered: Vec<Condition>,
    /// How well the other server is known that sends, and the one that is sent to.
    trust: Option<Trust>,
    reached: Option<Trust>,
    over: bool,
    port: u16,
}

impl<F: Federation> Site<F> {
    fn new(config: FederationConfig, listener: TcpListener, mode: Mode) -> Self {
        let mut federation = F::new(config);
        let port = listener.local_addr().unwrap().port();
        federation.listen(listener, mode);
        Self {
            federation,
            arrived: Vec::new(),
            undelivered: Vec::new(),
            trust: None,
            reached: None,
            over: false,
            port,
        }
    }

    fn send(&mut self, from: &str, to: &str, body: impl ToString) {
        self.federation.send(message(from, to, body)).unwrap();
    }

    /// Lets the site move for a moment.
    fn turn(&mut self) {
        while !self.over
            && let Some(event) = self.federation.next(TURN)
        {
            match event {
                Some(FederationEvent::Authorised(_, trust)) => self.trust = Some(trust),
                Some(FederationEvent::Ready(_, trust)) => self.reached = Some(trust),
                Some(FederationEvent::Stanza(stanza)) => self.arrived.push(stanza),
                Some(FederationEvent::Undelivered(stanza)) => {
                    let reply = stanza.reply().unwrap();
                    assert_eq!(reply.to(), stanza.stanza().from());
                    self.undelivered.push(reply.error().unwrap().condition());
                }
                Some(_) => {}
                None => self.over = true,
            }
        }
    }

    fn bodies(&self) -> Vec<String> {
        self.arrived.iter().map(body).collect()
    }
}

/// Lets the sites take turns until something holds of them.
fn until<F: Federation, const N: usize>(
    sites: &mut [Site<F>; N],
    done: impl Fn(&[Site<F>; N]) -> bool,
) {
    while !done(sites) {
        sites.iter_mut().for_each(Site::turn);
    }
}

fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

/// TLS of a domain with a certificate for `name`. Only a server that proves itself by its
/// certificate shows it where it is the client.
fn tls(authority: &Authority, name: &str, proof: Proof) -> LocalDomain {
    let identity = authority.issue(name, |_| {});
    match proof {
        Proof::Certificate => LocalDomain::new(identity, authority.roots()).unwrap(),
        Proof::Dialback => {
            let outgoing = ClientTls::builder(authority.roots()).service(Service::SERVER);
            let incoming = ServerTls::builder(identity).service(Service::SERVER);
            LocalDomain::with_tls(outgoing.build().unwrap(), incoming.build().unwrap(), false)
        }
    }
}

fn bind() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The configuration of a server of these domains.
fn config(authority: &Authority, domains: &[&str], proof: Proof) -> FederationConfig {
    let mut config = FederationConfig::new();
    for name in domains {
        config = config.with_domain(domain(name), tls(authority, name, proof));
    }
    match proof {
        Proof::Certificate => config,
        Proof::Dialback => config.with_dialback(secret_of(domains[0])),
    }
}

fn secret_of(domain: &str) -> DialbackSecret {
    DialbackSecret::new(format!("the secret of {domain}"))
}

/// Two servers that know where the other one is. `change` changes the configuration of both.
fn pair<A_: Adapter>(
    mode: Mode,
    proof: Proof,
    change: impl Fn(FederationConfig) -> FederationConfig,
) -> [Site<A_::Federation>; 2] {
    let authority = Authority::new();
    let ((a, port_a), (b, port_b)) = (bind(), bind());
    let of = |own: &str, other: &str, port| {
        let config = config(&authority, &[own], proof);
        change(config.with_server(domain(other), "127.0.0.1", port, mode))
    };
    [
        Site::new(of(A, B, port_b), a, mode),
        Site::new(of(B, A, port_a), b, mode),
    ]
}

fn limited(
    change: impl Fn(&mut FederationLimits),
) -> impl Fn(FederationConfig) -> FederationConfig {
    move |config| {
        let mut limits = FederationLimits::default();
        change(&mut limits);
        config.with_limits(limits)
    }
}

fn under(policy: DomainPolicy) -> impl Fn(FederationConfig) -> FederationConfig {
    move |config| config.with_policies(Policies::new(policy))
}

/// Each server sends `count` messages and receives those of the other one, in order.
fn exchange<F: Federation>(mut sites: [Site<F>; 2], count: usize, trust: Trust) {
    for number in 0..count {
        sites[0].send(A, B, number);
        sites[1].send(B, A, number);
    }
    until(&mut sites, |sites| {
        sites.iter().all(|site| site.arrived.len() >= count)
    });
    for (site, sender) in sites.iter().zip([B, A]) {
        assert_eq!(site.bodies(), numbers(count));
        let senders = site.arrived.iter().map(|it| it.from().unwrap());
        assert!(senders.map(Jid::domainpart).all(|it| it == sender));
        assert_eq!(site.trust, Some(trust));
        assert_eq!(site.undelivered, []);
    }
}

/// So many messages each way over TLS: none is lost, and none out of order.
pub fn messages_each_way<A_: Adapter>(count: usize) {
    let roomy = limited(|limits| limits.queued_per_domain = 32 << 20);
    let sites = pair::<A_>(Mode::StartTls, Proof::Certificate, roomy);
    exchange(sites, count, Trust::Certificate);
}

pub fn certificates_authorise_servers<A_: Adapter>() {
    let strict = || under(DomainPolicy::default().without_dialback());
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let sites = pair::<A_>(mode, Proof::Certificate, strict());
        exchange(sites, 100, Trust::Certificate);
    }
}

pub fn dialback_authorises_servers_that_show_no_certificate<A_: Adapter>() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let sites = pair::<A_>(mode, Proof::Dialback, |config| config);
        exchange(sites, 100, Trust::Dialback { tls: true });
    }
}

/// Certificates of unknown authorities encrypt, and prove nothing in either direction.
pub fn dialback_authorises_servers_with_unverified_certificates<A_: Adapter>() {
    for mode in [Mode::StartTls, Mode::DirectTls] {
        let ((a, port_a), (b, port_b)) = (bind(), bind());
        let site = |own: &str, listener, other, port, secret: u8| {
            let identity = Authority::new().issue(own, |_| {});
            let tls = LocalDomain::new(identity, Authority::new().roots()).unwrap();
            let config = FederationConfig::new()
                .with_domain(domain(own), tls)
                .with_dialback(DialbackSecret::new([secret; 16]))
                .with_server(domain(other), "127.0.0.1", port, mode);
            Site::<A_::Federation>::new(config, listener, mode)
        };
        let mut sites = [site(A, a, B, port_b, 1), site(B, b, A, port_a, 2)];
        sites[0].send(A, B, 0);
        sites[1].send(B, A, 0);
        until(&mut sites, |sites| {
            sites.iter().all(|site| site.arrived.len() == 1)
        });
        let unverified = Some(Trust::Dialback { tls: true });
        for site in sites {
            assert_eq!((site.trust, site.reached), (unverified, unverified));
        }
    }
}

pub fn dialback_works_in_clear_text_where_the_policy_allows_it<A_: Adapter>() {
    let clear = under(DomainPolicy::default().with_tls(TlsPolicy::Forbidden));
    let sites = pair::<A_>(Mode::StartTls, Proof::Dialback, clear);
    exchange(sites, 100, Trust::Dialback { tls: false });
}

fn nothing_arrives<F: Federation>(mut sites: [Site<F>; 2]) {
    sites[0].send(A, B, "Ciao");
    until(&mut sites, |[a, _]| !a.undelivered.is_empty());
    assert_eq!(sites[0].undelivered, [Condition::RemoteServerTimeout]);
    assert_eq!(sites[1].bodies(), [""; 0]);
}

pub fn dialback_is_refused_where_the_policy_wants_a_certificate<A_: Adapter>() {
    let strict = under(DomainPolicy::default().with_certified_peer());
    nothing_arrives(pair::<A_>(Mode::StartTls, Proof::Dialback, strict));
}

/// The policy of a domain counts, whatever the stream header names.
pub fn a_key_of_a_strict_domain_is_refused_under_another_header<A_: Adapter>() {
    let authority = Authority::new();
    let ((a, port_a), (b, port_b)) = (bind(), bind());
    // C comes over a stream that was opened for A, which needs no certificate.
    let sharing = Policies::new(DomainPolicy::default().with_shared_streams());
    let from = config(&authority, &[A, C], Proof::Dialback)
        .with_server(domain(B), "127.0.0.1", port_b, Mode::StartTls)
        .with_policies(sharing);
    let strict = Policies::default().with(domain(C), DomainPolicy::default().with_certified_peer());
    let to = config(&authority, &[B], Proof::Dialback)
        .with_server(domain(A), "127.0.0.1", port_a, Mode::StartTls)
        .with_server(domain(C), "127.0.0.1", port_a, Mode::StartTls)
        .with_policies(strict);
    let mut sites = [
        Site::<A_::Federation>::new(from, a, Mode::StartTls),
        Site::new(to, b, Mode::StartTls),
    ];
    sites[0].send(A, B, 0);
    until(&mut sites, |[_, b]| b.arrived.len() == 1);
    sites[0].send(C, B, 1);
    until(&mut sites, |[a, _]| !a.undelivered.is_empty());
    sites[0].send(A, B, 2);
    until(&mut sites, |[_, b]| b.arrived.len() == 2);
    assert_eq!(sites[1].bodies(), ["0", "2"]);
}

pub fn a_server_with_a_foreign_certificate_gets_nothing<A_: Adapter>() {
    let authority = Authority::new();
    let ((a, _), (b, port)) = (bind(), bind());
    let from = config(&authority, &[A], Proof::Certificate);
    let from = from.with_server(domain(B), "127.0.0.1", port, Mode::StartTls);
    let foreign = tls(&authority, "mallory.example", Proof::Certificate);
    let to = FederationConfig::new().with_domain(domain(B), foreign);
    nothing_arrives([
        Site::<A_::Federation>::new(from, a, Mode::StartTls),
        Site::new(to, b, Mode::StartTls),
    ]);
}

pub fn what_cannot_be_delivered_in_time_comes_back_and_the_end_is_seen<A_: Adapter>() {
    let short = limited(|limits| limits.queue_time = Duration::from_millis(50));
    let [a, b] = pair::<A_>(Mode::StartTls, Proof::Certificate, short);
    drop(b);
    let mut sites = [a];
    sites[0].send(A, B, "Ciao");
    until(&mut sites, |[a]| !a.undelivered.is_empty());
    assert_eq!(sites[0].undelivered, [Condition::RemoteServerTimeout]);
    sites[0].federation.close();
    until(&mut sites, |[a]| a.over);
    assert!(sites[0].federation.send(message(A, B, "Ciao")).is_err());
}

/// What no stream would take comes back, and what is behind it goes on.
pub fn a_stanza_that_cannot_be_written_holds_nothing_up<A_: Adapter>() {
    let mut sites = pair::<A_>(Mode::StartTls, Proof::Certificate, |it| it);
    sites[0].send(A, B, "before");
    sites[0].send(A, B, "\u{1}");
    sites[0].send(A, B, "after");
    until(&mut sites, |[a, b]| {
        b.arrived.len() == 2 && a.undelivered.len() == 1
    });
    assert_eq!(sites[1].bodies(), ["before", "after"]);
    assert_eq!(sites[0].undelivered, [Condition::BadRequest]);
}

pub fn streams_are_closed_in_order_at_the_end<A_: Adapter>() {
    let mut sites = pair::<A_>(Mode::StartTls, Proof::Certificate, |it| it);
    sites[0].send(A, B, "Ciao");
    until(&mut sites, |[_, b]| b.arrived.len() == 1);
    for site in &mut sites {
        site.federation.close();
    }
    until(&mut sites, |sites| sites.iter().all(|it| it.over));
}

pub fn what_waits_for_a_server_is_sent_when_it_is_there<A_: Adapter>() {
    let change = limited(|limits| {
        limits.reconnect.first = Duration::from_millis(20);
        limits.reconnect.max = Duration::from_millis(100);
    });
    let authority = Authority::new();
    let ((a, port_a), (b, port_b)) = (bind(), bind());
    let address = b.local_addr().unwrap();
    drop(b);
    let of = |own: &str, other: &str, port| {
        let config = config(&authority, &[own], Proof::Certificate);
        change(config.with_server(domain(other), "127.0.0.1", port, Mode::StartTls))
    };
    let mut a = Site::<A_::Federation>::new(of(A, B, port_b), a, Mode::StartTls);
    for number in 0..10 {
        a.send(A, B, number);
    }
    // Some attempts fail.
    for _ in 0..100 {
        a.turn();
    }
    let b = Site::new(
        of(B, A, port_a),
        TcpListener::bind(address).unwrap(),
        Mode::StartTls,
    );
    let mut sites = [a, b];
    until(&mut sites, |[_, b]| b.arrived.len() == 10);
    assert_eq!(sites[1].bodies(), numbers(10));
}

/// A stream in both directions (XEP-0288): the answer needs no second connection.
/// Each server finds the other one by its SRV records, although the best one leads nowhere.
pub fn records_lead_to_the_other_server<A_: Adapter>() {
    let authority = Authority::new();
    let ((a, port_a), (b, port_b), (closed, nowhere)) = (bind(), bind(), bind());
    drop(closed);
    let name_server = NameServer::start(move |asked, query| {
        let port = match asked.name.as_str() {
            "_xmpp-server._tcp.capulet.example" => port_a,
            "_xmpp-server._tcp.montague.example" => port_b,
            _ => return vec![empty(query, OK)],
        };
        let records = [(9, 0, port, "localhost"), (1, 0, nowhere, "localhost")];
        vec![srv(query, &records)]
    });
    let servers = NameServers::new([name_server.address]).with_timeout(PATIENCE);
    let site = |own, listener| {
        let config = config(&authority, &[own], Proof::Certificate);
        let config = config.with_name_servers(servers.clone());
        Site::<A_::Federation>::new(config, listener, Mode::StartTls)
    };
    exchange([site(A, a), site(B, b)], 10, Trust::Certificate);
    let mut asked: Vec<_> = name_server.asked().into_iter().map(|it| it.name).collect();
    asked.sort();
    assert_eq!(
        asked,
        [
            "_xmpp-server._tcp.capulet.example",
            "_xmpp-server._tcp.montague.example",
            "_xmpps-server._tcp.capulet.example",
            "_xmpps-server._tcp.montague.example",
        ]
    );
}

/// The target `.` says that the domain has no server (RFC 6120 §3.2.1).
pub fn a_domain_without_the_service_gets_nothing<A_: Adapter>() {
    let name_server = NameServer::start(|_, query| vec![srv(query, &[(0, 0, 0, ".")])]);
    let servers = NameServers::new([name_server.address]).with_timeout(PATIENCE);
    let config = config(&Authority::new(), &[A], Proof::Certificate).with_name_servers(servers);
    let mut sites = [Site::<A_::Federation>::new(
        config,
        bind().0,
        Mode::StartTls,
    )];
    sites[0].send(A, B, "Ciao");
    until(&mut sites, |[a]| !a.undelivered.is_empty());
    assert_eq!(sites[0].undelivered, [Condition::RemoteServerNotFound]);
}

pub fn an_answer_comes_back_over_a_stream_in_both_directions<A_: Adapter>() {
    for proof in [Proof::Certificate, Proof::Dialback] {
        let authority = Authority::new();
        let ((a, port_a), (b, port_b)) = (bind(), bind());
        let both = || under(DomainPolicy::default().with_bidi());
        let from = both()(config(&authority, &[A], proof));
        let from = from.with_server(domain(B), "127.0.0.1", port_b, Mode::StartTls);
        // Dialback needs one connection of the other server.
        let incoming = usize::from(proof == Proof::Dialback);
        let to = both()(config(&authority, &[B], proof));
        let to = to.with_server(domain(A), "127.0.0.1", port_a, Mode::StartTls);
        let mut sites = [
            Site::<A_::Federation>::new(from.with_incoming(incoming), a, Mode::StartTls),
            Site::new(to.with_incoming(1), b, Mode::StartTls),
        ];
        sites[0].send(A, B, "Ciao");
        until(&mut sites, |[_, b]| b.arrived.len() == 1);
        for number in 0..100 {
            sites[1].send(B, A, number);
        }
        until(&mut sites, |[a, _]| a.arrived.len() == 100);
        assert_eq!(sites[0].bodies(), numbers(100));
        sites[0].send(A, B, "Addio");
        until(&mut sites, |[_, b]| b.arrived.len() == 2);
    }
}

/// Domains of one server share a connection where the policy says so (XEP-0220 §2.6).
pub fn one_stream_carries_several_domains_of_both_sides<A_: Adapter>() {
    let authority = Authority::new();
    let ((a, port_a), (b, port_b)) = (bind(), bind());
    let sharing = || under(DomainPolicy::default().with_shared_streams());
    let domains = [A, "a2.example"];
    let targets = [B, "b2.example", C];
    let mut from = sharing()(config(&authority, &domains, Proof::Dialback));
    for target in targets {
        from = from.with_server(domain(target), "127.0.0.1", port_b, Mode::StartTls);
    }
    let mut to = sharing()(config(&authority, &targets, Proof::Dialback));
    for sender in domains {
        to = to.with_server(domain(sender), "127.0.0.1", port_a, Mode::StartTls);
    }
    let mut sites = [
        Site::<A_::Federation>::new(from, a, Mode::StartTls),
        Site::new(to.with_incoming(1), b, Mode::StartTls),
    ];
    let mut count = 0;
    for target in targets {
        for sender in domains {
            sites[0].send(sender, target, count);
            count += 1;
            until(&mut sites, |[_, b]| b.arrived.len() == count);
        }
    }
    for number in 0..100 {
        sites[0].send(A, C, count + number);
    }
    until(&mut sites, |[_, b]| b.arrived.len() == count + 100);
    assert_eq!(sites[1].bodies(), numbers(count + 100));
    assert_eq!(sites[0].undelivered, []);
}

/// With direct TLS the server name chooses the certificate.
pub fn each_domain_shows_its_own_certificate<A_: Adapter>() {
    for mode in [Mode::DirectTls, Mode::StartTls] {
        let authority = Authority::new();
        let ((a, _), (b, port)) = (bind(), bind());
        let strict = under(DomainPolicy::default().with_certified_peer());
        let targets = [C, B, "b2.example"];
        let mut from = strict(config(&authority, &[A], Proof::Certificate));
        for target in targets {
            from = from.with_server(domain(target), "127.0.0.1", port, mode);
        }
        let to = config(&authority, &targets, Proof::Certificate);
        let mut sites = [
            Site::<A_::Federation>::new(from, a, mode),
            Site::new(to, b, mode),
        ];
        for target in targets {
            sites[0].send(A, target, target);
        }
        until(&mut sites, |[_, b]| b.arrived.len() == targets.len());
    }
}

/// A server that serves the domain elsewhere says so (RFC 6120 §4.9.3.19).
pub fn a_server_that_moved_a_domain_is_followed<A_: Adapter>() {
    let authority = Authority::new();
    let ((a, _), (b, port_b), (c, port_c)) = (bind(), bind(), bind());
    let from = config(&authority, &[A], Proof::Certificate);
    let from = from.with_server(domain(B), "127.0.0.1", port_b, Mode::StartTls);
    let moved = |to: u16| {
        let own = tls(&authority, B, Proof::Certificate).moved_to(format!("127.0.0.1:{to}"));
        FederationConfig::new().with_domain(domain(B), own)
    };
    let mut sites = [
        Site::<A_::Federation>::new(from.clone(), a, Mode::StartTls),
        Site::new(moved(port_c), b, Mode::StartTls),
        Site::new(
            config(&authority, &[B], Proof::Certificate),
            c,
            Mode::StartTls,
        ),
    ];
    sites[0].send(A, B, "Ciao");
    until(&mut sites, |[_, _, c]| c.arrived.len() == 1);
    // A circle ends.
    let ((a, _), (b, port_b)) = (bind(), bind());
    let from = config(&authority, &[A], Proof::Certificate).with_server(
        domain(B),
        "127.0.0.1",
        port_b,
        Mode::StartTls,
    );
    let from = limited(|limits| limits.queue_time = Duration::from_secs(3))(from);
    nothing_arrives([
        Site::<A_::Federation>::new(from, a, Mode::StartTls),
        Site::new(moved(port_b), b, Mode::StartTls),
    ]);
}

pub fn connections_of_one_address_are_limited<A_: Adapter>() {
    let short = limited(|limits| limits.queue_time = Duration::from_secs(1));
    let [a, b] = pair::<A_>(Mode::StartTls, Proof::Certificate, |config| {
        short(config).with_incoming_per_address(0)
    });
    nothing_arrives([a, b]);
}

/// A server of before RFC 3920 names no domain in its header, and proves one by dialback.
pub fn a_server_of_before_rfc_3920_is_served<A_: Adapter>() {
    let policy = DomainPolicy::default().with_tls(TlsPolicy::Preferred);
    let mut sites = pair::<A_>(Mode::StartTls, Proof::Dialback, under(policy.with_legacy()));
    let mut old = TcpStream::connect(("127.0.0.1", sites[1].port)).unwrap();
    old.set_read_timeout(Some(TURN)).unwrap();
    let header = "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' \
        xmlns:stream='http://etherx.jabber.org/streams'>";
    old.write_all(header.as_bytes()).unwrap();
    let mut heard = String::new();
    let mut hears = |sites: &mut [Site<A_::Federation>; 2], old: &mut TcpStream, what: &str| {
        while !heard.contains(what) {
            sites.iter_mut().for_each(Site::turn);
            let mut chunk = [0; 1024];
            let length = old.read(&mut chunk).unwrap_or(0);
            heard.push_str(std::str::from_utf8(&chunk[..length]).unwrap());
        }
        heard.clone()
    };
    let response = hears(&mut sites, &mut old, " id='");
    let (_, named) = response.split_once("<stream:stream").unwrap();
    assert!(!named.contains("version="), "{response}");
    let (_, id) = response.split_once(" id='").unwrap();
    let id = id.split('\'').next().unwrap();
    let authorised = Pair::new(domain(A), domain(B));
    let key = secret_of(A).key(&authorised, id);
    let key = format!("<db:result from='{A}' to='{B}'>{key}</db:result>");
    old.write_all(key.as_bytes()).unwrap();
    hears(&mut sites, &mut old, "type='valid'");
    let message =
        format!("<message from='someone@{A}' to='someone@{B}'><body>Ciao</body></message>");
    old.write_all(message.as_bytes()).unwrap();
    until(&mut sites, |[_, b]| b.arrived.len() == 1);
    assert_eq!(sites[1].bodies(), ["Ciao"]);
}

// --- A flood, for tests that measure memory -------------------------------------------------------

/// Streams of a flood.
const STREAMS: usize = 8;

/// A server that is flooded, and the one that does it.
pub struct Flood {
    authority: Authority,
}

impl Flood {
    /// Stanzas that are sent.
    pub const STANZAS: usize = 1_600;

    /// Bytes of each of them, about.
    pub const BYTES: usize = 20_000;

    pub fn new() -> Self {
        let authority = Authority::new();
        Self { authority }
    }

    /// The configuration of the server that is flooded.
    pub fn target(&self) -> FederationConfig {
        config(&self.authority, &[B], Proof::Certificate)
    }

    /// Sends all stanzas to a server at this port of the loopback interface, over several streams,
    /// until `stop` says so.
    pub fn begin<A_: Adapter>(&self, port: u16, stop: impl Fn() -> bool + Send + 'static) {
        let names: Vec<_> = (0..STREAMS).map(|n| format!("a{n}.example")).collect();
        let own: Vec<_> = names.iter().map(String::as_str).collect();
        let config = config(&self.authority, &own, Proof::Certificate);
        let config = config.with_server(domain(B), "127.0.0.1", port, Mode::StartTls);
        let config = limited(|limits| {
            limits.queued_per_domain = 1 << 30;
            limits.queued = 1 << 30;
        })(config);
        std::thread::spawn(move || {
            let mut site = Site::<A_::Federation>::new(config, bind().0, Mode::StartTls);
            let body = "x".repeat(Self::BYTES);
            for number in 0..Self::STANZAS {
                site.send(&names[number % STREAMS], B, &body);
            }
            while !stop() {
                site.turn();
            }
        });
    }
}
