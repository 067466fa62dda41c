//! Whether the user looks at a client.

use xmppwire_xml::Element;

use super::{Client, State};
use crate::endpoint::Endpoint;
use crate::ns;
use crate::wire::features::StreamFeatures;

/// Client State Indication (XEP-0352).
impl Endpoint<Client> {
    /// Tells the server whether the user looks at the client (XEP-0352), so that it can hold back
    /// what has time. A client begins as active.
    ///
    /// May be called at any time. Before a resource is bound the wish is kept, and a server that
    /// does not offer this ([`StreamFeatures::csi`]) is told nothing.
    pub fn set_active(&mut self, active: bool) {
        self.role.active = active;
        self.tell_state();
    }

    /// Whether the user looks at the client, as the application said last.
    pub const fn is_active(&self) -> bool {
        self.role.active
    }

    /// Tells the server the state of the client, if it does not know it and wants to.
    pub(super) fn tell_state(&mut self) {
        let offered = self.features().map_or(self.role.csi, StreamFeatures::csi);
        let bound = matches!(self.role.state, State::Bound(_)) && !self.is_done();
        if self.role.active != self.role.told_active && offered && bound {
            self.role.told_active = self.role.active;
            let name = if self.role.active {
                "active"
            } else {
                "inactive"
            };
            self.stream
                .push_application(&Element::builder(name, ns::CSI).build());
        }
    }
}
