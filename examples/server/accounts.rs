//! Who may log in, and the keys to check it with. No password is kept.

use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use xmppwire_tokio::{BareJid, Domainpart, Entropy, Localpart, ScramHash, ScramKeys};

use crate::read;

/// What a client has to compute at a login (RFC 7677 §4).
const ITERATIONS: u32 = 4096;

/// The keys of one account, one for each hash that a mechanism uses. Their salts differ, as those
/// of unknown accounts do.
pub(crate) struct Keys([ScramKeys; 2]);

/// A store of accounts. A server for more than a trial has one over its data base.
pub(crate) trait Accounts: Send {
    /// The keys of an account for this hash, or `None` if there is no such account.
    fn keys(&self, account: &BareJid, hash: ScramHash) -> Option<ScramKeys>;

    /// The addresses of all accounts.
    fn names(&self) -> Vec<BareJid>;

    /// Adds an account, or replaces its keys.
    fn set(&mut self, account: BareJid, keys: Keys) -> io::Result<()>;
}

impl Keys {
    /// Derives the keys of a new password.
    pub(crate) fn new(password: &str) -> Result<Self, Box<dyn Error>> {
        let mut entropy = Entropy::from_os()?;
        let mut derive = |hash| ScramKeys::derive(hash, password, &entropy.salt(), ITERATIONS);
        Ok(Self([derive(ScramHash::Sha256)?, derive(ScramHash::Sha1)?]))
    }
}

/// Reads the address of an account. Without a domain it is of the first of `domains`.
pub(crate) fn address(name: &str, domains: &[Domainpart]) -> Result<BareJid, Box<dyn Error>> {
    let (localpart, domain) = match name.split_once('@') {
        Some((localpart, domain)) => (localpart, Domainpart::new(domain)?),
        None => (name, domains.first().ok_or("no domain")?.clone()),
    };
    if !domains.contains(&domain) {
        return Err(format!("{name} is not of a --domain").into());
    }
    Ok(BareJid::from_parts(
        Some(&Localpart::new(localpart)?),
        &domain,
    ))
}

/// Accounts that are gone when the server stops.
#[derive(Default)]
pub(crate) struct InMemory(BTreeMap<BareJid, Keys>);

impl Accounts for InMemory {
    fn keys(&self, account: &BareJid, hash: ScramHash) -> Option<ScramKeys> {
        let Keys(keys) = self.0.get(account)?;
        keys.iter().find(|keys| keys.hash() == hash).cloned()
    }

    fn names(&self) -> Vec<BareJid> {
        self.0.keys().cloned().collect()
    }

    fn set(&mut self, account: BareJid, keys: Keys) -> io::Result<()> {
        self.0.insert(account, keys);
        Ok(())
    }
}

/// Accounts in a text file, with the address and the keys of one on each line.
pub(crate) struct InFile {
    path: PathBuf,
    accounts: InMemory,
}

impl InFile {
    /// Reads the file; one that does not exist has no accounts. A line `NAME:PASSWORD` adds an
    /// account: the file is written again, with keys in the place of the password.
    pub(crate) fn open(path: &Path, domains: &[Domainpart]) -> Result<Self, Box<dyn Error>> {
        let mut file = Self {
            path: path.into(),
            accounts: InMemory::default(),
        };
        if !path.exists() {
            return Ok(file);
        }
        let text = String::from_utf8(read(path)?)?;
        let mut had_passwords = false;
        for (line, number) in text.split('\n').zip(1..).filter(|(it, _)| !it.is_empty()) {
            let (account, keys, was_password) = parse(line, domains)
                .map_err(|error| format!("{}:{number}: {error}", path.display()))?;
            had_passwords |= was_password;
            file.accounts.set(account, keys)?;
        }
        if had_passwords {
            file.write()
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(file)
    }

    /// Only the owner may read it: keys let others try passwords, and act as the server.
    fn write(&self) -> io::Result<()> {
        let mut text = String::new();
        for (account, Keys(keys)) in &self.accounts.0 {
            let keys = keys.each_ref().map(ScramKeys::to_text).join(" ");
            text += &format!("{account} {keys}\n");
        }
        shared::write_private(&self.path, text.as_bytes())
    }
}

impl Accounts for InFile {
    fn keys(&self, account: &BareJid, hash: ScramHash) -> Option<ScramKeys> {
        self.accounts.keys(account, hash)
    }

    fn names(&self) -> Vec<BareJid> {
        self.accounts.names()
    }

    fn set(&mut self, account: BareJid, keys: Keys) -> io::Result<()> {
        self.accounts.set(account, keys)?;
        self.write()
    }
}

/// Reads `ADDRESS KEYS KEYS` or `NAME:PASSWORD`; the last value tells which. A localpart has
/// neither a space nor a colon (RFC 7622 §3.3.1), so the first of the two decides.
fn parse(line: &str, domains: &[Domainpart]) -> Result<(BareJid, Keys, bool), Box<dyn Error>> {
    let end = line.find([' ', ':']).ok_or("neither keys nor a password")?;
    let (name, rest) = line.split_at(end);
    let account = address(name, domains)?;
    if let Some(password) = rest.strip_prefix(':') {
        return Ok((account, Keys::new(password)?, true));
    }
    let mut keys = rest.trim().split(' ').map(ScramKeys::parse);
    match (keys.next(), keys.next(), keys.next()) {
        (Some(one), Some(two), None) => Ok((account, Keys([one?, two?]), false)),
        _ => Err("an account has two keys".into()),
    }
}
