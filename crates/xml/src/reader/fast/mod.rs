//! The fast lane: a plain stanza goes from its bytes into a tree in one pass.
//!
//! Plain means: UTF-8 with elements, attributes and text, default namespaces, `xml:lang` and references to
//! characters, all within the limits and without a carriage return. Of anything else, and of any mistake,
//! this lane has no opinion: it gives up, and the checked lane reads the stanza from its first byte. So
//! it never finds an error; it only has to give up at or before the byte that the checked lane refuses.
//!
//! A tree made here holds the stanza's bytes as its text, and names, values and text are places in it.
//! What has references is resolved behind the stanza.
//!
//! A stanza that is cut by reads is gathered by [`Gather`], and the scan resumes where it stopped.

mod gather;
mod scan;
mod text;

pub(super) use self::gather::{Gather, Gathered};
pub(super) use self::scan::{Outcome, Scan};

#[cfg(test)]
mod tests;
