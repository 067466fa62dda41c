//! Makes the [`StreamHeader`] of the root's start tag.

use alloc::string::String;
use alloc::vec::Vec;

use super::namespaces::Scope;
use crate::element::Element;
use crate::error::{ReadError, ReadErrorKind};
use crate::escape::{self, Context, Unspeakable};
use crate::header::StreamHeader;
use crate::lang;
use crate::ns::{STREAMS_NS, XML_NS};

/// The start tag of the root, with its prefix resolved.
#[derive(Default)]
pub(super) struct RootTag<'a> {
    pub(super) prefix: &'a str,
    pub(super) name: &'a str,
    pub(super) ns: &'a str,
    /// The default namespace that it declares, empty for none.
    pub(super) default_ns: &'a str,
    /// The prefixes that it declares, with their namespaces.
    pub(super) declared: Vec<(&'a str, &'a str)>,
    pub(super) to: Option<&'a str>,
    pub(super) from: Option<&'a str>,
    pub(super) id: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) lang: Option<&'a str>,
}

impl<'a> RootTag<'a> {
    /// The tag that the checked lane has read.
    pub(super) fn checked(prefix: &'a str, root: &'a Element, scope: &'a Scope) -> Self {
        Self {
            prefix,
            name: root.name(),
            ns: root.ns(),
            default_ns: scope.default_ns(),
            declared: scope.declared().collect(),
            to: root.attr("to"),
            from: root.attr("from"),
            id: root.attr("id"),
            version: root.attr("version"),
            lang: root.attr_ns("lang", XML_NS),
        }
    }

    /// The header that the tag is.
    ///
    /// RFC 6120 §4.8: the root is `stream`, in the stream namespace. Its prefix is the sender's
    /// choice (§4.8.5); it has none where the stream namespace is the default namespace, so that no
    /// content namespace is (§4.8.2).
    pub(super) fn header(&self) -> Result<StreamHeader, ReadError> {
        if self.ns != STREAMS_NS {
            return Err(ReadError::new(
                ReadErrorKind::InvalidNamespace,
                "the root is not in the stream namespace",
            ));
        }
        if self.name != "stream" {
            return Err(ReadError::new(
                ReadErrorKind::BadFormat,
                "the root is not a stream",
            ));
        }
        let content_ns = match self.prefix {
            "" => "",
            _ => self.default_ns,
        };
        let mut header = StreamHeader::new(content_ns);
        header.to = self.to.map(String::from);
        header.from = self.from.map(String::from);
        header.id = self.id.map(String::from);
        header.version = self.version.map(String::from);
        header.lang = self
            .lang
            .filter(|tag| lang::is_language_tag(tag))
            .map(String::from);
        self.check_declared()?;
        for (other, ns) in &self.declared {
            if self.prefix != *other {
                header.declare_prefix(other, ns);
            }
        }
        if header.prefix != self.prefix {
            header.prefix = self.prefix.into();
        }
        Ok(header)
    }

    /// Checks what the header declares against [`StreamHeader::MAX_DECLARED_BYTES`].
    fn check_declared(&self) -> Result<(), ReadError> {
        let mut written = Vec::new();
        let mut bytes = 0_usize;
        let prefixed = self.declared.iter().map(|(_, ns)| *ns);
        for ns in prefixed.chain([self.default_ns]) {
            if ns.is_empty() || ns == STREAMS_NS {
                continue;
            }
            written.clear();
            // This mode refuses nothing.
            let _ = escape::write(&mut written, ns, Context::Attribute, Unspeakable::Show);
            bytes = bytes
                .saturating_add(written.len())
                .saturating_add(DECLARATION);
        }
        if bytes > StreamHeader::MAX_DECLARED_BYTES {
            return Err(ReadError::new(
                ReadErrorKind::PolicyViolation,
                "the stream header declares too much",
            ));
        }
        Ok(())
    }
}

/// Bytes that a declaration takes besides its namespace: ` xmlns:ns12=''`.
const DECLARATION: usize = 16;
