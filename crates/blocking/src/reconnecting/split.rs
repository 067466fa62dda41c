//! A client or a component that reconnects, for several threads.

use std::task::Poll;
use std::time::Duration;

use xmppwire::Client;
use xmppwire_net::client::{
    Driving, Error, Next, Reconnecting as Machine, SessionRole, Wish, share,
};

use super::Reconnecting;
use crate::clock::Clock;
use crate::connect::{Attempt, Outcome};
use crate::handle::{Events, Handle};
use crate::pump::Pump;
use crate::session::{drive, rouse};
use crate::waker::Waker;

impl<R: SessionRole> Reconnecting<R> {
    /// Splits it into a handle, which any number of threads can clone, the events, and the
    /// driver, which connects and moves the bytes and has to run all the time, in a thread of its
    /// own.
    ///
    /// ```no_run
    /// use std::thread;
    /// use xmppwire_blocking::{Connector, Presence, ReconnectEvent, ReconnectingClient};
    ///
    /// # fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let connector = Connector::account("juliet@example.org", password)?;
    /// let (handle, events, driver) = ReconnectingClient::new(connector).split();
    /// let driver = thread::spawn(|| driver.run());
    /// for event in events {
    ///     match event {
    ///         // A new session knows nothing of the last one. If this one is lost already, the
    ///         // next event says so.
    ///         ReconnectEvent::Connected(_) => drop(handle.send(Presence::available())),
    ///         ReconnectEvent::Stanza(stanza) => println!("{stanza:?}"),
    ///         _ => {}
    ///     }
    /// }
    /// // Why no other attempt is made.
    /// driver.join().expect("no panic")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// A handle sends over the present session, and gives [`Error::NotConnected`] while there is
    /// none.
    pub fn split(self) -> (Handle<R>, Events<R>, ReconnectingDriver<R>) {
        let Self {
            mut machine,
            clock,
            waker,
            attempt,
            mut refused,
        } = self;
        let budget = machine.inbox_bytes();
        let mut session = None;
        let carried = machine.take_carried();
        // What was not given by `next_event` yet comes first.
        let told = machine.take_events_after();
        let machine = machine.map(|client| {
            let (pump, present) = client.into_parts();
            session = Some(present);
            pump
        });
        let (handle, events, mut driving) = share(None, budget, move || clock.now());
        driving.keep_refused(&mut refused);
        driving.set_wishes(machine.wishes());
        for event in told {
            driving.tell(event);
        }
        if let Some(session) = session {
            driving.attach(None, session);
        }
        driving.carry(carried);
        let driver = ReconnectingDriver {
            machine,
            clock,
            waker,
            attempt,
            driving,
        };
        (Handle(handle), Events(events), driver)
    }
}

/// Longest single wait for the receiver, or for a connection.
const LONGEST: Duration = Duration::from_secs(3600);

/// Drives a client or a component that was [split](Reconnecting::split).
///
/// When the last [`Handle`] and the [`Events`] are dropped, it closes the stream in order. When it
/// is dropped itself, the connection is closed at once, and what the handles wait for ends with
/// [`Error::NotConnected`].
#[derive(Debug)]
#[must_use = "nothing is sent or received unless the driver runs"]
pub struct ReconnectingDriver<R: SessionRole = Client> {
    machine: Machine<Pump, R>,
    clock: Clock,
    waker: Waker,
    attempt: Option<Attempt<R>>,
    driving: Driving<R>,
}

