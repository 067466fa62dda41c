//! The conditions of errors, and in which scripts the machine under test sends them.

use xmppwire::{SaslCondition, StanzaErrorCondition, StreamErrorCondition};

use crate::feature::Role;

/// A family of conditions.
pub struct Family {
    pub title: &'static str,
    pub names: Vec<&'static str>,
    /// The start of the condition's element on the wire; `NAME` stands for the condition.
    pattern: &'static str,
}

/// All families that RFC 6120 defines.
pub fn families() -> [Family; 3] {
    [
        Family {
            title: "Stream errors (§4.9.3)",
            names: StreamErrorCondition::ALL.iter().map(|c| c.name()).collect(),
            pattern: "<stream:error><NAME xmlns='urn:ietf:params:xml:ns:xmpp-streams'",
        },
        Family {
            title: "SASL failures (§6.5)",
            names: SaslCondition::ALL.iter().map(|c| c.name()).collect(),
            pattern: "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><NAME",
        },
        Family {
            title: "Stanza errors (§8.3.3)",
            names: StanzaErrorCondition::ALL.iter().map(|c| c.name()).collect(),
            pattern: "<NAME xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'",
        },
    ]
}

impl Family {
    fn pattern(&self, name: &str) -> String {
        self.pattern.replace("NAME", name)
    }

    /// Returns true if the role sends the condition in the script.
    pub fn is_sent(&self, name: &str, script: &str, role: Role) -> bool {
        let mark = match role {
            Role::Client => "C: ",
            Role::Server => "S: ",
        };
        let pattern = self.pattern(name);
        let whole = |rest: &str| rest.starts_with([' ', '/', '>']);
        script
            .lines()
            .filter_map(|line| line.strip_prefix(mark))
            .flat_map(|line| line.split(&pattern).skip(1))
            .any(whole)
    }
}
