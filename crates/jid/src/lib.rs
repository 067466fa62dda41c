//! XMPP addresses ("JIDs"), prepared and compared by the rules of [RFC 7622].
//!
//! An address is `localpart@domainpart/resourcepart`; only the domainpart is required. A value of
//! one of this crate's types proves that its text has been prepared as the RFC prescribes for each
//! part. So two addresses are the same if and only if their text is the same, and preparing the
//! text again leaves it unchanged.
//!
//! ```
//! use xmppwire_jid::{FullJid, Jid};
//!
//! let jid = Jid::new("Juliet@EXAMPLE.org./Balcony")?;
//! assert_eq!(jid.as_str(), "juliet@example.org/Balcony");
//! assert_eq!(jid.localpart(), Some("juliet"));
//! assert_eq!(jid.domainpart(), "example.org");
//! assert_eq!(jid.resourcepart(), Some("Balcony"));
//! assert_eq!(jid, FullJid::new("juliet@example.org/Balcony")?);
//! # Ok::<(), xmppwire_jid::JidError>(())
//! ```
//!
//! # Which type to use
//!
//! | type | holds |
//! |---|---|
//! | [`Jid`] | any address |
//! | [`BareJid`] | an account, a room, a server: no resourcepart |
//! | [`FullJid`] | a connected resource: always a resourcepart |
//! | [`Localpart`], [`Domainpart`], [`Resourcepart`] | one prepared part; addresses built from parts need no second check |
//!
//! # How each part is prepared
//!
//! | part | rules |
//! |---|---|
//! | localpart | PRECIS `UsernameCaseMapped` ([RFC 8265] §3.3): fullwidth and halfwidth characters to their ordinary forms, lower case, NFC, the Bidi Rule; then none of `"&'/:<>@` ([RFC 7622] §3.3.1) |
//! | domainpart | an IPv4 address, an IPv6 address in brackets, or a domain name of ASCII labels and U-labels: mapped by UTS #46 without its transitional part, then checked by IDNA2008; A-labels become U-labels and a final dot is removed ([RFC 7622] §3.2) |
//! | resourcepart | PRECIS `OpaqueString` ([RFC 8265] §4.2): every space is U+0020, NFC, case kept |
//!
//! No prepared part may be empty or longer than [`MAX_PART_LEN`] octets. A part of more than four
//! times this length is refused unread, which bounds the cost of a hostile address.
//!
//! ## Labels of a domain name
//!
//! | rule | source |
//! |---|---|
//! | a label has 1 to 63 octets and the name at most 253, in the ASCII form | RFC 1034 §3.1 |
//! | an ASCII label has letters, digits and hyphens | NR-LDH labels of RFC 5890 §2.3.1, as [RFC 7622] §3.2 requires |
//! | an ASCII label may have underscores, anywhere | **wider than RFC 7622**: hosts of intranets have such names, and Prosody and ejabberd, which use Nameprep, accept them |
//! | no label begins or ends with a hyphen, or has hyphens in the third and fourth place, unless it is a valid A-label | RFC 5890 §2.3.1, RFC 5891 §4.2.3.1; Nameprep is wider, but no deployed name is known to need that |
//! | a label beyond ASCII is a U-label: the mappings of UTS #46 (which include those of RFC 5895), then the code points, context and Bidi Rule of IDNA2008; no underscore | RFC 5891, RFC 5892, RFC 5893 |
//!
//! `Domain` of `xmppwire-net`, the name for DNS and TLS, follows the same rules.
//!
//! Character properties, normalization and IDNA use one set of Unicode data: that of ICU4X (Unicode
//! 18 in its version 2.4). Characters that are unassigned in this data are refused, as the PRECIS
//! framework requires. Upper-case letters that the standard library cannot map to lower case,
//! because its Unicode version is older, are refused too.
//!
//! # Features
//!
//! `std` (on by default) only enables `std` in the dependencies; the crate itself is `no_std` with
//! `alloc`. `serde` adds `Serialize` and `Deserialize` as strings; deserializing prepares them.
//!
//! [RFC 7622]: https://www.rfc-editor.org/rfc/rfc7622
//! [RFC 8265]: https://www.rfc-editor.org/rfc/rfc8265

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

mod address;
mod ascii;
mod bare;
mod domainpart;
mod error;
pub mod escaping;
mod full;
mod jid;
mod localpart;
mod parts;
mod precis;
mod resourcepart;
#[cfg(feature = "serde")]
mod serde;
mod text;

pub use bare::BareJid;
pub use error::{JidError, Part, Reason};
pub use full::FullJid;
pub use jid::Jid;
pub use parts::{Domainpart, Localpart, Resourcepart};

/// The most octets that one part may have after preparation (RFC 7622 §3.2, §3.3, §3.4).
pub const MAX_PART_LEN: usize = 1023;

/// The most octets that one part may have before preparation.
///
/// Preparation can shorten text, so the bound on the input is wider than the bound on the result.
/// No mapping of localparts or resourceparts shortens text by more than a factor of 3.5: a
/// fullwidth letter and two combining marks, seven octets, compose to two. So this bound refuses no
/// text that would prepare to a valid localpart or resourcepart. A valid domainpart can exceed it
/// only by characters that IDNA ignores.
const MAX_RAW_PART_LEN: usize = 4 * MAX_PART_LEN;
