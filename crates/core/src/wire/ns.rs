//! The XML namespaces of RFC 6120 and the few legacy ones that peers still speak.

/// Content namespace of client-to-server streams (RFC 6120 §4.8.2).
pub const CLIENT: &str = "jabber:client";
/// Content namespace of server-to-server streams (RFC 6120 §4.8.2).
pub const SERVER: &str = "jabber:server";
/// Content namespace of components' streams (XEP-0114 §2).
pub const COMPONENT: &str = "jabber:component:accept";
/// The stream element itself, `<features/>` and `<error/>` (RFC 6120 §4.8.1).
pub const STREAMS: &str = xmppwire_xml::STREAMS_NS;
/// Conditions of stream errors (RFC 6120 §4.9.2).
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// STARTTLS (RFC 6120 §5).
pub const TLS: &str = "urn:ietf:params:xml:ns:xmpp-tls";
/// SASL (RFC 6120 §6).
pub const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
/// Extensible SASL profile, "SASL2" (XEP-0388).
pub const SASL2: &str = "urn:xmpp:sasl:2";
/// Resource binding inside SASL2, "Bind 2" (XEP-0386).
pub const BIND2: &str = "urn:xmpp:bind:0";
/// Fast authentication with tokens (XEP-0484).
pub const FAST: &str = "urn:xmpp:fast:0";
/// Announcement of channel binding types (XEP-0440).
pub const SASL_CB: &str = "urn:xmpp:sasl-cb:0";
/// Resource binding (RFC 6120 §7).
pub const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
/// Session establishment of RFC 3921 §3, of no effect since RFC 6121.
pub const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";
/// Conditions of stanza errors (RFC 6120 §8.3.2).
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// The namespace of `xml:lang`.
pub const XML: &str = xmppwire_xml::XML_NS;
/// XMPP Ping (XEP-0199).
pub const PING: &str = "urn:xmpp:ping";
/// Stream Management (XEP-0198).
pub const SM: &str = "urn:xmpp:sm:3";
/// Server Dialback (XEP-0220).
pub const DIALBACK: &str = "jabber:server:dialback";
/// Announcement of Server Dialback (XEP-0220 §2.4.2).
pub const DIALBACK_FEATURE: &str = "urn:xmpp:features:dialback";
/// The request for a bidirectional stream between servers (XEP-0288 §2.1).
pub const BIDI: &str = "urn:xmpp:bidi";
/// Announcement of bidirectional streams between servers (XEP-0288 §2.1).
pub const BIDI_FEATURE: &str = "urn:xmpp:features:bidi";
/// Announcement of the limits of a stream (XEP-0478).
pub const STREAM_LIMITS: &str = "urn:xmpp:stream-limits:0";
/// Client State Indication (XEP-0352).
pub const CSI: &str = "urn:xmpp:csi:0";
/// Message Carbons (XEP-0280).
pub const CARBONS: &str = "urn:xmpp:carbons:2";
/// Stanza Forwarding (XEP-0297).
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// Delayed Delivery (XEP-0203).
pub const DELAY: &str = "urn:xmpp:delay";
/// Message Processing Hints (XEP-0334).
pub const HINTS: &str = "urn:xmpp:hints";
