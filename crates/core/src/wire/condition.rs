//! What the families of conditions share: one macro for an enum whose variants know their element names, and
//! how a condition is found in an error.

use alloc::string::String;

use xmppwire_xml::{Element, ElementRef};

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

/// What an error says (RFC 6120 §4.9.2, §8.3.2).
pub(crate) struct Said<C> {
    /// The first condition that is defined, and its character data.
    pub(crate) condition: Option<(C, Option<String>)>,
    /// What an application adds. Where no condition is defined it is whatever there is: one that RFC 6120
    /// dropped says as much.
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

/// What an application adds to an error that is sent. Besides the condition and the text nothing may be in
/// their namespace (RFC 6120 §4.9.2, §8.3.2), so a condition that was received and is not defined is kept
/// to be looked at and not passed on.
pub(crate) fn addition<'a>(application: Option<&'a Element>, ns: &str) -> Option<&'a Element> {
    application.filter(|application| application.ns() != ns)
}
