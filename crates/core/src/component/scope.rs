//! Which addresses belong to a component.

use xmppwire_jid::{Domainpart, Jid};

/// The domain of a component and, where the policy says so, every domain below it.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) domain: Domainpart,
    pub(super) subdomains: bool,
}

impl Scope {
    /// Whether the address is one of the component. Local part and resource are free
    /// (XEP-0114 §3).
    pub(super) fn covers(&self, address: &Jid) -> bool {
        let (own, asked) = (self.domain.as_str(), address.domainpart());
        if own == asked {
            return true;
        }
        let below = asked.strip_suffix(own);
        self.subdomains && below.is_some_and(|labels| labels.ends_with('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_domain_and_whole_labels_below_it_belong_to_a_component() {
        let scope = |subdomains| Scope {
            domain: Domainpart::new("gate.example").unwrap(),
            subdomains,
        };
        for (address, exact, below) in [
            ("gate.example", true, true),
            ("user@gate.example/r", true, true),
            ("user@GATE.example", true, true),
            ("user@a.gate.example", false, true),
            ("user@a.b.gate.example", false, true),
            ("user@agate.example", false, false),
            ("user@example", false, false),
            ("gate.example@other.example/gate.example", false, false),
            ("gate.example.other.example", false, false),
        ] {
            let address = Jid::new(address).unwrap();
            assert_eq!(scope(false).covers(&address), exact, "{address}");
            assert_eq!(scope(true).covers(&address), below, "{address}");
        }
    }
}
