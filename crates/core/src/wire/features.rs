//! `<stream:features/>` (RFC 6120 §4.3.2).

use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_sasl::Offer;
use xmppwire_xml::{Element, ElementRef};

use super::stream_limits::StreamLimits;
use crate::ns;
use crate::sasl2::{Inline, Sasl2};

/// The features that a server offers on a stream, as received.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamFeatures {
    element: Element,
}

impl StreamFeatures {
    pub(crate) const fn new(element: Element) -> Self {
        Self { element }
    }

    /// The whole element, including features that this library does not know.
    pub const fn element(&self) -> &Element {
        &self.element
    }

    /// Whether STARTTLS is offered (RFC 6120 §5.4.1).
    pub fn starttls(&self) -> bool {
        self.element.child("starttls", ns::TLS).is_some()
    }

    /// Whether STARTTLS is mandatory: it is marked so, or it is the only feature (RFC 6120 §5.3.1).
    pub fn starttls_required(&self) -> bool {
        self.element
            .child("starttls", ns::TLS)
            .is_some_and(|starttls| is_required(starttls) || self.element.children().count() == 1)
    }

    /// The SASL mechanisms on offer, in the server's order (RFC 6120 §6.4.1).
    pub fn mechanisms(&self) -> Vec<String> {
        self.element
            .child("mechanisms", ns::SASL)
            .into_iter()
            .flat_map(|mechanisms| mechanisms.children())
            .filter(|child| child.is("mechanism", ns::SASL))
            .map(|mechanism| mechanism.text().into_owned())
            .collect()
    }

    /// The channel binding types that the server announces for the -PLUS mechanisms (XEP-0440), or
    /// `None` if it announces none.
    pub fn channel_bindings(&self) -> Option<Vec<String>> {
        let announcement = self.element.child("sasl-channel-binding", ns::SASL_CB);
        // Version 0.3 of XEP-0440 and earlier ones made it a child of the mechanisms.
        let announcement = announcement.or_else(|| {
            self.element
                .child("mechanisms", ns::SASL)?
                .child("sasl-channel-binding", ns::SASL_CB)
        })?;
        let types = announcement
            .children()
            .filter(|child| child.is("channel-binding", ns::SASL_CB))
            .filter_map(|binding| binding.attr("type"));
        Some(types.map(Into::into).collect())
    }

    /// What is offered for SASL.
    pub(crate) fn sasl(&self) -> Offer {
        let offer = Offer::new(self.mechanisms());
        match self.channel_bindings() {
            Some(types) => offer.with_channel_bindings(types),
            None => offer,
        }
    }

    /// The mechanisms on offer for SASL2, in the server's order (XEP-0388 §2.1); none if the server
    /// does not offer it.
    pub fn sasl2_mechanisms(&self) -> Vec<String> {
        self.element
            .child("authentication", ns::SASL2)
            .into_iter()
            .flat_map(|authentication| authentication.children())
            .filter(|child| child.is("mechanism", ns::SASL2))
            .map(|mechanism| mechanism.text().into_owned())
            .collect()
    }

    /// What is offered for SASL2.
    pub(crate) fn sasl2(&self) -> Offer {
        let offer = Offer::new(self.sasl2_mechanisms());
        match self.channel_bindings() {
            Some(types) => offer.with_channel_bindings(types),
            None => offer,
        }
    }

    /// A feature that is offered inside SASL2, as a child of `<inline/>` (XEP-0388 §2.1).
    pub fn inline(&self, name: &str, ns: &str) -> Option<ElementRef<'_>> {
        self.element
            .child("authentication", ns::SASL2)?
            .child("inline", ns::SASL2)?
            .child(name, ns)
    }

    /// The mechanisms on offer for logins with tokens, in the server's order (FAST, XEP-0484 §3.1).
    pub fn token_mechanisms(&self) -> Vec<String> {
        self.inline("fast", ns::FAST)
            .into_iter()
            .flat_map(|fast| fast.children())
            .filter(|child| child.is("mechanism", ns::FAST))
            .map(|mechanism| mechanism.text().into_owned())
            .collect()
    }

    /// Whether Bind 2 is offered: resource binding inside SASL2 (XEP-0386 §3.1).
    pub fn bind2(&self) -> bool {
        self.inline("bind", ns::BIND2).is_some()
    }

    /// Whether a client may enable this feature with Bind 2, by the name that XEP-0386 §3.1 gives
    /// it, such as `urn:xmpp:carbons:2`.
    pub fn bind2_feature(&self, var: &str) -> bool {
        let Some(bind) = self.inline("bind", ns::BIND2) else {
            return false;
        };
        // An example of XEP-0198 §9.3 has the names directly in <bind/>.
        let nested = bind.child("inline", ns::BIND2).into_iter();
        let features = nested.flat_map(|inline| inline.children());
        features
            .chain(bind.children())
            .any(|feature| feature.is("feature", ns::BIND2) && feature.attr("var") == Some(var))
    }

    /// Whether resource binding is offered (RFC 6120 §7.4).
    pub fn bind(&self) -> bool {
        self.element.child("bind", ns::BIND).is_some()
    }

    /// Whether the server requires a session to be started after binding (RFC 3921 §3). Only
    /// servers older than RFC 6121 do; later ones mark the feature as optional.
    pub fn session_required(&self) -> bool {
        self.element
            .child("session", ns::SESSION)
            .is_some_and(|session| session.child("optional", ns::SESSION).is_none())
    }

    /// Whether stream management is offered (XEP-0198 §3).
    pub fn stream_management(&self) -> bool {
        self.element.child("sm", ns::SM).is_some()
    }

    /// Whether Server Dialback is announced (XEP-0220 §2.4.2).
    pub fn dialback(&self) -> bool {
        self.element
            .child("dialback", ns::DIALBACK_FEATURE)
            .is_some()
    }

    /// Whether dialback errors leave the stream open, so that it can carry several pairs
    /// (XEP-0220 §2.4.2, §2.6.2).
    pub fn dialback_errors(&self) -> bool {
        self.element
            .child("dialback", ns::DIALBACK_FEATURE)
            .is_some_and(|dialback| dialback.child("errors", ns::DIALBACK_FEATURE).is_some())
    }

    /// Whether a bidirectional stream between servers is offered (XEP-0288 §2.1).
    pub fn bidi(&self) -> bool {
        self.element.child("bidi", ns::BIDI_FEATURE).is_some()
    }

    /// What the peer announces of its limits (XEP-0478). [`Endpoint::send`](crate::Endpoint::send)
    /// obeys it.
    pub fn limits(&self) -> StreamLimits {
        let limits = self.element.child("limits", ns::STREAM_LIMITS);
        limits.map(StreamLimits::parse).unwrap_or_default()
    }

    /// Whether the server takes note of which clients are in active use (XEP-0352 §4.1).
    pub fn csi(&self) -> bool {
        self.element.child("csi", ns::CSI).is_some()
    }

    /// The name and namespace of a required feature that this library does not know (RFC 6120
    /// §4.3.2).
    pub(crate) fn unknown_required(&self) -> Option<(String, String)> {
        const KNOWN: [&str; 8] = [
            ns::TLS,
            ns::SASL,
            ns::SASL2,
            ns::BIND,
            ns::SESSION,
            ns::SM,
            ns::DIALBACK_FEATURE,
            ns::BIDI_FEATURE,
        ];
        self.element
            .children()
            .find(|feature| !KNOWN.contains(&feature.ns()) && is_required(*feature))
            .map(|feature| (feature.name().into(), feature.ns().into()))
    }
}

