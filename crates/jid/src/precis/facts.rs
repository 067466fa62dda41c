//! What the profiles ask of one character, found once and kept.

use core::sync::atomic::{AtomicU8, Ordering};

use icu_properties::CodePointSetData;
use icu_properties::props::ChangesWhenLowercased;

use super::derived::{Property, property};

/// The derived property of a character, and how its case changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts(u8);

/// Bits of [`Facts`]. The derived property takes the lowest three.
const PROPERTY: u8 = 7;
/// The Unicode properties say that lower case differs.
const CHANGES: u8 = 1 << 3;
/// The tables of the standard library have another character, or several, as lower case.
const MAPPED: u8 = 1 << 4;

/// The facts of the characters up to U+30FF, which most scripts use; 0 if they are not known yet.
///
/// Looking a character up in the Unicode data takes hundreds of instructions, and addresses use few
/// characters.
static KNOWN: [AtomicU8; 0x3100] = [const { AtomicU8::new(0) }; 0x3100];

impl Facts {
    /// The facts of a character.
    pub(crate) fn of(c: char) -> Self {
        let Some(known) = KNOWN.get(c as usize) else {
            return Self::find(c);
        };
        // Each value stands for itself alone, so no order between threads is needed.
        match known.load(Ordering::Relaxed) {
            0 => {
                let facts = Self::find(c);
                known.store(facts.0, Ordering::Relaxed);
                facts
            }
            facts => Self(facts),
        }
    }

    fn find(c: char) -> Self {
        let property = match property(c) {
            Property::Valid => 1,
            Property::FreeformOnly => 2,
            Property::Contextual => 3,
            Property::Disallowed => 4,
            Property::Unassigned => 5,
        };
        let changes = CodePointSetData::new::<ChangesWhenLowercased>().contains(c);
        let mapped = !c.to_lowercase().eq([c]);
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        Self(property | flag(changes, CHANGES) | flag(mapped, MAPPED))
    }

    /// The derived property (RFC 8264 §8).
    pub(crate) const fn property(self) -> Property {
        match self.0 & PROPERTY {
            1 => Property::Valid,
            2 => Property::FreeformOnly,
            3 => Property::Contextual,
            4 => Property::Disallowed,
            _ => Property::Unassigned,
        }
    }

    /// Whether lower case differs, by the Unicode properties.
    pub(crate) const fn changes_when_lowercased(self) -> bool {
        self.0 & CHANGES != 0
    }

    /// Whether [`char::to_lowercase`] gives anything else than the character.
    pub(crate) const fn is_mapped(self) -> bool {
        self.0 & MAPPED != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_is_found() {
        let others = (0x4000..=0x10_FFFF).step_by(97);
        for c in (0..0x4000).chain(others).filter_map(char::from_u32) {
            let found = Facts::find(c);
            assert_eq!(Facts::of(c), found, "{c:?}");
            assert_eq!(Facts::of(c), found, "{c:?} again");
            assert_eq!(found.property(), property(c), "{c:?}");
        }
    }
}
