//! SASL exchanges between a client, a server, and somebody on the path who does as the input says.
//!
//! The first line is settings: a digit picks the mechanism; `b` and `B` give the client and the server
//! their channel binding, `o` says that the server offers -PLUS, `z` asks for an authorization identity,
//! `w` has the server know another password, `u` has it know no user, `a` has it accept any password.
//! Then each line delivers a message, or does something else:
//!
//! ```text
//! =        the message that is due, as it is
//! ~PB      with one byte changed: at P (one byte, counted from '0') to B
//! -P       with the byte at P left out
//! +PB      with B put in at P
//! $TEXT    with TEXT in its place, where {} stands for the message
//! s, c, f  TEXT to the server, or to the client as a challenge or with success
//! n        nothing to the server, as when <auth/> is empty
//! k TEXT   keys are read from text
//! t TEXT   text is prepared, and read as base64
//! ```
//!
//! Whatever is done: who changed a message of SCRAM has no success with either side, and neither has
//! who does not know the password; and a message that nobody changed is understood.

#![no_main]

use libfuzzer_sys::fuzz_target;
use xmppwire_fuzz::{accounts, script};
use xmppwire_sasl::{
    ChannelBindings, ClientExchange, Condition, DecoyKey, MAX_MESSAGE, Offer, ScramHash, ScramKeys,
    ServerAnswer, ServerExchange, ServerQuestion, ServerStep, StringKind, saslprep, wire,
};

fuzz_target!(|data: &[u8]| {
    let (settings, lines) = script::parse(data);
    let Some(mut path) = Path::new(settings) else {
        return;
    };
    for line in lines.take(16) {
        path.step(line);
    }
});

/// The two ends and what is between them.
struct Path {
    client: ClientExchange,
    server: ServerExchange,
    /// The message that is due.
    mail: Option<Mail>,
    /// A message was not what was sent.
    tampered: bool,
    /// Neither was what a signature vouches for.
    forged: bool,
    client_failed: bool,
    /// One message of the client is all there is, and nothing protects it.
    is_single: bool,
    knows: Knows,
    /// Both ends agree on channel binding, so that nothing is in the way of success.
    agreed: bool,
}

#[derive(PartialEq, Eq)]
enum Mail {
    ToServer(Vec<u8>),
    Challenge(Vec<u8>),
    Success(Option<Vec<u8>>),
}

impl Mail {
    /// What a signature vouches for: everything but extensions behind the server's signature itself,
    /// which RFC 5802 §7 has a client ignore.
    fn signed(&self) -> (u8, &[u8]) {
        match self {
            Self::ToServer(message) => (0, message),
            Self::Challenge(message) => (1, message),
            Self::Success(None) => (2, b""),
            Self::Success(Some(message)) => {
                let signature = message.split(|byte| *byte == b',').next();
                (3, signature.unwrap_or_default())
            }
        }
    }
}

/// Whose password the server knows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    Ours,
    Another,
    Nobody,
    All,
}

impl Path {
    fn new(settings: &[u8]) -> Option<Self> {
        let has = |setting| settings.contains(&setting);
        let mechanism = (b'0'..)
            .zip(accounts::MECHANISMS)
            .find_map(|(digit, mechanism)| has(digit).then_some(mechanism))?;
        let bindings = |there| {
            if there {
                accounts::bindings()
            } else {
                ChannelBindings::none()
            }
        };
        let (ours, theirs, offered) = (bindings(has(b'b')), bindings(has(b'B')), has(b'o'));
        let mut credentials = accounts::credentials(mechanism, accounts::USER);
        if has(b'z') {
            credentials = credentials.with_authzid("nurse@example.org");
        }
        let plus = offered.then_some("SCRAM-SHA-256-PLUS");
        let offer = Offer::new(plus.into_iter().chain([mechanism.name()]));
        let client = ClientExchange::new(mechanism, &credentials, &ours, &offer, [7; 24])
            .ok()?
            .with_iterations(1..=16);
        let decoy = DecoyKey::new([9; 32]).with_iterations(1);
        let server = ServerExchange::new(mechanism, &theirs, &offer, [5; 24], decoy);
        let initial = client.initial_response();
        let knows = match (has(b'w'), has(b'u'), has(b'a')) {
            (true, ..) => Knows::Another,
            (_, true, _) => Knows::Nobody,
            (.., true) => Knows::All,
            _ => Knows::Ours,
        };
        Some(Self {
            client,
            server,
            mail: Some(Mail::ToServer(initial)),
            tampered: false,
            forged: false,
            client_failed: false,
            is_single: mechanism.hash().is_none(),
            knows,
            agreed: !mechanism.is_plus() || has(b'B'),
        })
    }

