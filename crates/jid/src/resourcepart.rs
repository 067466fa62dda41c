//! Preparation of resourceparts: RFC 7622 §3.4.

use alloc::string::String;

use crate::ascii;
use crate::error::Reason;
use crate::precis::opaque;
use crate::{MAX_PART_LEN, MAX_RAW_PART_LEN};

/// Appends the prepared form of `input` to `out`. After an error `out` may hold a part of it.
pub(crate) fn prepare_into(input: &str, out: &mut String) -> Result<(), Reason> {
    if input.is_empty() {
        return Err(Reason::Empty);
    }
    if input.len() > MAX_RAW_PART_LEN {
        return Err(Reason::TooLong);
    }
    let seen = ascii::survey(input);
    if seen & ascii::NON_ASCII != 0 {
        let prepared = opaque::enforce(input)?;
        if prepared.len() > MAX_PART_LEN {
            return Err(Reason::TooLong);
        }
        out.push_str(&prepared);
        return Ok(());
    }

    if seen & ascii::CONTROL != 0 {
        let c = ascii::first(input, ascii::CONTROL).unwrap_or_default();
        return Err(Reason::Forbidden(c));
    }
    if input.len() > MAX_PART_LEN {
        return Err(Reason::TooLong);
    }
    out.push_str(input);
    Ok(())
}
