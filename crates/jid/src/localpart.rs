//! Preparation of localparts: RFC 7622 §3.3.

use alloc::string::String;

use crate::ascii;
use crate::error::Reason;
use crate::precis::username;
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
        let prepared = username::enforce(input)?;
        if prepared.len() > MAX_PART_LEN {
            return Err(Reason::TooLong);
        }
        // Checked after the mapping, which turns a fullwidth `＠` into `@`.
        if let Some(c) = prepared
            .chars()
            .find(|c| ascii::is_excluded_from_localparts(*c))
        {
            return Err(Reason::Forbidden(c));
        }
        out.push_str(&prepared);
        return Ok(());
    }

    if seen & ascii::NOT_LOCAL != 0 {
        let c = ascii::first(input, ascii::NOT_LOCAL).unwrap_or_default();
        return Err(Reason::Forbidden(c));
    }
    if input.len() > MAX_PART_LEN {
        return Err(Reason::TooLong);
    }
    ascii::push_lowercase(input, seen, out);
    Ok(())
}