    fn step(&mut self, line: script::Line<'_>) {
        let text = || String::from_utf8_lossy(line.rest);
        match line.op {
            b'=' | b'~' | b'-' | b'+' | b'$' => {
                if let Some(mail) = self.mail.take() {
                    let changed = change(&mail, line);
                    self.compare(Some(&mail), &changed);
                    self.deliver(changed);
                }
            }
            b's' => self.forge(Mail::ToServer(line.rest.to_vec())),
            b'c' => self.forge(Mail::Challenge(line.rest.to_vec())),
            b'f' => self.forge(Mail::Success(Some(line.rest.to_vec()))),
            b'n' => {
                // The client's first message waits for the server's prompt.
                let step = self.server.step(None);
                if step != ServerStep::Challenge(Vec::new()) {
                    (self.tampered, self.forged) = (true, true);
                    self.mail = None;
                }
                self.look(&step);
            }
            b'k' => keys(text().trim_start()),
            b't' => prepare(text().trim_start()),
            _ => {}
        }
    }

    fn forge(&mut self, mail: Mail) {
        let due = self.mail.take();
        self.compare(due.as_ref(), &mail);
        self.deliver(mail);
    }

    fn compare(&mut self, sent: Option<&Mail>, delivered: &Mail) {
        self.tampered |= sent != Some(delivered);
        self.forged |= sent.map(Mail::signed) != Some(delivered.signed());
    }

    fn deliver(&mut self, mail: Mail) {
        match mail {
            Mail::ToServer(message) => self.serve(&message),
            Mail::Challenge(challenge) => match self.client.respond(&challenge) {
                Ok(response) => {
                    assert!(!self.client_failed && response.len() <= MAX_MESSAGE);
                    self.mail = Some(Mail::ToServer(response));
                }
                Err(_) => {
                    assert!(self.tampered || self.is_single);
                    self.client_failed = true;
                }
            },
            Mail::Success(data) => {
                let outcome = self.client.finish(data.as_deref());
                if outcome.is_ok() {
                    assert!(!self.client_failed);
                    assert!(self.is_single || !self.forged, "the client took a forgery");
                    assert!(self.is_single || matches!(self.knows, Knows::Ours | Knows::All));
                } else {
                    assert!(self.tampered, "the client refused the truth: {outcome:?}");
                }
                self.client_failed = true;
            }
        }
    }

    fn serve(&mut self, message: &[u8]) {
        let mut step = self.server.step(Some(message));
        if step == ServerStep::Ask {
            let answer = match (self.knows, self.server.question()) {
                (Knows::Nobody, _) => ServerAnswer::Reject(Condition::NotAuthorized),
                (Knows::All, Some(ServerQuestion::Password { .. })) => ServerAnswer::Accept,
                (
                    knows,
                    Some(ServerQuestion::External { .. } | ServerQuestion::Anonymous { .. }),
                ) => match knows {
                    Knows::Ours | Knows::All => ServerAnswer::Accept,
                    _ => ServerAnswer::Reject(Condition::NotAuthorized),
                },
                (knows, question) => {
                    let password = match knows {
                        Knows::Another => accounts::OTHER_PASSWORD,
                        _ => accounts::PASSWORD,
                    };
                    let hash = match question {
                        Some(ServerQuestion::ScramKeys { hash, .. }) => hash,
                        _ => ScramHash::Sha256,
                    };
                    ServerAnswer::ScramKeys(accounts::keys(hash, password, false))
                }
            };
            step = self.server.answer(answer);
        }
        self.look(&step);
        self.mail = match step {
            ServerStep::Challenge(challenge) => Some(Mail::Challenge(challenge)),
            ServerStep::Success {
                additional_data, ..
            } => Some(Mail::Success(additional_data)),
            _ => None,
        };
    }

