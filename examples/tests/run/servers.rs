//! `server` among other servers, and with components.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use xmppwire_test_support::name_server::{self, NameServer};
use xmppwire_tokio::component::{ComponentConfig, Secret};
use xmppwire_tokio::{
    Client, CloseReason, ComponentConnection, ComponentConnector, Domainpart, Message, MessageType,
    RequestError, StanzaErrorCondition, StreamErrorCondition, ns,
};

use crate::server::{get, jid, login, login_as, next_message};
use crate::support::{Certificate, PATIENCE, Running, Server, directory, example, run};

const CAPULET: &str = "capulet.example";
const MONTAGUE: &str = "montague.example";
const ECHO: &str = "echo.capulet.example";
const SECRET: &str = "correct horse battery staple";

/// Where the servers of a test are. A domain that is not in it has no server.
struct Network {
    ports: Arc<Mutex<BTreeMap<String, u16>>>,
    dns: NameServer,
    /// The certificates of all domains.
    roots: PathBuf,
}

impl Network {
    fn new(test: &str, certificates: &[&Certificate]) -> Self {
        let roots: String = certificates.iter().map(|made| &*made.chain).collect();
        let file = directory(test).join("roots");
        fs::write(&file, roots).expect("a writable file");
        let ports: Arc<Mutex<BTreeMap<String, u16>>> = Arc::default();
        let known = Arc::clone(&ports);
        let dns = NameServer::start(move |asked, query| {
            let domain = asked.name.strip_prefix("_xmpp-server._tcp.");
            let known = known.lock().expect("no panic");
            let port = domain.and_then(|domain| known.get(domain));
            vec![match port {
                Some(&port) => name_server::srv(query, &[(0, 0, port, "localhost")]),
                // The root as the target says that there is no such service (RFC 2782).
                None => name_server::srv(query, &[(0, 0, 0, ".")]),
            }]
        });
        Self {
            ports,
            dns,
            roots: file,
        }
    }

    /// Starts a server that others find under these domains.
    fn start(
        &self,
        test: &str,
        certificate: &Certificate,
        domains: &[&str],
        more: &[&str],
    ) -> Server {
        let (dns, roots) = (self.dns.address.to_string(), self.roots.to_str());
        let mut arguments = vec!["--s2s-listen", "127.0.0.1:0", "--name-server", &dns];
        arguments.extend(["--s2s-ca", roots.expect("UTF-8")]);
        arguments.extend(more);
        let server = Server::of(test, certificate, &arguments);
        let port = server.for_servers.expect("a port").port();
        let mut ports = self.ports.lock().expect("no panic");
        ports.extend(domains.iter().map(|&domain| (domain.to_owned(), port)));
        drop(ports);
        server
    }
}

/// What a message is answered with, here an error.
async fn bounce(client: &mut Client, to: &str) -> StanzaErrorCondition {
    let message = Message::chat(jid(to), "Anon!");
    client.send(message).await.expect("sent");
    let error = next_message(client).await;
    assert_eq!(error.message_type(), MessageType::Error);
    assert_eq!(error.from(), Some(&jid(to)));
    error.error().expect("an error").condition()
}

/// Sends a message and returns the body of the next one.
async fn exchange(client: &mut Client, to: &str, body: &str) -> String {
    let message = Message::chat(jid(to), body);
    client.send(message).await.expect("sent");
    let heard = next_message(client).await;
    assert_eq!(heard.from(), Some(&jid(to)), "{heard:?}");
    heard.body().unwrap_or_default().into_owned()
}

/// The echo service, as a program of its own.
fn echo(server: &Server) -> Running {
    let address = server.for_components.expect("a port").to_string();
    let mut command = example("component");
    command
        .args([ECHO, &address])
        .env("COMPONENT_SECRET", SECRET);
    Running::spawn(command.stdout(Stdio::null()).stderr(Stdio::null()))
}

async fn attach(
    server: &Server,
    secret: &str,
) -> Result<ComponentConnection, xmppwire_tokio::ConnectError> {
    let domain = Domainpart::new(ECHO).expect("a domain");
    let config = ComponentConfig::new(domain, Secret::new(secret));
    let address = server.for_components.expect("a port");
    let connector = ComponentConnector::new(config, address.ip().to_string(), address.port());
    let attached = timeout(PATIENCE, ComponentConnection::connect_with(&connector)).await;
    attached.expect("in time")
}

/// The stream error that ends a component's connection.
fn peer_error(reason: Option<&CloseReason>) -> StreamErrorCondition {
    match reason {
        Some(CloseReason::PeerError(error)) => error.condition(),
        other => panic!("{other:?}"),
    }
}

