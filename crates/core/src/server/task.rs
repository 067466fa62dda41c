//! The tasks that a server asks for in SASL2 after the mechanism has succeeded, such as a second
//! factor (XEP-0388 §2.6.3).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use xmppwire_jid::BareJid;
use xmppwire_sasl::Condition;
use xmppwire_xml::{Element, ElementRef};

use super::sasl2::Admitted;
use super::{Server, ServerEvent, State};
use crate::endpoint::Endpoint;
use crate::error::ApiMisuse;
use crate::negotiation::Item;
use crate::ns;
use crate::sasl2::UserAgent;
use crate::wire::sasl::{self, Profile};
use crate::wire::sasl_failure::SaslFailure;
use crate::wire::text::Text;

/// Asks what a client has to do beside its mechanism, which has succeeded.
#[must_use = "a dropped question ends the connection by time-out"]
#[derive(Debug)]
pub struct TaskQuestion {
    serial: u64,
    account: BareJid,
    user_agent: Option<Box<UserAgent>>,
    element: Option<Element>,
}

/// How far the tasks of a client have come.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TaskStep<'a> {
    /// The mechanism has succeeded, and nothing was asked for yet.
    Proven,
    /// The client chose this task, which was offered. What it began with is in
    /// [`TaskQuestion::content`].
    Chosen(&'a str),
    /// The client sent a part of the task that it chose.
    Data,
}

impl TaskQuestion {
    /// The account that the mechanism has proven.
    pub const fn account(&self) -> &BareJid {
        &self.account
    }

    /// The installation that the client told, if it told one.
    pub fn user_agent(&self) -> Option<&UserAgent> {
        self.user_agent.as_deref()
    }

    /// How far the client has come.
    pub fn step(&self) -> TaskStep<'_> {
        match &self.element {
            None => TaskStep::Proven,
            Some(element) if Item::of(element) == Item::Next => {
                TaskStep::Chosen(element.attr("task").unwrap_or_default())
            }
            Some(_) => TaskStep::Data,
        }
    }

    /// What the client sent for its task.
    pub fn content(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.element.iter().flat_map(Element::children)
    }
}

/// The answer to a [`TaskQuestion`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TaskVerdict {
    /// Nothing is left to do: the client is logged in.
    Done,
    /// The client has to do one of these tasks next. The text tells the user why.
    Continue(Vec<String>, Option<Text>),
    /// Sends the server's part of the task that the client chose.
    Data(Vec<Element>),
    /// The login fails. It counts as a failed attempt.
    Fail(SaslFailure),
}

impl Endpoint<Server> {
    /// Answers [`ServerEvent::Task`].
    ///
    /// # Errors
    /// [`ApiMisuse::StaleRequest`] when the question is not the open one.
    /// [`ApiMisuse::WrongAnswer`] for data when no task was chosen, and for
    /// [`TaskVerdict::Continue`] without a task. The token is spent then, so the connection ends
    /// when its negotiation times out.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a question is answered only once"
    )]
    pub fn decide_task(
        &mut self,
        question: TaskQuestion,
        verdict: TaskVerdict,
    ) -> Result<(), ApiMisuse> {
        if self.is_done() {
            return Ok(());
        }
        match &self.role.state {
            State::TaskQuestion { serial, .. } if *serial == question.serial => {}
            _ => return Err(ApiMisuse::StaleRequest),
        }
        let fits = match &verdict {
            TaskVerdict::Continue(tasks, _) => !tasks.is_empty(),
            TaskVerdict::Data(_) => question.element.is_some(),
            TaskVerdict::Done | TaskVerdict::Fail(_) => true,
        };
        if !fits {
            return Err(ApiMisuse::WrongAnswer);
        }
        let State::TaskQuestion {
            begun,
            mut admitted,
            ..
        } = core::mem::replace(&mut self.role.state, State::Choosing)
        else {
            return Err(ApiMisuse::StaleRequest);
        };
        match verdict {
            TaskVerdict::Done => self.complete(admitted, begun),
            TaskVerdict::Continue(offered, text) => {
                let data = admitted.additional_data.take();
                let element = continue_with(data.as_deref(), &offered, text.as_ref());
                self.stream.push_own(&element);
                self.role.state = State::Tasks { offered, admitted };
            }
            TaskVerdict::Data(content) => {
                let start = Element::builder("task-data", ns::SASL2);
                let data = content.iter().fold(start, |data, part| data.append(part));
                self.stream.push_own(&data.build());
                let offered = Vec::new();
                self.role.state = State::Tasks { offered, admitted };
            }
            TaskVerdict::Fail(failure) => self.refuse_login(Profile::Sasl2, &failure),
        }
        Ok(())
    }

    /// Asks for tasks before anything is told to the client.
    pub(super) fn ask_for_tasks(&mut self, admitted: Box<Admitted>) {
        self.ask_about_task(admitted, false, None);
    }

    /// Takes the choice of a task, or a part of the task that was chosen. Which of them is due
    /// follows from whether tasks are on offer.
    pub(super) fn handle_task(
        &mut self,
        offered: &[String],
        admitted: Box<Admitted>,
        element: Element,
    ) {
        let fits = match (Item::of(&element), element.attr("task")) {
            (Item::Next, Some(task)) => offered.iter().any(|offer| offer == task),
            (Item::TaskData, _) => offered.is_empty(),
            _ => false,
        };
        if fits {
            self.ask_about_task(admitted, true, Some(element));
        } else {
            self.refuse_with(Profile::Sasl2, Condition::MalformedRequest);
        }
    }

    fn ask_about_task(&mut self, admitted: Box<Admitted>, begun: bool, element: Option<Element>) {
        let serial = self.serial();
        let question = TaskQuestion {
            serial,
            account: admitted.account.clone(),
            user_agent: admitted.wishes.user_agent.clone().map(Box::new),
            element,
        };
        self.role.state = State::TaskQuestion {
            serial,
            begun,
            admitted,
        };
        self.tell_all([ServerEvent::Task(question)]);
    }
}

/// `<continue/>` (XEP-0388 §2.6.3).
fn continue_with(data: Option<&[u8]>, tasks: &[String], text: Option<&Text>) -> Element {
    let mut element = Element::builder("continue", ns::SASL2);
    if let Some(data) = data {
        element = element.text_child("additional-data", &sasl::encode(data));
    }
    element = element.open_child("tasks");
    for task in tasks {
        element = element.text_child("task", task);
    }
    element = element.close();
    if let Some(text) = text {
        element = text.write(element, ns::SASL2);
    }
    element.build()
}
