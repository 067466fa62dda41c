//! A session for several threads.

use std::sync::Arc;
use std::task::{self, Poll, Wake};

use xmppwire::Client;
use xmppwire_net::client::{Driving, Error, SessionRole, share};

use super::Session;
use crate::handle::{Handle, Stanzas};
use crate::moves::CHUNK;
use crate::pump::Pump;
use crate::waker::Waker;

impl<R: SessionRole> Session<R> {
    /// Splits the session into a handle, which any number of threads can clone, the stanzas that
    /// arrive, and the driver, which moves the bytes and has to run all the time, in a thread of
    /// its own.
    ///
    /// ```no_run
    /// use std::thread;
    /// use xmppwire_blocking::{Client, Iq, Element, Jid, Presence, Stanza, ns};
    ///
    /// # fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::connect("juliet@example.org", password)?;
    /// let (handle, stanzas, driver) = client.split();
    /// let driver = thread::spawn(|| driver.run());
    ///
    /// // Another thread sends and asks while this one receives.
    /// let pinger = thread::spawn({
    ///     let handle = handle.clone();
    ///     move || {
    ///         let ping = Element::builder("ping", ns::PING).build();
    ///         let server = Jid::new("example.org").expect("an address");
    ///         handle.request(Iq::get("", &ping).with_to(server))
    ///     }
    /// });
    /// handle.send(Presence::available())?;
    /// for stanza in stanzas {
    ///     if let Stanza::Message(message) = stanza {
    ///         println!("{:?}", message.body());
    ///         handle.close();
    ///     }
    /// }
    /// pinger.join().expect("no panic")?;
    /// // How the stream ended: in order, or why not.
    /// driver.join().expect("no panic")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Memory is bounded in bytes: `send` waits for room, and nothing is read while more waits to
    /// be received than the connector allows
    /// ([`with_inbox_bytes`](crate::SessionConnector::with_inbox_bytes)).
    pub fn split(self) -> (Handle<R>, Stanzas<R>, SessionDriver<R>) {
        let (pump, session) = self.into_parts();
        let clock = pump.clock();
        let budget = session.inbox_bytes();
        let (handle, events, driving) = share(Some(session), budget, move || clock.now());
        (
            Handle(handle),
            Stanzas(events.into()),
            SessionDriver { pump, driving },
        )
    }
}

/// Drives a session that was [split](Session::split).
///
/// When the last [`Handle`] and the [`Stanzas`] are dropped, it closes the stream in order. When it
/// is dropped itself, the connection is closed at once, and what the handles wait for ends with
/// [`Error::NotConnected`].
#[derive(Debug)]
#[must_use = "nothing is sent or received unless the driver runs"]
pub struct SessionDriver<R: SessionRole = Client> {
    pump: Pump,
    driving: Driving<R>,
}

impl<R: SessionRole> SessionDriver<R> {
    /// Moves bytes until the stream has ended.
    ///
    /// # Errors
    ///
    /// The reason, if the end was not in order.
    pub fn run(mut self) -> Result<(), Error> {
        drive(&mut self.pump, &mut self.driving)
    }
}

/// Drives a session until it ends.
pub(crate) fn drive<R: SessionRole>(
    pump: &mut Pump,
    driving: &mut Driving<R>,
) -> Result<(), Error> {
    let waker = rouse(pump.waker());
    let mut chunk = [0; CHUNK];
    loop {
        let moved = driving.with(|driven| {
            if let Poll::Ready(end) = driven.poll(pump.now(), &waker) {
                return Err(end);
            }
            // There is a wire for as long as the session has not ended.
            let Some(wire) = driven.wire() else {
                return Ok(None);
            };
            match pump.step(wire, &mut chunk) {
                true => Ok(None),
                false => Ok(Some(wire.poll_timeout())),
            }
        });
        match moved {
            Ok(None) => {}
            // Not under the lock: a handle that has something to send wakes the selector.
            Ok(Some(deadline)) => {
                if let Err(error) = pump.wait_until(deadline) {
                    driving.with(|driven| {
                        if let Some(wire) = driven.wire() {
                            wire.write_failed(error.kind().into());
                            wire.read_failed(error);
                        }
                    });
                }
            }
            Err(end) => return end,
        }
    }
}

/// Wakes the driver's thread.
pub(crate) fn rouse(waker: Waker) -> task::Waker {
    struct Rouse(Waker);

    impl Wake for Rouse {
        fn wake(self: Arc<Self>) {
            self.0.wake();
        }
    }

    Arc::new(Rouse(waker)).into()
}
