//! Both adapters against a real server: `tests/interop/run` starts Prosody,
//! `tests/interop/run-ejabberd` ejabberd, and both set the environment.
//!
//! Each scenario is written once and run for each adapter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking"
)]

mod components;
mod ends;
mod environment;
mod exchange;
mod external;
mod login;
mod resources;
mod resume;
#[path = "../shared/mod.rs"]
mod shared;
mod stanzas;

use std::time::Duration;

use xmppwire_test_support::within_time;

/// How long a test may take: some restart a busy server several times.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs a test, and fails if it hangs.
fn in_time(test: fn()) {
    within_time(PATIENCE, test);
}

/// Makes a test for each adapter of each scenario, a function over any
/// [`Client`](xmppwire_test_support::adapter::Session).
macro_rules! scenarios {
    ($module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            mod tokio {
                $(
                    #[test]
                    #[ignore = "needs a server: tests/interop/README.md"]
                    fn $name() {
                        crate::in_time(crate::$module::$name::<xmppwire_tokio::Client>);
                    }
                )+
            }
            mod blocking {
                $(
                    #[test]
                    #[ignore = "needs a server: tests/interop/README.md"]
                    fn $name() {
                        crate::in_time(crate::$module::$name::<xmppwire_blocking::Client>);
                    }
                )+
            }
        }
    };
}

/// The same for scenarios over any [`Adapter`](xmppwire_test_support::adapter::Adapter).
macro_rules! adapter_scenarios {
    ($module:ident: $($name:ident),+ $(,)?) => {
        mod $module {
            mod tokio {
                $(
                    #[test]
                    #[ignore = "needs a server: tests/interop/README.md"]
                    fn $name() {
                        use xmppwire_test_support::adapter::Tokio;
                        crate::in_time(crate::$module::$name::<Tokio>);
                    }
                )+
            }
            mod blocking {
                $(
                    #[test]
                    #[ignore = "needs a server: tests/interop/README.md"]
                    fn $name() {
                        use xmppwire_test_support::adapter::Blocking;
                        crate::in_time(crate::$module::$name::<Blocking>);
                    }
                )+
            }
        }
    };
}

/// The tests.
mod run {
    mod exchange {
        #[test]
        #[ignore = "needs a server: tests/interop/README.md"]
        fn ten_thousand() {
            crate::in_time(crate::exchange::ten_thousand);
        }
    }
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
    adapter_scenarios!(components: stanzas, refused, foreign_from, two_of_a_name, comes_back);
    adapter_scenarios!(resume: cut_at_random_bytes, cut_between_stanzas);
    scenarios!(ends: shutdown, crash, close, close_managed, comes_back);
}
