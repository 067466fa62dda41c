//! The storage that all kinds of addresses share: the prepared text and the positions of its parts.

use alloc::boxed::Box;
use alloc::string::String;

use crate::ascii;
use crate::error::{JidError, Part};
use crate::{Domainpart, Localpart, MAX_PART_LEN, Resourcepart};
use crate::{domainpart, localpart, resourcepart};

/// Three parts and two separators.
const MAX_LEN: usize = 3 * MAX_PART_LEN + 2;

// The positions below are stored in 16 bits.
const _: () = assert!(MAX_LEN <= u16::MAX as usize);

/// A prepared address. The text alone determines the parts, because a prepared localpart or
/// domainpart contains neither `@` nor `/`.
#[derive(Clone)]
pub(crate) struct Address {
    text: Box<str>,
    /// The length of the localpart in octets; 0 if there is none.
    local_len: u16,
    /// The length of everything before the `/` of the resourcepart, in octets.
    bare_len: u16,
}

impl Address {
    /// Splits as RFC 7622 §3.2 says: the first `/` begins the resourcepart, and the first `@`
    /// before it ends the localpart. All parts are prepared directly into the one allocation that
    /// the address keeps.
    pub(crate) fn parse(input: &str) -> Result<Self, JidError> {
        match ascii::places(input) {
            Some(places) => Ok(Self::from_plain(input, &places)),
            None => Self::prepare(input),
        }
    }

    /// An address that only needs lower case.
    fn from_plain(input: &str, places: &ascii::Places) -> Self {
        let mut text = Box::<str>::from(input);
        if places.upper
            && let Some(bare) = text.get_mut(..places.bare_len)
        {
            bare.make_ascii_lowercase();
        }
        Self {
            text,
            local_len: places.local_len as u16,
            bare_len: places.bare_len as u16,
        }
    }

    fn prepare(input: &str) -> Result<Self, JidError> {
        let (bare, resource) = split_resource(input);
        let (local, domain) = match bare.split_once('@') {
            Some((local, domain)) => (Some(local), domain),
            None => (None, bare),
        };

        let mut text = String::with_capacity(input.len().min(MAX_LEN));
        let mut local_len = 0;
        if let Some(local) = local {
            localpart::prepare_into(local, &mut text)
                .map_err(|reason| JidError::new(Part::Localpart, reason))?;
            local_len = text.len();
            text.push('@');
        }
        domainpart::prepare_into(domain, &mut text)
            .map_err(|reason| JidError::new(Part::Domainpart, reason))?;
        let bare_len = text.len();
        if let Some(resource) = resource {
            text.push('/');
            resourcepart::prepare_into(resource, &mut text)
                .map_err(|reason| JidError::new(Part::Resourcepart, reason))?;
        }
        Ok(Self::from_prepared(text, local_len, bare_len))
    }

    pub(crate) fn from_parts(
        local: Option<&Localpart>,
        domain: &Domainpart,
        resource: Option<&Resourcepart>,
    ) -> Self {
        let local = local.map_or("", Localpart::as_str);
        let resource = resource.map(Resourcepart::as_str);
        let mut text = String::with_capacity(
            local.len() + domain.as_str().len() + resource.map_or(0, str::len) + 2,
        );
        if !local.is_empty() {
            text.push_str(local);
            text.push('@');
        }
        text.push_str(domain.as_str());
        let bare_len = text.len();
        if let Some(resource) = resource {
            text.push('/');
            text.push_str(resource);
        }
        Self::from_prepared(text, local.len(), bare_len)
    }

