/// What a peer may make the [`Reader`](crate::Reader) hold or do.
///
/// Going over any of these is
/// [`PolicyViolation`](crate::ReadErrorKind::PolicyViolation), noticed while
/// the bytes come in: the byte that is one too many is not consumed, let alone
/// stored. RFC 6120 §13.12 asks for such limits; it also fixes 10000 bytes as
/// the least that a stanza must be allowed to have.
///
/// Every limit is a last allowed value: exactly that much passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct XmlLimits {
    /// Bytes on the wire from a stanza's first `<` to its last `>`, in any
    /// encoding of its characters (references, CDATA). 262144 by default.
    /// Values above 1 GiB count as 1 GiB.
    pub max_stanza_bytes: usize,
    /// Elements inside one another, the stanza itself being the first.
    /// 64 by default.
    pub max_depth: usize,
    /// Attributes of one element, namespace declarations included; this holds
    /// for the stream header too. 64 by default.
    pub max_attributes: usize,
    /// Nodes below a stanza: every element and every run of text at any depth,
    /// the stanza itself not counted. 8192 by default.
    pub max_children: usize,
    /// Prefixes that may be declared at one place inside a stanza, by an
    /// element and those around it. The stream header's are not counted, nor
    /// are default namespaces. 64 by default.
    pub max_prefixes: usize,
    /// Bytes of one name (prefix and colon included) or of one attribute value
    /// after references have been resolved. Text has no limit but the
    /// stanza's. 8192 by default. Values above 1 MiB count as 1 MiB.
    pub max_token_bytes: usize,
    /// Bytes from the start of the stream to the `>` of the header: white
    /// space, XML declaration and start tag. 8192 by default.
    pub max_header_bytes: usize,
}

impl XmlLimits {
    /// The values that [`Default`] gives, usable in constants.
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
