//! What a server offers inside SASL2.

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_xml::ElementBuilder;

use crate::ns;

/// What a server offers with SASL2 (XEP-0388), beside the mechanisms of its
/// [`Host`](crate::Host).
///
/// A login by SASL2 costs fewer round trips than one by RFC 6120: the stream is not restarted, and
/// the client asks for its resource in the first element (Bind 2, XEP-0386). The server then asks
/// its application with the same [`BindRequest`](crate::BindRequest) as after a login by RFC 6120,
/// only earlier. Where the host has [`with_csi`](crate::Host::with_csi), a client may begin as
/// inactive, which [`ServerEvent::Active`](crate::ServerEvent::Active) tells behind the binding.
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

    pub(crate) const fn binds(&self) -> bool {
        self.bind
    }

    pub(crate) const fn carbons(&self) -> bool {
        self.carbons
    }

    pub(crate) const fn asks_for_tasks(&self) -> bool {
        self.tasks
    }

    /// Adds `<authentication/>` to the features. `csi` tells whether clients may say that they are
    /// inactive.
    pub(crate) fn write(
        &self,
        features: ElementBuilder,
        mechanisms: &[String],
        csi: bool,
    ) -> ElementBuilder {
        let mut features = features.open("authentication", ns::SASL2);
        for mechanism in mechanisms {
            features = features.text_child("mechanism", mechanism);
        }
        if self.bind {
            features = features
                .open("inline", ns::SASL2)
                .open("bind", ns::BIND2)
                .open("inline", ns::BIND2);
            let known = [(self.carbons, ns::CARBONS), (csi, ns::CSI)];
            let known = known.iter().filter(|(on, _)| *on).map(|(_, var)| *var);
            for var in known.chain(self.features.iter().map(String::as_str)) {
                features = features.open_child("feature").attr("var", var).close();
            }
            features = features.close().close().close();
        }
        features.close()
    }
}

impl Default for Sasl2 {
    fn default() -> Self {
        Self::new()
    }
}
