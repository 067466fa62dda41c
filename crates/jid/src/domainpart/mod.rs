//! Preparation of domainparts: RFC 7622 §3.2.

use alloc::string::String;

use crate::error::Reason;
use crate::{MAX_PART_LEN, MAX_RAW_PART_LEN};

mod ip;
mod name;

/// Appends the prepared form of `input` to `out`. After an error `out` may hold a part of it.
pub(crate) fn prepare_into(input: &str, out: &mut String) -> Result<(), Reason> {
    if input.len() > MAX_RAW_PART_LEN {
        return Err(Reason::TooLong);
    }
    let input = strip_final_dot(input);
    if input.is_empty() {
        return Err(Reason::Empty);
    }

    let start = out.len();
    if input.starts_with('[') {
        ip::push_literal(input, out)?;
    } else {
        name::push(input, out)?;
        let name = out.get(start..).unwrap_or_default();
        if ip::is_dotted_decimal(name) {
            ip::check_v4(name)?;
        }
    }
    if out.len() - start > MAX_PART_LEN {
        return Err(Reason::TooLong);
    }
    Ok(())
}

/// Removes a final dot, which RFC 7622 §3.2 requires before any other step. Besides `.` these are
/// the characters that IDNA treats as dots.
fn strip_final_dot(input: &str) -> &str {
    input
        .strip_suffix(['.', '\u{3002}', '\u{FF0E}', '\u{FF61}'])
        .unwrap_or(input)
}
