//! `<authenticate/>` (XEP-0388 §2.3), and the requests in it that a successful login fulfils.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_sasl::{Condition, TokenMechanism};
use xmppwire_xml::{Element, ElementBuilder, ElementRef};

use super::{Fast, UserAgent};
use crate::ns;
use crate::wire::sasl;

/// `<authenticate/>` as a server reads it.
#[derive(Debug)]
pub(crate) struct Authenticate {
    pub(crate) mechanism: String,
    pub(crate) initial_response: Option<Vec<u8>>,
    pub(crate) wishes: Wishes,
}

/// What the client wants beside the login.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) user_agent: Option<UserAgent>,
    pub(crate) bind: Option<BindWish>,
    /// `<fast/>`: the login is by token (XEP-0484 §3.4).
    pub(crate) fast: Option<Fast>,
    /// `<request-token/>`: a token is wanted for this mechanism (XEP-0484 §3.2).
    pub(crate) token: Option<TokenMechanism>,
    /// `<resume/>`: a session is to continue instead of a new one (XEP-0198 §9.2).
    pub(crate) resume: Option<Element>,
}

/// `<bind/>` in `<authenticate/>` (XEP-0386 §3.2).
#[derive(Debug, Default)]
pub(crate) struct BindWish {
    pub(crate) tag: Option<Box<str>>,
    pub(crate) carbons: bool,
    pub(crate) inactive: bool,
    /// `<enable/>` of stream management (XEP-0198 §9.3).
    pub(crate) enable: Option<Element>,
    /// Requests for features of the application.
    pub(crate) others: Vec<Element>,
}

impl Authenticate {
    pub(crate) fn parse(element: &Element) -> Result<Self, Condition> {
        let data = sasl::child_data(element.root(), "initial-response");
        let user_agent = element.child("user-agent", ns::SASL2);
        Ok(Self {
            mechanism: element.attr("mechanism").unwrap_or_default().into(),
            initial_response: data.map_err(|_| Condition::IncorrectEncoding)?,
            wishes: Wishes {
                user_agent: user_agent.map(UserAgent::parse),
                bind: element.child("bind", ns::BIND2).map(BindWish::parse),
                fast: Fast::parse(element),
                resume: element.child("resume", ns::SM).map(ElementRef::to_element),
                token: element
                    .child("request-token", ns::FAST)
                    .and_then(|request| TokenMechanism::from_name(request.attr("mechanism")?)),
            },
        })
    }
}

impl BindWish {
    fn parse(bind: ElementRef<'_>) -> Self {
        let mut wish = Self::default();
        for child in bind.children() {
            match (child.ns(), child.name()) {
                (ns::BIND2, "tag") => {
                    let text = child.text();
                    wish.tag = (!text.is_empty()).then(|| Box::from(&*text));
                }
                (ns::BIND2, _) | (ns::CSI, "active") => {}
                (ns::CARBONS, "enable") => wish.carbons = true,
                (ns::CSI, "inactive") => wish.inactive = true,
                (ns::SM, "enable") => wish.enable = Some(child.to_element()),
                _ => wish.others.push(child.to_element()),
            }
        }
        wish
    }

    pub(crate) fn write(&self, builder: ElementBuilder) -> ElementBuilder {
        let mut builder = builder.open("bind", ns::BIND2);
        if let Some(tag) = &self.tag {
            builder = builder.text_child("tag", tag);
        }
        if self.carbons {
            builder = builder.open("enable", ns::CARBONS).close();
        }
        if self.inactive {
            builder = builder.open("inactive", ns::CSI).close();
        }
        for other in self.enable.iter().chain(&self.others) {
            builder = builder.append(other);
        }
        builder.close()
    }
}
