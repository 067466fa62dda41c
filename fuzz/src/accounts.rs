//! The one account that there is, and its keys.

use std::cell::RefCell;
use std::collections::HashMap;

use xmppwire::{ChannelBindings, Credentials, Mechanism, ScramHash, ScramKeys};

/// The server's domain.
pub const DOMAIN: &str = "example.org";
/// The user.
pub const USER: &str = "juliet";
/// The account.
pub const ACCOUNT: &str = "juliet@example.org";
/// Its password.
pub const PASSWORD: &str = "s3cr3t";

/// A password that nobody says.
pub const OTHER_PASSWORD: &str = "0ther";

/// The keys of a password. A single iteration is as good as thousands for finding bugs; a client
/// that insists on thousands gets them.
pub fn keys(hash: ScramHash, password: &'static str, strict: bool) -> ScramKeys {
    thread_local! {
        static KNOWN: RefCell<HashMap<(ScramHash, &'static str, bool), ScramKeys>> =
            RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        known
            .entry((hash, password, strict))
            .or_insert_with(|| {
                let iterations = if strict { 4096 } else { 1 };
                ScramKeys::derive(hash, password, b"salt and pepper!", iterations)
                    .expect("the password can be prepared")
            })
            .clone()
    })
}

/// The channel bindings of the one TLS session that there is.
pub const fn bindings() -> ChannelBindings {
    ChannelBindings::tls13([0x42; 32])
}

/// The mechanisms by their digits in scripts. New ones come last, so that old scripts keep their meaning.
pub const MECHANISMS: [Mechanism; 9] = [
    Mechanism::ScramSha256Plus,
    Mechanism::ScramSha1Plus,
    Mechanism::ScramSha256,
    Mechanism::ScramSha1,
    Mechanism::Plain,
    Mechanism::ScramSha512Plus,
    Mechanism::ScramSha512,
    Mechanism::External,
    Mechanism::Anonymous,
];

/// What a client needs for the mechanism.
pub fn credentials(mechanism: Mechanism, user: &str) -> Credentials {
    match mechanism {
        Mechanism::External => Credentials::certificate(None),
        Mechanism::Anonymous => Credentials::anonymous().with_trace(user),
        _ => Credentials::new(user, PASSWORD),
    }
}