    /// Both lengths are within [`MAX_LEN`] because every part has been prepared.
    fn from_prepared(text: String, local_len: usize, bare_len: usize) -> Self {
        Self {
            text: text.into_boxed_str(),
            local_len: local_len as u16,
            bare_len: bare_len as u16,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn localpart(&self) -> Option<&str> {
        self.text
            .get(..usize::from(self.local_len))
            .filter(|local| !local.is_empty())
    }

    pub(crate) fn domainpart(&self) -> &str {
        let start = match self.local_len {
            0 => 0,
            len => usize::from(len) + 1,
        };
        self.bare_str().get(start..).unwrap_or_default()
    }

    pub(crate) fn resourcepart(&self) -> Option<&str> {
        self.text.get(usize::from(self.bare_len) + 1..)
    }

    pub(crate) fn bare_str(&self) -> &str {
        self.text
            .get(..usize::from(self.bare_len))
            .unwrap_or_default()
    }

    pub(crate) fn to_bare(&self) -> Self {
        Self {
            text: self.bare_str().into(),
            ..*self
        }
    }

    pub(crate) fn with_resource(&self, resource: &Resourcepart) -> Self {
        let bare = self.bare_str();
        let mut text = String::with_capacity(bare.len() + 1 + resource.as_str().len());
        text.push_str(bare);
        text.push('/');
        text.push_str(resource.as_str());
        Self {
            text: text.into_boxed_str(),
            ..*self
        }
    }
}

/// Returns the text before and the text after the first `/`.
pub(crate) fn split_resource(input: &str) -> (&str, Option<&str>) {
    match input.split_once('/') {
        Some((bare, resource)) => (bare, Some(resource)),
        None => (input, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec::Vec;

    /// Both ways give the same address, or the long way alone decides.
    fn compare(input: &str) {
        let Some(places) = ascii::places(input) else {
            return;
        };
        let short = Address::from_plain(input, &places);
        let long = Address::prepare(input).unwrap_or_else(|error| panic!("{input:?}: {error}"));
        assert_eq!(short.as_str(), long.as_str());
        assert_eq!(
            (short.local_len, short.bare_len),
            (long.local_len, long.bare_len)
        );
    }

    #[test]
    fn the_short_way_agrees_with_the_long_way() {
        let parts = [
            "", "a", "A", "1", "-", "_", ".", "a-b", "a.b", "a.b.c.d", "1.2.3.4", "xn--a", "ab--c",
            "-a", "a-", "a..b", "a.", ".a", "[::1]", "A.B", "a b", " ", "~", "\"", "&", "'", ":",
            "<", "a@b", "/", "\u{7f}", "\t", "é",
        ];
        for local in parts {
            for domain in parts {
                for resource in parts {
                    compare(&format!("{local}@{domain}/{resource}"));
                }
                compare(&format!("{local}@{domain}"));
                compare(&format!("{domain}/{local}"));
            }
            compare(local);
        }
        for len in [62, 63, 64, 252, 253, 254, 1022, 1023, 1024, 1025] {
            let long = "a".repeat(len);
            let labels: Vec<&str> = long.as_bytes().chunks(10).map(|_| "abcdefghi").collect();
            let mut name = labels.join(".");
            name.truncate(len);
            for domain in [&long, &name] {
                compare(&format!("a@{domain}/b"));
                compare(domain);
            }
            compare(&format!("{long}@b"));
            compare(&format!("b/{long}"));
        }
    }

    #[test]
    fn ordinary_addresses_take_the_short_way() {
        for address in [
            "juliet@im.example.org/Balcony at 8:00",
            "Juliet@example.org",
            "example.org",
            "room_1.x@a-b.example/a@b/c",
        ] {
            assert!(ascii::places(address).is_some(), "{address}");
        }
        // So do those at the limits: of a part, of a domain name, and of a label in it.
        let part = "a".repeat(MAX_PART_LEN);
        let label = "a".repeat(63);
        let name = format!("{label}.{label}.{label}.{}", &label[..61]);
        assert_eq!(name.len(), 253);
        for address in [
            format!("{part}@{name}/{part}"),
            name.clone(),
            format!("b/{part}"),
        ] {
            assert!(ascii::places(&address).is_some(), "{address}");
        }
    }

    /// An address without upper case before its resourcepart stays as it is.
    #[test]
    fn upper_case_is_seen_before_the_resourcepart_alone() {
        for (address, upper) in [
            ("juliet@example.org/Balcony", false),
            ("juLiet@example.org", true),
            ("juliet@example.Org", true),
            ("example.org/A", false),
            ("Example.org", true),
        ] {
            let places = ascii::places(address).unwrap();
            assert_eq!(places.upper, upper, "{address}");
        }
    }
}
