//! The tasks that a server asks for in SASL2 after the mechanism has succeeded, such as a second
//! factor (XEP-0388 §2.6.3).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_xml::{Element, ElementRef};

use super::login::Login;
use super::{Client, ClientEvent, State};
use crate::endpoint::Endpoint;
use crate::error::{ApiMisuse, CloseReason, PeerIncompatible};
use crate::ns;
use crate::wire::stream_error::StreamErrorCondition;
use crate::wire::text::Text;

/// The server asks for a task, or sends its part of one.
///
/// Tasks are defined elsewhere, such as those of XEP-0480. The server has proven itself already
/// where the mechanism can prove it.
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct TaskRequest {
    serial: u64,
    element: Element,
}

impl TaskRequest {
    /// The names of the tasks, of which the client has to choose one; none if the server sent its
    /// part of the task that was chosen.
    pub fn offered(&self) -> Vec<String> {
        offered(&self.element)
    }

    /// What the server says to the user about the tasks.
    pub fn text(&self) -> Option<Text> {
        Text::child_of(self.element.root(), ns::SASL2)
    }

    /// The server's part of the task that was chosen: the content of `<task-data/>`.
    pub fn data(&self) -> impl Iterator<Item = ElementRef<'_>> {
        let is_data = self.element.name() == "task-data";
        self.element.children().filter(move |_| is_data)
    }
}

/// The answer to a [`TaskRequest`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskAnswer {
    /// Chooses this task, and sends what it begins with.
    Choose(String, Vec<Element>),
    /// Sends this part of the task that was chosen.
    Data(Vec<Element>),
    /// Gives up: the connection ends as [`PeerIncompatible::Tasks`].
    Abort,
}

impl Endpoint<Client> {
    /// Answers [`ClientEvent::Task`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    /// [`ApiMisuse::WrongAnswer`] for a task that was not offered, and for data when a task has to
    /// be chosen. The token is spent then, so the connection ends when its negotiation times out.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a question is answered only once"
    )]
    pub fn answer_task(
        &mut self,
        request: TaskRequest,
        answer: TaskAnswer,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::TaskQuestion { serial, .. } if *serial == request.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let offered = request.offered();
        let (start, content) = match answer {
            TaskAnswer::Choose(task, content) if offered.contains(&task) => {
                let next = Element::builder("next", ns::SASL2).attr("task", &task);
                (next, content)
            }
            TaskAnswer::Data(content) if offered.is_empty() => {
                (Element::builder("task-data", ns::SASL2), content)
            }
            TaskAnswer::Abort => {
                self.abort_tasks(offered);
                return Ok(());
            }
            _ => return Err(ApiMisuse::WrongAnswer),
        };
        let State::TaskQuestion { login, .. } =
            core::mem::replace(&mut self.role.state, State::Offering)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        let element = content
            .iter()
            .fold(start, |builder, part| builder.append(part))
            .build();
        self.stream.push_own(&element);
        self.role.state = State::Tasks(login);
        Ok(())
    }

    /// Takes `<continue/>`. The mechanism ends with the first one, so the server proves itself in
    /// it.
    pub(super) fn handle_continue(&mut self, mut login: Box<Login>, element: &Element) {
        if let Err(why) = login.prove(element) {
            return self.stream.fail(StreamErrorCondition::NotAuthorized, why);
        }
        if self.role.config.sasl2.tasks {
            self.ask_for_task(login, element.to_owned());
        } else {
            self.abort_tasks(offered(element));
        }
    }

    pub(super) fn handle_task_data(&mut self, login: Box<Login>, element: Element) {
        self.ask_for_task(login, element);
    }

    fn ask_for_task(&mut self, login: Box<Login>, element: Element) {
        let serial = self.serial();
        self.role.state = State::TaskQuestion { serial, login };
        self.event = Some(ClientEvent::Task(TaskRequest { serial, element }));
    }

    /// Ends the login, and the stream with it: no other mechanism would make the server ask for
    /// less.
    fn abort_tasks(&mut self, tasks: Vec<String>) {
        self.stream
            .push_own(&Element::builder("abort", ns::SASL2).build());
        let why = PeerIncompatible::Tasks { tasks };
        self.stream.close_for(CloseReason::Incompatible(why));
    }
}

/// The names of the tasks in `<continue/>`.
fn offered(element: &Element) -> Vec<String> {
    element
        .child("tasks", ns::SASL2)
        .into_iter()
        .flat_map(ElementRef::children)
        .filter(|child| child.is("task", ns::SASL2))
        .map(|task| task.text().into_owned())
        .collect()
}
