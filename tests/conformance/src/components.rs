//! The two ends of a component's stream (XEP-0114), for scripts in `scripts/component` and
//! `scripts/host`.
//!
//! In these scripts `C:` is what the component sends and `S:` what its server sends. The component is
//! `gate.example` unless the script says otherwise. Fed to a server, `{handshake}` stands for the
//! right handshake of the stream whose id was captured as `{id}`.
//!
//! | line | meaning |
//! |---|---|
//! | `% domain NAME` | the domain of the component |
//! | `% secret TEXT` | the secret of both |
//! | `% below` | the component may send from the domains below its own |
//!
//! A server knows the domain of the component and `taken.example`, which has one attached already.

use std::collections::BTreeMap;

use xmppwire::component::{
    AttachAnswer, Component, ComponentConfig, ComponentEvent, DomainAnswer, Host, HostConfig,
    HostEvent, Secret, Terms,
};
use xmppwire::{Connection, Domainpart, Entropy, Instant};

use crate::machine::{self, Drive, Heard, Machine};

/// What a script says of its component.
pub(crate) struct Setup {
    domain: Domainpart,
    secret: Secret,
    is_below: bool,
}

impl Setup {
    pub(crate) fn parse(script: &str) -> Self {
        let lines = || script.lines().filter_map(|line| line.strip_prefix("% "));
        let value = |name: &str| lines().find_map(|line| line.strip_prefix(name));
        let domain = value("domain ").unwrap_or("gate.example");
        Self {
            domain: Domainpart::new(domain).unwrap(),
            secret: Secret::new(value("secret ").unwrap_or("sesame, open the gate")),
            is_below: lines().any(|line| line == "below"),
        }
    }

    pub(crate) fn gate(&self) -> Gate {
        let config = ComponentConfig::new(self.domain.clone(), self.secret.clone());
        let config = match self.is_below {
            true => config.with_subdomains(),
            false => config,
        };
        Gate(Component::new(config, Instant::ORIGIN))
    }

    pub(crate) fn city(&self) -> City {
        let terms = Terms::new(self.secret.clone()).unwrap();
        let entropy = Entropy::from_seed([6; 32]);
        City {
            host: Host::new(HostConfig::new(), entropy, Instant::ORIGIN),
            domain: self.domain.clone(),
            secret: self.secret.clone(),
            terms: match self.is_below {
                true => terms.with_subdomains(),
                false => terms,
            },
        }
    }
}

/// The component with its application.
pub struct Gate(Connection<Component>);

impl Machine for Gate {
    const IS_CLIENT: bool = true;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.0
    }

    fn stream_lang(&self) -> Option<&str> {
        self.0.stream_lang()
    }

    fn poll(&mut self, heard: &mut Heard) -> Option<String> {
        Some(match self.0.poll_event()? {
            ComponentEvent::Bound => "bound".into(),
            ComponentEvent::Stanza(stanza) => heard.stanza(stanza),
            ComponentEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            ComponentEvent::Closed(reason) => machine::closed(&reason),
            other => format!("{other:?}"),
        })
    }
}

/// The server with its application.
pub struct City {
    host: Connection<Host>,
    domain: Domainpart,
    secret: Secret,
    terms: Terms,
}

impl Machine for City {
    const IS_CLIENT: bool = false;

    fn connection(&mut self) -> &mut dyn Drive {
        &mut self.host
    }

    fn stream_lang(&self) -> Option<&str> {
        None
    }

    fn derive(&self, values: &mut BTreeMap<String, String>) {
        if let Some(id) = values.get("id") {
            let handshake = self.secret.handshake(id);
            values.insert("handshake".into(), handshake);
        }
    }

    fn poll(&mut self, heard: &mut Heard) -> Option<String> {
        Some(match self.host.poll_event()? {
            HostEvent::Opened(request) => {
                let domain = request.domain().clone();
                let is_known = domain == self.domain || domain.as_str() == "taken.example";
                let answer = match is_known {
                    true => DomainAnswer::Serve(self.terms.clone()),
                    false => DomainAnswer::Unknown,
                };
                let answered = self.host.answer_domain(request, answer);
                answered.expect("the question is open");
                format!("opened {domain}")
            }
            HostEvent::Attach(request) => {
                let domain = request.domain().clone();
                let answer = match domain == self.domain {
                    true => AttachAnswer::Accept,
                    false => AttachAnswer::Conflict,
                };
                let answered = self.host.answer_attach(request, answer);
                answered.expect("the question is open");
                format!("attach {domain}")
            }
            HostEvent::Stanza(stanza) => heard.stanza(stanza),
            HostEvent::Refused(fault) => format!("refused: {}", fault.kind()),
            HostEvent::Closed(reason) => machine::closed(&reason),
            other => format!("{other:?}"),
        })
    }
}
