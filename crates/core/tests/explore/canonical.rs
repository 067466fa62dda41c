//! Machines as text, without what is made up in them: those that differ only in that behave alike.

use std::fmt::{self, Debug, Write};

/// The `Debug` text of a machine, where ids, nonces and serial numbers are all the same, and of output
/// only whether there is any: it, and the white space of the running second, has caps far away.
pub fn canonical(machine: &impl Debug) -> String {
    let mut text = Canonical::default();
    write!(text, "{machine:?}").expect("a string takes everything");
    text.text
}

#[derive(Default)]
struct Canonical {
    text: String,
    /// What follows is a length.
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
    /// `Debug` writes names, numbers and strings each as one piece.
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
