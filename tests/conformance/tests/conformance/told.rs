//! Every error that a peer may send reaches the application with all that it carries: stream errors
//! (RFC 6120 §4.9.3) and SASL failures (§6.5).

use xmppwire::{SaslCondition, StreamErrorCondition};
use xmppwire_conformance::case::Case;
use xmppwire_conformance::feature::Role;
use xmppwire_conformance::script::Script;

/// The conditions of RFC 6120 §4.9.3, as they stand there.
const STREAM_ERRORS: [&str; StreamErrorCondition::ALL.len()] = [
    "bad-format",
    "bad-namespace-prefix",
    "conflict",
    "connection-timeout",
    "host-gone",
    "host-unknown",
    "improper-addressing",
    "internal-server-error",
    "invalid-from",
    "invalid-namespace",
    "invalid-xml",
    "not-authorized",
    "not-well-formed",
    "policy-violation",
    "remote-connection-failed",
    "reset",
    "resource-constraint",
    "restricted-xml",
    "see-other-host",
    "system-shutdown",
    "undefined-condition",
    "unsupported-encoding",
    "unsupported-feature",
    "unsupported-stanza-type",
    "unsupported-version",
];

/// The conditions of RFC 6120 §6.5, as they stand there.
const SASL_FAILURES: [&str; SaslCondition::ALL.len()] = [
    "aborted",
    "account-disabled",
    "credentials-expired",
    "encryption-required",
    "incorrect-encoding",
    "invalid-authzid",
    "invalid-mechanism",
    "malformed-request",
    "mechanism-too-weak",
    "not-authorized",
    "temporary-auth-failure",
];

pub(crate) fn cases() -> Vec<Case> {
    let both = |condition: &&str| {
        let client: Vec<Case> = script(condition, &[Role::Client], 'S', 'C').into();
        let server: Vec<Case> = script(condition, &[Role::Server], 'C', 'S').into();
        client.into_iter().chain(server)
    };
    let errors = STREAM_ERRORS.iter().flat_map(both);
    errors
        .chain(SASL_FAILURES.iter().flat_map(failure))
        .collect()
}

/// A server that refuses the password for this reason.
fn failure(name: &&str) -> Vec<Case> {
    // The failure that a wrong password gets.
    let also = match *name {
        "not-authorized" => ", sasl-mtn",
        _ => "",
    };
    let text = format!(
        "# The server sends {name} (§6.5). The application gets the condition, the text and its language.\n\
         # Shows: sasl-errors{also}\n\
         @ plain\n\
         S: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{name}/>\
         <text xml:lang='en'>Come back later.</text></failure>\n\
         C: </stream:stream>\n\
         S: </stream:stream>\n\
         E: closed AuthFailed {name} (Come back later.) lang=en\n"
    );
    Script::new(format!("told/sasl-{name}"), &[Role::Client], text).into()
}

/// A bound stream on which `peer` sends the error with a text, a language and an
/// application-specific condition.
fn script(name: &str, roles: &'static [Role], peer: char, own: char) -> Script {
    // The one condition with data: where to connect to (§4.9.3.19).
    let (element, data) = match name {
        "see-other-host" => (
            format!("<{name} xmlns='{NS}'>im.example.com:9222</{name}>"),
            " data=im.example.com:9222",
        ),
        _ => (format!("<{name} xmlns='{NS}'/>"), ""),
    };
    let text = format!(
        "# The peer sends {name} (§4.9.3). The application gets the condition, the text and the application's condition.\n\
         @ bound\n\
         {peer}: <stream:error>{element}<text xmlns='{NS}' xml:lang='it'>Basta</text>\
         <why xmlns='urn:example'/></stream:error></stream:stream>\n\
         {own}: </stream:stream>\n\
         E: closed PeerError {name} (Basta) lang=it{data} app=why\n"
    );
    Script::new(format!("told/{name}"), roles, text)
}

const NS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
