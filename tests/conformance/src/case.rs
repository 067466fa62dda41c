//! One test: a script played for one role, or a function.

use std::sync::Arc;

use crate::feature::Role;
use crate::script::Script;

/// A test that shows features of RFC 6120 §15 for one role.
pub struct Case {
    pub name: String,
    pub about: String,
    pub role: Role,
    pub shows: Vec<String>,
    /// The script that is played, if the test plays one.
    pub script: Option<Arc<Script>>,
    pub run: Arc<dyn Fn() + Send + Sync>,
}

impl Case {
    /// A test in Rust, for what no script can show. `shows` lists names of features.
    pub fn new(
        name: &str,
        about: &str,
        role: Role,
        shows: &[&str],
        run: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            role,
            shows: shows.iter().map(|&name| name.into()).collect(),
            script: None,
            run: Arc::new(run),
        }
    }
}

/// The cases of a script: one for each role that it is played for.
impl From<Script> for Vec<Case> {
    fn from(script: Script) -> Self {
        let script = Arc::new(script);
        let case = |&role: &Role| {
            let played = script.clone();
            Case {
                name: script.name.clone(),
                about: script.about.clone(),
                role,
                shows: script.shows.clone(),
                script: Some(script.clone()),
                run: Arc::new(move || played.play(role)),
            }
        };
        script.roles.iter().map(case).collect()
    }
}
