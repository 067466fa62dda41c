//! What a peer can say.

/// A word and its bytes. `{a>b}` in them is the right key of that pair for the present stream.
#[derive(Clone, Copy, Debug)]
pub struct Word {
    pub name: &'static str,
    pub text: &'static str,
}

const fn word(name: &'static str, text: &'static str) -> Word {
    Word { name, text }
}

macro_rules! header {
    ($attributes:literal) => {
        concat!(
            "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' ",
            "xmlns:stream='http://etherx.jabber.org/streams' ",
            $attributes,
            ">"
        )
    };
}

macro_rules! sasl {
    ($name:literal, $rest:literal) => {
        concat!(
            "<",
            $name,
            " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'",
            $rest
        )
    };
}

/// What either end may hear from a liar.
pub const ANYONE: &[Word] = &[
    word("white space", " "),
    word("junk", "<junk xmlns='urn:example'/>"),
    word("malformed", "<a></b>"),
    word("closing tag", "</stream:stream>"),
    word(
        "stream error",
        "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    ),
    word(
        "client's stanza",
        "<message xmlns='jabber:client' from='u@a.example' to='v@b.example'/>",
    ),
    word(
        "stanza a>b",
        "<message from='u@a.example' to='v@b.example'/>",
    ),
    word(
        "stanza b>a",
        "<message from='v@b.example' to='u@a.example'/>",
    ),
    word(
        "stanza d>b",
        "<message from='u@d.example' to='v@b.example'/>",
    ),
    word(
        "key a>b",
        "<db:result from='a.example' to='b.example'>{a>b}</db:result>",
    ),
    word(
        "key c>a",
        "<db:result from='c.example' to='a.example'>{c>a}</db:result>",
    ),
    word(
        "key without from",
        "<db:result to='b.example'>k</db:result>",
    ),
    word(
        "valid a>b",
        "<db:result from='b.example' to='a.example' type='valid'/>",
    ),
    word(
        "valid c>a",
        "<db:result from='a.example' to='c.example' type='valid'/>",
    ),
    word(
        "invalid a>b",
        "<db:result from='b.example' to='a.example' type='invalid'/>",
    ),
    word(
        "verify b>a",
        "<db:verify from='a.example' to='b.example' id='s'>k</db:verify>",
    ),
    word(
        "verified b>a",
        "<db:verify from='b.example' to='a.example' id='s' type='valid'/>",
    ),
    word("bidi", "<bidi xmlns='urn:xmpp:bidi'/>"),
];

/// What the peer of an incoming stream may say beside that.
pub const INITIATING: &[Word] = &[
    word(
        "header",
        header!("from='a.example' to='b.example' version='1.0'"),
    ),
    word(
        "header of d",
        header!("from='d.example' to='b.example' version='1.0'"),
    ),
    word(
        "header without version",
        header!("from='a.example' to='b.example'"),
    ),
    word(
        "header to nobody",
        header!("from='a.example' to='z.example' version='1.0'"),
    ),
    word(
        "key a>z",
        "<db:result from='a.example' to='z.example'>k</db:result>",
    ),
    word(
        "starttls",
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ),
    word("auth", sasl!("auth", " mechanism='EXTERNAL'>=</auth>")),
    word("auth later", sasl!("auth", " mechanism='EXTERNAL'/>")),
    word("response", sasl!("response", "/>")),
    word("abort", sasl!("abort", "/>")),
];

/// What the peer of an outgoing stream may say beside that.
pub const RECEIVING: &[Word] = &[
    word(
        "header",
        header!("from='b.example' to='a.example' id='r' version='1.0'"),
    ),
    word(
        "header of d",
        header!("from='d.example' to='a.example' id='r' version='1.0'"),
    ),
    word("header without version", header!("id='r'")),
    word(
        "header without id",
        header!("from='b.example' version='1.0'"),
    ),
    word("no features", "<stream:features/>"),
    word(
        "features with all",
        "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\
         <mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>EXTERNAL</mechanism></mechanisms>\
         <dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>\
         <bidi xmlns='urn:xmpp:features:bidi'/></stream:features>",
    ),
    word(
        "proceed",
        "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ),
    word(
        "TLS failure",
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ),
    word("challenge", sasl!("challenge", "/>")),
    word("success", sasl!("success", "/>")),
    word(
        "SASL failure",
        sasl!("failure", "><not-authorized/></failure>"),
    ),
];
