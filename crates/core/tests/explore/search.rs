//! Breadth-first search over everything that can happen to a world.
//!
//! The machines are not `Clone`, for a copy would repeat nonces; a state is therefore known by the
//! actions that lead to it, and made again by doing them again. Time and randomness are inputs, so that
//! gives the same state every time.

use std::collections::HashSet;
use std::fmt::{self, Debug};

use sha2::{Digest, Sha256};

/// What can be explored: machines, whoever talks to them, and what is between them.
pub trait World {
    type Action: Clone + Debug;

    /// What can happen now.
    fn actions(&self) -> Vec<Self::Action>;

    /// Whether what happens has to be checked with all care, or was checked before.
    fn set_careful(&mut self, careful: bool);

    /// Lets it happen. An `Err` is an invariant that does not hold.
    fn act(&mut self, action: &Self::Action) -> Result<(), String>;

    /// What tells this state from others, as text.
    fn state(&self) -> String;

    /// Whether every connection in it is finished.
    fn is_finished(&self) -> bool;

    /// The ways out of here to check; see [`settle`](Self::settle).
    fn ways_out(&self) -> &'static [usize];

    /// Leaves the world to itself in one of the ways in which every connection has to end soon.
    fn settle(&mut self, way: usize) -> Result<(), String>;

    /// The rules of the table that were used on the way here, as a bit set.
    fn rules(&self) -> u128;
}

/// What was visited.
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

/// How a state was first reached.
struct Node<A> {
    parent: usize,
    action: Option<A>,
    depth: usize,
}

/// Visits every state that can be reached from the start.
///
/// # Panics
/// When an invariant does not hold, with the shortest list of actions that shows it.
pub fn explore<W: World>(name: &str, start: impl Fn() -> W) -> Report {
    let mut report = Report::default();
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

/// States are many and their texts long, so only this is kept of them.
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

/// Who tells how it came to that.
struct Told<'a, A> {
    name: &'a str,
    path: &'a [A],
}

impl<A: Debug> Told<'_, A> {
    /// Runs one step; panics with the way to it when an invariant does not hold.
    fn check(&self, last: Option<String>, step: impl FnOnce() -> Result<(), String>) {
        // A panic inside of a machine has to tell its way, too.
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
