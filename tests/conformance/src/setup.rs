//! How the machines of a script are set up: lines that begin with `%`.
//!
//! | line | meaning |
//! |---|---|
//! | `% mechanisms NAME…` | what the server offers, by default PLAIN alone |
//! | `% resource NAME` | what the client wants to bind |
//! | `% lang TAG` | the language of the stream that the end under test begins |
//! | `% tls none` | a server without a certificate, and a client that needs none |
//! | `% tls optional` | a server that does not insist, and a client that takes what there is |
//! | `% tls direct` | TLS from the first byte |
//! | `% max-stanza-bytes N` | how large a stanza may be after authentication |
//! | `% max-depth N` | how deep its elements may lie |

use xmppwire::{
    ClientConfig, Host, Jid, Limits, Mechanism, MechanismPolicy, ServerConfig, TlsOffer, TlsPolicy,
};

use crate::machine::{Juliet, Verona, juliet, server_config, verona};

/// What a script says of its machines.
pub(crate) struct Setup {
    client: ClientConfig,
    server: ServerConfig,
    host: Host,
    direct_tls: bool,
}

impl Setup {
    pub(crate) fn parse(script: &str) -> Self {
        let mut jid = "juliet@example.org".to_owned();
        let mut lang = None;
        let mut mechanisms = vec![Mechanism::Plain];
        let mut limits = Limits::default();
        let (mut policy, mut offer, mut direct_tls) =
            (TlsPolicy::Required, TlsOffer::Required, false);
        for line in script.lines().filter_map(|line| line.strip_prefix("% ")) {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("mechanisms", names) => {
                    let names = names.split(' ');
                    let known = names.map(|name| Mechanism::from_name(name).expect("a mechanism"));
                    mechanisms = known.collect();
                }
                ("resource", resource) => jid = format!("juliet@example.org/{resource}"),
                ("lang", tag) => lang = Some(tag),
                ("tls", "none") => {
                    (policy, offer) = (TlsPolicy::Forbidden, TlsOffer::Unavailable);
                }
                ("tls", "optional") => (policy, offer) = (TlsPolicy::Preferred, TlsOffer::Optional),
                ("tls", "direct") => direct_tls = true,
                ("max-stanza-bytes", number) => {
                    limits.after_authentication.max_stanza_bytes = number.parse().unwrap();
                }
                ("max-depth", number) => {
                    limits.after_authentication.max_depth = number.parse().unwrap();
                }
                other => panic!("what is {other:?}?"),
            }
        }
        let mut client = ClientConfig::new(Jid::new(&jid).unwrap(), "s3cr3t")
            .unwrap()
            .with_mechanisms(MechanismPolicy::default().with_floor(Mechanism::Plain))
            .with_tls(policy)
            .with_limits(limits.clone());
        let mut server = server_config().with_limits(limits);
        if let Some(lang) = lang {
            client = client.with_lang(lang);
            server = server.with_lang(lang);
        }
        Self {
            client,
            server,
            host: Host::new(offer, mechanisms),
            direct_tls,
        }
    }

    pub(crate) fn juliet(&self) -> Juliet {
        juliet(self.client.clone(), self.direct_tls)
    }

    pub(crate) fn verona(&self) -> Verona {
        verona(self.server.clone(), self.host.clone(), self.direct_tls)
    }
}
