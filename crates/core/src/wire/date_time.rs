//! Moments as XEP-0082 writes them, and as seconds since the beginning of 1970 in UTC.

use alloc::format;
use alloc::string::String;

const DAY: u64 = 86_400;

/// The seconds since 1970 of a DateTime; `None` if it is none, or before 1970.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| number(part, 2..=4));
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, offset) = match time.split_at_checked(8)? {
        (time, "Z") => (time, 0),
        (time, rest) => (time, offset(rest)?),
    };
    let mut time = time.splitn(3, ':').map(|part| number(part, 2..=2));
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    // 60 is a leap second.
    if !(1970..=9999).contains(&year) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_day = hour * 3600 + minute * 60 + second;
    let seconds = days(year, month, day)? * DAY + of_day;
    seconds.checked_add_signed(-offset)
}

/// A number of decimal digits.
fn number(text: &str, len: core::ops::RangeInclusive<usize>) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && len.contains(&text.len())).then(|| text.parse().ok())?
}

/// The offset behind the seconds, and behind a fraction of them, which is left out.
fn offset(text: &str) -> Option<i64> {
    let text = match text.strip_prefix('.') {
        Some(rest) => rest.trim_start_matches(|digit: char| digit.is_ascii_digit()),
        None => text,
    };
    if text == "Z" {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (number(hours, 2..=2)?, number(minutes, 2..=2)?);
    let seconds = i64::try_from(hours * 3600 + minutes * 60).ok()?;
    (hours < 24 && minutes < 60).then_some(sign * seconds)
}

/// The days from 1970 to a date of the Gregorian calendar.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=length(year, month)).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(year_length).sum();
    let months: u64 = (1..month).map(|month| length(year, month)).sum();
    Some(years + months + day - 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn year_length(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

const fn length(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A moment as a DateTime. What is later than the year 9999 is the end of that year.
pub(crate) fn format(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = seconds.min(LAST);
    let (mut days, of_day) = (seconds / DAY, seconds % DAY);
    let mut year = 1970;
    for length in (1970..9999).map(year_length) {
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let mut month = 1;
    for length in (1..12).map(|month| length(year, month)) {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    let day = days + 1;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with `date -u -d TEXT +%s`.
    #[test]
    fn known_moments() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:34:56Z", 951_827_696),
            ("2026-12-01T00:00:00Z", 1_796_083_200),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
            assert_eq!(format(seconds), text);
        }
        for text in [
            "2026-12-01T01:00:00+01:00",
            "2026-11-30T19:00:00-05:00",
            "2026-12-01T00:00:00.125Z",
            "2026-12-01T00:00:00.1+00:00",
        ] {
            assert_eq!(parse(text), Some(1_796_083_200), "{text}");
        }
        assert_eq!(format(u64::MAX), "9999-12-31T23:59:59Z");
        // A leap second is the first one of the next minute.
        assert_eq!(parse("2016-12-31T23:59:60Z"), Some(1_483_228_800));
        assert_eq!(format(1_483_228_800), "2017-01-01T00:00:00Z");
    }

    #[test]
    fn every_day_of_a_leap_year_and_of_another_is_written_as_it_is_read() {
        for year in [2024, 2026] {
            let first = days(year, 1, 1).unwrap();
            for day in 0..year_length(year) {
                let text = format((first + day) * DAY);
                assert_eq!(parse(&text), Some((first + day) * DAY), "{text}");
                assert!(
                    text.starts_with(&alloc::string::ToString::to_string(&year)),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in [
            "",
            "2026-12-01",
            "2026-12-01T00:00:00",
            "2026-12-01 00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-32T00:00:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T00:60:00Z",
            "2026-12-01T00:00:61Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "-2026-12-01T00:00:00Z",
            "2026-12-01T00:00:00+1:00",
            "2026-12-01T00:00:00-24:00",
            "2026-12-01T00:00:00-00:60",
            "2026-12-01T00:00:00+01:00Z",
            "2026-12-01T00:00:0\u{e9}Z",
            "99999999999999999999-12-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
