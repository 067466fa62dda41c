//! A client and a server, the server's accounts, and a hook to change the messages between them.

use xmppwire_sasl::{
    ChannelBindingType, ChannelBindings, ClientError, ClientExchange, Condition, Credentials,
    DecoyKey, Mechanism, Offer, Rejection, ScramHash, ScramKeys, ServerAnswer, ServerExchange,
    ServerQuestion, ServerStep,
};

pub(crate) const CLIENT_NONCE: [u8; 24] = [1; 24];
pub(crate) const SERVER_NONCE: [u8; 24] = [2; 24];
pub(crate) const SALT: [u8; 16] = [3; 16];

/// A low number of iterations keeps the tests fast.
pub(crate) const ITERATIONS: u32 = 2;

pub(crate) fn decoy() -> DecoyKey {
    DecoyKey::new([4; 32]).with_iterations(ITERATIONS)
}

pub(crate) fn tls() -> ChannelBindings {
    ChannelBindings::tls13([5; 32]).with_server_end_point(&[6; 32])
}

/// The offer of a server, with or without channel binding.
pub(crate) fn offer(plus: bool) -> Offer {
    let plus = plus.then_some("SCRAM-SHA-256-PLUS");
    let names = Offer::new(plus.into_iter().chain(["SCRAM-SHA-256"]));
    match plus {
        Some(_) => {
            names.with_channel_bindings(ChannelBindingType::ALL.iter().map(|kind| kind.name()))
        }
        None => names,
    }
}

/// The server's only account.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) username: &'static str,
    pub(crate) password: String,
}

impl Account {
    pub(crate) fn juliet() -> Self {
        Self {
            username: "juliet",
            password: "r0m30myr0m30".into(),
        }
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(self.username, self.password.as_str())
    }

    pub(crate) fn keys(&self, hash: ScramHash) -> ScramKeys {
        ScramKeys::derive(hash, &self.password, &SALT, ITERATIONS).unwrap()
    }

    pub(crate) fn answer(&self, question: ServerQuestion<'_>) -> ServerAnswer {
        let (username, hash) = match question {
            ServerQuestion::ScramKeys { username, hash, .. } => (username, hash),
            ServerQuestion::Password { username, .. } => (username, ScramHash::Sha256),
            other => panic!("{other:?}"),
        };
        if username == self.username {
            ServerAnswer::ScramKeys(self.keys(hash))
        } else {
            ServerAnswer::Reject(Condition::NotAuthorized)
        }
    }
}

/// The four messages of an exchange, which an attacker on the path may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leg {
    ClientFirst,
    ServerFirst,
    ClientFinal,
    ServerFinal,
}

/// How an exchange ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success {
        username: Option<String>,
        authzid: Option<String>,
    },
    ClientRefused(ClientError),
    ServerRefused(Rejection, Condition),
}

pub(crate) struct Pair {
    pub(crate) client: ClientExchange,
    pub(crate) server: ServerExchange,
    pub(crate) account: Account,
    /// The messages that were sent.
    pub(crate) transcript: Vec<Vec<u8>>,
}

impl Pair {
    pub(crate) fn new(mechanism: Mechanism, credentials: &Credentials) -> Self {
        Self::with_bindings(mechanism, credentials, &tls(), &tls(), mechanism.is_plus())
    }

    pub(crate) fn with_bindings(
        mechanism: Mechanism,
        credentials: &Credentials,
        client: &ChannelBindings,
        server: &ChannelBindings,
        plus_offered: bool,
    ) -> Self {
        Self {
            client: client_exchange(mechanism, credentials, client, plus_offered),
            server: ServerExchange::new(
                mechanism,
                server,
                &offer(plus_offered),
                SERVER_NONCE,
                decoy(),
            ),
            account: Account::juliet(),
            transcript: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self) -> Outcome {
        self.run_with(|_, message| message)
    }

    pub(crate) fn run_with(&mut self, mut tamper: impl FnMut(Leg, Vec<u8>) -> Vec<u8>) -> Outcome {
        let first = tamper(Leg::ClientFirst, self.client.initial_response());
        self.transcript.push(first.clone());
        let mut step = self.server.step(Some(&first));
        if step == ServerStep::Ask {
            step = self
                .server
                .answer(self.account.answer(self.server.question().unwrap()));
        }
        if let ServerStep::Challenge(challenge) = step {
            let challenge = tamper(Leg::ServerFirst, challenge);
            self.transcript.push(challenge.clone());
            let response = match self.client.respond(&challenge) {
                Ok(response) => tamper(Leg::ClientFinal, response),
                Err(error) => return Outcome::ClientRefused(error),
            };
            self.transcript.push(response.clone());
            step = self.server.step(Some(&response));
        }
        match step {
            ServerStep::Success {
                username,
                authzid,
                additional_data,
            } => {
                let data = additional_data.map(|data| tamper(Leg::ServerFinal, data));
                self.transcript.extend(data.clone());
                match self.client.finish(data.as_deref()) {
                    Ok(()) => Outcome::Success { username, authzid },
                    Err(error) => Outcome::ClientRefused(error),
                }
            }
            ServerStep::Failure(condition) => {
                let rejection = self.server.rejection().unwrap();
                assert_eq!(rejection.condition(), condition);
                Outcome::ServerRefused(rejection, condition)
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn client_exchange(
    mechanism: Mechanism,
    credentials: &Credentials,
    bindings: &ChannelBindings,
    server_offers_plus: bool,
) -> ClientExchange {
    ClientExchange::new(
        mechanism,
        credentials,
        bindings,
        &offer(server_offers_plus),
        CLIENT_NONCE,
    )
    .unwrap()
    .with_iterations(1..=10_000)
}

/// The mechanisms that need a password.
pub(crate) fn password_mechanisms() -> impl Iterator<Item = Mechanism> {
    let credentials = Account::juliet().credentials();
    Mechanism::ALL
        .iter()
        .copied()
        .filter(move |mechanism| credentials.fit(*mechanism))
}

pub(crate) fn scram_mechanisms() -> impl Iterator<Item = Mechanism> {
    Mechanism::ALL
        .iter()
        .copied()
        .filter(|mechanism| mechanism.hash().is_some())
}
