//! The installation of a client (XEP-0388 §2.3).

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Write;

use xmppwire_xml::{ElementBuilder, ElementRef};

use crate::entropy::Entropy;
use crate::ns;

/// The longest id that a server takes from a client, in bytes. A UUID has 36.
const MAX_ID: usize = 64;

/// The longest description of software or device that a server takes from a client, in bytes.
const MAX_TEXT: usize = 256;

/// The installation of a client, which SASL2 shows to the server and to nobody else (XEP-0388
/// §2.3).
///
/// The id is a UUID of version 4. Make it once for each installation and account, and store it:
/// the server ends older sessions of the same id when a new one binds a resource (XEP-0386 §3.2),
/// and binds tokens to it (XEP-0484 §4.1). Two installations with one id would end each other's
/// sessions, and one id for several accounts would show their servers that they have one owner.
///
/// ```
/// use xmppwire::{Entropy, UserAgent};
///
/// let mut entropy = Entropy::from_os()?;
/// let agent = UserAgent::new(&mut entropy).with_software("Balcony").with_device("Phone");
/// let stored = agent.id().to_owned();
///
/// // At the next start:
/// let agent = UserAgent::from_id(&stored)?.with_software("Balcony").with_device("Phone");
/// assert_eq!(agent.id(), stored);
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent {
    id: Box<str>,
    software: Option<Box<str>>,
    device: Option<Box<str>>,
}

/// The text is not a UUID of version 4, such as `9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a user agent is not a UUID of version 4")]
pub struct InvalidUserAgentId;

impl UserAgent {
    /// A new installation, with a random id.
    pub fn new(entropy: &mut Entropy) -> Self {
        let mut bytes: [u8; 16] = entropy.bytes();
        // RFC 9562 §5.4: version 4 and the variant of that RFC.
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let mut id = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                id.push('-');
            }
            // Writing to a String never fails.
            let _ = write!(id, "{byte:02x}");
        }
        Self::with(id.into())
    }

    /// The installation with this id, which was stored.
    ///
    /// # Errors
    /// [`InvalidUserAgentId`] if `id` is not a UUID of version 4.
    pub fn from_id(id: &str) -> Result<Self, InvalidUserAgentId> {
        if is_uuid_4(id) {
            Ok(Self::with(id.into()))
        } else {
            Err(InvalidUserAgentId)
        }
    }

    const fn with(id: Box<str>) -> Self {
        Self {
            id,
            software: None,
            device: None,
        }
    }

    /// Sets the name of the software, for the list of sessions that a server shows to its user.
    #[must_use]
    pub fn with_software(self, software: impl Into<String>) -> Self {
        let software = Some(software.into().into_boxed_str());
        Self { software, ..self }
    }

    /// Sets the name of the device, for the list of sessions that a server shows to its user.
    #[must_use]
    pub fn with_device(self, device: impl Into<String>) -> Self {
        let device = Some(device.into().into_boxed_str());
        Self { device, ..self }
    }

    /// The id: at a client a UUID of version 4; at a server what the client sent, at most 64 bytes
    /// and perhaps empty. A server must not show it to others (XEP-0386 §3.2.1).
    ///
    /// XEP-0388 §2.3 obliges clients to send a UUID of version 4. A server of this library does not
    /// check that, as Prosody does not: the id only tells the installations of one account apart, so
    /// another id does no harm, and refusing it would lock out clients that store one. An application
    /// that wants to be strict asks [`from_id`](Self::from_id).
    pub const fn id(&self) -> &str {
        &self.id
    }

    /// The name of the software.
    pub fn software(&self) -> Option<&str> {
        self.software.as_deref()
    }

    /// The name of the device.
    pub fn device(&self) -> Option<&str> {
        self.device.as_deref()
    }

    /// Reads `<user-agent/>`. What is longer than its cap counts as missing.
    pub(crate) fn parse(element: ElementRef<'_>) -> Self {
        let text = |name| {
            let text = element.child(name, ns::SASL2)?.text();
            (!text.is_empty() && text.len() <= MAX_TEXT).then(|| Box::from(&*text))
        };
        let id = element.attr("id").filter(|id| id.len() <= MAX_ID);
        Self {
            id: id.unwrap_or_default().into(),
            software: text("software"),
            device: text("device"),
        }
    }

    pub(crate) fn write(&self, builder: ElementBuilder) -> ElementBuilder {
        let mut builder = builder.open("user-agent", ns::SASL2).attr("id", &self.id);
        for (name, text) in [("software", &self.software), ("device", &self.device)] {
            if let Some(text) = text {
                builder = builder.text_child(name, text);
            }
        }
        builder.close()
    }
}

fn is_uuid_4(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b' | b'A' | b'B'),
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use xmppwire_xml::Element;

    use super::*;

    fn read(id: &str) -> UserAgent {
        let text = format!("<user-agent xmlns='urn:xmpp:sasl:2' id='{id}'/>");
        UserAgent::parse(text.parse::<Element>().unwrap().root())
    }

    /// What deployed clients send counts as it is; only its length is bounded.
    #[test]
    fn a_server_takes_other_ids() {
        for id in [
            "my-phone",
            "9D6F2C1E-0B2A-1C5E-8F0A-3A1B2C3D4E5F",
            &"x".repeat(MAX_ID),
        ] {
            assert_eq!(read(id).id(), id);
        }
        assert_eq!(read(&"x".repeat(MAX_ID + 1)).id(), "");
    }

    #[test]
    fn an_id_is_a_uuid_of_version_4() {
        for seed in 0..=255 {
            let agent = UserAgent::new(&mut Entropy::from_seed([seed; 32]));
            assert_eq!(UserAgent::from_id(agent.id()), Ok(agent));
        }
        for id in [
            "",
            "9d6f2c1e-0b2a-1c5e-8f0a-3a1b2c3d4e5f",
            "9d6f2c1e-0b2a-4c5e-cf0a-3a1b2c3d4e5f",
            "9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5",
            "9d6f2c1e00b2a-4c5e-8f0a-3a1b2c3d4e5f",
            "9d6f2c1e-0b2a-4c5e-8f0a-3a1b2c3d4e5g",
        ] {
            assert_eq!(UserAgent::from_id(id), Err(InvalidUserAgentId), "{id}");
        }
    }
}
