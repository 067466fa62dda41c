//! The one account that there is, and its keys.

use std::sync::OnceLock;

use xmppwire::{ChannelBindings, ScramHash, ScramKeys};

/// The server's domain.
pub const DOMAIN: &str = "example.org";
/// The user.
pub const USER: &str = "juliet";
/// The account.
pub const ACCOUNT: &str = "juliet@example.org";
/// Its password.
pub const PASSWORD: &str = "s3cr3t";

/// The keys of the password. A single iteration is as good as thousands for finding bugs; a client
/// that insists on thousands gets them.
pub fn keys(hash: ScramHash, strict: bool) -> ScramKeys {
    static KEYS: OnceLock<[ScramKeys; 4]> = OnceLock::new();
    let derive = |hash, iterations| {
        ScramKeys::derive(hash, PASSWORD, b"salt and pepper!", iterations)
            .expect("the password can be prepared")
    };
    let [sha1, sha256, sha1_strict, sha256_strict] = KEYS.get_or_init(|| {
        [
            derive(ScramHash::Sha1, 1),
            derive(ScramHash::Sha256, 1),
            derive(ScramHash::Sha1, 4096),
            derive(ScramHash::Sha256, 4096),
        ]
    });
    match (hash, strict) {
        (ScramHash::Sha256, false) => sha256,
        (ScramHash::Sha256, true) => sha256_strict,
        (_, false) => sha1,
        (_, true) => sha1_strict,
    }
    .clone()
}

/// The channel bindings of the one TLS session that there is.
pub const fn bindings() -> ChannelBindings {
    ChannelBindings::tls13([0x42; 32])
}
