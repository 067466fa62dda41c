//! The command line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::*;
use xmppwire_tokio::Domainpart;
use xmppwire_tokio::component::{Secret, Terms};

type Error = Box<dyn std::error::Error>;

pub(crate) const USAGE: &str = "\
usage: server --accounts FILE --cert FILE --key FILE [OPTION]...
       server --accounts FILE [--domain NAME]... add NAME
              adds an account; the password comes from XMPP_PASSWORD, or is asked for

Clients:
  --listen ADDRESS         where they connect [127.0.0.1:5222]
  --tls-listen ADDRESS     where those connect that begin with TLS (XEP-0368); they get the
                           certificate of the first domain
  --domain NAME            a domain with accounts; may be given several times [localhost]
  --accounts FILE          their keys; a line NAME:PASSWORD is replaced by the keys of an account
  --account NAME:PASSWORD  an account for a trial, kept in memory alone, in the place of --accounts;
                           may be given several times
  --cert [NAME=]FILE       the certificate chain, in PEM, of one domain or of all others
  --key [NAME=]FILE        its private key
  --idle SECONDS           silence after which a client or component is gone [120]

Other servers, which are not reached without --s2s-listen:
  --s2s-listen ADDRESS     where they connect; their standard port is 5269
  --s2s-ca FILE            authorities to trust, in PEM [those of the system]
  --s2s-dialback           lets domains be proven by dialback, without a certificate
  --s2s-server NAME=HOST:PORT
                           the server of a domain, which is then not looked up
  --name-server ADDRESS    asked for SRV records; up to three [those of the system]

Components (XEP-0114):
  --component NAME=SECRET  a domain whose component may attach; =@FILE reads the secret from a file
  --component-listen ADDRESS
                           where they connect, in clear text [127.0.0.1:5347]

  --help                   this text
";

pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) tls_listen: Option<SocketAddr>,
    /// At least one.
    pub(crate) domains: Vec<Domainpart>,
    pub(crate) idle: Duration,
    /// The file with the accounts.
    pub(crate) file: Option<PathBuf>,
    /// `NAME:PASSWORD` of the accounts in memory.
    pub(crate) accounts: Vec<String>,
    /// The account to add to the file.
    pub(crate) add: Option<String>,
    pub(crate) cert: PerDomain,
    pub(crate) key: PerDomain,
    pub(crate) servers: Option<ServerOptions>,
    pub(crate) component_listen: SocketAddr,
    pub(crate) components: BTreeMap<Domainpart, Terms>,
}

/// What is needed for streams to and from other servers.
pub(crate) struct ServerOptions {
    pub(crate) listen: SocketAddr,
    pub(crate) roots: Option<PathBuf>,
    pub(crate) dialback: bool,
    pub(crate) known: Vec<(Domainpart, String, u16)>,
    pub(crate) name_servers: Vec<SocketAddr>,
}

/// A file for each domain, and one for those without.
#[derive(Default)]
pub(crate) struct PerDomain {
    default: Option<PathBuf>,
    files: BTreeMap<Domainpart, PathBuf>,
}

impl PerDomain {
    pub(crate) fn of(&self, domain: &Domainpart) -> Option<&Path> {
        let own = self.files.get(domain).or(self.default.as_ref());
        own.map(PathBuf::as_path)
    }

    /// Reads `NAME=FILE` or `FILE`.
    fn add(&mut self, text: &str) -> Result<(), Error> {
        match text.split_once('=') {
            Some((domain, file)) => {
                self.files.insert(Domainpart::new(domain)?, file.into());
            }
            None => self.default = Some(text.into()),
        }
        Ok(())
    }
}

impl Options {
    /// Reads the command line; `None` if it asks for help.
    pub(crate) fn parse() -> Result<Option<Self>, Error> {
        let (mut cert, mut key) = (PerDomain::default(), PerDomain::default());
        let (mut listen, mut domains) = (SocketAddr::from(([127, 0, 0, 1], 5222)), Vec::new());
        let (mut idle, mut file, mut tls_listen) = (Duration::from_secs(120), None, None);
        let (mut accounts, mut add) = (Vec::new(), None);
        let (mut s2s_listen, mut roots, mut dialback) = (None, None, false);
        let (mut known, mut name_servers) = (Vec::new(), Vec::new());
        let mut component_listen = SocketAddr::from(([127, 0, 0, 1], 5347));
        let mut components = BTreeMap::new();
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("help") => return Ok(None),
                Long("listen") => listen = arguments.value()?.parse()?,
                Long("tls-listen") => tls_listen = Some(arguments.value()?.parse()?),
                Long("domain") => domains.push(Domainpart::new(&arguments.value()?.string()?)?),
                Long("idle") => idle = Duration::from_secs(arguments.value()?.parse()?),
                Long("accounts") => file = Some(arguments.value()?.into()),
                Long("account") => accounts.push(arguments.value()?.string()?),
                Value(command) if command == "add" && add.is_none() => {
                    add = Some(arguments.value()?.string()?);
                }
                Long("cert") => cert.add(&arguments.value()?.string()?)?,
                Long("key") => key.add(&arguments.value()?.string()?)?,
                Long("s2s-listen") => s2s_listen = Some(arguments.value()?.parse()?),
                Long("s2s-ca") => roots = Some(arguments.value()?.into()),
                Long("s2s-dialback") => dialback = true,
                Long("s2s-server") => known.push(server(&arguments.value()?.string()?)?),
                Long("name-server") => name_servers.push(arguments.value()?.parse()?),
                Long("component") => {
                    let (domain, terms) = component(&arguments.value()?.string()?)?;
                    components.insert(domain, terms);
                }
                Long("component-listen") => component_listen = arguments.value()?.parse()?,
                other => return Err(other.unexpected().into()),
            }
        }
        if domains.is_empty() {
            domains.push(Domainpart::new("localhost")?);
        }
        if let Some(domain) = domains.iter().find(|&it| components.contains_key(it)) {
            return Err(format!("{domain} cannot be both --domain and --component").into());
        }
        if file.is_some() != accounts.is_empty() {
            return Err("either --accounts FILE or --account NAME:PASSWORD is needed".into());
        }
        let servers = s2s_listen.map(|listen| ServerOptions {
            listen,
            roots,
            dialback,
            known,
            name_servers,
        });
        Ok(Some(Self {
            listen,
            tls_listen,
            domains,
            idle,
            file,
            accounts,
            add,
            cert,
            key,
            servers,
            component_listen,
            components,
        }))
    }
}

/// Reads `NAME=HOST:PORT`.
fn server(text: &str) -> Result<(Domainpart, String, u16), Error> {
    const FORM: &str = "--s2s-server needs NAME=HOST:PORT";
    let (domain, server) = text.split_once('=').ok_or(FORM)?;
    let (host, port) = server.rsplit_once(':').ok_or(FORM)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((Domainpart::new(domain)?, host.into(), port.parse()?))
}

/// Reads `NAME=SECRET` or `NAME=@FILE`.
fn component(text: &str) -> Result<(Domainpart, Terms), Error> {
    let (domain, secret) = text
        .split_once('=')
        .ok_or("--component needs NAME=SECRET")?;
    let secret = match secret.strip_prefix('@') {
        // Most editors end a file with a line break, which is no part of the secret.
        Some(file) => String::from_utf8(crate::read(Path::new(file))?)?
            .trim_end_matches(['\r', '\n'])
            .to_owned(),
        None => secret.to_owned(),
    };
    Ok((Domainpart::new(domain)?, Terms::new(Secret::new(secret))?))
}
