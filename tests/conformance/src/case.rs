//! One test: a script played for one end, or a function.

use std::rc::Rc;

use crate::feature::Role;
use crate::script::Script;

/// A test that shows features for one role.
pub struct Case {
    pub name: String,
    pub about: String,
    pub role: Role,
    pub shows: Vec<String>,
    /// Its script, if it is one.
    pub script: Option<Rc<Script>>,
    pub run: Box<dyn Fn()>,
}

impl Case {
    /// A test in Rust, for what is no session: `shows` are names of features.
    pub fn new(
        name: &str,
        about: &str,
        role: Role,
        shows: &[&str],
        run: impl Fn() + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            role,
            shows: shows.iter().map(|&name| name.into()).collect(),
            script: None,
            run: Box::new(run),
        }
    }
}

/// The cases of a script: one for each end that it is played for.
impl From<Script> for Vec<Case> {
    fn from(script: Script) -> Self {
        let script = Rc::new(script);
        let case = |&role: &Role| {
            let played = script.clone();
            Case {
                name: script.name.clone(),
                about: script.about.clone(),
                role,
                shows: script.shows.clone(),
                script: Some(script.clone()),
                run: Box::new(move || played.play(role)),
            }
        };
        script.roles.iter().map(case).collect()
    }
}
