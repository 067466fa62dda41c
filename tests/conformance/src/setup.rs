//! How the machines of a script are set up: lines that begin with `%`.
//!
//! | line | meaning |
//! |---|---|
//! | `% mechanisms NAME…` | what the server offers, by default PLAIN alone |
//! | `% bindings none` | TLS gives no channel bindings |
//! | `% bindings tls12` | TLS 1.2: TLS gives `tls-exporter` and not `tls-unique` |
//! | `% plus without tls-unique` | … and the server offers -PLUS even so |
//! | `% certificate ADDRESS,…` | the XMPP addresses in the client's certificate, `-` for none of them |
//! | `% password none` | the client has only its certificate |
//! | `% login anonymous` | the client has no account |
//! | `% trace TEXT` | the trace information of a client without an account |
//! | `% floor NAME` | the weakest mechanism that the client takes, by default PLAIN |
//! | `% sasl-attempts N` | how often a client may fail to log in |
//! | `% resource NAME` | what the client wants to bind |
//! | `% lang TAG` | the language in the header of the end under test |
//! | `% tls none` | a server without TLS, and a client that forbids it |
//! | `% tls optional` | TLS is optional for the server, and preferred by the client |
//! | `% tls unconfigured` | a server that offers STARTTLS, and whose driver cannot start it |
//! | `% tls direct` | TLS from the first byte |
//! | `% langs TAG…` | the languages of the server's texts, the default one first |
//! | `% default-domain NAME` | the server's own domain, `verona.example` by default; `none` for none |
//! | `% sasl2 WORD…` | the server offers SASL2; `bind` with Bind 2, `carbons` and `archive` inside that, `tasks` with a second factor, `tokens` with tokens |
//! | `% token MECHANISM COUNT` | the token of the client, and how often it was tried |
//! | `% stored SLOT MECHANISM COUNT SECONDS` | the same token at the server, in the slot `current` or `new`, and how long it lives |
//! | `% sasl2-client WORD…` | what the client does in SASL2: `agent`, `tag` (Balcony), `carbons`, `inactive`, `tasks`; `off` for nothing |
//! | `% white-space-per-second N` | how many bytes of white space a peer may send a second |
//! | `% max-stanza-bytes N` | how large a stanza may be after authentication |
//! | `% management WORD…` | stream management: `ask=N` stanzas, `max=SECONDS`, `resume=no` |
//! | `% session ID JID HANDLED ACKNOWLEDGED` | a session that the client resumes, and that waits at the server |
//! | `% queued STANZA` | a stanza in the queue of that session |
//! | `% max-depth N` | how deep elements may be nested |
//! | `% csi` | the server takes note of the state of its clients (XEP-0352) |
//! | `% stream-limits` | the server announces its limits (XEP-0478) |

use std::time::Duration;

use xmppwire::{
    CertificateIdentities, ChannelBindings, ClientConfig, Detached, Domainpart, Host, Jid, Limits,
    Mechanism, MechanismPolicy, Resumption, Sasl2, ServerConfig, StreamManagement, TlsInfo,
    TlsOffer, TlsPolicy, TokenPolicy, TokenSlots,
};

use crate::feature::Role;
use crate::machine::{self, Juliet, Verona, juliet, verona};

/// The machines of a script.
pub(crate) struct Setup {
    client: ClientConfig,
    inactive: bool,
    slots: TokenSlots,
    server: ServerConfig,
    host: Host,
    direct_tls: bool,
    refuses_tls: bool,
    tls: TlsInfo,
    certificate: Option<CertificateIdentities>,
    session: Option<Saved>,
}

