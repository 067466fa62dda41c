//! Tasks beside the mechanism, such as a second factor (XEP-0388 §2.6.3).

use xmppwire::{
    ApiMisuse, Client, ClientEvent, Connection, Element, Sasl2, Server, ServerEvent, TaskAnswer,
    TaskQuestion, TaskRequest, TaskStep, TaskVerdict,
};

use crate::server::{host, logs_in, offering};
use crate::{NOW, config, offer, opened, tell};

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
    let text = request.text().map(|text| text.text.to_string());
    assert_eq!(text.as_deref(), Some("a second factor"));
    assert_eq!(request.data().count(), 0);
    client.answer_task(request, choose("HOTP")).unwrap();
    assert_eq!(
        client.take_output(),
        b"<next xmlns='urn:xmpp:sasl:2' task='HOTP'/>"
    );
    assert_eq!(tell(&mut client, PART), "");
    let request = question(&mut client);
    assert!(request.offered().is_empty() && request.text().is_none());
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

/// What the client sends for its task reaches the application of the server.
#[test]
fn the_server_is_told_what_the_client_did() {
    let mut server = offering(host(Sasl2::new().with_tasks())).0;
    let asked = |server: &mut Connection<Server>, text: &str| -> TaskQuestion {
        server.receive(NOW, text.as_bytes());
        match server.poll_event() {
            Some(ServerEvent::Task(question)) => question,
            other => panic!("{other:?}"),
        }
    };
    let Some(ServerEvent::Task(question)) = logs_in(&mut server, "").pop() else {
        panic!("a task is asked about");
    };
    assert_eq!(question.step(), TaskStep::Proven);
    assert_eq!(question.content().count(), 0);
    let offer = TaskVerdict::Continue(vec!["TOTP".into()], None);
    server.decide_task(question, offer).unwrap();

    let next = "<next xmlns='urn:xmpp:sasl:2' task='TOTP'><code xmlns='urn:example:task'/></next>";
    let question = asked(&mut server, next);
    assert_eq!(question.step(), TaskStep::Chosen("TOTP"));
    let names: Vec<_> = question.content().map(|part| part.name()).collect();
    assert_eq!(names, ["code"]);
    server
        .decide_task(question, TaskVerdict::Data(Vec::new()))
        .unwrap();

    let question = asked(&mut server, PART);
    assert_eq!(question.step(), TaskStep::Data);
    let names: Vec<_> = question.content().map(|part| part.name()).collect();
    assert_eq!(names, ["prompt"]);
}
