//! Breadth-first search over all actions in a world.
//!
//! The machines are not `Clone`, because a copy would repeat nonces. So the search keeps the
//! actions that lead to a state and repeats them to reach it again. Time and randomness are inputs,
//! so the same actions always lead to the same state.

use std::collections::HashSet;
use std::fmt::{self, Debug};

use sha2::{Digest, Sha256};

/// A world to explore: machines, their peers and applications, and the network.
pub trait World {
    type Action: Clone + Debug;

    /// The actions that are possible now.
    fn actions(&self) -> Vec<Self::Action>;

    /// Sets whether actions are checked in full, or are repeated and were checked before.
    fn set_careful(&mut self, careful: bool);

    /// Does an action. An `Err` is a violated invariant.
    fn act(&mut self, action: &Self::Action) -> Result<(), String>;

    /// The state as text; equal texts are equal states.
    fn state(&self) -> String;

    /// Returns true if every connection is finished.
    fn is_finished(&self) -> bool;

    /// The ways to end from here; see [`settle`](Self::settle).
    fn ways_out(&self) -> &'static [usize];

    /// Ends the world in one of the ways in which every connection has to end soon.
    fn settle(&mut self, way: usize) -> Result<(), String>;

    /// The rules of the table that were used so far, as a bit set.
    fn rules(&self) -> u128;
}

/// The result of explorations.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub states: usize,
    pub transitions: usize,
    pub finished: usize,
    pub depth: usize,
    pub rules: u128,
}

impl Report {
    pub fn add(&mut self, other: &Self) {
        self.states += other.states;
        self.transitions += other.transitions;
        self.finished += other.finished;
        self.depth = self.depth.max(other.depth);
        self.rules |= other.rules;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>7} states {:>8} transitions {:>8} finished paths, up to {} actions long",
            self.states, self.transitions, self.finished, self.depth
        )
    }
}

/// What the names of the explorations have to contain that run alone, if only some do.
pub fn only() -> Option<String> {
    std::env::var("EXPLORE").ok()
}

/// How a state was first reached.
struct Node<A> {
    parent: usize,
    action: Option<A>,
    depth: usize,
}

/// Visits every state that can be reached from the start.
///
/// # Panics
/// If an invariant is violated, with the shortest list of actions that leads there.
pub fn explore<W: World>(name: &str, start: impl Fn() -> W) -> Report {
    let mut report = Report::default();
    if only().is_some_and(|only| !name.contains(&only)) {
        return report;
    }
    let mut nodes = vec![Node {
        parent: 0,
        action: None,
        depth: 0,
    }];
    let mut visited = HashSet::from([fingerprint(&start())]);
    let mut at = 0;
    while at < nodes.len() {
        let path = path(&nodes, at);
        let replay = || {
            let mut world = start();
            world.set_careful(false);
            for action in &path {
                world.act(action).expect("it held before");
            }
            world.set_careful(true);
            world
        };
        let told = Told { name, path: &path };
        let mut here = Some(replay());
        let (own, actions) = here
            .as_ref()
            .map(|world| (fingerprint(world), world.actions()))
            .unwrap_or_default();
        for action in actions {
            let mut world = here.take().unwrap_or_else(replay);
            told.check(Some(format!("{action:?}")), || world.act(&action));
            report.transitions += 1;
            report.rules |= world.rules();
            let state = fingerprint(&world);
            if state == own {
                // Nothing changed, so the next action may begin here.
                here = Some(world);
                continue;
            }
            if world.is_finished() {
                report.finished += 1;
            }
            if !visited.insert(state) {
                continue;
            }
            let mut there = Some(world);
            for &way in there.as_ref().map_or(&[][..], W::ways_out) {
                let mut lonely = there.take().unwrap_or_else(|| {
                    let mut world = replay();
                    told.check(Some(format!("{action:?}")), || world.act(&action));
                    world
                });
                told.check(Some(format!("{action:?}, and way out {way}")), || {
                    lonely.settle(way)
                });
            }
            nodes.push(Node {
                parent: at,
                action: Some(action),
                depth: path.len() + 1,
            });
        }
        at += 1;
    }
    report.states = nodes.len();
    report.depth = nodes.iter().map(|node| node.depth).max().unwrap_or(0);
    println!("{name:<48} {report}");
    report
}

/// A hash of a state's text. There are many states and their texts are long, so only hashes are
/// kept.
fn fingerprint(world: &impl World) -> [u8; 32] {
    Sha256::digest(world.state()).into()
}

fn path<A: Clone>(nodes: &[Node<A>], mut at: usize) -> Vec<A> {
    let mut path = Vec::new();
    while let Some(action) = &nodes[at].action {
        path.push(action.clone());
        at = nodes[at].parent;
    }
    path.reverse();
    path
}

/// Reports the actions that led to a failure.
struct Told<'a, A> {
    name: &'a str,
    path: &'a [A],
}

impl<A: Debug> Told<'_, A> {
    /// Runs one step; if an invariant is violated, panics with the actions that led to it.
    fn check(&self, last: Option<String>, step: impl FnOnce() -> Result<(), String>) {
        // A panic inside a machine is reported with its actions, too.
        let step = std::panic::AssertUnwindSafe(step);
        let why = match std::panic::catch_unwind(step) {
            Ok(Ok(())) => return,
            Ok(Err(why)) => why,
            Err(_) => "it panicked".into(),
        };
        let path: Vec<_> = self
            .path
            .iter()
            .map(|action| format!("{action:?}"))
            .chain(last)
            .collect();
        panic!("{}: {why}\n after {}", self.name, path.join("\n       "));
    }
}
