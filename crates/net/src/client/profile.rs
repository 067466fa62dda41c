//! What a client tells about itself to those who may know that it is there.

use xmppwire::{Element, Iq, IqType, StanzaErrorCondition, ns};

const INFO: &str = "http://jabber.org/protocol/disco#info";
const VERSION: &str = "jabber:iq:version";

/// What a client answers by itself: pings (XEP-0199), its software version (XEP-0092), and its
/// identity and features (disco#info of XEP-0030).
///
/// The answers show that the client is connected, so not everyone gets them (RFC 6120 §13.10.2).
/// They go to the own account and its server, and to those who may see the client's presence: to
/// addresses that it sent available presence to or whose subscription it approved, and to contacts
/// with a subscription of type `from` or `both` in a roster that arrived in this session, while the
/// client is available. Everyone else gets `service-unavailable`, as from a client that is not
/// there. [`for_everyone`](Self::for_everyone) lifts that.
///
/// ```
/// use xmppwire_net::client::{Connector, Profile};
///
/// let profile = Profile::new("Elsinore", "1.2")
///     .with_identity("client", "phone")
///     .with_feature("urn:xmpp:receipts");
/// let connector = Connector::account("juliet@example.org", "s3cr3t")?.with_profile(profile);
/// # Ok::<_, xmppwire_net::client::ConnectError>(())
/// ```
///
/// The default names this library, and says that the client is a `bot`.
#[derive(Clone, Debug)]
#[must_use]
pub struct Profile {
    name: String,
    version: String,
    system: Option<String>,
    identity: (String, String),
    features: Vec<String>,
    for_everyone: bool,
}

impl Profile {
    /// A profile of the software of this name and version, with the identity `client/bot`.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            system: None,
            identity: ("client".into(), "bot".into()),
            features: Vec::new(),
            for_everyone: false,
        }
    }

    /// Sets the category and type of the identity, such as `client` and `phone`. The
    /// [registry](https://xmpp.org/registrar/disco-categories.html) lists them.
    pub fn with_identity(mut self, category: impl Into<String>, kind: impl Into<String>) -> Self {
        self.identity = (category.into(), kind.into());
        self
    }

    /// Tells the operating system with the software version. Not told unless set.
    pub fn with_system(mut self, system: impl Into<String>) -> Self {
        self.system = Some(system.into());
        self
    }

    /// Adds a feature to those that disco#info lists: what the profile answers, and the claims of
    /// the [`Connector`](super::Connector::with_claim).
    pub fn with_feature(mut self, feature: impl Into<String>) -> Self {
        self.features.push(feature.into());
        self
    }

    /// Answers everyone, also those who may not see the client's presence: for a public service
    /// whose address is known to be in use.
    pub const fn for_everyone(mut self) -> Self {
        self.for_everyone = true;
        self
    }

    pub(super) const fn is_for_everyone(&self) -> bool {
        self.for_everyone
    }

    /// The answer to a request that the profile answers. `claimed` are the other namespaces that
    /// the client knows.
    pub(super) fn answer<'a>(
        &'a self,
        iq: &Iq,
        claimed: impl Iterator<Item = &'a str>,
    ) -> Option<Iq> {
        let request = iq.child().filter(|_| iq.iq_type() == IqType::Get)?;
        match (request.ns(), request.name()) {
            (ns::PING, "ping") => iq.result(None),
            (VERSION, "query") => iq.result(Some(&self.version())),
            (INFO, "query") if request.attr("node").is_none() => {
                iq.result(Some(&self.info(claimed)))
            }
            // XEP-0030 §7: there is no such node.
            (INFO, "query") => iq.error_reply(&StanzaErrorCondition::ItemNotFound.into()),
            _ => None,
        }
    }

    fn version(&self) -> Element {
        let mut version = Element::builder("query", VERSION);
        let system = self.system.as_ref().map(|system| ("os", system));
        let fields = [("name", &self.name), ("version", &self.version)];
        for (name, text) in fields.into_iter().chain(system) {
            version = version.open(name, VERSION).text(text).close();
        }
        version.build()
    }

    fn info<'a>(&'a self, claimed: impl Iterator<Item = &'a str>) -> Element {
        let (category, kind) = &self.identity;
        let mut info = Element::builder("query", INFO)
            .open("identity", INFO)
            .attr("category", category)
            .attr("type", kind)
            .attr("name", &self.name)
            .close();
        let mut features = vec![INFO, VERSION, ns::PING];
        features.extend(self.features.iter().map(String::as_str).chain(claimed));
        features.sort_unstable();
        features.dedup();
        for feature in features {
            info = info.open("feature", INFO).attr("var", feature).close();
        }
        info.build()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::new("xmppwire", env!("CARGO_PKG_VERSION"))
    }
}
