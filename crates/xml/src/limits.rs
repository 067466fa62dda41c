/// XmlLimits on what a peer can make the [`Reader`](crate::Reader) hold or do.
///
/// Exceeding one is a [`PolicyViolation`](crate::ReadErrorKind::PolicyViolation). The reader
/// notices it while the bytes arrive and does not consume the first byte over the limit. RFC 6120
/// §13.12 asks for such limits and requires that stanzas of 10,000 bytes are allowed.
///
/// Each limit is the largest allowed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XmlLimits {
    /// Bytes of a stanza on the wire, from its first `<` to its last `>`. 262,144 by default.
    /// Values above 1 GiB count as 1 GiB. A server must allow 10,000 bytes or more to those who have
    /// authenticated (RFC 6120 §13.12).
    pub max_stanza_bytes: usize,
    /// Depth of elements; the stanza itself has depth 1. 64 by default.
    pub max_depth: usize,
    /// Attributes of one element or of the stream header, namespace declarations included. 64 by
    /// default.
    pub max_attributes: usize,
    /// Elements and runs of text below a stanza, at any depth. 8,192 by default.
    pub max_children: usize,
    /// Prefix declarations in force at one place of a stanza, those of the stream header not
    /// included. Default namespaces do not count. 64 by default.
    pub max_prefixes: usize,
    /// Bytes of one name with its prefix and colon, or of one attribute value after references are
    /// resolved. 8,192 by default. Values above 1 MiB count as 1 MiB. Text has no limit of its own.
    pub max_token_bytes: usize,
    /// Bytes from the start of the stream to the `>` of the header: white space, XML declaration
    /// and start tag. 8,192 by default.
    pub max_header_bytes: usize,
}

impl XmlLimits {
    /// The default values, for use in constants.
    pub const DEFAULT: Self = Self {
        max_stanza_bytes: 262_144,
        max_depth: 64,
        max_attributes: 64,
        max_children: 8192,
        max_prefixes: 64,
        max_token_bytes: 8192,
        max_header_bytes: 8192,
    };
}

impl Default for XmlLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
