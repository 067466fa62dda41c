//! Both adapters against a real Prosody: `tests/interop/run` starts it and sets the environment.
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
mod login;
mod stanzas;

/// Makes a test for each adapter of each scenario, a function over any [`adapter::Session`].
macro_rules! scenarios {
    ($module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            mod tokio {
                $(
                    #[test]
                    #[ignore = "needs Prosody: tests/interop/run"]
                    fn $name() {
                        crate::$module::$name::<crate::adapter::Tokio>();
                    }
                )+
            }
            mod blocking {
                $(
                    #[test]
                    #[ignore = "needs Prosody: tests/interop/run"]
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
        plain_inside_tls,
        plain_is_not_used_unasked,
        odd_name,
        wrong_password,
        unknown_user,
        other_authority,
        other_name,
        made_up_resource,
        own_resource,
    );
    scenarios!(stanzas: message_to_self, message_to_another, ping, refused_request, presence, burst);
    scenarios!(ends: conflict, shutdown, crash, close, comes_back);
}
