//! Makes the [`StreamHeader`] of the root's start tag.

use alloc::string::String;
use alloc::vec::Vec;

use rxml::NcName;

use super::namespaces::Scope;
use crate::element::Element;
use crate::error::{ReadError, ReadErrorKind};
use crate::escape::{self, Context, Unspeakable};
use crate::header::StreamHeader;
use crate::ns::STREAMS_NS;

/// RFC 6120 §4.8: the root is `stream`, in the stream namespace. Its prefix is the sender's choice
/// (§4.8.5); it has none where the stream namespace is the default namespace, so that no content
/// namespace is (§4.8.2).
pub(super) fn header(
    prefix: Option<NcName>,
    root: &Element,
    scope: &Scope,
) -> Result<StreamHeader, ReadError> {
    if root.ns() != STREAMS_NS {
        return Err(ReadError::new(
            ReadErrorKind::InvalidNamespace,
            "the root is not in the stream namespace",
        ));
    }
    if root.name() != "stream" {
        return Err(ReadError::new(
            ReadErrorKind::BadFormat,
            "the root is not a stream",
        ));
    }
    let prefix = prefix.as_ref().map_or("", NcName::as_str);
    let value = |name| root.attr(name).map(String::from);
    let content_ns = if prefix.is_empty() {
        ""
    } else {
        scope.default_ns()
    };
    let mut header = StreamHeader::new(content_ns);
    header.to = value("to");
    header.from = value("from");
    header.id = value("id");
    header.version = value("version");
    header.lang = root.lang().filter(|tag| !tag.is_empty()).map(String::from);
    check_declared(scope)?;
    for (other, ns) in scope.declared() {
        if prefix != other {
            header.declare_prefix(other, ns);
        }
    }
    header.prefix = prefix.into();
    Ok(header)
}

/// Bytes that a declaration takes besides its namespace: ` xmlns:ns12=''`.
const DECLARATION: usize = 16;

/// Checks what the header declares against [`StreamHeader::MAX_DECLARED_BYTES`].
fn check_declared(scope: &Scope) -> Result<(), ReadError> {
    let mut written = Vec::new();
    let mut bytes = 0_usize;
    let prefixed = scope.declared().map(|(_, ns)| ns);
    for ns in prefixed.chain([scope.default_ns()]) {
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
