//! The version of a stream (RFC 6120 §4.7.5).

use alloc::string::String;

/// Returns true if a peer with that `version` supports XMPP 1.0 or later. A missing or malformed
/// version means a protocol older than RFC 3920.
pub(crate) fn speaks_1_0(version: Option<&str>) -> bool {
    version.and_then(parse).is_some_and(|(major, _)| major >= 1)
}

/// The version of the response to a header with that `version`: the lower one of the peer's and
/// 1.0, and none where the peer named none.
pub(crate) fn answer(version: Option<&str>) -> Option<String> {
    let (major, minor) = parse(version?)?;
    let (major, minor) = (major, minor).min((1, 0));
    Some(alloc::format!("{major}.{minor}"))
}

/// `major.minor`, both of decimal digits, leading zeros ignored.
fn parse(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    let number = |digits: &str| {
        let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // A number too large for the type is still a newer version.
        decimal.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    Some((number(major)?, number(minor)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_zero_and_later_are_understood() {
        for (version, expected) in [
            (Some("1.0"), true),
            (Some("1.7"), true),
            (Some("01.00"), true),
            (Some("2.0"), true),
            (Some("10.0"), true),
            (Some("99999999999999999999.0"), true),
            (Some("0.9"), false),
            (Some("0.10"), false),
            (Some("1"), false),
            (Some("1."), false),
            (Some("+1.0"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(speaks_1_0(version), expected, "{version:?}");
        }
    }

    #[test]
    fn the_answer_is_the_lower_version_without_leading_zeros() {
        for (version, expected) in [
            (Some("1.0"), Some("1.0")),
            (Some("1.7"), Some("1.0")),
            (Some("2.0"), Some("1.0")),
            (Some("10.0"), Some("1.0")),
            (Some("01.00"), Some("1.0")),
            (Some("0.9"), Some("0.9")),
            (Some("00.09"), Some("0.9")),
            (Some("0.10"), Some("0.10")),
            (Some("x"), None),
            (None, None),
        ] {
            assert_eq!(answer(version).as_deref(), expected, "{version:?}");
        }
    }
}
