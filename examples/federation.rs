//! Two servers of two domains exchange messages of their users, first with certificates (SASL
//! EXTERNAL), then with dialback.
//!
//! ```text
//! cargo run --example federation
//! ```
//!
//! Everything runs in this process and meets on the loopback interface; certificates, keys and
//! passwords are made for the run and thrown away. [`House`] is a whole server for one user: what
//! its client sends goes to the other house, and what the other house sends goes to its client.

use std::error::Error;

use tokio::net::TcpListener;
use xmppwire_net::tls::{ClientTls, Identity, ServerTls, roots_from_pem};
use xmppwire_tokio::{
    BindAnswer, Client, Connector, DecoyKey, DialbackSecret, Domainpart, Federation,
    FederationConfig, FederationEvent, Host, HostAnswer, Jid, LocalDomain, Mechanism, Message,
    Mode, Presence, SaslAnswer, ScramHash, ScramKeys, ServerConfig, ServerConnection, ServerEvent,
    Service, Stanza, TlsOffer,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const CAPULET: &str = "capulet.example";
const MONTAGUE: &str = "montague.example";
const PASSWORD: &str = "wherefore art thou";

/// How the servers prove their domains to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    /// Each shows its certificate also where it is the client of TLS (RFC 6120 §13.8.4).
    External,
    /// Each asks the other domain's server whether it made the key that was shown (XEP-0220).
    Dialback,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    println!("With certificates, by SASL EXTERNAL:");
    play(Proof::External).await?;
    println!("With dialback, without certificates of the connecting side:");
    play(Proof::Dialback).await
}

/// Two houses, a client in each, a message and its answer.
async fn play(proof: Proof) -> Result<()> {
    let capulet = rcgen::generate_simple_self_signed([CAPULET.to_owned()])?;
    let montague = rcgen::generate_simple_self_signed([MONTAGUE.to_owned()])?;
    let roots = capulet.cert.pem() + &montague.cert.pem();
    let (to_capulet, to_montague) = (listen().await?, listen().await?);
    let ports = (port(&to_capulet)?, port(&to_montague)?);
    let capulet = House::new(
        CAPULET,
        &capulet,
        &roots,
        proof,
        to_capulet,
        (MONTAGUE, ports.1),
    );
    let montague = House::new(
        MONTAGUE,
        &montague,
        &roots,
        proof,
        to_montague,
        (CAPULET, ports.0),
    );
    let (capulet, montague) = (capulet.await?, montague.await?);
    let (door_of_juliet, door_of_romeo) = (port(&capulet.clients)?, port(&montague.clients)?);
    let houses = async { tokio::try_join!(capulet.run(), montague.run()).map(|_| ()) };
    let lovers = async {
        let mut juliet = log_in("juliet@capulet.example", &roots, door_of_juliet).await?;
        let mut romeo = log_in("romeo@montague.example", &roots, door_of_romeo).await?;
        let message = Message::chat(romeo.jid().clone(), "Art thou not Romeo, and a Montague?");
        juliet.send(message).await?;
        let question = next_message(&mut romeo).await?;
        romeo
            .send(question.reply("Neither, fair saint, if either thee dislike."))
            .await?;
        romeo.flush().await?;
        next_message(&mut juliet).await?;
        Ok(())
    };
    tokio::select! {
        played = lovers => played,
        failed = houses => failed,
    }
}

async fn log_in(jid: &str, roots: &str, port: u16) -> Result<Client> {
    let tls = ClientTls::builder(roots_from_pem(roots.as_bytes())?).build()?;
    let connector = Connector::account(jid, PASSWORD)?
        .with_tls(tls)
        .with_server("127.0.0.1", port, Mode::StartTls);
    let mut client = Client::connect_with(&connector).await?;
    client.send(Presence::available()).await?;
    Ok(client)
}

/// The next message, printed.
async fn next_message(client: &mut Client) -> Result<Message> {
    while let Some(stanza) = client.next().await? {
        if let Stanza::Message(message) = stanza {
            let from = message.from().map(Jid::as_str).unwrap_or_default();
            let body = message.body().unwrap_or_default();
            println!("  {} hears from {from}: {body}", client.jid());
            return Ok(message);
        }
    }
    Err("the server closed the stream".into())
}

