//! What a server offers inside SASL2.

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_sasl::ChannelBindings;
use xmppwire_xml::ElementBuilder;

use super::issued::{self, TokenPolicy};
use crate::ns;

/// What a server offers with SASL2 (XEP-0388), beside the mechanisms of its
/// [`Host`](crate::Host).
///
/// A login by SASL2 costs fewer round trips than one by RFC 6120: the stream is not restarted, and
/// the client asks for its resource in the first element (Bind 2, XEP-0386). The server then asks
/// its application with the same [`BindRequest`](crate::BindRequest) as after a login by RFC 6120,
/// only earlier. Where the host has [`with_csi`](crate::Host::with_csi), a client may begin as
/// inactive, which [`ServerEvent::Active`](crate::ServerEvent::Active) tells behind the binding.
/// Where it has [`with_stream_management`](crate::Host::with_stream_management), a client may resume
/// its session, or have the new one managed, inside the login too.
///
/// ```
/// use xmppwire::{Host, Mechanism, Sasl2, TlsOffer};
///
/// let host = Host::new(TlsOffer::Required, [Mechanism::ScramSha256])
///     .with_sasl2(Sasl2::new().with_carbons());
/// # let _ = host;
/// ```
#[derive(Clone, Debug)]
pub struct Sasl2 {
    bind: bool,
    carbons: bool,
    features: Vec<String>,
    tasks: bool,
    tokens: Option<TokenPolicy>,
}

impl Sasl2 {
    /// SASL2 with Bind 2 and nothing else.
    ///
    /// A server that offers Bind 2 deletes the offline messages of an account without delivering
    /// them when a client binds by it, because such clients fetch them from the archive (XEP-0386
    /// §3.2): that is left to the application, see
    /// [`BindRequest::is_inline`](crate::BindRequest::is_inline).
    pub const fn new() -> Self {
        Self {
            bind: true,
            carbons: false,
            features: Vec::new(),
            tasks: false,
            tokens: None,
        }
    }

    /// Offers no Bind 2: clients bind a resource as in RFC 6120 §7, without a restart before it.
    #[must_use]
    pub const fn without_bind(mut self) -> Self {
        self.bind = false;
        self
    }

    /// Lets clients enable carbons (XEP-0280) with their binding:
    /// [`BindRequest::wants_carbons`](crate::BindRequest::wants_carbons).
    #[must_use]
    pub const fn with_carbons(mut self) -> Self {
        self.carbons = true;
        self
    }

    /// Lets clients enable a feature of the application with their binding, by the name that
    /// XEP-0386 §3.1 gives it. What the client requests is in
    /// [`BindRequest::requests`](crate::BindRequest::requests), and the answer goes into
    /// [`BindAnswer::BindWith`](crate::BindAnswer::BindWith).
    #[must_use]
    pub fn with_bind_feature(mut self, var: impl Into<String>) -> Self {
        self.features.push(var.into());
        self
    }

    /// Asks the application for tasks after the mechanism has succeeded, such as a second factor:
    /// [`ServerEvent::Task`](crate::ServerEvent::Task).
    #[must_use]
    pub const fn with_tasks(mut self) -> Self {
        self.tasks = true;
        self
    }

    /// Lets clients log in with tokens instead of the password, and issues these (FAST, XEP-0484):
    /// [`ServerEvent::Token`](crate::ServerEvent::Token),
    /// [`ServerEvent::Tokens`](crate::ServerEvent::Tokens).
    #[must_use]
    pub fn with_tokens(mut self, tokens: TokenPolicy) -> Self {
        self.tokens = Some(tokens);
        self
    }

    pub(crate) const fn tokens(&self) -> Option<&TokenPolicy> {
        self.tokens.as_ref()
    }

    pub(crate) const fn binds(&self) -> bool {
        self.bind
    }

    pub(crate) const fn carbons(&self) -> bool {
        self.carbons
    }

    pub(crate) const fn asks_for_tasks(&self) -> bool {
        self.tasks
    }

    /// Adds `<authentication/>` to the features.
    pub(crate) fn write(
        &self,
        features: ElementBuilder,
        mechanisms: &[String],
        inline: &Inline<'_>,
    ) -> ElementBuilder {
        let mut features = features.open("authentication", ns::SASL2);
        for mechanism in mechanisms {
            features = features.text_child("mechanism", mechanism);
        }
        let tokens = self.tokens.as_ref();
        let tokens = tokens.filter(|tokens| tokens.offered(inline.bindings).next().is_some());
        if self.bind || inline.management || tokens.is_some() {
            features = features.open("inline", ns::SASL2);
            if inline.management {
                features = features.open("sm", ns::SM).close();
            }
            if self.bind {
                features = self.write_bind(features, inline);
            }
            if let Some(tokens) = tokens {
                features = issued::offer(features, tokens.offered(inline.bindings));
            }
            features = features.close();
        }
        features.close()
    }

    fn write_bind(&self, features: ElementBuilder, inline: &Inline<'_>) -> ElementBuilder {
        let mut features = features.open("bind", ns::BIND2).open("inline", ns::BIND2);
        let known = [
            (self.carbons, ns::CARBONS),
            (inline.csi, ns::CSI),
            (inline.management, ns::SM),
        ];
        let known = known.iter().filter(|(on, _)| *on).map(|(_, var)| *var);
        for var in known.chain(self.features.iter().map(String::as_str)) {
            features = features.open_child("feature").attr("var", var).close();
        }
        features.close().close()
    }
}

/// What a connection adds to the offer.
#[derive(Debug)]
pub(crate) struct Inline<'a> {
    /// Whether clients may say that they are inactive.
    pub(crate) csi: bool,
    /// Whether the stream can be managed, and a session resumed.
    pub(crate) management: bool,
    pub(crate) bindings: &'a ChannelBindings,
}

impl Default for Sasl2 {
    fn default() -> Self {
        Self::new()
    }
}
