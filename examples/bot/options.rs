//! The command line.

use std::error::Error;
use std::path::PathBuf;

use lexopt::prelude::*;
use xmppwire_tokio::tls::{ClientTls, roots_from_pem};
use xmppwire_tokio::{Connector, Jid, Mode};

pub(crate) const USAGE: &str = "\
usage: bot JID [OPTION]...

  --room ROOM/NICK     a room to join, such as hall@rooms.example.org/Romeo
  --server HOST:PORT   where to connect to [what the domain of the JID says]
  --ca-file FILE       authorities to trust, in PEM [those of the system]
  --help               this text

The password comes from XMPP_PASSWORD, or is asked for.
";

pub(crate) struct Options {
    jid: String,
    pub(crate) room: Option<Jid>,
    server: Option<(String, u16)>,
    ca_file: Option<PathBuf>,
}

impl Options {
    /// Reads the command line; `None` if it asks for help.
    pub(crate) fn parse() -> Result<Option<Self>, lexopt::Error> {
        let (mut jid, mut room, mut server, mut ca_file) = (None, None, None, None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("help") => return Ok(None),
                Value(value) if jid.is_none() => jid = Some(value.string()?),
                Long("room") => room = Some(arguments.value()?.parse()?),
                Long("server") => {
                    server = Some(arguments.value()?.parse_with(shared::host_and_port)?);
                }
                Long("ca-file") => ca_file = Some(arguments.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Some(Self {
            jid: jid.ok_or("an address is missing: see --help")?,
            room,
            server,
            ca_file,
        }))
    }

    /// How to connect.
    pub(crate) fn connector(&self) -> Result<Connector, Box<dyn Error>> {
        let mut connector = Connector::account(&self.jid, shared::password(&self.jid)?)?;
        if let Some((host, port)) = &self.server {
            connector = connector.with_server(host.clone(), *port, Mode::StartTls);
        }
        if let Some(file) = &self.ca_file {
            let roots = roots_from_pem(&std::fs::read(file)?)?;
            connector = connector.with_tls(ClientTls::builder(roots).build()?);
        }
        Ok(connector)
    }
}