impl<R: SessionRole> ReconnectingDriver<R> {
    /// Connects and moves bytes until a handle closes the client, also during an attempt to connect.
    ///
    /// # Errors
    ///
    /// The reason why another attempt to connect cannot help.
    pub fn run(mut self) -> Result<(), Error> {
        if let Some(told) = self.machine.take_after() {
            told?;
        }
        let waker = rouse(self.waker.clone());
        loop {
            let now = self.clock.now();
            match self.machine.next(now) {
                Next::Connect => {
                    while self.driving.poll_room(&waker).is_pending() {
                        // Requests that wait for the next connection end in time.
                        let now = self.clock.now();
                        let timeout = self.driving.handle_timeouts(now);
                        let wait = timeout.map_or(LONGEST, |time| time.saturating_since(now));
                        self.waker.wait(wait.min(LONGEST));
                    }
                    match self.driving.poll_wish(&waker) {
                        Poll::Ready(Wish::Close) => return self.end(),
                        // It does.
                        Poll::Ready(Wish::ConnectNow) => {}
                        Poll::Ready(Wish::NetworkChanged) => {
                            self.attempt = None;
                            self.machine.network_changed(now);
                        }
                        Poll::Pending => self.connect()?,
                    }
                }
                Next::SleepUntil(time) => match self.driving.poll_wish(&waker) {
                    Poll::Ready(Wish::Close) => return self.end(),
                    Poll::Ready(Wish::ConnectNow) => self.machine.connect_now(now),
                    Poll::Ready(Wish::NetworkChanged) => {
                        self.machine.network_changed(now);
                    }
                    Poll::Pending => {
                        let timeout = self.driving.handle_timeouts(now);
                        let time = timeout.map_or(time, |timeout| timeout.min(time));
                        self.waker.wait(time.saturating_since(now));
                    }
                },
                Next::Drive(pump) => {
                    let end = drive(pump, &mut self.driving);
                    if self.driving.is_closing() {
                        self.driving.tell_left();
                        return end;
                    }
                    let now = self.clock.now();
                    self.machine.keep(now, self.driving.take_resumption());
                    self.driving.tell_undelivered();
                    if self.driving.network_changed() {
                        self.machine.network_changed(now);
                    }
                    let told = self.machine.received(now, end.map(|()| None));
                    if let Some(event) = self.unless_over(told)? {
                        self.driving.tell(event);
                    }
                }
                Next::Stop => return Ok(()),
            }
        }
    }

    /// Connects, until a handle wants something else.
    fn connect(&mut self) -> Result<(), Error> {
        let attempt = self.attempt.take().unwrap_or_else(|| {
            self.machine.set_wishes(self.driving.wishes());
            let attempts = self.machine.attempts(self.clock.now());
            Attempt::new(attempts, self.clock, self.waker.clone())
        });
        let now = self.clock.now();
        let timeout = self.driving.handle_timeouts(now);
        let until = timeout.map_or(now + LONGEST, |timeout| timeout.min(now + LONGEST));
        let result = match attempt.advance(Some(until)) {
            Outcome::Pending(attempt) => {
                self.attempt = Some(*attempt);
                return Ok(());
            }
            Outcome::Done(result) => *result,
        };
        let now = self.clock.now();
        for event in self.machine.take_news() {
            self.driving.tell(event);
        }
        match result {
            Ok(client) => {
                let (address, mode) = (client.address().clone(), client.mode());
                let (pump, session) = client.into_parts();
                let resumed = session.is_resumed();
                let event = self.machine.connected(now, address, mode, pump, resumed);
                self.driving.attach(event, session);
            }
            Err(error) => {
                let told = self.machine.not_connected(now, error);
                let event = self.unless_over(told)?;
                self.driving.tell(event);
            }
        }
        Ok(())
    }

    /// Gives everything back where there will be no other session.
    fn unless_over<T>(&mut self, told: Result<T, Error>) -> Result<T, Error> {
        if told.is_err() {
            self.driving.keep_suspended(self.machine.abandon());
            self.driving.tell_undelivered();
        }
        told
    }

    /// A handle ends the client between two sessions.
    fn end(&mut self) -> Result<(), Error> {
        self.attempt = None;
        self.driving.keep_suspended(self.machine.suspend());
        self.driving.tell_left();
        Ok(())
    }
}
