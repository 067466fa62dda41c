//! A user of the other server.

use xmppwire_tokio::tls::ClientTls;
use xmppwire_tokio::{Client, ClientConfig, Connector, Iq, Jid, Message, Mode, Presence, Stanza};

use crate::shared::{get, roots};
use crate::{port, within};

/// Juliet, with an account on the other server.
pub(crate) struct Juliet(Client);

impl Juliet {
    /// Logs in to one of the server's hosts.
    pub(crate) async fn at(host: &str) -> Self {
        let jid = Jid::new(&format!("{}@{}", get("USER"), get(host))).unwrap();
        let config = ClientConfig::new(jid, get("PASSWORD").as_str()).unwrap();
        // The host whose certificate is wrong for servers has it for clients too.
        let tls = ClientTls::builder(roots("CA")).build().unwrap();
        let tls = match host {
            "HOST_MISNAMED" => tls.for_dialback(),
            _ => tls,
        };
        let connector = Connector::new(config)
            .unwrap()
            .with_server(get("ADDRESS"), port("STARTTLS_PORT"), Mode::StartTls)
            .with_tls(tls);
        let client = within(Client::connect_with(&connector)).await;
        Self(client.expect("she logs in"))
    }

    pub(crate) fn jid(&self) -> Jid {
        self.0.jid().clone().into()
    }

    pub(crate) async fn send(&mut self, stanza: impl Into<Stanza>) {
        within(self.0.send(stanza)).await.expect("it is sent");
        within(self.0.flush()).await.expect("it is written");
    }

    pub(crate) async fn close(self) {
        within(self.0.close()).await.expect("an orderly end");
    }

    async fn next(&mut self) -> Stanza {
        let next = within(self.0.next()).await.expect("the session goes on");
        next.expect("a stanza")
    }

    pub(crate) async fn message(&mut self) -> Message {
        loop {
            if let Stanza::Message(message) = self.next().await {
                return message;
            }
        }
    }

    pub(crate) async fn presence(&mut self) -> Presence {
        loop {
            if let Stanza::Presence(presence) = self.next().await {
                return presence;
            }
        }
    }

    pub(crate) async fn iq(&mut self) -> Iq {
        loop {
            if let Stanza::Iq(iq) = self.next().await {
                return iq;
            }
        }
    }
}
