//! How far the negotiation of a client has come.

use alloc::boxed::Box;

use xmppwire_jid::FullJid;

use super::login::Login;
use super::session::Asked;
use crate::negotiation::Phase;

/// The state of the negotiation. Each variant holds the data that only its phase needs.
#[derive(Debug)]
pub(super) enum State {
    Answering,
    Offering,
    StartingTls,
    Tls,
    Sasl(Box<Login>),
    /// The application is asked for the salted password.
    Deriving {
        serial: u64,
        login: Box<Login>,
    },
    /// The server's part of a task is awaited.
    Tasks(Box<Login>),
    /// The application is asked for its part of a task, or for its choice of one.
    TaskQuestion {
        serial: u64,
        login: Box<Login>,
    },
    Binding {
        id: Box<str>,
    },
    Session(Box<Asked>),
    /// The server was asked to resume the session.
    Resuming,
    Bound(FullJid),
}

impl State {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Answering => Phase::Answering,
            Self::Offering => Phase::Offering,
            Self::StartingTls => Phase::StartingTls,
            Self::Tls => Phase::Tls,
            Self::Sasl(login) | Self::Deriving { login, .. } => login.profile.phase(),
            Self::Tasks(_) | Self::TaskQuestion { .. } => Phase::Tasks,
            Self::Binding { .. } => Phase::Binding,
            Self::Session(_) => Phase::Session,
            Self::Resuming => Phase::Resuming,
            Self::Bound(_) => Phase::Bound,
        }
    }

    /// Whether neither a resource nor a session is asked for.
    pub(super) const fn is_before_binding(&self) -> bool {
        !matches!(
            self,
            Self::Binding { .. } | Self::Session(_) | Self::Resuming | Self::Bound(_)
        )
    }
}
