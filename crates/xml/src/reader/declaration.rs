//! The XML declaration (XML 1.0 §2.8, RFC 6120 §11.5).
//!
//! The parser does not read it, because it refuses `standalone` without an encoding and has one
//! error for all faults.

use alloc::vec::Vec;

use super::classify::BAD_UTF8;
use super::lead::is_space;
use crate::error::{ReadError, ReadErrorKind};

/// Collects the bytes after `<?xml` and checks them at the closing `>`, which no allowed value has.
/// The limit on the header bounds its length.
#[derive(Default)]
pub(super) struct Declaration {
    content: Vec<u8>,
}

impl Declaration {
    /// Takes one byte. Returns true at the end of a good declaration.
    pub(super) fn push(&mut self, byte: u8) -> Result<bool, ReadError> {
        match byte {
            b'>' => self.judge().map(|()| true),
            _ => {
                self.content.push(byte);
                Ok(false)
            }
        }
    }

    fn judge(&self) -> Result<(), ReadError> {
        let content = core::str::from_utf8(&self.content).map_err(|_| BAD_UTF8)?;
        let mut rest = content.strip_suffix('?').ok_or(MALFORMED)?;
        let version = attribute(&mut rest, "version")?.ok_or(MALFORMED)?;
        let encoding = attribute(&mut rest, "encoding")?;
        let standalone = attribute(&mut rest, "standalone")?;
        if !rest.bytes().all(is_space) {
            return Err(MALFORMED);
        }
        // XMPP is defined in terms of XML 1.0 (RFC 6120 §11.8). The fifth edition of XML 1.0 reads
        // other 1.x documents as 1.0 (§2.8), but the same bytes may mean something else there. RFC
        // 6120 §11.1 does not list versions as a restricted feature, so the document is not
        // well-formed XML 1.0.
        if version != "1.0" {
            return Err(ReadError::new(
                ReadErrorKind::NotWellFormed,
                "a version of XML other than 1.0",
            ));
        }
        if let Some(encoding) = encoding {
            check_encoding(encoding)?;
        }
        match standalone {
            None | Some("yes" | "no") => Ok(()),
            Some(_) => Err(MALFORMED),
        }
    }
}

/// RFC 6120 §11.6 allows UTF-8 only. The names of encodings ignore case (XML 1.0 §4.3.3).
fn check_encoding(encoding: &str) -> Result<(), ReadError> {
    if encoding.eq_ignore_ascii_case("utf-8") {
        return Ok(());
    }
    let is_name = encoding.starts_with(|c: char| c.is_ascii_alphabetic())
        && encoding
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    Err(if is_name {
        ReadError::new(
            ReadErrorKind::UnsupportedEncoding,
            "an encoding other than UTF-8 is declared",
        )
    } else {
        MALFORMED
    })
}

/// Removes ` name = 'value'` from the front if it is there.
fn attribute<'a>(rest: &mut &'a str, name: &str) -> Result<Option<&'a str>, ReadError> {
    let space = |c: char| u8::try_from(c).is_ok_and(is_space);
    let trimmed = rest.trim_start_matches(space);
    let Some(tail) = trimmed.strip_prefix(name) else {
        return Ok(None);
    };
    if trimmed.len() == rest.len() {
        return Err(MALFORMED);
    }
    let tail = tail.trim_start_matches(space).strip_prefix('=');
    let tail = tail.ok_or(MALFORMED)?.trim_start_matches(space);
    let quote = tail.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let quote = quote.ok_or(MALFORMED)?;
    let tail = tail.strip_prefix(quote).ok_or(MALFORMED)?;
    let (value, tail) = tail.split_once(quote).ok_or(MALFORMED)?;
    *rest = tail;
    Ok(Some(value))
}

const MALFORMED: ReadError =
    ReadError::new(ReadErrorKind::NotWellFormed, "a malformed XML declaration");

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(content: &str) -> Option<ReadErrorKind> {
        let mut declaration = Declaration::default();
        for byte in content.bytes() {
            match declaration.push(byte) {
                Ok(true) => return None,
                Ok(false) => {}
                Err(error) => return Some(error.kind()),
            }
        }
        panic!("{content} has no end");
    }

    #[test]
    fn good_declarations() {
        for good in [
            " version='1.0'?>",
            " version=\"1.0\" ?>",
            "\r\n version = '1.0'\tencoding='UTF-8'?>",
            " version='1.0' encoding='utf-8' standalone='yes'?>",
            " version='1.0' standalone='no'?>",
        ] {
            assert_eq!(judge(good), None, "{good}");
        }
    }

    #[test]
    fn other_declarations() {
        use ReadErrorKind::{NotWellFormed, UnsupportedEncoding};
        for (bad, kind) in [
            (" ?>", NotWellFormed),
            ("version='1.0'?>", NotWellFormed),
            (" version='1.0'>", NotWellFormed),
            (" version='1.0\"?>", NotWellFormed),
            (" version=1.0?>", NotWellFormed),
            (" version='1.1'?>", NotWellFormed),
            (" version='2.0'?>", NotWellFormed),
            (" encoding='UTF-8' version='1.0'?>", NotWellFormed),
            (" encoding='UTF-8'?>", NotWellFormed),
            (" version='1.0'encoding='UTF-8'?>", NotWellFormed),
            (" version='1.0' version='1.0'?>", NotWellFormed),
            (" version='1.0' standalone='maybe'?>", NotWellFormed),
            (
                " version='1.0' standalone='yes' encoding='UTF-8'?>",
                NotWellFormed,
            ),
            (" version='1.0' encoding=''?>", NotWellFormed),
            (" version='1.0' encoding='&#x55;TF-8'?>", NotWellFormed),
            (" version='1.0' encoding='UTF-16'?>", UnsupportedEncoding),
            (
                " version='1.0' encoding='ISO-8859-1'?>",
                UnsupportedEncoding,
            ),
            (" version='1.0' encoding='US-ASCII'?>", UnsupportedEncoding),
        ] {
            assert_eq!(judge(bad), Some(kind), "{bad}");
        }
    }
}