/// A server of one domain with one user.
struct House {
    federation: Federation,
    servers: TcpListener,
    clients: TcpListener,
    tls: ServerTls,
    keys: ScramKeys,
}

impl House {
    async fn new(
        domain: &str,
        made: &rcgen::CertifiedKey<rcgen::KeyPair>,
        roots: &str,
        proof: Proof,
        servers: TcpListener,
        other: (&str, u16),
    ) -> Result<Self> {
        let key = made.signing_key.serialize_pem();
        let identity = Identity::from_pem(made.cert.pem().as_bytes(), key.as_bytes())?;
        let roots = roots_from_pem(roots.as_bytes())?;
        let tls = ServerTls::builder(identity.clone()).build()?;
        let local = match proof {
            Proof::External => LocalDomain::new(identity, roots)?,
            Proof::Dialback => {
                let outgoing = ClientTls::builder(roots).service(Service::SERVER).build()?;
                let incoming = ServerTls::builder(identity)
                    .service(Service::SERVER)
                    .build()?;
                LocalDomain::with_tls(outgoing, incoming, false)
            }
        };
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        let (host, port) = other;
        // In the world, the SRV records of a domain tell where its server is.
        let config = FederationConfig::new()
            .with_domain(Domainpart::new(domain)?, local)
            .with_server(Domainpart::new(host)?, "127.0.0.1", port, Mode::StartTls);
        let config = match proof {
            Proof::External => config,
            Proof::Dialback => config.with_dialback(DialbackSecret::new(secret)),
        };
        Ok(Self {
            federation: Federation::new(config),
            servers,
            clients: listen().await?,
            tls,
            keys: ScramKeys::derive(ScramHash::Sha256, PASSWORD, &secret[..16], 4096)?,
        })
    }

    /// Serves the user and the other house, for ever.
    async fn run(mut self) -> Result<()> {
        let mut decoy = [0; 32];
        getrandom::fill(&mut decoy)?;
        let config = ServerConfig::new(DecoyKey::new(decoy));
        let (socket, _) = self.clients.accept().await?;
        let mut user = ServerConnection::accept(socket, config, Some(self.tls.clone()))?;
        let mut address = None;
        loop {
            tokio::select! {
                event = user.next_event() => match event? {
                    Some(ServerEvent::Stanza(mut stanza)) if stanza.to().is_some() => {
                        // A server says whom a stanza is from (RFC 6120 §8.1.2.1).
                        stanza.set_from(address.clone());
                        self.federation.send(stanza)?;
                    }
                    Some(ServerEvent::Bind(request)) => {
                        let resource = request.suggested().clone();
                        let connection = user.connection_mut();
                        connection.answer_bind(request, BindAnswer::Bind(resource))?;
                        address = connection.jid().cloned().map(Jid::from);
                    }
                    Some(event) => self.welcome(&mut user, event)?,
                    None => return Ok(()),
                },
                event = self.federation.next() => match event {
                    Some(FederationEvent::Authorised(pair, trust)) => {
                        println!("  {pair}: {trust:?}");
                    }
                    Some(FederationEvent::Stanza(stanza)) => user.connection_mut().send(&stanza)?,
                    Some(FederationEvent::Undelivered(stanza)) => {
                        if let Some(error) = stanza.reply() {
                            user.connection_mut().send(&error)?;
                        }
                    }
                    _ => return Ok(()),
                },
                socket = self.servers.accept() => {
                    self.federation.accept(socket?.0, Mode::StartTls);
                }
            }
        }
    }

    /// The login of the user.
    fn welcome(&self, user: &mut ServerConnection, event: ServerEvent) -> Result<()> {
        let connection = user.connection_mut();
        match event {
            ServerEvent::Opened(request) => {
                let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256Plus]);
                connection.choose_host(request, HostAnswer::Serve(host))?;
            }
            ServerEvent::Sasl(request) => {
                let keys = SaslAnswer::ScramKeys(self.keys.clone());
                connection.answer_sasl(request, keys)?;
            }
            _ => {}
        }
        Ok(())
    }
}

async fn listen() -> Result<TcpListener> {
    Ok(TcpListener::bind("127.0.0.1:0").await?)
}

fn port(listener: &TcpListener) -> Result<u16> {
    Ok(listener.local_addr()?.port())
}
