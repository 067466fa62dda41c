//! What all families of conditions share: a macro that declares an enum whose variants know their
//! element names, and the search for the condition in an error.

use alloc::string::String;

use xmppwire_xml::{Element, ElementRef};

use crate::stanza::rules::is_of_payloads;

/// Declares an enum of defined conditions with `ALL`, `name` and `from_name`.
macro_rules! conditions {
    (
        $(#[$meta:meta])*
        pub enum $enum:ident {
            $( $(#[$doc:meta])* $variant:ident = $name:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $enum {
            $( $(#[$doc])* $variant, )+
        }

        impl $enum {
            /// Every defined condition, in the order of the RFC.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The name of the element that stands for the condition on the wire.
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name, )+ }
            }

            /// The condition of that element name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $( $name => Some(Self::$variant), )+ _ => None }
            }
        }

        impl core::fmt::Display for $enum {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}
pub(crate) use conditions;

/// The contents of an error (RFC 6120 §4.9.2, §8.3.2).
pub(crate) struct Said<C> {
    /// The first defined condition, with its character data.
    pub(crate) condition: Option<(C, Option<String>)>,
    /// The application-specific condition. In an error without a defined condition it is the first
    /// child of any kind, such as a condition that RFC 6120 dropped.
    pub(crate) application: Option<Element>,
}

impl<C> Said<C> {
    /// Reads an error whose conditions are in the namespace `ns`.
    pub(crate) fn read(
        error: ElementRef<'_>,
        ns: &str,
        from_name: impl Fn(&str) -> Option<C>,
    ) -> Self {
        let mut children = error.children().filter(|child| !child.is("text", ns));
        let condition = children.clone().find_map(|child| {
            let condition = (child.ns() == ns).then(|| from_name(child.name()))??;
            let data = child.text().into_owned();
            Some((condition, Some(data).filter(|data| !data.is_empty())))
        });
        let application = children.find(|child| child.ns() != ns || condition.is_none());
        Self {
            application: application.map(ElementRef::to_element),
            condition,
        }
    }
}

/// The application-specific condition of an error that is sent. The namespace of the conditions is
/// reserved for the condition and the text (RFC 6120 §4.9.2, §8.3.2), and those of stanzas and of
/// the stream say nothing about an application. An undefined condition in
/// that namespace can only have been received: the application may read it, and it is not sent on.
pub(crate) fn addition<'a>(application: Option<&'a Element>, ns: &str) -> Option<&'a Element> {
    application.filter(|application| application.ns() != ns && is_of_payloads(application.ns()))
}