    /// What holds for everything that a server says.
    fn look(&self, step: &ServerStep) {
        match step {
            ServerStep::Challenge(challenge) => assert!(challenge.len() <= 2 * MAX_MESSAGE),
            ServerStep::Ask => panic!("the question was answered"),
            ServerStep::Success { username, .. } if self.is_single => {
                assert!(self.knows == Knows::Ours || self.knows == Knows::All);
                let user = username.as_deref().unwrap_or(accounts::USER);
                assert!(self.tampered || user == accounts::USER);
            }
            ServerStep::Success { username, .. } => {
                assert!(self.knows != Knows::Another && self.knows != Knows::Nobody);
                assert!(!self.forged, "the server took a forgery");
                assert_eq!(username.as_deref(), Some(accounts::USER));
            }
            ServerStep::Failure(_) => {
                assert!(self.server.rejection().is_some() && self.server.question().is_none());
                let knows = matches!(self.knows, Knows::Ours | Knows::All);
                assert!(
                    self.tampered || !knows || !self.agreed,
                    "refused without a reason"
                );
            }
        }
    }
}

/// A message as the line says.
fn change(mail: &Mail, line: script::Line<'_>) -> Mail {
    let edit = |message: &[u8]| {
        let mut message = message.to_vec();
        let (place, bytes) = line.rest.split_at(line.rest.len().min(1));
        let at = script::number(place).min(message.len());
        match line.op {
            b'~' => {
                if let (Some(to), [byte, ..]) = (message.get_mut(at), bytes) {
                    *to = *byte;
                }
            }
            b'-' if at < message.len() => {
                message.remove(at);
            }
            b'+' => {
                message.splice(at..at, bytes.iter().copied());
            }
            b'$' => {
                let message_text = String::from_utf8_lossy(&message).into_owned();
                message = script::raw(line.rest, &message_text);
            }
            _ => {}
        }
        message
    };
    match mail {
        Mail::ToServer(message) => Mail::ToServer(edit(message)),
        Mail::Challenge(message) => Mail::Challenge(edit(message)),
        Mail::Success(Some(message)) => Mail::Success(Some(edit(message))),
        Mail::Success(None) => Mail::Success(None),
    }
}

/// Keys in text form say the same again.
fn keys(text: &str) {
    if let Ok(keys) = ScramKeys::parse(text) {
        let again = ScramKeys::parse(&keys.to_text()).expect("keys that were written");
        assert_eq!(again.to_text(), keys.to_text());
        let parts = ScramKeys::from_parts(
            keys.hash(),
            keys.salt(),
            keys.iterations(),
            keys.stored_key(),
            keys.server_key(),
        );
        assert_eq!(parts.expect("the parts of keys").to_text(), keys.to_text());
    }
}

/// Preparation is stable, base64 has one spelling.
fn prepare(text: &str) {
    for kind in [StringKind::Stored, StringKind::Query] {
        if let Ok(prepared) = saslprep(text, kind) {
            assert_eq!(saslprep(&prepared, kind).as_deref(), Ok(&*prepared));
        }
    }
    if let Ok(octets) = wire::decode(text)
        && !text.is_empty()
    {
        assert_eq!(wire::encode(&octets), text);
    }
}
