//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) domain: String,
    pub(crate) idle: Duration,
    pub(crate) accounts: PathBuf,
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl Options {
    pub(crate) fn parse() -> Result<Self, lexopt::Error> {
        let (mut listen, mut domain) = (SocketAddr::from(([127, 0, 0, 1], 5222)), None);
        let mut idle = Duration::from_secs(120);
        let (mut accounts, mut cert, mut key) = (None, None, None);
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("listen") => listen = arguments.value()?.parse()?,
                Long("domain") => domain = Some(arguments.value()?.string()?),
                Long("idle") => idle = Duration::from_secs(arguments.value()?.parse()?),
                Long("accounts") => accounts = Some(arguments.value()?.into()),
                Long("cert") => cert = Some(arguments.value()?.into()),
                Long("key") => key = Some(arguments.value()?.into()),
                other => return Err(other.unexpected()),
            }
        }
        Ok(Self {
            listen,
            domain: domain.unwrap_or_else(|| "localhost".into()),
            idle,
            accounts: accounts.ok_or("--accounts FILE is missing")?,
            cert: cert.ok_or("--cert FILE is missing")?,
            key: key.ok_or("--key FILE is missing")?,
        })
    }
}
