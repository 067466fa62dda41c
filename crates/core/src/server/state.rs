//! How far the negotiation of a server has come.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::{Domainpart, FullJid};

use super::login::Login;
use super::sasl2::Admitted;
use super::token::Presented;
use crate::negotiation::Phase;
use crate::stanza::Iq;

/// The state of the negotiation. Each variant holds the data that only its phase needs.
#[derive(Debug)]
pub(super) enum State {
    Opening,
    /// The application is asked for the host.
    ChoosingHost {
        serial: u64,
        domain: Domainpart,
    },
    Choosing,
    Tls,
    Sasl(Box<Login>),
    /// The application is asked for the user's keys.
    SaslQuestion {
        serial: u64,
        login: Box<Login>,
    },
    /// The application is asked for the tokens of the client.
    TokenQuestion {
        serial: u64,
        presented: Box<Presented>,
    },
    /// The client's part of a task is awaited, or its choice of one.
    Tasks {
        offered: Vec<String>,
        admitted: Box<Admitted>,
    },
    /// The application is asked about a task. `begun` tells whether the client was told that there
    /// are tasks.
    TaskQuestion {
        serial: u64,
        begun: bool,
        admitted: Box<Admitted>,
    },
    /// The application is asked for the session that continues with the success of SASL2.
    InlineResuming {
        serial: u64,
        begun: bool,
        admitted: Box<Admitted>,
    },
    /// The application is asked for the resource that goes with the success of SASL2.
    InlineBinding {
        serial: u64,
        begun: bool,
        admitted: Box<Admitted>,
    },
    /// The application is asked for the resource.
    Binding {
        serial: u64,
        request: Box<Iq>,
    },
    /// The application is asked for the session to resume.
    Resuming {
        serial: u64,
    },
    Bound(FullJid),
}

impl State {
    pub(super) fn phase(&self) -> Phase {
        match self {
            Self::Opening => Phase::Opening,
            Self::ChoosingHost { .. } => Phase::Answering,
            Self::Choosing => Phase::Choosing,
            Self::Tls => Phase::Tls,
            Self::Sasl(login) | Self::SaslQuestion { login, .. } => login.profile.phase(),
            Self::TokenQuestion { .. } => Phase::Sasl2,
            Self::TaskQuestion { begun: false, .. }
            | Self::InlineResuming { begun: false, .. }
            | Self::InlineBinding { begun: false, .. } => Phase::Sasl2,
            Self::Tasks { .. }
            | Self::TaskQuestion { .. }
            | Self::InlineResuming { .. }
            | Self::InlineBinding { .. } => Phase::Tasks,
            Self::Binding { .. } => Phase::Binding,
            Self::Resuming { .. } => Phase::Resuming,
            Self::Bound(_) => Phase::Bound,
        }
    }

    /// Whether a question to the application is open: nothing is read until it is answered.
    pub(super) const fn is_question(&self) -> bool {
        matches!(
            self,
            Self::ChoosingHost { .. }
                | Self::SaslQuestion { .. }
                | Self::Resuming { .. }
                | Self::TokenQuestion { .. }
                | Self::TaskQuestion { .. }
                | Self::InlineResuming { .. }
                | Self::InlineBinding { .. }
                | Self::Binding { .. }
        )
    }
}
