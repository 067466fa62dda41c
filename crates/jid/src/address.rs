//! The storage that all kinds of addresses share: the prepared text and the positions of its parts.

use alloc::boxed::Box;
use alloc::string::String;

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
