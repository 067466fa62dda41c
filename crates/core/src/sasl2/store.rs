//! A table of issued tokens.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use xmppwire_jid::BareJid;

use super::issued::{TokenSlots, TokenUpdate};

/// The tokens of all accounts of a server, in memory: for servers that keep them nowhere else.
///
/// It is bounded: an account has tokens for that many clients at most, and all accounts together
/// for that many. Beyond that, the client whose tokens expire first loses them, and logs in with
/// its password again.
///
/// ```
/// use xmppwire::{BareJid, TokenStore};
///
/// let mut store = TokenStore::new(20, 10_000);
/// let juliet = BareJid::new("juliet@example.org")?;
/// // At ServerEvent::Token: answer with store.slots(account, user_agent.id()).
/// assert!(store.slots(&juliet, "9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f").current.is_none());
/// // At ServerEvent::Tokens: store.update(update). When the password is changed:
/// store.revoke(&juliet);
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenStore {
    accounts: BTreeMap<BareJid, BTreeMap<Box<str>, TokenSlots>>,
    clients: usize,
    most_of_account: usize,
    most: usize,
}

impl TokenStore {
    /// An empty table, for so many clients of an account, and so many of all accounts.
    pub const fn new(clients_of_account: usize, clients: usize) -> Self {
        Self {
            accounts: BTreeMap::new(),
            clients: 0,
            most_of_account: clients_of_account,
            most: clients,
        }
    }

    /// How many clients have tokens.
    pub const fn len(&self) -> usize {
        self.clients
    }

    /// Whether no client has tokens.
    pub const fn is_empty(&self) -> bool {
        self.clients == 0
    }

    /// The tokens of a client, by the id of its user agent.
    pub fn slots(&self, account: &BareJid, user_agent: &str) -> TokenSlots {
        let clients = self.accounts.get(account);
        let slots = clients.and_then(|clients| clients.get(user_agent));
        slots.cloned().unwrap_or_default()
    }

    /// Applies what a login has changed.
    pub fn update(&mut self, update: TokenUpdate) {
        let account = update.account().clone();
        let user_agent: Box<str> = update.user_agent().id().into();
        let mut slots = self.slots(&account, &user_agent);
        update.apply(&mut slots);
        self.remove(&account, &user_agent);
        if expiry(&slots).is_some() && self.most_of_account > 0 && self.most > 0 {
            let own = self.accounts.get(&account).map_or(0, BTreeMap::len);
            if own >= self.most_of_account {
                self.drop_first(Some(&account));
            } else if self.clients >= self.most {
                self.drop_first(None);
            }
            let clients = self.accounts.entry(account).or_default();
            clients.insert(user_agent, slots);
            self.clients = self.clients.saturating_add(1);
        }
    }

    /// Forgets the tokens of all clients of an account: when its password was changed, and when it
    /// was deleted (XEP-0484 §4.2).
    pub fn revoke(&mut self, account: &BareJid) {
        let clients = self.accounts.remove(account).unwrap_or_default();
        self.clients = self.clients.saturating_sub(clients.len());
    }

    /// Forgets the tokens of one client of an account.
    pub fn remove(&mut self, account: &BareJid, user_agent: &str) {
        let Some(clients) = self.accounts.get_mut(account) else {
            return;
        };
        if clients.remove(user_agent).is_some() {
            self.clients = self.clients.saturating_sub(1);
        }
        if clients.is_empty() {
            self.accounts.remove(account);
        }
    }

    /// Forgets the tokens that have expired at this time, in seconds since the beginning of 1970 in
    /// UTC.
    pub fn remove_expired(&mut self, now: u64) {
        self.accounts.retain(|_, clients| {
            clients.retain(|_, slots| {
                for slot in [&mut slots.current, &mut slots.new] {
                    slot.take_if(|token| token.expires() <= now);
                }
                expiry(slots).is_some()
            });
            !clients.is_empty()
        });
        self.clients = self.accounts.values().map(BTreeMap::len).sum();
    }

    /// Forgets the tokens that expire first, of one account or of all.
    fn drop_first(&mut self, account: Option<&BareJid>) {
        let accounts = self.accounts.iter();
        let first = accounts
            .filter(|(owner, _)| account.is_none_or(|account| *owner == account))
            .flat_map(|(owner, clients)| clients.iter().map(move |client| (owner, client)))
            .min_by_key(|(_, (_, slots))| expiry(slots))
            .map(|(owner, (user_agent, _))| (owner.clone(), user_agent.clone()));
        if let Some((owner, user_agent)) = first {
            self.remove(&owner, &user_agent);
        }
    }
}

/// When the last token of a client expires; `None` if it has none.
fn expiry(slots: &TokenSlots) -> Option<u64> {
    let tokens = slots.current.iter().chain(&slots.new);
    tokens.map(|token| token.expires()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::sasl2::{TokenPolicy, UserAgent};
    use alloc::format;
    use core::time::Duration;
    use xmppwire_sasl::TokenMechanism;

    fn issue(account: &str, agent: u8, lifetime: u64) -> TokenUpdate {
        let policy = TokenPolicy::new(1000).with_lifetime(Duration::from_secs(lifetime));
        let mut entropy = Entropy::from_seed([agent; 32]);
        TokenUpdate {
            account: BareJid::new(account).unwrap(),
            user_agent: Box::new(UserAgent::new(&mut entropy)),
            used: None,
            issued: Some(policy.issue(TokenMechanism::Unbound, &mut entropy)),
        }
    }

    #[test]
    fn it_is_bounded() {
        let mut store = TokenStore::new(2, 3);
        let juliet = BareJid::new("juliet@example.org").unwrap();
        let first = issue("juliet@example.org", 1, 10);
        let agent = first.user_agent().id().to_owned();
        store.update(first);
        assert!(store.slots(&juliet, &agent).new.is_some());
        store.update(issue("juliet@example.org", 2, 20));
        store.update(issue("juliet@example.org", 3, 30));
        assert_eq!(store.len(), 2);
        assert!(store.slots(&juliet, &agent).new.is_none());
        for number in 4..20 {
            store.update(issue(&format!("a{number}@example.org"), number, 40));
            assert!(store.len() <= 3);
        }
        store.remove_expired(1039);
        assert_eq!(store.len(), 3);
        store.remove_expired(1040);
        assert!(store.is_empty());
    }

    /// A login that leaves the client without a token leaves nothing in the table.
    #[test]
    fn a_client_without_tokens_is_not_kept() {
        let mut store = TokenStore::new(2, 3);
        let mut nothing = issue("juliet@example.org", 1, 10);
        nothing.issued = None;
        store.update(nothing);
        assert_eq!(store.len(), 0);
        assert!(store.is_empty() && store.accounts.is_empty());
        store.update(issue("juliet@example.org", 1, 10));
        assert!(!store.is_empty());
    }

    #[test]
    fn revocation_forgets_an_account() {
        let mut store = TokenStore::new(2, 3);
        store.update(issue("juliet@example.org", 1, 10));
        store.update(issue("romeo@example.org", 2, 10));
        store.revoke(&BareJid::new("juliet@example.org").unwrap());
        assert_eq!(store.len(), 1);
        store.revoke(&BareJid::new("nurse@example.org").unwrap());
        assert_eq!(store.len(), 1);
    }
}
