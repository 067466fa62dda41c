//! `component` echoes messages to their senders, here with a server of one connection.

use std::process::Stdio;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::timeout;
use xmppwire_tokio::component::{AttachAnswer, DomainAnswer, HostConfig, HostEvent, Secret, Terms};
use xmppwire_tokio::{ComponentHostConnection, Jid, Message, Stanza};

use crate::support::{PATIENCE, Running, example};

const SECRET: &str = "correct horse battery staple";

#[test]
fn messages_come_back_and_errors_do_not() {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let echoes = runtime.block_on(async { timeout(PATIENCE, converse()).await });
    assert_eq!(echoes.expect("in time"), ["hello", "the end"]);
}

/// Sends messages to the component and returns the bodies of what comes back.
async fn converse() -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let server = listener.local_addr().expect("an address").to_string();
    let mut command = example("component");
    command
        .args(["echo.example.org", &server])
        .env("COMPONENT_SECRET", SECRET)
        .stdout(Stdio::null());
    let _component = Running::spawn(&mut command);
    let (socket, _) = listener.accept().await.expect("the component");
    let mut host = ComponentHostConnection::accept(socket, HostConfig::new()).expect("entropy");
    let mut echoes = Vec::new();
    while let Some(event) = host.next_event().await.expect("a connection") {
        let connection = host.connection_mut();
        match event {
            HostEvent::Opened(request) => {
                let terms = Terms::new(Secret::new(SECRET)).expect("a long secret");
                let answer = DomainAnswer::Serve(terms);
                connection.answer_domain(request, answer).expect("open");
            }
            HostEvent::Attach(request) => {
                let answer = AttachAnswer::Accept;
                connection.answer_attach(request, answer).expect("open");
                let own = "bot@echo.example.org";
                let user = "juliet@example.org";
                for stanza in [
                    message(user, "hello"),
                    // An error and the component's own message are not answered.
                    error(user),
                    message(own, "mine"),
                    message(user, "the end"),
                ] {
                    connection.send(&stanza).expect("a stanza to the component");
                }
            }
            HostEvent::Stanza(Stanza::Message(echo)) => {
                let to = echo.to().map(Jid::as_str);
                assert_eq!(to, Some("juliet@example.org"));
                echoes.push(echo.body().unwrap_or_default().into_owned());
                if echoes.last().is_some_and(|body| body == "the end") {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    echoes
}

fn message(from: &str, body: &str) -> Stanza {
    let at = |address| Jid::new(address).expect("an address");
    let to = at("bot@echo.example.org");
    Message::chat(to, body).with_from(at(from)).into()
}

fn error(from: &str) -> Stanza {
    use xmppwire_tokio::StanzaErrorCondition::ServiceUnavailable;
    // The error answer to a message of the component, which keeps nothing of it but the addresses.
    let at = |address| Jid::new(address).expect("an address");
    let sent = Message::chat(at(from), "x").with_from(at("bot@echo.example.org"));
    let error = sent.error_reply(&ServiceUnavailable.into());
    error.expect("a message is answered").into()
}
