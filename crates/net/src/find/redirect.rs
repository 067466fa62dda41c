//! The target of `<see-other-host/>` (RFC 6120 §4.9.3.19).

use xmppwire::{CloseReason, StreamErrorCondition};

use super::Domain;
use crate::client::Error;

/// Another host of the same domain. A server of the domain named it, or before TLS an attacker on
/// the network path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirect {
    pub(crate) host: Domain,
    /// Without a port, the SRV records of the host are looked up.
    pub(crate) port: Option<u16>,
}

impl Redirect {
    /// The redirection in this error, if it has one that can be followed.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        Self::in_reason(error.close_reason()?)
    }

    /// The redirection in the reason of an end, if it has one that can be followed.
    pub(crate) fn in_reason(reason: &CloseReason) -> Option<Self> {
        match reason {
            CloseReason::PeerError(error)
                if error.condition() == StreamErrorCondition::SeeOtherHost =>
            {
                Self::parse(error.data()?.trim())
            }
            _ => None,
        }
    }

    /// Reads `domainpart` or `domainpart:port`, with an IPv6 address in brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let end_of_host = match text.strip_prefix('[') {
            Some(_) => text.find(']')?.saturating_add(1),
            None => text.find(':').unwrap_or(text.len()),
        };
        let (host, port) = text.split_at_checked(end_of_host)?;
        let port = match port {
            "" => None,
            _ => Some(
                port.strip_prefix(':')?
                    .parse()
                    .ok()
                    .filter(|&port| port != 0)?,
            ),
        };
        let host = Domain::parse(host).ok()?;
        Some(Self { host, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xmppwire::StreamError;

    fn parse(text: &str) -> Option<(String, Option<u16>)> {
        let redirect = Redirect::parse(text)?;
        Some((redirect.host.to_string(), redirect.port))
    }

    #[test]
    fn hosts_and_ports_are_split() {
        for (text, host, port) in [
            ("im.example.org", "im.example.org", None),
            ("im.example.org:9090", "im.example.org", Some(9090)),
            ("bücher.example:1", "xn--bcher-kva.example", Some(1)),
            ("192.0.2.7", "192.0.2.7", None),
            ("192.0.2.7:65535", "192.0.2.7", Some(65535)),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:9222", "2001:db8::1", Some(9222)),
        ] {
            assert_eq!(parse(text), Some((host.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn what_names_no_host_is_not_followed() {
        for text in [
            "",
            ":",
            ":5222",
            "a b",
            "a.example:",
            "a.example:0",
            "a.example:65536",
            "a.example:x",
            "a.example:5222:5222",
            "2001:db8::1",
            "[2001:db8::1",
            "[2001:db8::1]9222",
            "[]",
            "é]:1[",
            "xmpp://a.example",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_other_end_is_a_redirection() {
        let of = |reason: CloseReason| Redirect::of(&reason.into());
        let elsewhere = StreamError::see_other_host(" im.example.org:9090\n");
        assert!(of(CloseReason::PeerError(elsewhere)).is_some());
        let nowhere = StreamError::new(StreamErrorCondition::SeeOtherHost);
        assert_eq!(of(CloseReason::PeerError(nowhere)), None);
        assert_eq!(of(CloseReason::Peer), None);
    }
}
