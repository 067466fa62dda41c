//! Client states (XEP-0352) and carbons (XEP-0280) of a session.

use xmppwire::{Carbon, Client, Instant};

use super::Session;
use crate::client::SessionRole;
use crate::client::wishes::{Carbons, Wishes};

impl Session<Client> {
    /// Tells the server whether the user looks at the client; see
    /// [`xmppwire::Endpoint::set_active`].
    pub fn set_active(&mut self, active: bool) {
        self.link.connection_mut().set_active(active);
    }

    /// Whether carbons are known to be switched on.
    pub fn has_carbons(&self) -> bool {
        self.carbons == Carbons::On
    }

    /// Notes that the server has switched carbons on or off.
    pub const fn note_carbons(&mut self, on: bool) {
        self.carbons = match on {
            true => Carbons::On,
            false => Carbons::Off,
        };
    }
}

impl<R: SessionRole> Session<R> {
    /// What this session was told to do.
    pub(in crate::client) fn wishes(&self) -> Wishes {
        Wishes {
            carbons: self.carbons != Carbons::Off,
            inactive: !R::is_active(self.link.connection()),
        }
    }

    /// Does what the application wants of every session, as far as the login has not done it.
    pub(in crate::client) fn meet(&mut self, now: Instant, wishes: Wishes) {
        R::set_active(self.link.connection_mut(), !wishes.inactive);
        // The answer is dropped. Without room for another request carbons stay off.
        if wishes.carbons
            && self.carbons == Carbons::Off
            && self.begin(now, &Carbon::request(true)).is_ok()
        {
            self.carbons = Carbons::Asked;
        }
    }
}
