//! A session for several tasks.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use xmppwire::Client;
use xmppwire_net::client::{Driving, Error, Handle, SessionRole, Stanzas, share};

use super::Session;
use crate::pump::Pump;

impl<R: SessionRole, T: AsyncRead + AsyncWrite + Unpin> Session<R, T> {
    /// Splits the session into a handle, which any number of tasks can clone, the stanzas that
    /// arrive, and the driver, which moves the bytes and has to run all the time: spawn it.
    ///
    /// ```no_run
    /// use xmppwire_tokio::{Client, Iq, Element, Jid, Presence, Stanza, ns};
    ///
    /// # async fn run(password: &str) -> Result<(), Box<dyn std::error::Error>> {
    /// let client = Client::connect("juliet@example.org", password).await?;
    /// let (handle, mut stanzas, driver) = client.split();
    /// let driver = tokio::spawn(driver);
    ///
    /// // Another task sends and asks while this one receives.
    /// let pinger = tokio::spawn({
    ///     let handle = handle.clone();
    ///     async move {
    ///         let ping = Element::builder("ping", ns::PING).build();
    ///         let server = Jid::new("example.org").expect("an address");
    ///         handle.request(Iq::get("", &ping).with_to(server)).await
    ///     }
    /// });
    /// handle.send(Presence::available()).await?;
    /// while let Some(stanza) = stanzas.next().await {
    ///     if let Stanza::Message(message) = stanza {
    ///         println!("{:?}", message.body());
    ///         handle.close().await;
    ///     }
    /// }
    /// pinger.await??;
    /// // How the stream ended: in order, or why not.
    /// driver.await??;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Memory is bounded in bytes: `send` waits for room, and nothing is read while more waits to
    /// be received than the connector allows
    /// ([`with_inbox_bytes`](crate::SessionConnector::with_inbox_bytes)).
    pub fn split(self) -> (Handle<R>, Stanzas<R>, SessionDriver<R, T>) {
        let (pump, session) = self.into_parts();
        let clock = pump.clock();
        let budget = session.inbox_bytes();
        let (handle, events, driving) = share(Some(session), budget, move || clock.now());
        let driver = SessionDriver {
            running: Some((pump, driving)),
        };
        (handle, events.into(), driver)
    }
}

/// Drives a session that was [split](Session::split): a future that is ready when the stream has
/// ended, with the reason if that was not in order.
///
/// When the last [`Handle`] and the [`Stanzas`] are dropped, it closes the stream in order. When it
/// is dropped itself, the connection is closed at once, and what the handles wait for ends with
/// [`Error::NotConnected`].
#[must_use = "nothing is sent or received unless the driver runs: spawn it"]
pub struct SessionDriver<R: SessionRole = Client, T = TcpStream> {
    running: Option<(Pump<T>, Driving<R>)>,
}

impl<R: SessionRole, T: AsyncRead + AsyncWrite + Unpin> Future for SessionDriver<R, T> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((pump, driving)) = &mut self.running else {
            return Poll::Ready(Ok(()));
        };
        let end = poll_drive(pump, driving, cx);
        if end.is_ready() {
            // Tells the handles and the receiver.
            self.running = None;
        }
        end
    }
}

impl<R: SessionRole, T> fmt::Debug for SessionDriver<R, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionDriver").finish_non_exhaustive()
    }
}

/// Moves bytes until the session ends.
fn poll_drive<R: SessionRole, T: AsyncRead + AsyncWrite + Unpin>(
    pump: &mut Pump<T>,
    driving: &mut Driving<R>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Error>> {
    loop {
        let moved = driving.with(|driven| {
            if let Poll::Ready(end) = driven.poll(pump.clock().now(), cx.waker()) {
                return Err(end);
            }
            Ok(driven.wire().is_some_and(|wire| pump.poll_move(cx, wire)))
        });
        match moved {
            Ok(true) => {}
            Ok(false) => return Poll::Pending,
            Err(end) => return Poll::Ready(end),
        }
    }
}

/// Drives a session until it ends.
pub(crate) async fn drive<R: SessionRole>(
    pump: &mut Pump<TcpStream>,
    driving: &mut Driving<R>,
) -> Result<(), Error> {
    poll_fn(|cx| poll_drive(pump, driving, cx)).await
}
