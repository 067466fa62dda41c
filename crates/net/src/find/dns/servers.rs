//! The name servers to ask.

use std::net::SocketAddr;
use std::time::Duration;

#[cfg(unix)]
use super::LookupError;

/// Most name servers that are asked; the limit of the C library's resolver.
const MAX_SERVERS: usize = 3;

/// The name servers to ask, in this order, and how long and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameServers {
    servers: Vec<SocketAddr>,
    timeout: Duration,
    rounds: u32,
}

impl NameServers {
    /// The first three of these servers. Each is asked at most twice, with a time limit of three
    /// seconds.
    pub fn new(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            servers: servers.into_iter().take(MAX_SERVERS).collect(),
            timeout: Duration::from_secs(3),
            rounds: 2,
        }
    }

    /// The servers in the file `/etc/resolv.conf`, with its `timeout` limited to three seconds and
    /// its `attempts` to three, because a person waits for the connection.
    ///
    /// # Errors
    ///
    /// [`LookupError::NoNameServers`] if the file cannot be read or understood, or if it names only
    /// servers on a network interface given by its name.
    #[cfg(unix)]
    pub fn system() -> Result<Self, LookupError> {
        let text = std::fs::read("/etc/resolv.conf").map_err(|_| LookupError::NoNameServers)?;
        Self::from_resolv_conf(&text)
    }

    /// There is no portable way to ask for the name servers of this system, so this always fails.
    /// Give them to [`NameServers::new`].
    ///
    /// # Errors
    ///
    /// Always [`LookupError::NoNameServers`](super::LookupError::NoNameServers).
    #[cfg(not(unix))]
    pub fn system() -> Result<Self, super::LookupError> {
        Err(super::LookupError::NoNameServers)
    }

    /// Sets how long to wait for each answer.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how often to ask each server; at least once.
    #[must_use]
    pub fn with_rounds(mut self, rounds: u32) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// How long to wait for each answer.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Every attempt, in order: all servers, then all of them again.
    pub(super) fn attempts(&self) -> impl Iterator<Item = SocketAddr> {
        (0..self.rounds).flat_map(|_| self.servers.iter().copied())
    }

    #[cfg(unix)]
    fn from_resolv_conf(text: &[u8]) -> Result<Self, LookupError> {
        use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

        use resolv_conf::ScopedIp;

        const PORT: u16 = 53;

        fn server(address: &ScopedIp) -> Option<SocketAddr> {
            match address {
                ScopedIp::V4(address) => Some((*address, PORT).into()),
                ScopedIp::V6(address, None) => Some((*address, PORT).into()),
                ScopedIp::V6(address, Some(scope)) => {
                    let scope = scope.parse().ok()?;
                    Some(SocketAddrV6::new(*address, PORT, 0, scope).into())
                }
            }
        }

        let config = resolv_conf::Config::parse(text).map_err(|_| LookupError::NoNameServers)?;
        let servers: Vec<_> = if config.nameservers.is_empty() {
            // Without an entry, the name server is on the local machine (resolv.conf(5)).
            vec![
                (Ipv4Addr::LOCALHOST, PORT).into(),
                (Ipv6Addr::LOCALHOST, PORT).into(),
            ]
        } else {
            config.nameservers.iter().filter_map(server).collect()
        };
        if servers.is_empty() {
            return Err(LookupError::NoNameServers);
        }
        Ok(Self::new(servers)
            .with_timeout(Duration::from_secs(config.timeout.clamp(1, 3).into()))
            .with_rounds(config.attempts.clamp(1, 3)))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<NameServers, LookupError> {
        NameServers::from_resolv_conf(text.as_bytes())
    }

    fn addresses(text: &str) -> Vec<String> {
        let servers = parse(text).unwrap().servers;
        servers.iter().map(SocketAddr::to_string).collect()
    }

    #[test]
    fn servers_and_options_are_read() {
        let parsed =
            parse("# x\nnameserver 192.0.2.1\nnameserver ::1\noptions timeout:1 attempts:3\n");
        let parsed = parsed.unwrap();
        let expected =
            NameServers::new(["192.0.2.1:53".parse().unwrap(), "[::1]:53".parse().unwrap()]);
        assert_eq!(
            parsed,
            expected.with_timeout(Duration::from_secs(1)).with_rounds(3)
        );
    }

    #[test]
    fn patience_is_limited() {
        let parsed = parse("nameserver 192.0.2.1\noptions timeout:30 attempts:9\n").unwrap();
        assert_eq!(parsed.timeout, Duration::from_secs(3));
        assert_eq!(parsed.attempts().count(), 3);
    }

    #[test]
    fn scopes_are_kept_if_numeric() {
        assert_eq!(addresses("nameserver fe80::1%3\n"), ["[fe80::1%3]:53"]);
        assert_eq!(
            parse("nameserver fe80::1%eth0\n"),
            Err(LookupError::NoNameServers)
        );
    }

    #[test]
    fn an_empty_file_means_the_local_machine() {
        assert_eq!(addresses(""), ["127.0.0.1:53", "[::1]:53"]);
    }

    #[test]
    fn only_three_servers_are_asked() {
        let many = (1..9).map(|n| SocketAddr::from(([192, 0, 2, n], 53)));
        let attempts = NameServers::new(many).with_rounds(0).attempts().count();
        assert_eq!(attempts, 3);
    }
}
