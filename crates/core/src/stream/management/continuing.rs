//! What outlives a stream, and how a session continues on another one (XEP-0198 §5).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Management, Outstanding, Parked, Terms};
use crate::error::CloseReason;
use crate::log::log;
use crate::stream::Stream;
use crate::stream_management::StreamManagement;
use crate::unacknowledged::Unacknowledged;

impl Management {
    /// A session that continues. Its stanzas are not in the output yet.
    fn restored(policy: Arc<StreamManagement>, parked: Parked, terms: Terms) -> Self {
        let outstanding = Outstanding {
            queue: parked.queue,
            ..Outstanding::default()
        };
        Self {
            acknowledged: parked.acknowledged,
            handled: parked.handled,
            queue: (!outstanding.queue.is_empty()).then(|| Box::new(outstanding)),
            ..Self::new(policy, true, terms)
        }
    }

    /// What of the session outlives its connection. `output` holds what was not written.
    fn park(mut self, output: &[u8]) -> (Parked, Terms) {
        self.salvage(output);
        let parked = Parked {
            acknowledged: self.acknowledged,
            handled: self.handled,
            queue: self.queue.map(|out| out.queue).unwrap_or_default(),
        };
        let terms = Terms {
            id: self.id,
            location: self.location,
            max: self.max,
        };
        (parked, terms)
    }
}

impl Stream {
    /// Keeps a session in a stream that does not continue it, so that its stanzas can be taken.
    pub(crate) fn keep_session(
        &mut self,
        policy: Arc<StreamManagement>,
        parked: Parked,
        terms: Terms,
    ) {
        self.manage(Management::restored(policy, parked, terms));
    }

    /// Continues a session on this stream. Returns the number of the last stanza that the peer
    /// acknowledged, or `None` where its count was too high, which ends the stream.
    pub(crate) fn continue_session(
        &mut self,
        policy: Arc<StreamManagement>,
        parked: Parked,
        terms: Terms,
        handled: u32,
    ) -> Option<u64> {
        log!(debug, stanzas = parked.queue.len(), "the session continues");
        self.manage(Management::restored(policy, parked, terms));
        self.acknowledge(handled);
        if self.over {
            return None;
        }
        let management = self.management.as_mut()?;
        if let Some(out) = &mut management.queue {
            out.queue.resend(&mut self.out);
        }
        let acknowledged = management.acknowledged;
        self.ask();
        Some(acknowledged)
    }

    /// Whether the session could continue on another stream, if this one ended without a closing
    /// tag.
    pub(crate) fn is_resumable(&self) -> bool {
        let managed = |m: &Management| m.confirmed && m.id.is_some();
        self.management.as_deref().is_some_and(managed)
    }

    /// Whether the stream ended so that its session can continue on another one.
    pub(crate) fn ended_resumably(&self) -> bool {
        self.is_resumable() && self.over && self.end.as_ref().is_some_and(|end| end.unclean)
    }

    /// Takes the session out of the stream.
    pub(crate) fn park(&mut self) -> Option<(Parked, Terms)> {
        let management = self.management.take()?;
        Some(management.park(self.out.pending()))
    }

    /// Ends the stream without a word, so that the session can continue on another one.
    pub(crate) fn cut(&mut self, reason: CloseReason) {
        self.mute();
        self.finish(reason);
    }

    /// The stanzas that the peer has not acknowledged, once, after the end.
    pub(crate) fn take_unacknowledged(&mut self) -> Vec<Unacknowledged> {
        if !self.over {
            return Vec::new();
        }
        self.park()
            .map(|(parked, _)| parked.unacknowledged())
            .unwrap_or_default()
    }
}
