//! Machines as text without their random values: machines that differ only in these behave alike.

use std::fmt::{self, Debug, Write};

/// The `Debug` text of a machine with every id, nonce and serial number replaced by the same text.
/// Of the output it keeps only whether there is any: the caps on output and on white space per
/// second are far away.
pub fn canonical(machine: &impl Debug) -> String {
    let mut text = Canonical::default();
    write!(text, "{machine:?}").expect("a string takes everything");
    text.text
}

#[derive(Default)]
struct Canonical {
    text: String,
    /// The next piece is a length.
    length: Length,
}

#[derive(Clone, Copy, Default)]
enum Length {
    #[default]
    No,
    OfOutput,
    OfWhiteSpace,
}

impl Write for Canonical {
    /// `Debug` writes each name, number and string as one piece.
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        // Ids are 32 hexadecimal digits, serial numbers 64 bits in decimal.
        let made_up = piece.len() >= 16
            && piece.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && piece.bytes().filter(u8::is_ascii_digit).count() >= 4;
        let some = match self.length {
            Length::OfOutput => piece != "0",
            Length::OfWhiteSpace => true,
            Length::No => made_up,
        };
        let separator = piece == ": ";
        self.text
            .push_str(if some && !separator { "#" } else { piece });
        self.length = match piece {
            "pending" => Length::OfOutput,
            "bytes" => Length::OfWhiteSpace,
            ": " => self.length,
            _ => Length::No,
        };
        Ok(())
    }
}
