//! Both adapters behind one trait, so that a scenario is written once.

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use xmppwire_tokio::{ConnectError, Connector, Error, FullJid, Iq, RequestError, Stanza};

/// No scenario waits longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client that is logged in.
pub(crate) trait Session: Sized {
    fn connect(connector: &Connector) -> Result<Self, ConnectError>;
    fn jid(&self) -> FullJid;
    fn send(&mut self, stanza: Stanza) -> Result<(), Error>;
    fn next(&mut self) -> Result<Option<Stanza>, Error>;
    fn request(&mut self, iq: Iq) -> Result<Iq, RequestError>;
    fn close(self) -> Result<(), Error>;

    /// The next stanza of a stream that is not meant to end.
    fn expect(&mut self) -> Stanza {
        let stanza = self.next().expect("the stream goes on");
        stanza.expect("the stream is not closed")
    }
}

pub(crate) struct Tokio {
    runtime: tokio::runtime::Runtime,
    client: xmppwire_tokio::Client,
}

fn bounded<T>(runtime: &tokio::runtime::Runtime, future: impl Future<Output = T>) -> T {
    let result = runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await });
    result.expect("something happens in time")
}

impl Session for Tokio {
    fn connect(connector: &Connector) -> Result<Self, ConnectError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let client = bounded(&runtime, xmppwire_tokio::Client::connect_with(connector))?;
        Ok(Self { runtime, client })
    }

    fn jid(&self) -> FullJid {
        self.client.jid().clone()
    }

    fn send(&mut self, stanza: Stanza) -> Result<(), Error> {
        bounded(&self.runtime, self.client.send(stanza))
    }

    fn next(&mut self) -> Result<Option<Stanza>, Error> {
        bounded(&self.runtime, self.client.next())
    }

    fn request(&mut self, iq: Iq) -> Result<Iq, RequestError> {
        bounded(&self.runtime, self.client.request(iq))
    }

    fn close(self) -> Result<(), Error> {
        bounded(&self.runtime, self.client.close())
    }
}

pub(crate) struct Blocking(xmppwire_blocking::Client);

impl Session for Blocking {
    fn connect(connector: &Connector) -> Result<Self, ConnectError> {
        xmppwire_blocking::Client::connect_with(connector).map(Self)
    }

    fn jid(&self) -> FullJid {
        self.0.jid().clone()
    }

    fn send(&mut self, stanza: Stanza) -> Result<(), Error> {
        self.0.send(stanza)
    }

    fn next(&mut self) -> Result<Option<Stanza>, Error> {
        match self.0.next_timeout(PATIENCE)? {
            Poll::Ready(stanza) => Ok(stanza),
            Poll::Pending => panic!("something happens in time"),
        }
    }

    fn request(&mut self, iq: Iq) -> Result<Iq, RequestError> {
        self.0.request(iq)
    }

    fn close(self) -> Result<(), Error> {
        self.0.close()
    }
}
