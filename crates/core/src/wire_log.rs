//! What travels on the wire, as `tracing` events without the secrets: target `xmppwire::wire`, level
//! trace. Each event has the number of its connection, counted in the process, so that the lines of
//! several connections can be told apart.
//!
//! Without the feature `tracing`, and while no subscriber asks for the target, nothing is done.

/// Which way an element travels.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code))]
pub(crate) enum Way {
    Sent,
    Received,
}

#[cfg(not(feature = "tracing"))]
mod report {
    use xmppwire_xml::{ElementRef, StreamHeader};

    use super::Way;

    /// The log of one connection.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Wire;

    impl Wire {
        pub(crate) const fn new() -> Self {
            Self
        }

        pub(crate) const fn element(self, _: Way, _: ElementRef<'_>) {}
        pub(crate) const fn header(self, _: Way, _: &StreamHeader) {}
        pub(crate) const fn other(self, _: Way, _: &str) {}
    }
}

#[cfg(feature = "tracing")]
mod report {
    use alloc::string::String;
    use alloc::vec::Vec;
    use core::fmt;
    use core::sync::atomic::{AtomicUsize, Ordering};

    use tracing::Level;
    use xmppwire_xml::{ElementRef, StreamHeader};

    use super::Way;
    use super::redact::redacted;

    const TARGET: &str = "xmppwire::wire";

    /// The number of the next connection.
    static NEXT: AtomicUsize = AtomicUsize::new(1);

    /// The log of one connection.
    #[derive(Clone, Copy)]
    pub(crate) struct Wire {
        connection: usize,
    }

    /// The number is left out: machines in the same state have the same text.
    impl fmt::Debug for Wire {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Wire")
        }
    }

    impl Wire {
        pub(crate) fn new() -> Self {
            let connection = NEXT.fetch_add(1, Ordering::Relaxed);
            Self { connection }
        }

        pub(crate) fn element(self, way: Way, element: ElementRef<'_>) {
            if is_on() {
                self.other(way, &redacted(element).to_xml());
            }
        }

        pub(crate) fn header(self, way: Way, header: &StreamHeader) {
            if is_on() {
                let mut text = Vec::new();
                // A header without a prefix can be received and cannot be written.
                match header.write(&mut text) {
                    Ok(()) => self.other(way, &String::from_utf8_lossy(&text)),
                    Err(_) => {
                        let Self { connection } = self;
                        tracing::trace!(target: TARGET, connection, ?way, ?header);
                    }
                }
            }
        }

        /// Anything else, such as a closing tag.
        pub(crate) fn other(self, way: Way, xml: &str) {
            let Self { connection } = self;
            match way {
                Way::Sent => tracing::trace!(target: TARGET, connection, xml, "sent"),
                Way::Received => tracing::trace!(target: TARGET, connection, xml, "received"),
            }
        }
    }

    fn is_on() -> bool {
        tracing::enabled!(target: TARGET, Level::TRACE)
    }
}

pub(crate) use report::Wire;

#[cfg(feature = "tracing")]
mod redact {
    use alloc::format;
    use alloc::vec;

    use xmppwire_xml::{Element, ElementBuilder, ElementRef, NodeRef};

    use crate::ns;

    /// Logins of before XMPP 1.0 (XEP-0078).
    const IQ_AUTH: &str = "jabber:iq:auth";
    /// Registration and changes of the password (XEP-0077).
    const IQ_REGISTER: &str = "jabber:iq:register";
    /// Data forms (XEP-0004).
    const DATA_FORM: &str = "jabber:x:data";
    /// HTTP uploads (XEP-0363), whose slots carry header fields such as `Authorization`.
    const HTTP_UPLOAD: &str = "urn:xmpp:http:upload:0";

    /// Names of elements and attributes whose value is a secret wherever they occur: passwords of
    /// rooms and bookmarks, credentials of external services (XEP-0215), login tokens.
    const SECRET_NAMES: [&str; 3] = ["password", "secret", "token"];