fn is_required(feature: ElementRef<'_>) -> bool {
    feature.child("required", feature.ns()).is_some()
}

/// What a server writes into its features.
pub(crate) struct FeatureOffer<'a> {
    pub(crate) starttls: Option<StartTlsOffer>,
    pub(crate) sasl: &'a Offer,
    pub(crate) sasl2: Option<(&'a Sasl2, Inline<'a>)>,
    pub(crate) bind: bool,
    pub(crate) csi: bool,
    pub(crate) limits: Option<StreamLimits>,
    /// Stream management.
    pub(crate) management: bool,
    pub(crate) extra: &'a [Element],
}

pub(crate) enum StartTlsOffer {
    Optional,
    Required,
}

impl FeatureOffer<'_> {
    pub(crate) fn to_element(&self) -> Element {
        let mut features = Element::builder("features", ns::STREAMS);
        if let Some(starttls) = &self.starttls {
            features = features.open("starttls", ns::TLS);
            if let StartTlsOffer::Required = starttls {
                features = features.open("required", ns::TLS).close();
            }
            features = features.close();
        }
        if !self.sasl.mechanisms().is_empty() {
            features = features.open("mechanisms", ns::SASL);
            for mechanism in self.sasl.mechanisms() {
                features = features.open("mechanism", ns::SASL).text(mechanism).close();
            }
            features = features.close();
        }
        let mechanisms = self.sasl.mechanisms();
        if let Some((sasl2, inline)) = self.sasl2.as_ref().filter(|_| !mechanisms.is_empty()) {
            features = sasl2.write(features, mechanisms, inline);
        }
        if let Some(types) = self.sasl.channel_bindings() {
            features = features.open("sasl-channel-binding", ns::SASL_CB);
            for kind in types {
                features = features
                    .open("channel-binding", ns::SASL_CB)
                    .attr("type", kind)
                    .close();
            }
            features = features.close();
        }
        if self.bind {
            features = features
                .open("bind", ns::BIND)
                .open("required", ns::BIND)
                .close()
                .close()
                // Old clients start a session where one is offered. That costs them a round trip;
                // the mark lets newer clients skip it.
                .open("session", ns::SESSION)
                .open("optional", ns::SESSION)
                .close()
                .close();
        }
        if self.csi {
            features = features.open("csi", ns::CSI).close();
        }
        if let Some(limits) = self.limits {
            features = features.append(limits.to_element().root());
        }
        if self.management {
            features = features.open("sm", ns::SM).close();
        }
        for extra in self.extra {
            features = features.append(extra.root());
        }
        features.build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// STARTTLS is mandatory where it is marked so, and where it is all that is offered (RFC 6120
    /// §5.3.1).
    #[test]
    fn starttls_is_required_by_its_mark_or_by_standing_alone() {
        const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
        const MARKED: &str =
            "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
        const OTHER: &str = "<other xmlns='urn:example:other'/>";
        for (content, offered, required) in [
            (&[STARTTLS][..], true, true),
            (&[STARTTLS, OTHER], true, false),
            (&[MARKED, OTHER], true, true),
            (&[OTHER], false, false),
            (&[], false, false),
        ] {
            let text = alloc::format!(
                "<features xmlns='http://etherx.jabber.org/streams'>{}</features>",
                content.concat()
            );
            let features = StreamFeatures::new(text.parse().unwrap());
            assert_eq!(features.starttls(), offered, "{text}");
            assert_eq!(features.starttls_required(), required, "{text}");
        }
    }
}