/// Sends messages until one is answered, with an error or without. One that was under way when the
/// component ended is not answered at all.
async fn wait_until(client: &mut Client, to: &str, is_error: bool) {
    let answered = async {
        loop {
            let message = Message::chat(jid(to), "there?");
            client.send(message).await.expect("sent");
            let answer = timeout(Duration::from_secs(1), next_message(client)).await;
            if answer.is_ok_and(|answer| answer.is_error() == is_error) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, answered).await.expect("in time");
}

#[test]
fn two_servers_exchange_messages_requests_and_errors() {
    run(async || {
        let (capulet, montague) = (Certificate::new(CAPULET), Certificate::new(MONTAGUE));
        let network = Network::new("servers-two", &[&capulet, &montague]);
        let capulet = network.start("servers-capulet", &capulet, &[CAPULET], &[]);
        let montague = network.start("servers-montague", &montague, &[MONTAGUE], &[]);
        let mut juliet = login(&capulet, "juliet", "balcony").await;
        let mut romeo = login(&montague, "romeo", "orchard").await;

        let message = Message::chat(jid("romeo@montague.example"), "Art thou not Romeo?");
        juliet.send(message).await.expect("sent");
        let heard = next_message(&mut romeo).await;
        assert_eq!(heard.from(), Some(&jid("juliet@capulet.example/balcony")));
        romeo
            .send(heard.reply("Neither, fair saint").expect("a sender"))
            .await
            .expect("sent");
        let heard = next_message(&mut juliet).await;
        assert_eq!(heard.from(), Some(&jid("romeo@montague.example/orchard")));

        let ping = get("ping", ns::PING).with_to(jid(MONTAGUE));
        juliet.request(ping).await.expect("a pong");
        let strange = get("query", "urn:example:unheard-of").with_to(jid(MONTAGUE));
        match juliet.request(strange).await {
            Err(RequestError::Refused(error)) => {
                assert_eq!(error.condition(), StanzaErrorCondition::ServiceUnavailable);
            }
            other => panic!("{other:?}"),
        }
        for (to, expected) in [
            (
                "tybalt@montague.example",
                StanzaErrorCondition::ServiceUnavailable,
            ),
            (
                "paris@verona.example",
                StanzaErrorCondition::RemoteServerNotFound,
            ),
        ] {
            assert_eq!(bounce(&mut juliet, to).await, expected, "{to}");
        }
        assert!(
            montague
                .log()
                .contains("capulet.example to montague.example: Certificate")
        );
    });
}

/// A server whose certificate is for another domain is not given anything.
#[test]
fn a_server_with_a_wrong_certificate_gets_nothing() {
    run(async || {
        let (capulet, wrong) = (
            Certificate::new(CAPULET),
            Certificate::new("verona.example"),
        );
        let network = Network::new("servers-wrong", &[&capulet, &wrong]);
        let wrong = Certificate {
            domain: MONTAGUE.into(),
            ..wrong
        };
        let capulet = network.start("servers-right", &capulet, &[CAPULET], &[]);
        let _montague = network.start("servers-misnamed", &wrong, &[MONTAGUE], &[]);
        let mut juliet = login(&capulet, "juliet", "balcony").await;
        let condition = bounce(&mut juliet, "romeo@montague.example").await;
        assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
    });
}

/// Neither server trusts the certificate of the other.
#[test]
fn servers_without_an_authority_in_common_need_dialback() {
    run(async || {
        let (capulet, montague) = (Certificate::new(CAPULET), Certificate::new(MONTAGUE));
        let network = Network::new("servers-strange", &[&Certificate::new("verona.example")]);
        for (dialback, more) in [(false, &[][..]), (true, &["--s2s-dialback"][..])] {
            let capulet = network.start("servers-strange-1", &capulet, &[CAPULET], more);
            let montague = network.start("servers-strange-2", &montague, &[MONTAGUE], more);
            let mut juliet = login(&capulet, "juliet", "balcony").await;
            let mut romeo = login(&montague, "romeo", "orchard").await;
            let to = "romeo@montague.example/orchard";
            if dialback {
                let message = Message::chat(jid(to), "Art thou not Romeo?");
                juliet.send(message).await.expect("sent");
                next_message(&mut romeo).await;
                let trust = "capulet.example to montague.example: Dialback { tls: true }";
                assert!(montague.log().contains(trust), "{}", montague.log());
            } else {
                let condition = bounce(&mut juliet, to).await;
                assert_eq!(condition, StanzaErrorCondition::RemoteServerTimeout);
            }
        }
    });
}

#[test]
fn a_component_is_reached_from_its_server_and_from_others() {
    run(async || {
        let capulet = Certificate::naming(CAPULET, &[ECHO]);
        let montague = Certificate::new(MONTAGUE);
        let network = Network::new("servers-component", &[&capulet, &montague]);
        let component = format!("{ECHO}={SECRET}");
        let component = ["--component", &component];
        let domains = [CAPULET, ECHO];
        let capulet = network.start("servers-host", &capulet, &domains, &component);
        let montague = network.start("servers-guest", &montague, &[MONTAGUE], &[]);
        let mut juliet = login(&capulet, "juliet", "balcony").await;
        let mut romeo = login(&montague, "romeo", "orchard").await;
        let bot = "bot@echo.capulet.example";

        let gone = StanzaErrorCondition::RemoteServerTimeout;
        assert_eq!(bounce(&mut juliet, bot).await, gone);
        assert_eq!(bounce(&mut romeo, bot).await, gone);

        let running = echo(&capulet);
        wait_until(&mut juliet, bot, false).await;
        assert_eq!(exchange(&mut juliet, bot, "from here").await, "from here");
        assert_eq!(exchange(&mut romeo, bot, "from there").await, "from there");
        let ping = get("ping", ns::PING).with_to(jid(ECHO));
        romeo.request(ping).await.expect("a pong");

        // It is killed, and started again.
        drop(running);
        wait_until(&mut romeo, bot, true).await;
        assert_eq!(bounce(&mut juliet, bot).await, gone);
        let _running = echo(&capulet);
        wait_until(&mut romeo, bot, false).await;
    });
}

#[test]
fn a_component_proves_its_secret_and_the_newer_one_counts() {
    run(async || {
        let component = format!("{ECHO}={SECRET}");
        let server = Server::start_with("servers-secret", &["--component", &component]);
        let refused = attach(&server, "battery horse staple correct").await;
        let refused = refused.expect_err("a wrong secret");
        let condition = peer_error(refused.close_reason());
        assert_eq!(condition, StreamErrorCondition::NotAuthorized);

        let mut juliet = login(&server, "juliet", "balcony").await;
        let mut older = attach(&server, SECRET).await.expect("attached");
        let mut newer = attach(&server, SECRET).await.expect("attached");
        let ended = timeout(PATIENCE, older.next()).await.expect("in time");
        let ended = peer_error(ended.expect_err("the end").close_reason());
        assert_eq!(ended, StreamErrorCondition::Conflict);
        let message = Message::chat(jid(ECHO), "which of you?");
        juliet.send(message).await.expect("sent");
        let heard = timeout(PATIENCE, newer.next()).await.expect("in time");
        assert!(matches!(heard, Ok(Some(_))), "{heard:?}");
    });
}

/// What a component was not given when it went away goes back to the senders.
#[test]
fn what_a_vanished_component_did_not_get_comes_back() {
    run(async || {
        let component = format!("{ECHO}={SECRET}");
        let arguments = ["--component", &component, "--idle", "6"];
        let server = Server::start_with("servers-unread", &arguments);
        let mut juliet = login(&server, "juliet", "balcony").await;
        // Attached, and then it never reads.
        let silent = attach(&server, SECRET).await.expect("attached");
        let body = "x".repeat(100_000);
        let mut conditions = Vec::new();
        let all = async {
            // The buffers of the sockets fill up, then those of the server, then the queue.
            while conditions.last() != Some(&StanzaErrorCondition::RemoteServerTimeout) {
                let message = Message::chat(jid(ECHO), body.clone());
                juliet.send(message).await.expect("sent");
                juliet.flush().await.expect("written");
                let wait = Duration::from_millis(10);
                while let Ok(stanza) = timeout(wait, juliet.next()).await {
                    let stanza = stanza.expect("a stream").expect("an open one");
                    conditions.extend(stanza.error().map(|error| error.condition()));
                }
            }
        };
        timeout(PATIENCE, all).await.expect("in time");
        assert!(conditions.contains(&StanzaErrorCondition::ResourceConstraint));
        drop(silent);
    });
}

#[test]
fn one_server_has_several_domains() {
    run(async || {
        let certificate = Certificate::naming(CAPULET, &[MONTAGUE]);
        let directory = directory("servers-several");
        let accounts = directory.join("both");
        let lines = "juliet:O Romeo, Romeo!\nromeo@montague.example:päss:wörd \n";
        fs::write(&accounts, lines).expect("a writable file");
        let accounts = accounts.to_str().expect("UTF-8");
        let arguments = ["--domain", MONTAGUE, "--accounts", accounts];
        let server = Server::of("servers-several", &certificate, &arguments);
        let mut juliet = login(&server, "juliet", "balcony").await;
        let mut romeo = login_as(&server, "romeo@montague.example/orchard").await;
        let message = Message::chat(jid("romeo@montague.example"), "So near?");
        juliet.send(message).await.expect("sent");
        let heard = next_message(&mut romeo).await;
        assert_eq!(heard.from(), Some(&jid("juliet@capulet.example/balcony")));
        // There is no way to other servers.
        let condition = bounce(&mut juliet, "paris@verona.example").await;
        assert_eq!(condition, StanzaErrorCondition::RemoteServerNotFound);
    });
}

#[test]
fn the_help_names_every_option() {
    let mut command = example("server");
    command.arg("--help");
    let output = crate::support::output(command);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success());
    for option in [
        "--listen",
        "--domain",
        "--s2s-listen",
        "--component NAME=SECRET",
        "--idle",
    ] {
        assert!(text.contains(option), "{option}:\n{text}");
    }
}
