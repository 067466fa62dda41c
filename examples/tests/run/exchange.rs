//! Two clients ask each other thousands of things at once, through `server`.

use xmppwire_test_support::exchange::{exchange, prepare};
use xmppwire_tokio::Client;

use crate::server::connector;
use crate::support::{ACCOUNTS, Server, run};

const REQUESTS: usize = 10_000;

#[test]
fn no_request_is_lost() {
    run(async || {
        let server = Server::start("exchange");
        let mut clients = Vec::new();
        for (user, password) in &ACCOUNTS[..2] {
            let address = format!("{user}@{}", server.domain);
            let connector = prepare(connector(&server, &address, password));
            clients.push(Client::connect_with(&connector).await.expect("a login"));
        }
        let [juliet, romeo] = clients.try_into().expect("two clients");
        exchange(juliet, romeo, REQUESTS).await;
    });
}