    /// A copy of the element that shows how long its secrets are and nothing else of them.
    ///
    /// What is not known to be harmless in a namespace of logins is hidden.
    pub(super) fn redacted(element: ElementRef<'_>) -> Element {
        let start = Element::builder(element.name(), element.ns());
        let mut copy = attributes(start, element);
        let mut open = vec![(element.nodes(), is_secret(element))];
        while let Some((nodes, secret)) = open.last_mut() {
            let secret = *secret;
            match nodes.next() {
                Some(NodeRef::Text(text)) if secret => copy = copy.text(&hidden(text)),
                Some(NodeRef::Text(text)) => copy = copy.text(text),
                Some(NodeRef::Element(child)) => {
                    copy = attributes(copy.open(child.name(), child.ns()), child);
                    open.push((child.nodes(), secret || is_secret(child)));
                }
                None => {
                    open.pop();
                    copy = copy.close();
                }
            }
        }
        copy.build()
    }

    fn attributes(mut copy: ElementBuilder, element: ElementRef<'_>) -> ElementBuilder {
        for attr in element.attrs() {
            // The id of a managed session lets its account resume it (XEP-0198 §10).
            let is_session = element.ns() == ns::SM && matches!(attr.name, "id" | "previd");
            copy = match is_session || SECRET_NAMES.contains(&attr.name) {
                true => copy.attr_ns(attr.name, attr.ns, &hidden(attr.value)),
                false => copy.attr_ns(attr.name, attr.ns, attr.value),
            };
        }
        copy
    }

    fn hidden(secret: &str) -> alloc::string::String {
        format!("[{} bytes]", secret.len())
    }

