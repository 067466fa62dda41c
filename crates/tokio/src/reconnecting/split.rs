//! A client or a component that reconnects, for several tasks.

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use xmppwire::{Client, Instant};
use xmppwire_net::client::{
    ConnectError, Driving, Error, Events, Handle, Next, Reconnecting as Machine, SessionRole, Wish,
    share,
};

use super::{Attempt, Reconnecting};
use crate::clock::Clock;
use crate::pump::Pump;
use crate::session::drive;
use crate::{Session, connect};

impl<R: SessionRole> Reconnecting<R> {
    /// Splits it into a handle, which any number of tasks can clone, the events, and the
    /// driver, which connects and moves the bytes and has to run all the time: spawn it.
    ///
    /// ```no_run
    /// use xmppwire_tokio::{Connector, Presence, ReconnectEvent, ReconnectingClient};
    ///
    /// # async fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let connector = Connector::account("juliet@example.org", password)?;
    /// let (handle, mut events, driver) = ReconnectingClient::new(connector).split();
    /// let driver = tokio::spawn(driver);
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         // A new session knows nothing of the last one. If this one is lost already, the
    ///         // next event says so.
    ///         ReconnectEvent::Connected(_) => drop(handle.send(Presence::available()).await),
    ///         ReconnectEvent::Stanza(stanza) => println!("{stanza:?}"),
    ///         _ => {}
    ///     }
    /// }
    /// // Why no other attempt is made.
    /// driver.await??;
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
        let running = Running {
            machine,
            clock,
            attempt,
            driving,
        };
        let driver = ReconnectingDriver {
            running: Some(Box::pin(running.run())),
            role: PhantomData,
        };
        (handle, events, driver)
    }
}

/// Drives a client or a component that was [split](Reconnecting::split): a future that is ready when a handle has closed the client, or with the reason why another attempt to connect
/// cannot help.
///
/// When the last [`Handle`] and the [`Events`] are dropped, it closes the stream in order. When it
/// is dropped itself, the connection is closed at once, and what the handles wait for ends with
/// [`Error::NotConnected`].
#[must_use = "nothing is sent or received unless the driver runs: spawn it"]
pub struct ReconnectingDriver<R: SessionRole = Client> {
    running: Option<Boxed>,
    role: PhantomData<fn() -> R>,
}

type Boxed = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

impl<R: SessionRole> Future for ReconnectingDriver<R> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(running) = &mut self.running else {
            return Poll::Ready(Ok(()));
        };
        let end = running.as_mut().poll(cx);
        if end.is_ready() {
            self.running = None;
        }
        end
    }
}

impl<R: SessionRole> fmt::Debug for ReconnectingDriver<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReconnectingDriver").finish_non_exhaustive()
    }
}

/// The state of the driver.
struct Running<R: SessionRole> {
    machine: Machine<Pump<TcpStream>, R>,
    clock: Clock,
    attempt: Option<Attempt<R>>,
    driving: Driving<R>,
}

impl<R: SessionRole> Running<R> {
    async fn run(mut self) -> Result<(), Error> {
        if let Some(told) = self.machine.take_after() {
            told?;
        }
        loop {
            match self.machine.next(self.clock.now()) {
                Next::Connect => {
                    // Requests that wait for the next connection end in time.
                    let now = self.clock.now();
                    let timeout = self.driving.handle_timeouts(now);
                    let has_room = {
                        let room = pin!(poll_fn(|cx| self.driving.poll_room(cx.waker())));
                        before(self.clock, timeout, room).await.is_some()
                    };
                    if !has_room {
                        continue;
                    }
                    let attempt = match &mut self.attempt {
                        Some(attempt) => attempt,
                        None => {
                            self.machine.set_wishes(self.driving.wishes());
                            let attempts = self.machine.attempts(now);
                            let attempt = connect::connect(attempts, self.clock);
                            self.attempt.insert(Box::pin(attempt))
                        }
                    };
                    let told = {
                        let attempt = pin!(before(self.clock, timeout, attempt.as_mut()));
                        unless_wished(&mut self.driving, attempt).await
                    };
                    match told {
                        Ok(Some(result)) => self.connected(result)?,
                        Ok(None) => {}
                        Err(Wish::Close) => {
                            self.attempt = None;
                            return self.end();
                        }
                        Err(Wish::ConnectNow) => {}
                        Err(Wish::NetworkChanged) => {
                            self.attempt = None;
                            self.machine.network_changed(self.clock.now());
                        }
                    }
                }
                Next::SleepUntil(time) => {
                    let timeout = self.driving.handle_timeouts(self.clock.now());
                    let time = timeout.map_or(time, |timeout| timeout.min(time));
                    let sleep = pin!(self.clock.sleep_until(time));
                    match unless_wished(&mut self.driving, sleep).await {
                        Ok(()) => {}
                        Err(Wish::Close) => return self.end(),
                        Err(Wish::ConnectNow) => self.machine.connect_now(self.clock.now()),
                        Err(Wish::NetworkChanged) => {
                            self.machine.network_changed(self.clock.now());
                        }
                    }
                }
                Next::Drive(pump) => {
                    let end = drive(pump, &mut self.driving).await;
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

    fn connected(&mut self, result: Result<Session<R>, ConnectError>) -> Result<(), Error> {
        self.attempt = None;
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
        self.driving.keep_suspended(self.machine.suspend());
        self.driving.tell_left();
        Ok(())
    }
}

/// Waits for a future; `None` if this time comes before it is ready.
async fn before<T>(
    clock: Clock,
    time: Option<Instant>,
    mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
) -> Option<T> {
    let mut sleep = pin!(async {
        match time {
            Some(time) => clock.sleep_until(time).await,
            None => std::future::pending().await,
        }
    });
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Waits for a future, unless a handle wants something else.
async fn unless_wished<R: SessionRole, T>(
    driving: &mut Driving<R>,
    mut future: Pin<&mut (impl Future<Output = T> + ?Sized)>,
) -> Result<T, Wish> {
    poll_fn(|cx| match driving.poll_wish(cx.waker()) {
        Poll::Ready(wish) => Poll::Ready(Err(wish)),
        Poll::Pending => future.as_mut().poll(cx).map(Ok),
    })
    .await
}
