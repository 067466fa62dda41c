//! The version of a stream (RFC 6120 §4.7.5).

/// Whether a peer with that `version` supports XMPP 1.0 or later. A missing or malformed version
/// means a protocol older than RFC 3920.
pub(crate) fn speaks_1_0(version: Option<&str>) -> bool {
    version.and_then(parse).is_some_and(|(major, _)| major >= 1)
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
            (Some("99999999999999999999.0"), true),
            (Some("0.9"), false),
            (Some("1"), false),
            (Some("1."), false),
            (Some("+1.0"), false),
            (Some(""), false),
            (None, false),
        ] {
            assert_eq!(speaks_1_0(version), expected, "{version:?}");
        }
    }
}