    /// Whether the text in the element, and in those below it, is a secret.
    fn is_secret(element: ElementRef<'_>) -> bool {
        let name = element.name();
        if SECRET_NAMES.contains(&name) {
            return true;
        }
        match element.ns() {
            ns::SASL | ns::SASL2 => !matches!(
                name,
                "mechanisms" | "mechanism" | "authentication" | "inline" | "failure" | "text"
            ),
            ns::DIALBACK => true,
            ns::COMPONENT => name == "handshake",
            IQ_AUTH => !matches!(name, "query" | "username" | "resource"),
            IQ_REGISTER => !matches!(
                name,
                "query" | "username" | "instructions" | "registered" | "remove"
            ),
            DATA_FORM => {
                let var = element.attr("var").unwrap_or_default();
                let named = SECRET_NAMES.iter().any(|secret| var.contains(secret));
                name == "field" && (named || element.attr("type") == Some("text-private"))
            }
            HTTP_UPLOAD => name == "header",
            _ => false,
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use alloc::string::{String, ToString};
        use xmppwire_xml::{Event, Reader, XmlLimits};

        fn read(xml: &str) -> Element {
            let header = "<s:stream xmlns:s='http://etherx.jabber.org/streams' version='1.0'>";
            let text = format!("{header}{xml}");
            let mut input = text.as_bytes();
            let mut reader = Reader::new(XmlLimits::default());
            loop {
                if let Some(Event::Element(element)) = reader.read(&mut input).unwrap() {
                    return element;
                }
                assert!(!input.is_empty(), "{xml}");
            }
        }

        fn shown(xml: &str) -> String {
            redacted(read(xml).root()).to_xml().to_string()
        }

        #[test]
        fn no_secret_is_shown() {
            let sasl = ns::SASL;
            for xml in [
                format!("<auth xmlns='{sasl}' mechanism='PLAIN'>S3CR3T</auth>"),
                format!("<response xmlns='{sasl}'>S3CR3T</response>"),
                format!("<challenge xmlns='{sasl}'>S3CR3T</challenge>"),
                format!("<success xmlns='{sasl}'>S3CR3T</success>"),
                format!("<success xmlns='{sasl}'><text>S3CR3T</text></success>"),
                "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'>\
                 <initial-response>S3CR3T</initial-response></authenticate>"
                    .into(),
                "<success xmlns='urn:xmpp:sasl:2'>\
                 <token xmlns='urn:xmpp:fast:0' token='S3CR3T'/></success>"
                    .into(),
                "<db:result xmlns:db='jabber:server:dialback' from='a' to='b'>S3CR3T</db:result>"
                    .into(),
                "<db:verify xmlns:db='jabber:server:dialback' id='1'>S3CR3T</db:verify>".into(),
                "<handshake xmlns='jabber:component:accept'>S3CR3T</handshake>".into(),
                "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:auth'>\
                 <username>juliet</username><password>S3CR3T</password></query></iq>"
                    .into(),
                "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:auth'>\
                 <username>juliet</username><digest>S3CR3T</digest></query></iq>"
                    .into(),
                "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:register'>\
                 <username>juliet</username><password>S3CR3T</password></query></iq>"
                    .into(),
                "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:register'>\
                 <username>juliet</username><email>S3CR3T</email></query></iq>"
                    .into(),
                "<iq xmlns='jabber:client' type='set'><query xmlns='jabber:iq:register'>\
                 <x xmlns='jabber:x:data' type='submit'><field var='password'>\
                 <value>S3CR3T</value></field></x></query></iq>"
                    .into(),
                "<iq xmlns='jabber:client'><x xmlns='jabber:x:data'><field var='muc#room' \
                 type='text-private'><value>S3CR3T</value></field></x></iq>"
                    .into(),
                "<presence xmlns='jabber:client'><x xmlns='http://jabber.org/protocol/muc'>\
                 <password>S3CR3T</password></x></presence>"
                    .into(),
                "<message xmlns='jabber:client'><x xmlns='jabber:x:conference' jid='r@m' \
                 password='S3CR3T'/></message>"
                    .into(),
                "<enabled xmlns='urn:xmpp:sm:3' id='S3CR3T' resume='true'/>".into(),
                "<resume xmlns='urn:xmpp:sm:3' previd='S3CR3T' h='1'/>".into(),
                "<resumed xmlns='urn:xmpp:sm:3' previd='S3CR3T' h='1'/>".into(),
                "<iq xmlns='jabber:client'><slot xmlns='urn:xmpp:http:upload:0'><put url='u'>\
                 <header name='Authorization'>S3CR3T</header></put></slot></iq>"
                    .into(),
            ] {
                let shown = shown(&xml);
                assert!(!shown.contains("S3CR3T"), "{shown}");
                assert!(shown.contains("[6 bytes]"), "{shown}");
            }
        }

        #[test]
        fn everything_else_is_shown() {
            for xml in [
                "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/>\
                 <text xml:lang='en'>wrong</text></failure>",
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
                 <mechanism>SCRAM-SHA-256</mechanism></mechanisms>",
                "<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:auth'>\
                 <username>juliet</username><resource>balcony</resource></query></iq>",
                "<iq xmlns='jabber:client' type='result'><query xmlns='jabber:iq:register'>\
                 <instructions>Choose</instructions><username/></query></iq>",
                "<iq xmlns='jabber:client' type='result'><slot xmlns='urn:xmpp:http:upload:0'>\
                 <get url='https://example.org/1'/></slot></iq>",
                "<iq xmlns='jabber:client' type='error' id='m1'><error type='modify'>\
                 <file-too-large xmlns='urn:xmpp:http:upload:0'>\
                 <max-file-size>20000</max-file-size></file-too-large></error></iq>",
                "<message xmlns='jabber:client' to='a@b'><body>Hi &amp; bye</body>\
                 <x xmlns='jabber:x:data'><field var='name'><value>v</value></field></x></message>",
            ] {
                let element = read(xml);
                assert_eq!(redacted(element.root()), element, "{xml}");
            }
        }
    }
}
