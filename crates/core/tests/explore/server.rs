//! Servers against a false client.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use xmppwire::negotiation::Item;
use xmppwire::{
    ChannelBindings, Credentials, DecoyKey, Domainpart, Element, Entropy, Mechanism, Server,
    ServerConfig, TlsInfo,
};
use xmppwire_sasl::{ClientExchange, Offer, TokenLogin, TokenMechanism, wire};

use super::alone::{Adversary, Alone, Bindings};
use super::end::{End, START, limits};
use super::party::{Answer, PASSWORD, TOKEN};
use super::search::{Report, explore};
use super::words::{CLIENT, SASL2_CLIENT, SASL2_RETURNING, SCRAM_CLIENT, Word};

/// Explores every server.
pub fn explore_all() -> Report {
    let mut report = Report::default();
    let alone = || Alone::new(server(), FalseClient::default());
    report.add(&explore("a server", alone));
    let alone = || {
        Alone::new(
            direct(ChannelBindings::none(), config(1, 2)),
            FalseClient::default(),
        )
    };
    report.add(&explore("a server on direct TLS", alone));
    let bindings = || ChannelBindings::tls13([7; 32]);
    let alone = || {
        Alone::new(
            direct(bindings(), config(2, 1)),
            FalseClient::of_scram(bindings()),
        )
        .only_login()
    };
    report.add(&explore(
        "a server on direct TLS that is asked for SCRAM",
        alone,
    ));
    for (name, answer) in [
        ("a server of SASL2", Answer::Sasl2),
        (
            "a server of SASL2 that asks for tasks",
            Answer::Sasl2WithTasks,
        ),
        (
            "a server of SASL2 with sessions and tokens",
            Answer::Sasl2Returning,
        ),
    ] {
        let alone = || {
            let server = direct(ChannelBindings::none(), config(2, 1));
            let returning = answer == Answer::Sasl2Returning;
            Alone::new(server, FalseClient::of_sasl2(returning)).of_sasl2(answer.clone())
        };
        report.add(&explore(name, alone));
    }
    report
}

fn config(logins: u8, binds: u8) -> ServerConfig {
    let mut limits = limits();
    limits.sasl_attempts = logins;
    limits.bind_attempts = binds;
    ServerConfig::new(DecoyKey::new([9; 32]).with_iterations(4096))
        .with_default_domain(Domainpart::new("example.org").unwrap())
        .with_limits(limits)
}

fn server() -> End<Server> {
    let server = Server::new(config(1, 1), Entropy::from_seed([3; 32]), START);
    End::new(server, false, false)
}

fn direct(bindings: ChannelBindings, config: ServerConfig) -> End<Server> {
    let entropy = Entropy::from_seed([3; 32]);
    let tls = TlsInfo::new(bindings);
    let server = Server::with_direct_tls(config, entropy, START, tls);
    End::new(server, false, true)
}

/// A hostile client that knows Juliet's password.
#[derive(Default)]
struct FalseClient {
    scram: bool,
    sasl2: bool,
    /// Whether it resumes a session or uses a token.
    returning: bool,
    bindings: Option<ChannelBindings>,
    challenge: Option<String>,
}

impl FalseClient {
    fn of_scram(bindings: ChannelBindings) -> Self {
        Self {
            scram: true,
            bindings: Some(bindings),
            ..Self::default()
        }
    }

    fn of_sasl2(returning: bool) -> Self {
        Self {
            sasl2: true,
            returning,
            ..Self::default()
        }
    }

    /// A login with a fixed nonce, so that its messages are always the same.
    fn exchange(&self, kind: &str, password: &str) -> Option<ClientExchange> {
        let bindings = self.bindings.clone().unwrap_or_default();
        // The server's offer, as far as it was sent (XEP-0474).
        let plain = ["SCRAM-SHA-256", "PLAIN"];
        let offer = match bindings.is_empty() || kind == "downgraded" {
            true => Offer::new(plain),
            false => Offer::new(["SCRAM-SHA-256-PLUS"].into_iter().chain(plain))
                .with_channel_bindings(bindings.types().map(|kind| kind.name())),
        };
        let (mechanism, bindings) = match kind {
            "plus" => (Mechanism::ScramSha256Plus, bindings),
            "downgraded" => (Mechanism::ScramSha256, bindings),
            _ => (Mechanism::ScramSha256, ChannelBindings::none()),
        };
        let credentials = Credentials::new("juliet", password);
        ClientExchange::new(mechanism, &credentials, &bindings, &offer, [4; 24]).ok()
    }

