//! Both adapters against a real server: `tests/interop/run` starts Prosody, `tests/interop/run-ejabberd`
//! ejabberd, and both set the environment.
//!
//! Each scenario is written once and run for each adapter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod adapter;
mod ends;
mod environment;
mod external;
mod login;
mod resources;
mod stanzas;

/// Makes a test for each adapter of each scenario, a function over any [`adapter::Session`].
macro_rules! scenarios {
    ($module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            mod tokio {
                $(
                    #[test]
                    #[ignore = "needs a server: tests/interop/README.md"]
                    fn $name() {
                        crate::$module::$name::<crate::adapter::Tokio>();
                    }
                )+
            }
            mod blocking {
                $(
                    #[test]
                    #[ignore = "needs a server: tests/interop/README.md"]
                    fn $name() {
                        crate::$module::$name::<crate::adapter::Blocking>();
                    }
                )+
            }
        }
    };
}

/// The tests.
mod run {
    scenarios!(login:
        scram_sha_1,
        scram_sha_256,
        scram_sha_512,
        plain_inside_tls,
        plain_is_not_used_unasked,
        channel_binding_is_insisted_on,
        channel_binding_over_tls_1_2,
        anonymous,
        odd_name,
        wrong_password,
        unknown_user,
        other_authority,
        other_name,
    );
    scenarios!(external: account, other_account, stranger, password_after_refusal);
    scenarios!(resources: made_up, own, taken_over, refused, replaced);
    scenarios!(stanzas: message_to_self, message_to_another, ping, refused_request, presence, burst);
    scenarios!(ends: shutdown, crash, close, comes_back);
}