impl Setup {
    pub(crate) fn parse(script: &str) -> Self {
        let mut jid = "juliet@example.org".to_owned();
        let mut lang = None;
        let mut langs = Vec::new();
        let mut mechanisms = vec![Mechanism::Plain];
        let mut floor = Mechanism::Plain;
        let mut trace = "";
        let mut tls = machine::tls();
        let mut certificate = None;
        let (mut password, mut anonymous) = (true, false);
        let (mut plus_without_tls_unique, mut refuses_tls) = (false, false);
        let mut limits = Limits::default();
        let (mut sasl2, mut in_sasl2) = (None, "");
        let (mut token, mut slots) = (None, TokenSlots::default());
        let (mut management, mut session) = (None, None);
        let (mut csi, mut stream_limits) = (false, false);
        let mut default_domain = Some("verona.example");
        let (mut policy, mut offer, mut direct_tls) =
            (TlsPolicy::Required, TlsOffer::Required, false);
        for line in script.lines().filter_map(|line| line.strip_prefix("% ")) {
            match line.split_once(' ').unwrap_or((line, "")) {
                ("mechanisms", names) => {
                    mechanisms = names.split(' ').map(mechanism).collect();
                }
                ("bindings", "none") => tls = TlsInfo::default(),
                ("bindings", "tls12") => {
                    let bindings = ChannelBindings::tls12_extended_master_secret([0x42; 32]);
                    tls = TlsInfo::new(bindings);
                }
                ("plus", "without tls-unique") => plus_without_tls_unique = true,
                ("certificate", addresses) => {
                    let addresses = addresses.split(',').filter(|address| *address != "-");
                    certificate = Some(addresses.fold(
                        CertificateIdentities::new(),
                        CertificateIdentities::with_xmpp_addr,
                    ));
                }
                ("password", "none") => password = false,
                ("login", "anonymous") => anonymous = true,
                ("trace", text) => trace = text,
                ("floor", name) => floor = mechanism(name),
                ("sasl-attempts", number) => limits.sasl_attempts = number.parse().unwrap(),
                ("resource", resource) => jid = format!("juliet@example.org/{resource}"),
                ("lang", tag) => lang = Some(tag),
                ("langs", tags) => langs = tags.split(' ').collect(),
                ("tls", "none") => {
                    (policy, offer) = (TlsPolicy::Forbidden, TlsOffer::Unavailable);
                }
                ("tls", "optional") => (policy, offer) = (TlsPolicy::Preferred, TlsOffer::Optional),
                ("tls", "unconfigured") => refuses_tls = true,
                ("tls", "direct") => direct_tls = true,
                ("default-domain", name) => {
                    default_domain = Some(name).filter(|name| *name != "none")
                }
                ("sasl2", words) => sasl2 = Some(offer_of_sasl2(words)),
                ("sasl2-client", words) => in_sasl2 = words,
                ("token", words) => {
                    let (mechanism, count) = words.split_once(' ').unwrap();
                    let account = "juliet@example.org";
                    token = Some(machine::token(account, mechanism, count.parse().unwrap()));
                }
                ("stored", words) => {
                    let words: Vec<_> = words.split(' ').collect();
                    let (count, lifetime) = (words[2].parse().unwrap(), words[3].parse().unwrap());
                    let token = Some(machine::issued(words[1], count, lifetime));
                    match words[0] {
                        "new" => slots.new = token,
                        _ => slots.current = token,
                    }
                }
                ("white-space-per-second", number) => {
                    limits.white_space_per_second = number.parse().unwrap();
                }
                ("max-stanza-bytes", number) => {
                    limits.after_authentication.max_stanza_bytes = number.parse().unwrap();
                }
                ("max-depth", number) => {
                    limits.after_authentication.max_depth = number.parse().unwrap();
                }
                ("management", words) => management = Some(managed(words)),
                ("session", words) => session = Some(Saved::parse(words)),
                ("queued", stanza) => {
                    let session = session.as_mut().expect("a session before its stanzas");
                    session.queue.push(stanza.to_owned());
                }
                ("csi", _) => csi = true,
                ("stream-limits", _) => stream_limits = true,
                other => panic!("what is {other:?}?"),
            }
        }
        let jid = Jid::new(&jid).unwrap();
        let mut client = match &certificate {
            _ if anonymous => ClientConfig::anonymous(Domainpart::new(jid.domainpart()).unwrap()),
            Some(certificate) if !password => ClientConfig::certificate(jid, certificate).unwrap(),
            Some(certificate) => ClientConfig::new(jid, "s3cr3t")
                .unwrap()
                .with_certificate(certificate),
            None => ClientConfig::new(jid, "s3cr3t").unwrap(),
        };
        client = client
            .with_trace(trace)
            .with_mechanisms(MechanismPolicy::default().with_floor(floor))
            .with_tls(policy)
            .with_limits(limits.clone());
        for word in in_sasl2.split_whitespace() {
            client = match word {
                "agent" => client.with_user_agent(machine::user_agent()),
                "tag" => client.with_bind_tag("Balcony"),
                "carbons" => client.with_carbons(),
                "tasks" => client.with_tasks(),
                "invalidate" => client.with_token_invalidated(),
                "off" => client.without_sasl2(),
                "inactive" => client,
                other => panic!("what is {other:?}?"),
            };
        }
        if let Some(token) = token {
            client = match password {
                true => client.with_token(token),
                false => ClientConfig::token(token, machine::user_agent()).with_tls(policy),
            };
        }
        let mut server = machine::nameless_config().with_limits(limits);
        if let Some(domain) = default_domain {
            server = server.with_default_domain(Domainpart::new(domain).unwrap());
        }
        if plus_without_tls_unique {
            server = server.with_plus_without_tls_unique();
        }
        if let Some(lang) = lang {
            client = client.with_lang(lang);
            server = server.with_lang(lang);
        }
        let host = Host::new(offer, mechanisms);
        let mut host = host.with_stream_management(management.clone());
        client = client.with_stream_management(management);
        if csi {
            host = host.with_csi();
        }
        if stream_limits {
            host = host.with_stream_limits();
        }
        if !langs.is_empty() {
            server = server.with_langs(langs);
        }
        if let Some(sasl2) = sasl2 {
            host = host.with_sasl2(sasl2);
        }
        Self {
            client,
            slots,
            inactive: in_sasl2.contains("inactive"),
            server,
            host,
            direct_tls,
            refuses_tls,
            tls,
            certificate,
            session,
        }
    }

