//! The grammar of RFC 5802 §7.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::error::MessageError;
use crate::limits::{MAX_AUTHZID, MAX_MESSAGE, MAX_NONCE, MAX_SALT, MAX_USERNAME};
use crate::wire::decode_base64;

/// The flag that opens a client's first message (`gs2-cbind-flag`).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flag<'a> {
    /// `n`: the client has no channel binding.
    Unsupported,
    /// `y`: the client has channel binding and believes that the server has none.
    Unoffered,
    /// `p=…`: the client uses this type.
    Uses(&'a str),
}

/// `client-first-message`
#[derive(Debug)]
pub(super) struct ClientFirst<'a> {
    /// The part that `c=` of the final message has to repeat.
    pub(super) gs2_header: &'a str,
    pub(super) flag: Flag<'a>,
    pub(super) authzid: Option<String>,
    /// The rest of the message, which the signatures cover.
    pub(super) bare: &'a str,
    pub(super) username: String,
    pub(super) nonce: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, MessageError> {
        let message = text(message)?;
        let (flag, rest) = message
            .split_once(',')
            .ok_or(MessageError::ChannelBindingFlag)?;
        let (authzid, bare) = rest.split_once(',').ok_or(MessageError::Syntax)?;
        let gs2_header = message.strip_suffix(bare).ok_or(MessageError::Syntax)?;
        let flag = match flag {
            "n" => Flag::Unsupported,
            "y" => Flag::Unoffered,
            _ => match flag.strip_prefix("p=") {
                Some(kind) if is_binding_name(kind) => Flag::Uses(kind),
                _ => return Err(MessageError::ChannelBindingFlag),
            },
        };
        let authzid = match authzid {
            "" => None,
            _ => {
                let name = authzid.strip_prefix("a=").ok_or(MessageError::Syntax)?;
                Some(unescape(name, 'a', MAX_AUTHZID)?)
            }
        };
        let mut attributes = Attributes::new(bare);
        let username = unescape(attributes.expect('n')?, 'n', MAX_USERNAME)?;
        let nonce = nonce(attributes.expect('r')?)?;
        attributes.skip_extensions()?;
        Ok(Self {
            gs2_header,
            flag,
            authzid,
            bare,
            username,
            nonce,
        })
    }
}

/// `server-first-message`
#[derive(Debug)]
pub(super) struct ServerFirst<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    /// `h=`: the hash of the server's offer (XEP-0474).
    pub(super) offer_hash: Option<&'a str>,
}

impl<'a> ServerFirst<'a> {
    pub(super) fn parse(message: &'a str) -> Result<Self, MessageError> {
        let mut attributes = Attributes::new(message);
        let nonce = nonce(attributes.expect('r')?)?;
        let salt = base64(attributes.expect('s')?, 's')?;
        if salt.len() > MAX_SALT {
            return Err(MessageError::TooLong);
        }
        let iterations = number(attributes.expect('i')?).ok_or(MessageError::Value('i'))?;
        let mut offer_hash = None;
        attributes.extensions(|name, value| {
            if name == 'h' {
                offer_hash = Some(value);
            }
        })?;
        Ok(Self {
            nonce,
            salt,
            iterations,
            offer_hash,
        })
    }
}

/// `client-final-message`
#[derive(Debug)]
pub(super) struct ClientFinal<'a> {
    /// The `gs2-header` again, followed by the octets of the channel binding.
    pub(super) binding: Vec<u8>,
    pub(super) nonce: &'a str,
    /// Everything before the proof, which the signatures cover.
    pub(super) without_proof: &'a str,
    pub(super) proof: Vec<u8>,
}

impl<'a> ClientFinal<'a> {
    pub(super) fn parse(message: &'a [u8]) -> Result<Self, MessageError> {
        let message = text(message)?;
        // The proof is the last attribute and base64 has no comma, so the proof starts here.
        let (without_proof, proof) = message.rsplit_once(',').ok_or(MessageError::Syntax)?;
        let proof = proof.strip_prefix("p=").ok_or(MessageError::Missing('p'))?;
        let mut attributes = Attributes::new(without_proof);
        let binding = base64(attributes.expect('c')?, 'c')?;
        let nonce = nonce(attributes.expect('r')?)?;
        attributes.skip_extensions()?;
        Ok(Self {
            binding,
            nonce,
            without_proof,
            proof: base64(proof, 'p')?,
        })
    }
}

/// `server-final-message`
#[derive(Debug)]
pub(super) enum ServerFinal<'a> {
    /// `v=`: the server's signature.
    Verifier(Vec<u8>),
    /// `e=`: the reason of a refusal.
    Error(&'a str),
}

impl<'a> ServerFinal<'a> {
    pub(super) fn parse(message: &'a str) -> Result<Self, MessageError> {
        let mut attributes = Attributes::new(message);
        let parsed = if message.starts_with('e') {
            Self::Error(attributes.expect('e')?)
        } else {
            Self::Verifier(base64(attributes.expect('v')?, 'v')?)
        };
        attributes.skip_extensions()?;
        Ok(parsed)
    }
}

