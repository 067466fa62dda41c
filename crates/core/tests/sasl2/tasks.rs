//! Tasks beside the mechanism, such as a second factor (XEP-0388 §2.6.3).

use xmppwire::{ApiMisuse, Client, ClientEvent, Connection, Element, TaskAnswer, TaskRequest};

use crate::{config, offer, opened, tell};

const CONTINUE: &str = "<continue xmlns='urn:xmpp:sasl:2'><tasks><task>TOTP</task>\
    <task>HOTP</task></tasks><text>a second factor</text></continue>";
const PART: &str =
    "<task-data xmlns='urn:xmpp:sasl:2'><prompt xmlns='urn:example:task'/></task-data>";

fn question(client: &mut Connection<Client>) -> TaskRequest {
    match client.poll_event() {
        Some(ClientEvent::Task(request)) => request,
        other => panic!("{other:?}"),
    }
}

/// A client that has to choose a task.
fn choosing() -> (Connection<Client>, TaskRequest) {
    let mut client = opened(config().with_tasks());
    offer(&mut client, "");
    assert_eq!(tell(&mut client, CONTINUE), "");
    let request = question(&mut client);
    (client, request)
}

fn choose(task: &str) -> TaskAnswer {
    TaskAnswer::Choose(task.into(), Vec::new())
}

fn code() -> TaskAnswer {
    let code = Element::builder("code", "urn:example:task").text("123456");
    TaskAnswer::Data(vec![code.build()])
}

#[test]
fn a_task_is_chosen_and_done() {
    let (mut client, request) = choosing();
    assert_eq!(request.offered(), ["TOTP", "HOTP"]);
    assert_eq!(request.data().count(), 0);
    client.answer_task(request, choose("HOTP")).unwrap();
    assert_eq!(
        client.take_output(),
        b"<next xmlns='urn:xmpp:sasl:2' task='HOTP'/>"
    );
    assert_eq!(tell(&mut client, PART), "");
    let request = question(&mut client);
    assert!(request.offered().is_empty());
    let names: Vec<_> = request.data().map(|part| part.name()).collect();
    assert_eq!(names, ["prompt"]);
    client.answer_task(request, code()).unwrap();
    assert_eq!(
        client.take_output(),
        b"<task-data xmlns='urn:xmpp:sasl:2'><code xmlns='urn:example:task'>123456</code></task-data>"
    );
}

/// A task that was not offered, data before a task was chosen, and another choice after it.
#[test]
fn an_answer_that_does_not_fit_the_question_is_refused() {
    for answer in [choose("SMS"), code()] {
        let (mut client, request) = choosing();
        let refused = client.answer_task(request, answer);
        assert_eq!(refused, Err(ApiMisuse::WrongAnswer));
        assert_eq!(client.output(), b"");
    }
    let (mut client, request) = choosing();
    client.answer_task(request, choose("TOTP")).unwrap();
    client.take_output();
    tell(&mut client, PART);
    let request = question(&mut client);
    let refused = client.answer_task(request, choose("TOTP"));
    assert_eq!(refused, Err(ApiMisuse::WrongAnswer));
    assert_eq!(client.output(), b"");
}