    /// What TLS tells one end. A client is not told about its own certificate.
    pub(crate) fn tls(&self, role: Role) -> TlsInfo {
        match (role, &self.certificate) {
            (Role::Server, Some(certificate)) => self.tls.clone().with_peer(certificate.clone()),
            _ => self.tls.clone(),
        }
    }

    pub(crate) fn juliet(&self) -> Juliet {
        let mut juliet = juliet(self.client.clone(), self.direct_tls);
        juliet.0.set_active(!self.inactive);
        if let Some(session) = &self.session {
            let resumption = Resumption::from_bytes(&session.bytes(1)).unwrap();
            juliet.0.resume(resumption).unwrap();
        }
        juliet
    }

    pub(crate) fn verona(&self) -> Verona {
        let mut verona = verona(self.server.clone(), self.host.clone(), self.direct_tls);
        verona.slots = self.slots.clone();
        if self.refuses_tls {
            verona.refuse_tls();
        }
        if let Some(session) = &self.session {
            verona.keep(Detached::from_bytes(&session.bytes(2)).unwrap());
        }
        verona
    }
}

fn offer_of_sasl2(words: &str) -> Sasl2 {
    let mut sasl2 = Sasl2::new();
    if !words.contains("bind") {
        sasl2 = sasl2.without_bind();
    }
    if words.contains("carbons") {
        sasl2 = sasl2.with_carbons();
    }
    if words.contains("archive") {
        sasl2 = sasl2.with_bind_feature("urn:xmpp:mam:2");
    }
    if words.contains("tokens") {
        sasl2 = sasl2.with_tokens(TokenPolicy::new(machine::NOW));
    }
    if words.contains("tasks") {
        sasl2 = sasl2.with_tasks();
    }
    sasl2
}

fn mechanism(name: &str) -> Mechanism {
    Mechanism::from_name(name).expect("a mechanism")
}

/// The policy of stream management.
fn managed(words: &str) -> StreamManagement {
    let words = words.split(' ').filter_map(|word| word.split_once('='));
    words.fold(StreamManagement::new(), |policy, word| match word {
        ("ask", stanzas) => policy.with_ask_after(stanzas.parse().unwrap(), usize::MAX),
        ("max", seconds) => policy.with_max(Duration::from_secs(seconds.parse().unwrap())),
        ("resume", "no") => policy.with_resumption(false),
        other => panic!("what is {other:?}?"),
    })
}

/// A session that has lost its stream.
struct Saved {
    id: String,
    jid: String,
    handled: u32,
    acknowledged: u64,
    queue: Vec<String>,
}

impl Saved {
    fn parse(words: &str) -> Self {
        let words: Vec<&str> = words.split(' ').collect();
        let [id, jid, handled, acknowledged] = words[..] else {
            panic!("an id, an address and two counters");
        };
        Self {
            id: id.into(),
            jid: jid.into(),
            handled: handled.parse().unwrap(),
            acknowledged: acknowledged.parse().unwrap(),
            queue: Vec::new(),
        }
    }

    /// In the format of the client's side, 1, or of the server's, 2.
    fn bytes(&self, side: u8) -> Vec<u8> {
        let mut bytes = b"XWSM\x01".to_vec();
        bytes.push(side);
        bytes.extend(self.handled.to_be_bytes());
        bytes.extend(self.acknowledged.to_be_bytes());
        bytes.extend(0_u32.to_be_bytes());
        let mut text = |text: &str| {
            bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
            bytes.extend(text.as_bytes());
        };
        for part in [&self.id, &self.jid, ""] {
            text(part);
        }
        let count = u32::try_from(self.queue.len()).unwrap();
        bytes.extend(count.to_be_bytes());
        for stanza in &self.queue {
            bytes.push(0);
            bytes.extend(u32::try_from(stanza.len()).unwrap().to_be_bytes());
            bytes.extend(stanza.as_bytes());
        }
        bytes
    }
}