/// Returns a message as text. The grammar requires UTF-8 and permits no NUL.
pub(super) fn text(message: &[u8]) -> Result<&str, MessageError> {
    if message.len() > MAX_MESSAGE {
        return Err(MessageError::TooLong);
    }
    let text = core::str::from_utf8(message).map_err(|_| MessageError::NotUtf8)?;
    if text.contains('\0') {
        return Err(MessageError::Syntax);
    }
    Ok(text)
}

/// The attributes of a message from left to right, each at most once.
struct Attributes<'a> {
    rest: Option<&'a str>,
    /// One bit a letter: lower case in the low half, upper case in the high half.
    seen: u64,
}

impl<'a> Attributes<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            rest: Some(text),
            seen: 0,
        }
    }

    /// Returns the value of the next attribute, which must have this name.
    fn expect(&mut self, name: char) -> Result<&'a str, MessageError> {
        match self.next()? {
            Some((found, value)) if found == name => Ok(value),
            _ => Err(MessageError::Missing(name)),
        }
    }

    /// Ignores optional extensions (RFC 5802 §5.1). An attribute that the RFC defines is not an
    /// extension and is refused here, because another parser would read it differently.
    fn skip_extensions(self) -> Result<(), MessageError> {
        self.extensions(|_, _| {})
    }

    /// Passes each optional extension to `visit`.
    fn extensions(mut self, mut visit: impl FnMut(char, &'a str)) -> Result<(), MessageError> {
        while let Some((name, value)) = self.next()? {
            if "anmrcsipve".contains(name) {
                return Err(MessageError::Misplaced(name));
            }
            visit(name, value);
        }
        Ok(())
    }

    /// `attr-val = ALPHA "=" value`; a value is not empty.
    fn next(&mut self) -> Result<Option<(char, &'a str)>, MessageError> {
        let Some(rest) = self.rest else {
            return Ok(None);
        };
        let (attribute, rest) = match rest.split_once(',') {
            Some((attribute, rest)) => (attribute, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        let (name, value) = attribute.split_once('=').ok_or(MessageError::Syntax)?;
        let mut letters = name.bytes();
        let (Some(letter), None) = (letters.next(), letters.next()) else {
            return Err(MessageError::Syntax);
        };
        let (bit, name) = match letter {
            b'a'..=b'z' => (letter - b'a', char::from(letter)),
            b'A'..=b'Z' => (letter - b'A' + 32, char::from(letter)),
            _ => return Err(MessageError::Syntax),
        };
        if name == 'm' {
            return Err(MessageError::MandatoryExtension);
        }
        if self.seen & (1 << bit) != 0 {
            return Err(MessageError::Duplicate(name));
        }
        self.seen |= 1 << bit;
        if value.is_empty() {
            return Err(MessageError::Value(name));
        }
        Ok(Some((name, value)))
    }
}

fn base64(value: &str, name: char) -> Result<Vec<u8>, MessageError> {
    decode_base64(value).map_err(|_| MessageError::Value(name))
}

/// `1*printable`: visible ASCII except the comma, which separates the attributes.
fn nonce(value: &str) -> Result<&str, MessageError> {
    if value.len() > MAX_NONCE {
        return Err(MessageError::TooLong);
    }
    if !value.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(MessageError::Value('r'));
    }
    Ok(value)
}

/// `posit-number`: no sign, no leading zero. `None` also for a number that exceeds 32 bits.
pub(super) fn number(value: &str) -> Option<u32> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    if !digits || value.starts_with('0') {
        return None;
    }
    value.parse().ok()
}

/// `cb-name = 1*(ALPHA / DIGIT / "." / "-")`
fn is_binding_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

/// `saslname`: `=2C` is a comma and `=3D` an equals sign. There is no other escape.
fn unescape(name: &str, attribute: char, max: usize) -> Result<String, MessageError> {
    let mut parts = name.split('=');
    let mut out = String::from(parts.next().unwrap_or_default());
    for part in parts {
        let (c, rest) = if let Some(rest) = part.strip_prefix("2C") {
            (',', rest)
        } else if let Some(rest) = part.strip_prefix("3D") {
            ('=', rest)
        } else {
            return Err(MessageError::Value(attribute));
        };
        out.push(c);
        out.push_str(rest);
    }
    if out.is_empty() {
        return Err(MessageError::Value(attribute));
    }
    if out.len() > max {
        return Err(MessageError::TooLong);
    }
    Ok(out)
}

/// The inverse of [`unescape`].
pub(super) fn escape(name: &str) -> Cow<'_, str> {
    if name.contains(['=', ',']) {
        Cow::Owned(name.replace('=', "=3D").replace(',', "=2C"))
    } else {
        Cow::Borrowed(name)
    }
}
