//! The elements of stream management (XEP-0198 §3 to §6), read and written.

use alloc::boxed::Box;
use alloc::string::ToString;
use core::time::Duration;

use xmppwire_xml::{Element, ElementRef};

use crate::ns;
use crate::stanza::StanzaErrorCondition;
use crate::stream_management::StreamManagement;

/// Bytes of the longest id of a session (XEP-0198 §3).
const LONGEST_ID: usize = 4000;

/// Bytes of the longest location: a host name, a port, and brackets.
const LONGEST_LOCATION: usize = 300;

/// What a client asks for.
pub(crate) struct Wish {
    pub(crate) resume: bool,
    pub(crate) max: Option<Duration>,
}

/// What a server grants.
pub(crate) struct Enabled {
    /// The id of the session, if it can be resumed.
    pub(crate) id: Option<Box<str>>,
    /// Seconds for which it can be; 0 if that was not said.
    pub(crate) max: u32,
    pub(crate) location: Option<Box<str>>,
}

pub(crate) fn enable(policy: &StreamManagement) -> Element {
    let mut enable = Element::builder("enable", ns::SM);
    if policy.resumes() {
        enable = enable.attr("resume", "true");
        if let Some(max) = policy.max() {
            enable = enable.attr("max", &max.as_secs().to_string());
        }
    }
    enable.build()
}

/// Reads `<enable/>`.
pub(crate) fn wish(enable: ElementRef<'_>) -> Wish {
    Wish {
        resume: is_true(enable.attr("resume")),
        max: enable
            .attr("max")
            .and_then(|max| max.parse().ok())
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs),
    }
}

/// Writes `<enabled/>`, of a session with this id where it can be resumed.
pub(crate) fn enabled_answer(id: Option<&str>, max: Duration) -> Element {
    let mut enabled = Element::builder("enabled", ns::SM);
    if let Some(id) = id {
        enabled = enabled
            .attr("id", id)
            .attr("resume", "true")
            .attr("max", &max.as_secs().to_string());
    }
    enabled.build()
}

/// Reads `<enabled/>`. A session can be resumed if the server says so and gives it an id (§3).
pub(crate) fn enabled(enabled: ElementRef<'_>) -> Enabled {
    let id = enabled
        .attr("id")
        .filter(|id| !id.is_empty() && id.len() <= LONGEST_ID)
        .filter(|_| is_true(enabled.attr("resume")));
    let location = enabled
        .attr("location")
        .filter(|location| !location.is_empty() && location.len() <= LONGEST_LOCATION);
    Enabled {
        id: id.map(Into::into),
        max: enabled
            .attr("max")
            .and_then(|max| max.parse().ok())
            .unwrap_or(0),
        location: location.filter(|_| id.is_some()).map(Into::into),
    }
}

pub(crate) fn acknowledgement(handled: u32) -> Element {
    Element::builder("a", ns::SM)
        .attr("h", &handled.to_string())
        .build()
}

pub(crate) fn resume(id: &str, handled: u32) -> Element {
    Element::builder("resume", ns::SM)
        .attr("previd", id)
        .attr("h", &handled.to_string())
        .build()
}

pub(crate) fn resumed_answer(id: &str, handled: u32) -> Element {
    Element::builder("resumed", ns::SM)
        .attr("previd", id)
        .attr("h", &handled.to_string())
        .build()
}

/// Writes `<failed/>`; `handled` only where a session could not be resumed (§5).
pub(crate) fn failed(condition: StanzaErrorCondition, handled: Option<u32>) -> Element {
    let mut failed = Element::builder("failed", ns::SM);
    if let Some(handled) = handled {
        failed = failed.attr("h", &handled.to_string());
    }
    failed.open(condition.name(), ns::STANZA_ERRORS).build()
}

/// The condition in `<failed/>`, if it has a defined one.
pub(crate) fn failed_condition(failed: ElementRef<'_>) -> Option<StanzaErrorCondition> {
    failed
        .children()
        .filter(|child| child.ns() == ns::STANZA_ERRORS)
        .find_map(|child| StanzaErrorCondition::from_name(child.name()))
}

/// The count in `h`: digits, modulo 2^32.
pub(crate) fn handled(element: ElementRef<'_>) -> Option<u32> {
    let digits = element.attr("h")?;
    // `parse` takes a sign, which `xs:unsignedInt` has not.
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

pub(super) fn handled_count_too_high(handled: u32, sent: u32) -> Element {
    Element::builder("handled-count-too-high", ns::SM)
        .attr("h", &handled.to_string())
        .attr("send-count", &sent.to_string())
        .build()
}

/// A boolean of XML Schema; absent is false.
fn is_true(value: Option<&str>) -> bool {
    matches!(value, Some("true" | "1"))
}
