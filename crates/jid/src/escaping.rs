//! Escaping of characters that a localpart cannot have: [XEP-0106].
//!
//! Ten characters have escape sequences. A localpart on the wire contains the sequence; a user
//! interface shows the character:
//!
//! | character | space | `"` | `&` | `'` | `/` | `:` | `<` | `>` | `@` | `\` |
//! |---|---|---|---|---|---|---|---|---|---|---|
//! | sequence | `\20` | `\22` | `\26` | `\27` | `\2f` | `\3a` | `\3c` | `\3e` | `\40` | `\5c` |
//!
//! ```
//! use xmppwire_jid::{BareJid, Domainpart, Localpart, escaping};
//!
//! let local = Localpart::new(&escaping::escape("d'Artagnan")?)?;
//! let jid = BareJid::from_parts(Some(&local), &Domainpart::new("musketeers.lit")?);
//! assert_eq!(jid.as_str(), r"d\27artagnan@musketeers.lit");
//! assert_eq!(escaping::unescape(local.as_str()), "d'artagnan");
//! # Ok::<(), xmppwire_jid::JidError>(())
//! ```
//!
//! Compare and send addresses in their escaped form. Use the unescaped form only for display and
//! for systems other than XMPP.
//!
//! [XEP-0106]: https://xmpp.org/extensions/xep-0106.html

use alloc::borrow::Cow;
use alloc::string::String;

use crate::error::{JidError, Part, Reason};

/// The characters that have a sequence, each with the two digits that follow the backslash.
const SEQUENCES: [(char, &str); 10] = [
    (' ', "20"),
    ('"', "22"),
    ('&', "26"),
    ('\'', "27"),
    ('/', "2f"),
    (':', "3a"),
    ('<', "3c"),
    ('>', "3e"),
    ('@', "40"),
    ('\\', "5c"),
];

/// The length of a sequence in octets, including the backslash.
const SEQUENCE_LEN: usize = 3;

/// Replaces the characters that a localpart cannot have with their sequences.
///
/// A backslash is replaced only where it would otherwise begin a sequence (§4.2, §4.3): `\5cool`
/// becomes `\5c5cool`, and `c:\net` becomes `c\3a\net`. Upper-case digits count too, because
/// preparation of the localpart maps them to lower case.
///
/// # Errors
///
/// If `text` begins or ends with a space, which cannot be escaped there (§4.1).
///
/// ```
/// use xmppwire_jid::escaping::escape;
///
/// assert_eq!(escape("call me \"ishmael\"")?, r"call\20me\20\22ishmael\22");
/// assert!(escape(" ishmael").is_err());
/// # Ok::<(), xmppwire_jid::JidError>(())
/// ```
pub fn escape(text: &str) -> Result<Cow<'_, str>, JidError> {
    if text.starts_with(' ') || text.ends_with(' ') {
        return Err(JidError::new(Part::Localpart, Reason::Forbidden(' ')));
    }
    Ok(replace(text, |rest| {
        let c = rest.chars().next()?;
        let (_, digits) = SEQUENCES.iter().find(|(plain, _)| *plain == c)?;
        let is_needed = c != '\\' || is_sequence_ignoring_case(rest);
        is_needed.then_some((Replacement::Sequence(digits), c.len_utf8()))
    }))
}

/// Replaces the sequences with the characters that they stand for.
///
/// Text that only resembles a sequence is unchanged: `\2plus`, `foo\bar`, `\41`, `\2F` (§3.1,
/// §4.3). `\20` at the beginning or end is unchanged too, because escaping never produces it there
/// (§4.1).
///
/// ```
/// use xmppwire_jid::escaping::unescape;
///
/// assert_eq!(unescape(r"\5c3and\2is\5c5cool"), r"\3and\2is\5cool");
/// ```
#[must_use]
pub fn unescape(text: &str) -> Cow<'_, str> {
    replace(text, |rest| {
        let digits = rest.strip_prefix('\\')?.get(..SEQUENCE_LEN - 1)?;
        let (plain, _) = SEQUENCES.iter().find(|(_, known)| *known == digits)?;
        let at_an_end = rest.len() == text.len() || rest.len() == SEQUENCE_LEN;
        if *plain == ' ' && at_an_end {
            return None;
        }
        Some((Replacement::Plain(*plain), SEQUENCE_LEN))
    })
}

fn is_sequence_ignoring_case(rest: &str) -> bool {
    rest.strip_prefix('\\')
        .and_then(|rest| rest.get(..SEQUENCE_LEN - 1))
        .is_some_and(|digits| {
            SEQUENCES
                .iter()
                .any(|(_, known)| known.eq_ignore_ascii_case(digits))
        })
}

enum Replacement {
    Sequence(&'static str),
    Plain(char),
}

/// Replaces parts of `text` in one pass from left to right. At each character, `rule` gets the rest
/// of the text and may return a replacement and the number of octets that it replaces.
fn replace(text: &str, rule: impl Fn(&str) -> Option<(Replacement, usize)>) -> Cow<'_, str> {
    let mut replaced = String::new();
    // The place up to which the text is copied or replaced.
    let mut copied = 0;
    for (at, _) in text.char_indices() {
        if at < copied {
            continue;
        }
        let Some((replacement, len)) = text.get(at..).and_then(&rule) else {
            continue;
        };
        replaced.push_str(text.get(copied..at).unwrap_or_default());
        match replacement {
            Replacement::Sequence(digits) => {
                replaced.push('\\');
                replaced.push_str(digits);
            }
            Replacement::Plain(plain) => replaced.push(plain),
        }
        copied = at + len;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    replaced.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(replaced)
}
