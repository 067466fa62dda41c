//! From the root's start tag to a [`StreamHeader`].

use alloc::string::String;

use rxml::NcName;

use super::namespaces::Scope;
use crate::element::Element;
use crate::error::{ReadError, ReadErrorKind};
use crate::header::StreamHeader;
use crate::ns::STREAMS_NS;

/// RFC 6120 §4.8: the root is `stream`, in the stream namespace, with a prefix.
/// Which prefix is the sender's choice (§4.8.5).
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
    let Some(prefix) = prefix else {
        return Err(ReadError::new(
            ReadErrorKind::BadNamespacePrefix,
            "the stream namespace is the default namespace",
        ));
    };
    let value = |name| root.attr(name).map(String::from);
    let mut header = StreamHeader::new(scope.default_ns());
    header.to = value("to");
    header.from = value("from");
    header.id = value("id");
    header.version = value("version");
    header.lang = root.lang().map(String::from);
    for (other, ns) in scope.declared() {
        if prefix != *other {
            header.declare_prefix(other, ns);
        }
    }
    header.prefix = prefix.as_str().into();
    Ok(header)
}
