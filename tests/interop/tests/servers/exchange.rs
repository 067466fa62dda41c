//! Two clients ask each other thousands of things at once.

use tokio::runtime::Builder;
use xmppwire_test_support::exchange::{exchange, prepare};
use xmppwire_tokio::{Client, Mode};

use crate::environment::{Account, connector};

pub(crate) fn ten_thousand() {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let host = "HOST_SHA256";
        let juliet = prepare(connector(Account::juliet().config(host), Mode::StartTls));
        let romeo = prepare(connector(Account::romeo().config(host), Mode::DirectTls));
        let juliet = Client::connect_with(&juliet).await.expect("juliet logs in");
        let romeo = Client::connect_with(&romeo).await.expect("romeo logs in");
        exchange(juliet, romeo, 10_000).await;
    });
}
