//! What the client keeps over a restart.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use xmppwire_tokio::{Connector, Entropy, Resumption, Suspended, Token, UserAgent};

/// A file with the installation, its token and its session, as lines of a name and a value. All
/// three are secrets.
pub(crate) struct State {
    path: PathBuf,
    user_agent: UserAgent,
    token: Option<Token>,
    session: Option<Resumption>,
}

impl State {
    /// Reads the file, or begins a new one.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Box<dyn Error>> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let user_agent = UserAgent::new(&mut Entropy::from_os()?);
                let state = Self {
                    path,
                    user_agent,
                    token: None,
                    session: None,
                };
                state.write()?;
                return Ok(state);
            }
            text => text,
        };
        let name = path.display().to_string();
        let read = text.map_err(Into::into);
        let read = read.and_then(|text| Self::parse(path, &text));
        read.map_err(|error| format!("{name}: {error}").into())
    }

    fn parse(path: PathBuf, text: &str) -> Result<Self, Box<dyn Error>> {
        let value = |name| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            lines.find(|(it, _)| *it == name).map(|(_, value)| value)
        };
        let bytes = |name| value(name).map(|hex| from_hex(hex).ok_or("a damaged line"));
        let token = bytes("token").transpose()?;
        let session = bytes("session").transpose()?;
        Ok(Self {
            path,
            user_agent: UserAgent::from_id(value("user-agent").ok_or("no user agent")?)?,
            token: token.map(|bytes| Token::from_bytes(&bytes)).transpose()?,
            session: session
                .map(|bytes| Resumption::from_bytes(&bytes))
                .transpose()?,
        })
    }

    fn write(&self) -> std::io::Result<()> {
        let mut text = format!("user-agent {}\n", self.user_agent.id());
        if let Some(token) = &self.token {
            text += &format!("token {}\n", hex(&token.to_bytes()));
        }
        if let Some(session) = &self.session {
            text += &format!("session {}\n", hex(&session.to_bytes()));
        }
        shared::write_private(&self.path, text.as_bytes())
    }

    /// Gives the connector what it needs to log in. The session leaves the file, because it can be
    /// used once: after a crash its counters would be wrong.
    pub(crate) fn prepare(&mut self, connector: Connector) -> Result<Connector, Box<dyn Error>> {
        let user_agent = self.user_agent.clone().with_software("xmppwire example");
        let mut connector = connector.with_user_agent(user_agent);
        if let Some(token) = &self.token {
            connector = connector.with_token(token.clone());
        }
        if let Some(session) = self.session.take() {
            self.write()?;
            connector = connector.with_resumption(session);
        }
        Ok(connector)
    }

    /// Keeps what a login, be it a failed one, has changed.
    pub(crate) fn tried(&mut self, connector: &Connector) -> Result<(), Box<dyn Error>> {
        if let Some(end) = connector.take_token_end() {
            eprintln!("the token was refused, so the password was used: {end:?}");
        }
        self.token = connector.token();
        self.session = connector.take_resumption();
        Ok(self.write()?)
    }

    /// Keeps the session of a client that ends.
    pub(crate) fn ended(&mut self, suspended: Suspended) -> Result<(), Box<dyn Error>> {
        self.session = suspended.resumption;
        Ok(self.write()?)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
