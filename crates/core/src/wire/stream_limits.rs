//! What a receiving entity announces of its limits (XEP-0478).

use core::num::NonZeroU32;
use core::time::Duration;

use xmppwire_xml::{Element, ElementRef};

use crate::keep_alive::KeepAlive;
use crate::limits::Limits;
use crate::ns;

/// The limits that the receiving entity of a stream announces in its features (XEP-0478).
///
/// What it does not announce is unknown, which does not mean that there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamLimits {
    pub(crate) max_bytes: Option<NonZeroU32>,
    pub(crate) idle_seconds: Option<NonZeroU32>,
}

impl StreamLimits {
    /// Bytes of the longest stanza that it accepts, as written on the stream.
    pub const fn max_bytes(&self) -> Option<u32> {
        match self.max_bytes {
            Some(bytes) => Some(bytes.get()),
            None => None,
        }
    }

    /// The time of silence after which it may check the peer or end the stream.
    pub const fn idle_time(&self) -> Option<Duration> {
        match self.idle_seconds {
            Some(seconds) => Some(Duration::from_secs(seconds.get() as u64)),
            None => None,
        }
    }

    /// Reads the element; a number that is zero or none counts as not announced.
    pub(crate) fn parse(limits: ElementRef<'_>) -> Self {
        let number = |name| limits.child(name, ns::STREAM_LIMITS)?.text().parse().ok();
        Self {
            max_bytes: number("max-bytes"),
            idle_seconds: number("idle-seconds"),
        }
    }

    /// What a server with these limits announces.
    pub(crate) fn of(limits: &Limits, keep_alive: Option<KeepAlive>, authenticated: bool) -> Self {
        let xml = match authenticated {
            true => &limits.after_authentication,
            false => &limits.before_authentication,
        };
        let checked = keep_alive.map(|policy| policy.silence());
        let idle = [checked, limits.idle_timeout].into_iter().flatten().min();
        let seconds = idle.map(|idle| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX));
        Self {
            max_bytes: NonZeroU32::new(u32::try_from(xml.max_stanza_bytes).unwrap_or(u32::MAX)),
            idle_seconds: seconds.and_then(NonZeroU32::new),
        }
    }

    pub(crate) fn to_element(self) -> Element {
        let mut limits = Element::builder("limits", ns::STREAM_LIMITS);
        for (name, value) in [
            ("max-bytes", self.max_bytes),
            ("idle-seconds", self.idle_seconds),
        ] {
            if let Some(value) = value {
                let text = alloc::format!("{value}");
                limits = limits.open(name, ns::STREAM_LIMITS).text(&text).close();
            }
        }
        limits.build()
    }
}
