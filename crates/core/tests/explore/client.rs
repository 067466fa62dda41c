//! Clients against a false server.

use xmppwire::negotiation::Item;
use xmppwire::{
    ChannelBindings, Client, ClientConfig, DecoyKey, Element, Entropy, Jid, Mechanism,
    MechanismPolicy, TlsInfo, TlsPolicy, ns,
};
use xmppwire_sasl::{Offer, ServerAnswer, ServerExchange, ServerStep, wire};

use super::alone::{Adversary, Alone, Bindings};
use super::end::{End, KEYS, START, limits};
use super::party::{Answer, PASSWORD};
use super::search::{Report, explore};
use super::words::{SASL2_SERVER, SERVER, Word};

/// Explores every client.
pub fn explore_all() -> Report {
    let mut report = Report::default();
    let plain = |tls| config(tls, Mechanism::Plain);
    let scram = |tls| config(tls, Mechanism::ScramSha1);
    for (name, config) in [
        ("a client that requires TLS", plain(TlsPolicy::Required)),
        ("a client without TLS", plain(TlsPolicy::Forbidden)),
    ] {
        let alone = || Alone::new(client(config.clone()), FalseServer::default());
        report.add(&explore(name, alone));
    }
    let alone = || Alone::new(direct(plain(TlsPolicy::Required)), FalseServer::default());
    report.add(&explore("a client on direct TLS", alone));
    for (name, config) in [
        (
            "a client of SCRAM that requires TLS",
            scram(TlsPolicy::Required),
        ),
        (
            "a client of SCRAM that prefers TLS",
            scram(TlsPolicy::Preferred),
        ),
    ] {
        let config = (config.0.with_inline_iterations(0), config.1);
        let alone = || Alone::new(client(config.clone()), FalseServer::of_scram()).only_login();
        report.add(&explore(name, alone));
    }
    let of_sasl2 = |tasks| {
        let (config, tls) = plain(TlsPolicy::Required);
        let config = if tasks { config.with_tasks() } else { config };
        Alone::new(direct((config, tls)), FalseServer::of_sasl2()).of_sasl2(Answer::Sasl2)
    };
    for (name, tasks) in [
        ("a client of SASL2", false),
        ("a client of SASL2 that does tasks", true),
    ] {
        report.add(&explore(name, || of_sasl2(tasks)));
    }
    report
}

fn config(tls: TlsPolicy, floor: Mechanism) -> (ClientConfig, TlsPolicy) {
    let jid = Jid::new("juliet@example.org").expect("an address");
    let mut limits = limits();
    // Room for one stanza that waits for a session: more would only differ in their order.
    limits.after_authentication.max_stanza_bytes = 512;
    let config = ClientConfig::new(jid, PASSWORD)
        .expect("an account")
        .with_tls(tls)
        .with_mechanisms(MechanismPolicy::default().with_floor(floor))
        .with_limits(limits);
    (config, tls)
}

fn client((config, tls): (ClientConfig, TlsPolicy)) -> End<Client> {
    let client = Client::new(config, Entropy::from_seed([1; 32]), START);
    End::new(client, tls == TlsPolicy::Required, false)
}

fn direct((config, _): (ClientConfig, TlsPolicy)) -> End<Client> {
    let tls = TlsInfo::new(ChannelBindings::none());
    let client = Client::with_direct_tls(config, Entropy::from_seed([1; 32]), START, tls);
    End::new(client, true, true)
}

/// A hostile server that knows Juliet's keys.
#[derive(Default)]
struct FalseServer {
    scram: bool,
    sasl2: bool,
    /// Whether the client asked for a resource in SASL2.
    asked_resource: bool,
    exchange: Option<ServerExchange>,
    challenge: Option<String>,
    signature: Option<String>,
}

impl FalseServer {
    fn of_scram() -> Self {
        Self {
            scram: true,
            ..Self::default()
        }
    }

    fn of_sasl2() -> Self {
        Self {
            sasl2: true,
            ..Self::default()
        }
    }

    fn step(&mut self, data: &str) {
        let (Some(exchange), Ok(data)) = (&mut self.exchange, wire::decode(data)) else {
            return;
        };
        let mut step = exchange.step(Some(&data));
        if step == ServerStep::Ask {
            step = exchange.answer(ServerAnswer::ScramKeys(KEYS.clone()));
        }
        match step {
            ServerStep::Challenge(challenge) => self.challenge = Some(wire::encode(&challenge)),
            ServerStep::Success {
                additional_data, ..
            } => {
                self.signature = additional_data.map(|data| wire::encode(&data));
            }
            _ => {}
        }
    }
}

impl Adversary for FalseServer {
    fn words(&self) -> Vec<Word> {
        match self.sasl2 {
            true => SASL2_SERVER.to_vec(),
            false => SERVER.to_vec(),
        }
    }

    fn bindings(&self) -> &'static [Bindings] {
        match self.scram {
            true => &[Bindings::None, Bindings::Tls13],
            false => &[Bindings::None],
        }
    }

    fn hear(&mut self, element: &Element, bindings: &ChannelBindings) {
        match Item::of(element) {
            Item::Auth => {
                let name = element.attr("mechanism").unwrap_or_default();
                // In PLAIN the server proves nothing.
                let scram = Mechanism::from_name(name).filter(|name| *name != Mechanism::Plain);
                self.exchange = scram.map(|mechanism| {
                    let offer = Offer::new([name]);
                    let decoy = DecoyKey::new([3; 32]);
                    // A false claim about the offer gives this server no advantage.
                    ServerExchange::new(mechanism, bindings, &offer, [2; 24], decoy)
                        .without_downgrade_protection()
                });
                self.step(&element.text());
            }
            Item::Response => self.step(&element.text()),
            Item::Authenticate => {
                self.asked_resource = element.child("bind", ns::BIND2).is_some();
            }
            _ => {}
        }
    }

    fn knows(&self, name: &str) -> Option<String> {
        match name {
            "challenge" => self.challenge.clone(),
            "signature" => self.signature.clone(),
            "resource" => self.asked_resource.then(|| "x".into()),
            _ => None,
        }
    }

    fn has_earned(&self, _: &[String]) -> bool {
        // A client never sends <success/>.
        false
    }

    fn state(&self) -> String {
        let proven = (self.challenge.is_some(), self.signature.is_some());
        format!("{:?}", (proven, self.asked_resource))
    }
}
