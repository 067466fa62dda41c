//! What the network and the applications do: cuts, new connections, stanzas.

use xmppwire::{Client, Connection, DetachedSessions, Message, Role, Stanza};

use super::ends::{client, juliet, server};
use super::{Session, To};
use crate::end::START;

impl Session {
    pub(super) fn cut(&mut self, noticed: bool) -> Result<(), String> {
        self.to_client.clear();
        self.to_server.clear();
        if noticed {
            self.server.receive_eof(START);
        }
        if let Some(client) = &mut self.client {
            client.receive_eof(START);
        }
        self.turn()?;
        self.to_client.clear();
        self.to_server.clear();
        Ok(())
    }

    pub(super) fn suspend(&mut self) -> Result<(), String> {
        self.to_client.clear();
        self.to_server.clear();
        if let Some(mut client) = self.client.take() {
            self.resumption = client.take_resumption();
            while let Some(event) = client.poll_event() {
                self.told_client(event)?;
            }
        }
        self.server.receive_eof(START);
        self.turn()
    }

    /// Connects again, up to the request to resume the session.
    pub(super) fn reconnect(&mut self) -> Result<(), String> {
        self.connections += 1;
        // What was on the way belongs to the old connection, which a server that has ended its stream
        // closes.
        self.to_client.clear();
        self.to_server.clear();
        let mut client = client(self.connections);
        if let Some(resumption) = self.resumption.take() {
            client.resume(resumption).map_err(|why| why.to_string())?;
        }
        self.client = Some(client);
        let server = server(100 + self.connections);
        let old = std::mem::replace(&mut self.server, server);
        let has_session = old.jid().is_some() && !old.is_finished();
        if has_session && self.old.is_none() {
            self.old = Some(old);
        }
        let asks = |client: &Connection<Client>| {
            let phase = client.phase();
            phase == xmppwire::negotiation::Phase::Resuming
        };
        self.run(asks)
    }

    pub(super) fn forget(&mut self, remember: bool) -> Result<(), String> {
        let ended = self.sessions.remove(&juliet());
        self.remembers = remember;
        if !remember {
            self.sessions = DetachedSessions::default();
        }
        match ended {
            Some(detached) => self
                .of_server
                .give_back(detached.into_unacknowledged(), false),
            None => Ok(()),
        }
    }

    pub(super) fn send(&mut self, to: To) -> Result<(), String> {
        let books = match to {
            To::Server => &mut self.of_client,
            To::Client => &mut self.of_server,
        };
        books.sent += 1;
        let id = format!("{to:?}{}", books.sent);
        let stanza: Stanza = Message::chat(juliet(), "hi").with_id(&id).into();
        let sent = match (to, &mut self.client) {
            (To::Server, Some(client)) => send(client, &stanza)?,
            (To::Client, _) => send(&mut self.server, &stanza)?,
            (To::Server, None) => None,
        };
        books.open.insert(sent.ok_or("no number")?, id);
        self.turn()
    }
}

fn send<R: Role>(machine: &mut Connection<R>, stanza: &Stanza) -> Result<Option<u64>, String> {
    machine.send(stanza).map_err(|why| why.to_string())?;
    Ok(machine.sent())
}
