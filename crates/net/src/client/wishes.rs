//! What an application wants of every session of a client.

use xmppwire::Client;

use super::{Reconnecting, SessionRole};

/// What an application wants of every session of a client: it is kept from one session to the next.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Copies of the messages of other resources (XEP-0280).
    pub(super) carbons: bool,
    /// The user does not look at the client (XEP-0352).
    pub(super) inactive: bool,
}

/// Whether carbons are switched on in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Carbons {
    #[default]
    Off,
    /// The server was asked, and nothing waits for its answer.
    Asked,
    On,
}

/// What the next sessions begin with.
impl<C> Reconnecting<C, Client> {
    /// Keeps whether the user looks at the client.
    pub const fn wish_active(&mut self, active: bool) {
        self.connector.wishes.inactive = !active;
    }

    /// Keeps whether carbons are wanted.
    pub const fn wish_carbons(&mut self, on: bool) {
        self.connector.wishes.carbons = on;
    }
}

impl<C, R: SessionRole> Reconnecting<C, R> {
    /// What the next sessions begin with.
    #[doc(hidden)]
    pub const fn wishes(&self) -> Wishes {
        self.connector.wishes
    }

    /// Takes over what the handles of a [shared](super::share) client want: call it before
    /// [`attempts`](Self::attempts).
    #[doc(hidden)]
    pub const fn set_wishes(&mut self, wishes: Wishes) {
        self.connector.wishes = wishes;
    }
}
