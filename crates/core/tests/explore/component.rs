//! Components against a false server, and servers against a false component.

use xmppwire::component::{Component, ComponentConfig, Host, HostConfig, Secret};
use xmppwire::{ChannelBindings, Domainpart, Element, Entropy};

use super::alone::{Adversary, Alone, Bindings};
use super::end::{End, START, limits};
use super::party::SECRET;
use super::search::{Report, explore};
use super::words::{COMPONENT, HOST, Word};

/// Explores both ends of a component's stream.
pub fn explore_all() -> Report {
    let mut report = Report::default();
    let alone = || Alone::new(component(), Stranger(HOST));
    report.add(&explore("a component", alone));
    let alone = || Alone::new(host(), Stranger(COMPONENT));
    report.add(&explore("a server of components", alone));
    report
}

fn component() -> End<Component> {
    let domain = Domainpart::new("gate.example").expect("a domain");
    let config = ComponentConfig::new(domain, Secret::new(SECRET)).with_limits(limits());
    End::new(Component::new(config, START), false, false)
}

fn host() -> End<Host> {
    let config = HostConfig::new().with_limits(limits());
    let host = Host::new(config, Entropy::from_seed([5; 32]), START);
    End::new(host, false, false)
}

/// A peer with these words. There is no login with SASL.
struct Stranger(&'static [Word]);

impl Adversary for Stranger {
    fn words(&self) -> Vec<Word> {
        self.0.to_vec()
    }

    fn hear(&mut self, _: &Element, _: &ChannelBindings) {}

    fn bindings(&self) -> &'static [Bindings] {
        &[]
    }

    fn knows(&self, _: &str) -> Option<String> {
        None
    }

    fn has_earned(&self, _: &[String]) -> bool {
        false
    }

    fn state(&self) -> String {
        String::new()
    }
}
