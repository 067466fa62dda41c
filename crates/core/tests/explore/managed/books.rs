//! What became of each stanza.

use std::collections::{BTreeMap, BTreeSet};

use xmppwire::{Stanza, Unacknowledged};

use crate::end::ensure;

/// The fates of the stanzas of one side.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) sent: u32,
    /// The stanzas of the session whose fate is open.
    pub(super) open: BTreeMap<u64, String>,
    pub(super) acknowledged: BTreeSet<String>,
    pub(super) given_back: BTreeSet<String>,
    /// What the peer took.
    pub(super) arrived: BTreeSet<String>,
}

impl Books {
    pub(super) fn acknowledge(&mut self, upto: u64) -> Result<(), String> {
        let later = self.open.split_off(&(upto + 1));
        for id in std::mem::replace(&mut self.open, later).into_values() {
            let arrived = self.arrived.contains(&id);
            ensure(arrived, || {
                format!("{id} is acknowledged and did not arrive")
            })?;
            self.acknowledged.insert(id);
        }
        Ok(())
    }

    /// `known` says that the peer told how much it had handled.
    pub(super) fn give_back(
        &mut self,
        stanzas: Vec<Unacknowledged>,
        known: bool,
    ) -> Result<(), String> {
        for Unacknowledged { number, stanza, .. } in stanzas {
            let id = self
                .open
                .remove(&number)
                .ok_or("a stanza comes back twice")?;
            ensure(stanza.id() == Some(&id), || "another stanza comes back")?;
            ensure(!known || !self.arrived.contains(&id), || {
                format!("{id} arrived and is given back")
            })?;
            self.given_back.insert(id);
        }
        ensure(self.open.is_empty(), || format!("lost: {:?}", self.open))
    }

    pub(super) fn arrive(&mut self, stanza: &Stanza) -> Result<(), String> {
        let id = stanza.id().unwrap_or_default().to_owned();
        ensure(self.arrived.insert(id.clone()), || {
            format!("{id} arrives twice")
        })
    }
}
