//! The fast lane: reads a plain stanza into a tree in one pass.
//!
//! A plain stanza is UTF-8 with elements, attributes, text, default namespaces, `xml:lang` and
//! references to characters, within all limits and without a carriage return. Its outermost element
//! may have the prefix of the stream, as stream features and stream errors do. For anything else,
//! and for any fault, this lane gives up, and the checked lane reads the stanza from its first
//! byte. So this lane never reports an error; it has to give up at or before the byte that the
//! checked lane refuses.
//!
//! The text of the tree is the stanza itself: names, values and text are places in it. Values and
//! text with references follow the stanza in resolved form.
//!
//! [`header`] reads a plain stream header under the same rule. [`Lane`] collects a stanza that arrives in several reads, and the scan resumes where it
//! stopped.

mod gather;
mod header;
mod scan;
mod tags;
mod text;

pub(super) use self::gather::{Found, Gathered, Lane};
pub(super) use self::header::header;

#[cfg(test)]
mod tests;
