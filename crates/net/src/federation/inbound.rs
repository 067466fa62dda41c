//! A connection that another server opened.

use std::sync::Arc;
use std::task::Poll;

use xmppwire::Instant;
use xmppwire::s2s::Incoming;

use super::report::{Order, Report, What};
use super::session::{Progress, Session};
use super::{FederationConfig, Key, Told};
use crate::find::Mode;
use crate::link::{Wire, Wired};

/// A connection that another server opened, as a machine.
///
/// Where [`poll`](Self::poll) is pending, the driver moves bytes through the [`Wire`], and polls
/// again whenever something moved or an order came.
#[derive(Debug)]
pub struct Inbound {
    key: Key,
    session: Session<Incoming>,
    over: bool,
}

impl Inbound {
    pub(super) fn new(key: Key, config: Arc<FederationConfig>, mode: Mode, now: Instant) -> Self {
        let side = config.accepting_side();
        Self {
            key,
            session: Session::new(config, (), mode, side, now),
            over: false,
        }
    }

    /// The name of the connection.
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Takes what the pool wants of the connection.
    pub fn order(&mut self, now: Instant, order: Order) {
        self.session.order(now, order);
    }

    /// The next report, for the [`Hub`](super::Hub); `None` after the last one: drop the socket.
    pub fn poll(&mut self, now: Instant) -> Poll<Option<Report>> {
        if self.over {
            return Poll::Ready(None);
        }
        let what = match self.session.poll(now) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Progress::Told(what)) => what,
            Poll::Ready(Progress::Ended(ended)) => {
                self.over = true;
                let (end, unsent) = (ended.end, ended.unsent);
                What::Told(Told::Closed { end, unsent })
            }
        };
        let key = self.key;
        Poll::Ready(Some(Report { key, what }))
    }
}

impl Wired for Inbound {
    fn wire(&mut self) -> &mut dyn Wire {
        self.session.wire()
    }
}
