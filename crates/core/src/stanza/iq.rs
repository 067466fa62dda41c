//! `<iq/>` (RFC 6120 §8.2.3).

use xmppwire_jid::FullJid;
use xmppwire_xml::{Element, ElementRef};

use super::envelope::{Envelope, envelope_methods};
use super::error::StanzaError;
use super::fault::{FaultKind, StanzaFault};
use super::rules;
use crate::ns;
use crate::wire::condition::conditions;

conditions! {
    /// The four types of IQ stanzas (RFC 6120 §8.2.3).
    pub enum IqType {
        /// Asks for information.
        Get = "get",
        /// Provides or changes information.
        Set = "set",
        /// The answer to a successful get or set.
        Result = "result",
        /// The answer to a failed one.
        Error = "error",
    }
}

/// A request or its answer.
///
/// [`Iq::get`] and [`Iq::set`] make requests. An answer is made from the request that it answers, so it
/// has the same id and goes to the sender. Each request has to be answered, with a result or an error
/// (RFC 6120 §8.2.3).
///
/// ```
/// use xmppwire::{Element, Iq, ns};
///
/// let ping = Iq::get("p1", &Element::builder("ping", ns::PING).build()).with_to("example.org")?;
/// let pong = ping.result(None).expect("a get is answered");
/// assert_eq!(pong.id(), Some("p1"));
/// assert!(pong.result(None).is_none(), "an answer is not");
/// # Ok::<_, xmppwire::JidError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Iq {
    envelope: Envelope,
    iq_type: IqType,
}

envelope_methods!(Iq);

impl Iq {
    /// A request for information, with its one payload. `id` has to be unique on the stream until the
    /// answer arrives; see [`IqTracker`](crate::IqTracker).
    pub fn get(id: &str, payload: &Element) -> Self {
        Self::request(IqType::Get, id, payload)
    }

    /// A request that provides or changes information, with its one payload.
    pub fn set(id: &str, payload: &Element) -> Self {
        Self::request(IqType::Set, id, payload)
    }

    fn request(iq_type: IqType, id: &str, payload: &Element) -> Self {
        let mut envelope = Envelope::new("iq");
        envelope.set("type", Some(iq_type.name()));
        envelope.set("id", Some(id));
        envelope.append(payload.root());
        Self { envelope, iq_type }
    }

    /// The type.
    pub const fn iq_type(&self) -> IqType {
        self.iq_type
    }

    /// Whether this is a get or set, which has to be answered (RFC 6120 §8.2.3).
    pub const fn is_request(&self) -> bool {
        matches!(self.iq_type, IqType::Get | IqType::Set)
    }

    /// Whether this is an error answer.
    pub const fn is_error(&self) -> bool {
        matches!(self.iq_type, IqType::Error)
    }

    /// The payload: the one child of a request, the child of a result if it has one, or the copy of the
    /// request that an error may have beside its `<error/>`.
    pub fn child(&self) -> Option<ElementRef<'_>> {
        let error = |child: &ElementRef<'_>| self.is_error() && child.is("error", ns::CLIENT);
        self.element().children().find(|child| !error(child))
    }

    /// The result of this request; `None` where it is not a request.
    pub fn result(&self, payload: Option<&Element>) -> Option<Self> {
        let mut envelope = self
            .is_request()
            .then(|| self.envelope.reply(Some(IqType::Result.name())))?;
        if let Some(payload) = payload {
            envelope.append(payload.root());
        }
        Some(Self {
            envelope,
            iq_type: IqType::Result,
        })
    }

    /// The error answer to this request; `None` where it is not a request (RFC 6120 §8.3.1).
    pub fn error_reply(&self, error: &StanzaError) -> Option<Self> {
        self.is_request().then(|| Self {
            envelope: self.envelope.error_reply(error),
            iq_type: IqType::Error,
        })
    }

    pub(crate) fn parse(element: Element, own: Option<&FullJid>) -> Result<Self, StanzaFault> {
        match Self::check(&element) {
            Ok(iq_type) => Ok(Self {
                envelope: Envelope::parse(element, own)?,
                iq_type,
            }),
            Err(kind) => Err(StanzaFault::new(kind, element)),
        }
    }

    /// The rules of RFC 6120 §8.2.3.
    fn check(element: &Element) -> Result<IqType, FaultKind> {
        let iq_type = element
            .attr("type")
            .and_then(IqType::from_name)
            .ok_or(FaultKind::UnknownType)?;
        if element.attr("id").is_none() {
            return Err(FaultKind::MissingId);
        }
        let children = element.children().count();
        let allowed = match iq_type {
            IqType::Get | IqType::Set => children == 1,
            IqType::Result => children <= 1,
            IqType::Error => (1..=2).contains(&children),
        };
        if !allowed {
            return Err(FaultKind::ChildCount);
        }
        if matches!(iq_type, IqType::Get | IqType::Set) && !rules::has_meaning(element) {
            return Err(FaultKind::PayloadNamespace);
        }
        if iq_type == IqType::Error && element.child("error", ns::CLIENT).is_none() {
            return Err(FaultKind::MissingError);
        }
        Ok(iq_type)
    }
}
