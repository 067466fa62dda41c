//! Which addresses the open streams lead to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DomainPolicy, Key};

/// The streams that may carry pairs to other domains of the same address. A clone shares them.
#[derive(Clone, Debug, Default)]
pub(super) struct Roads(Arc<Mutex<BTreeMap<Key, (SocketAddr, DomainPolicy)>>>);

impl Roads {
    pub(super) fn open(&self, address: SocketAddr, policy: DomainPolicy, key: Key) {
        self.all().insert(key, (address, policy));
    }

    pub(super) fn close(&self, key: Key) {
        self.all().remove(&key);
    }

    /// An open stream to this address, to a domain of the same policy.
    pub(super) fn leading_to(&self, address: SocketAddr, policy: DomainPolicy) -> Option<Key> {
        let all = self.all();
        let found = all.iter().find(|(_, road)| **road == (address, policy));
        found.map(|(key, _)| *key)
    }

    /// The lock is never poisoned: no code that holds it panics.
    fn all(&self) -> MutexGuard<'_, BTreeMap<Key, (SocketAddr, DomainPolicy)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
