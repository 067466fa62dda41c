//! The words of an adversary: everything that has a place somewhere in a stream, and bytes that
//! have none.

/// One word. Braces stand for values of the moment: the id of the last request, and the messages of
/// a SASL exchange.
#[derive(Clone, Copy)]
pub struct Word {
    pub name: &'static str,
    pub text: &'static str,
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

macro_rules! words {
    ($($name:literal = $text:expr;)*) => {
        &[$(Word { name: $name, text: $text }),*]
    };
}

macro_rules! header {
    ($attributes:literal) => {
        concat!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' ",
            "xmlns:stream='http://etherx.jabber.org/streams' ",
            $attributes,
            ">"
        )
    };
}

macro_rules! component_header {
    ($attributes:literal) => {
        concat!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' ",
            "xmlns:stream='http://etherx.jabber.org/streams' ",
            $attributes,
            ">"
        )
    };
}

macro_rules! features {
    ($($inner:expr),*) => {
        concat!("<stream:features>", $($inner,)* "</stream:features>")
    };
}

macro_rules! starttls {
    () => {
        "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    };
}
macro_rules! mechanisms {
    ($($name:literal),*) => {
        concat!(
            "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
            $("<mechanism>", $name, "</mechanism>",)* "</mechanisms>"
        )
    };
}
macro_rules! bind {
    () => {
        "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
    };
}
macro_rules! tls {
    ($name:literal) => {
        concat!("<", $name, " xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    };
}
macro_rules! sasl {
    ($name:literal, $text:expr) => {
        concat!(
            "<",
            $name,
            " xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>",
            $text,
            "</",
            $name,
            ">"
        )
    };
}
macro_rules! auth {
    ($mechanism:literal, $text:expr) => {
        concat!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='",
            $mechanism,
            "'>",
            $text,
            "</auth>"
        )
    };
}
macro_rules! sasl2 {
    ($name:literal, $content:expr) => {
        concat!(
            "<",
            $name,
            " xmlns='urn:xmpp:sasl:2'>",
            $content,
            "</",
            $name,
            ">"
        )
    };
}
macro_rules! sasl2_features {
    ($inline:expr) => {
        features!(concat!(
            "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>",
            $inline,
            "</authentication>"
        ))
    };
}
macro_rules! success2 {
    ($jid:literal, $content:expr) => {
        sasl2!(
            "success",
            concat!(
                "<authorization-identifier>",
                $jid,
                "</authorization-identifier>",
                $content
            )
        )
    };
}
macro_rules! authenticate {
    ($mechanism:literal, $content:expr) => {
        concat!(
            "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='",
            $mechanism,
            "'>",
            $content,
            "</authenticate>"
        )
    };
}
macro_rules! bind2 {
    () => {
        "<bind xmlns='urn:xmpp:bind:0'/>"
    };
}
macro_rules! bound2 {
    () => {
        "<bound xmlns='urn:xmpp:bind:0'/>"
    };
}
macro_rules! initial {
    ($data:literal) => {
        concat!("<initial-response>", $data, "</initial-response>")
    };
}
macro_rules! bound {
    ($id:literal) => {
        concat!(
            "<iq type='result' id='",
            $id,
            "'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>",
            "<jid>juliet@example.org/x</jid></bind></iq>"
        )
    };
}
macro_rules! bind_request {
    ($attributes:literal, $inner:literal) => {
        concat!(
            "<iq type='set' ",
            $attributes,
            "><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>",
            $inner,
            "</bind></iq>"
        )
    };
}

/// The words of both roles.
#[rustfmt::skip]
pub const ANYONE: &[Word] = words! {
    "message" = "<message from='romeo@example.net' to='juliet@example.org'><body>hi</body></message>";
    "presence" = "<presence/>";
    "iq get" = "<iq type='get' id='g'><ping xmlns='urn:xmpp:ping'/></iq>";
    "iq result for nothing" = "<iq type='result' id='nothing'/>";
    "iq error for nothing" = "<iq type='error' id='nothing'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    "malformed iq" = "<iq type='get' id='m'/>";
    "malformed bind" = bind_request!("", "");
    "bind request" = bind_request!("id='b1'", "");
    "session request" = "<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    "session request for another" = "<iq type='set' id='s' to='romeo@example.net'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    "malformed session request" = "<iq type='set'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>";
    "stream error" = "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    "closing tag" = "</stream:stream>";
    "white space" = " \n";
    "loose text" = "hello";
    "mismatched tags" = "<a></b>";
    "comment" = "<!-- -->";
    "unknown element" = "<telegram xmlns='urn:example'/>";
    "half a message" = "<message from='romeo@example.net'><body>hi</bo";
    "the rest of a message" = "dy></message>";
    "starttls" = starttls!();
    "proceed" = tls!("proceed");
    "TLS failure" = tls!("failure");
    "response" = sasl!("response", "");
    "abort" = sasl!("abort", "");
    "challenge" = sasl!("challenge", "");
    "success" = sasl!("success", "");
    "empty features" = features!();
};

/// The words of a server.
#[rustfmt::skip]
pub const SERVER: &[Word] = words! {
    "header" = header!("id='1' from='example.org' version='1.0'");
    "header of XMPP 0.9" = header!("id='1' from='example.org'");
    "header for servers" = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' id='1' version='1.0'>";
    "features: TLS" = features!(starttls!());
    "features: TLS, PLAIN" = features!(starttls!(), mechanisms!("PLAIN"));
    "features: PLAIN" = features!(mechanisms!("PLAIN"));
    "features: SCRAM" = features!(mechanisms!("SCRAM-SHA-256", "X-UNKNOWN"));
    "features: SCRAM-PLUS" = features!(mechanisms!("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"));
    "features: unknown mechanism" = features!(mechanisms!("X-UNKNOWN"));
    "features: bind" = features!(bind!());
    "features: bind, session" = features!(bind!(), "<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>");
    "features: everything" = features!(bind!(), mechanisms!("PLAIN"), starttls!());
    "features: unknown, required" = features!(bind!(), "<toll xmlns='urn:example'><required/></toll>");
    "half a proceed" = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
    "the rest of a tag" = "/>";
    "proceed, header" = concat!(tls!("proceed"), header!("id='1' version='1.0'"));
    "proceed, white space" = concat!(tls!("proceed"), " ");
    "challenge by the keys" = sasl!("challenge", "{challenge}");
    "challenge to another" = sasl!("challenge", "cj1ub25jZSxzPWNHVndjR1Z5LGk9NDA5Ng==");
    "challenge in no base64" = sasl!("challenge", "!");
    "challenge with a signature" = sasl!("challenge", "{signature}");
    "success by the keys" = sasl!("success", "{signature}");
    "success with a wrong signature" = sasl!("success", "dj1BQUFB");
    "success in no base64" = sasl!("success", "!");
    "SASL failure" = sasl!("failure", "<not-authorized/>");
    "bound" = bound!("{id}");
    "bound, by a guess" = bound!("guess");
    "bound, message" = concat!(bound!("{id}"), "<message from='romeo@example.net'/>");
    "bound to nothing" = "<iq type='result' id='{id}'/>";
    "refused" = "<iq type='error' id='{id}'><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
};

/// The words of a client.
#[rustfmt::skip]
pub const CLIENT: &[Word] = words! {
    "header" = header!("to='example.org' version='1.0'");
    "header from Juliet" = header!("to='example.org' from='juliet@example.org' version='1.0'");
    "header in Italian" = header!("to='example.org' version='1.0' xml:lang='it'");
    "header from Romeo" = header!("to='example.org' from='romeo@example.org' version='1.0'");
    "header to another" = header!("to='example.net' version='1.0'");
    "header to nobody" = header!("version='1.0'");
    "header of XMPP 0.9" = header!("to='example.org'");
    "header for servers" = "<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";
    "HTTP" = "GET / HTTP/1.1\r\n";
    "half a starttls" = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
    "the rest of a tag" = "/>";
    "starttls, auth" = concat!(starttls!(), auth!("PLAIN", "AGp1bGlldABzM2NyM3Q="));
    "starttls, white space" = concat!(starttls!(), "\n");
    "starttls, header" = concat!(starttls!(), header!("to='example.org' version='1.0'"));
    "PLAIN" = auth!("PLAIN", "AGp1bGlldABzM2NyM3Q=");
    "PLAIN as Romeo" = auth!("PLAIN", "cm9tZW9AZXhhbXBsZS5vcmcAanVsaWV0AHMzY3IzdA==");
    "PLAIN with a wrong password" = auth!("PLAIN", "AGp1bGlldAB3cm9uZw==");
    "PLAIN in no base64" = auth!("PLAIN", "!");
    "PLAIN without data" = auth!("PLAIN", "");
    "PLAIN, header" = concat!(auth!("PLAIN", "AGp1bGlldABzM2NyM3Q="), header!("to='example.org' version='1.0'"));
    "an unknown mechanism" = auth!("X-UNKNOWN", "");
    "PLAIN as a response" = sasl!("response", "AGp1bGlldABzM2NyM3Q=");
    "response in no base64" = sasl!("response", "!");
    "inactive" = "<inactive xmlns='urn:xmpp:csi:0'/>";
    "bind request for a resource" = bind_request!("id='b2'", "<resource>taken</resource>");
    "bind request for nonsense" = bind_request!("id='b3'", "<resource>&#x2FFFE;</resource>");
    "bind request, message" = concat!(bind_request!("id='b4'", ""), "<message to='romeo@example.net'/>");
};

/// The words of a server to a component.
#[rustfmt::skip]
pub const HOST: &[Word] = words! {
    "header" = component_header!("from='gate.example' id='1'");
    "header with a version" = component_header!("from='example.org' id='1' version='1.0'");
    "header without an id" = component_header!("version='1.0' id=''");
    "header for clients" = header!("id='1' from='gate.example' version='1.0'");
    "handshake" = "<handshake/>";
    "handshake, message" = "<handshake/><message from='romeo@example.net' to='gate.example'/>";
    "message for clients" = "<message xmlns='jabber:client' from='romeo@example.net' to='other.example'/>";
    "malformed iq to the component" = "<iq type='get' id='m' from='romeo@example.net' to='gate.example'/>";
};

/// The words of a component.
#[rustfmt::skip]
pub const COMPONENT: &[Word] = words! {
    "header" = component_header!("to='gate.example'");
    "header to nobody" = component_header!("version='1.0'");
    "header to nonsense" = component_header!("to='a b'");
    "header for clients" = header!("to='gate.example' version='1.0'");
    "HTTP" = "GET / HTTP/1.1\r\n";
    "handshake by the secret" = "<handshake>{proof}</handshake>";
    "handshake by the secret, message" = "<handshake>{proof}</handshake><message from='gate.example' to='romeo@example.net'/>";
    "a wrong handshake" = "<handshake>0000000000000000000000000000000000000000</handshake>";
    "an empty handshake" = "<handshake/>";
    "message of the component" = "<message from='bot@gate.example/x' to='romeo@example.net'/>";
    "message of the component for clients" = "<message xmlns='jabber:client' from='bot@gate.example' to='romeo@example.net'/>";
    "message from below" = "<message from='a.gate.example' to='romeo@example.net'/>";
    "message from beside" = "<message from='agate.example' to='romeo@example.net'/>";
    "message to nobody" = "<message from='gate.example'/>";
    "malformed iq of the component" = "<iq type='get' id='m' from='gate.example' to='romeo@example.net'/>";
};

/// The words of a client in SCRAM.
#[rustfmt::skip]
pub const SCRAM_CLIENT: &[Word] = words! {
    "SCRAM" = auth!("SCRAM-SHA-256", "{first}");
    "SCRAM without data" = auth!("SCRAM-SHA-256", "");
    "SCRAM-PLUS" = auth!("SCRAM-SHA-256-PLUS", "{first-plus}");
    "SCRAM of one who was told of no -PLUS" = auth!("SCRAM-SHA-256", "{first-downgraded}");
    "the first message as a response" = sasl!("response", "{first}");
    "response by the password" = sasl!("response", "{response}");
    "response by the password, bound" = sasl!("response", "{response-plus}");
    "response by the password, downgraded" = sasl!("response", "{response-downgraded}");
    "response by another password" = sasl!("response", "{wrong}");
    "response to another challenge" = sasl!("response", "Yz1iaXdzLHI9bm9uY2UscD1BQUFB");
};

/// The words of a server in SASL2. The resource is known only where the client asked for one.
#[rustfmt::skip]
pub const SASL2_SERVER: &[Word] = words! {
    "header" = header!("id='1' from='example.org' version='1.0'");
    "features: SASL2" = sasl2_features!(concat!("<inline>", bind2!(), "</inline>"));
    "features: SASL2 without Bind 2" = sasl2_features!("");
    "features: SASL2, SASL" = features!(mechanisms!("PLAIN"), "<authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism></authentication>");
    "features: bind" = features!(bind!());
    "bound" = bound!("{id}");
    "SASL2 challenge" = sasl2!("challenge", "");
    "SASL2 success" = success2!("juliet@example.org", "");
    "SASL2 success, features" = concat!(success2!("juliet@example.org", ""), features!(bind!()));
    "SASL2 success of another" = success2!("romeo@example.org", "");
    "SASL2 success without an identity" = sasl2!("success", "");
    "SASL2 success with a resource" = success2!("juliet@example.org/{resource}", bound2!());
    "SASL2 success with a resource, message" = concat!(success2!("juliet@example.org/{resource}", bound2!()), "<message from='romeo@example.net'/>");
    "SASL2 success with half a resource" = success2!("juliet@example.org", bound2!());
    "SASL2 failure" = sasl2!("failure", "<not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    "SASL2 continue" = sasl2!("continue", "<tasks><task>T</task></tasks>");
    "SASL2 task data" = sasl2!("task-data", "");
};

/// The words of a client that resumes its session or uses a token, in SASL2.
#[rustfmt::skip]
pub const SASL2_RETURNING: &[Word] = words! {
    "header from Juliet" = header!("to='example.org' from='juliet@example.org' version='1.0'");
    "header from Romeo" = header!("to='example.org' from='romeo@example.org' version='1.0'");
    "SASL2 PLAIN, resume" = authenticate!("PLAIN", concat!(initial!("AGp1bGlldABzM2NyM3Q="), "<resume xmlns='urn:xmpp:sm:3' previd='session' h='0'/>"));
    "SASL2 PLAIN, resume, bind" = authenticate!("PLAIN", concat!(initial!("AGp1bGlldABzM2NyM3Q="), "<resume xmlns='urn:xmpp:sm:3' previd='session' h='0'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3' resume='true'/></bind>"));
    "SASL2 PLAIN, resume too high" = authenticate!("PLAIN", concat!(initial!("AGp1bGlldABzM2NyM3Q="), "<resume xmlns='urn:xmpp:sm:3' previd='session' h='9'/>"));
    "SASL2 token" = authenticate!("HT-SHA-256-NONE", concat!(initial!("{token}"), "<user-agent id='a'/><fast xmlns='urn:xmpp:fast:0' count='2'/>"));
    "SASL2 token, old count" = authenticate!("HT-SHA-256-NONE", concat!(initial!("{token}"), "<user-agent id='a'/><fast xmlns='urn:xmpp:fast:0' count='1'/>"));
    "SASL2 another token" = authenticate!("HT-SHA-256-NONE", concat!(initial!("{another-token}"), "<user-agent id='a'/><fast xmlns='urn:xmpp:fast:0' count='2'/>"));
    "SASL2 next" = "<next xmlns='urn:xmpp:sasl:2' task='T'/>";
};

/// The words of a client in SASL2.
#[rustfmt::skip]
pub const SASL2_CLIENT: &[Word] = words! {
    "header" = header!("to='example.org' version='1.0'");
    "header from Juliet" = header!("to='example.org' from='juliet@example.org' version='1.0'");
    "header from another domain" = header!("to='example.org' from='juliet@example.net' version='1.0'");
    "PLAIN" = auth!("PLAIN", "AGp1bGlldABzM2NyM3Q=");
    "bind request for a resource" = bind_request!("id='b2'", "<resource>taken</resource>");
    "SASL2 PLAIN" = authenticate!("PLAIN", initial!("AGp1bGlldABzM2NyM3Q="));
    "SASL2 PLAIN, bind" = authenticate!("PLAIN", concat!(initial!("AGp1bGlldABzM2NyM3Q="), bind2!()));
    "SASL2 PLAIN, bind, message" = concat!(authenticate!("PLAIN", concat!(initial!("AGp1bGlldABzM2NyM3Q="), bind2!())), "<message to='romeo@example.net'/>");
    "SASL2 PLAIN, white space" = concat!(authenticate!("PLAIN", ""), " ");
    "SASL2 PLAIN with a wrong password" = authenticate!("PLAIN", concat!(initial!("AGp1bGlldAB3cm9uZw=="), bind2!()));
    "SASL2 PLAIN in no base64" = authenticate!("PLAIN", initial!("="));
    "SASL2 PLAIN without data" = authenticate!("PLAIN", bind2!());
    "SASL2 unknown mechanism" = authenticate!("X-UNKNOWN", "");
    "SASL2 PLAIN as a response" = sasl2!("response", "AGp1bGlldABzM2NyM3Q=");
    "SASL2 abort" = sasl2!("abort", "");
    "SASL2 next" = "<next xmlns='urn:xmpp:sasl:2' task='T'/>";
    "SASL2 next of another" = "<next xmlns='urn:xmpp:sasl:2' task='U'/>";
    "SASL2 task data" = sasl2!("task-data", "");
};