    /// The response to the last challenge. Deriving keys takes long, so it is done once.
    fn response(&self, kind: &str, password: &str) -> Option<String> {
        type Known = HashMap<(String, String, String), Option<String>>;
        static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
        let challenge = self.challenge.clone()?;
        let question = (kind.to_owned(), password.to_owned(), challenge);
        let mut known = KNOWN.lock().ok()?;
        if let Some(response) = known.get(&question) {
            return response.clone();
        }
        let data = wire::decode(&question.2).ok()?;
        let response = self
            .exchange(kind, password)
            .and_then(|mut exchange| exchange.respond(&data).ok());
        let response = response.map(|response| wire::encode(&response));
        known.insert(question, response.clone());
        response
    }
}

impl Adversary for FalseClient {
    fn words(&self) -> Vec<Word> {
        if self.returning {
            return SASL2_RETURNING.to_vec();
        }
        if self.sasl2 {
            return SASL2_CLIENT.to_vec();
        }
        let scram = if self.scram { SCRAM_CLIENT } else { &[] };
        [CLIENT, scram].concat()
    }

    fn bindings(&self) -> &'static [Bindings] {
        &[Bindings::None]
    }

    fn hear(&mut self, element: &Element, _: &ChannelBindings) {
        match Item::of(element) {
            Item::Challenge => self.challenge = Some(element.text().into_owned()),
            Item::SaslFailure | Item::Success => self.challenge = None,
            _ => {}
        }
    }

    fn knows(&self, name: &str) -> Option<String> {
        let first = |kind| {
            let exchange = self.exchange(kind, PASSWORD)?;
            Some(wire::encode(&exchange.initial_response()))
        };
        let token = |token: &str| {
            let (mechanism, none) = (TokenMechanism::Unbound, ChannelBindings::none());
            let login = TokenLogin::new(mechanism, "juliet", &token.into(), &none).ok()?;
            Some(wire::encode(&login.initial_response()))
        };
        match name {
            "token" => token(TOKEN),
            "another-token" => token("another"),
            "first" => first(""),
            "first-plus" => first("plus"),
            "first-downgraded" => first("downgraded"),
            // The challenge does not show which login it answers: one of the three fits.
            "response" => self.response("", PASSWORD),
            "response-plus" => self.response("plus", PASSWORD),
            "response-downgraded" => self.response("downgraded", PASSWORD),
            "wrong" => self.response("", "another"),
            _ => None,
        }
    }

    fn has_earned(&self, login: &[String]) -> bool {
        let login: Vec<_> = login.iter().map(String::as_str).collect();
        // What the application lets pass behind the mechanism is its own decision.
        let mechanism = login.iter().take_while(|word| !word.starts_with("Task"));
        let mechanism: Vec<_> = mechanism
            .copied()
            .filter(|word| !word.starts_with("Bind"))
            .filter(|word| !["Conflict", "Resume", "Forget"].contains(word))
            .collect();
        matches!(
            mechanism.as_slice(),
            ["SASL2 token", "TokenKnown"]
                | [
                    "SASL2 PLAIN, resume" | "SASL2 PLAIN, resume, bind",
                    "Accept"
                ]
                // It is refused after the mechanism has succeeded, and after a task.
                | ["SASL2 PLAIN, resume too high", "Accept"]
                | [
                "SASL2 PLAIN" | "SASL2 PLAIN, bind" | "SASL2 PLAIN, bind, message",
                "Accept"
            ] | [
                "SASL2 PLAIN without data",
                "SASL2 PLAIN as a response",
                "Accept"
            ]
        ) || matches!(
            login.as_slice(),
            // The application decides, whatever the authorization identity.
            ["PLAIN" | "PLAIN, header" | "PLAIN as Romeo", "Accept"]
                | [
                    "PLAIN without data",
                    "PLAIN as a response",
                    "Accept" | "Keys"
                ]
                | ["PLAIN" | "PLAIN, header", "Keys"]
                | ["SCRAM", "Keys", "response by the password"]
                | ["SCRAM-PLUS", "Keys", "response by the password, bound"]
                | [
                    "SCRAM without data",
                    "the first message as a response",
                    "Keys",
                    "response by the password"
                ]
        )
    }

    fn state(&self) -> String {
        format!("{:?}", self.challenge.is_some())
    }
}
