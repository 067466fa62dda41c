//! Streams of components (XEP-0114): trusted programs that own a domain and attach to a server.
//!
//! A component, such as a bot, a gateway or a chat room service, opens a stream to a server and
//! proves that it knows the secret of its domain. From then on the server gives it every stanza for
//! that domain, and routes what it sends. The [`Component`] end attaches to any server; the
//! [`Host`] end lets components attach to a server made with this library. Both are
//! [`Connection`](crate::Connection)s, so they take part in the same loop as a client.
//!
//! | step | wire | [`Component`] | [`Host`] |
//! |---|---|---|---|
//! | 1 | header, `to` is the domain of the component | sent at once | [`HostEvent::Opened`]: which secret? |
//! | 2 | header with the stream id | | sent by [`Endpoint::answer_domain`] |
//! | 3 | `<handshake>`: a hash over stream id and secret | sent at once | [`HostEvent::Attach`]: may it attach? |
//! | 4 | `<handshake/>` | [`ComponentEvent::Bound`] | sent by [`Endpoint::answer_attach`] |
//! | 5 | stanzas with `from` and `to` | [`ComponentEvent::Stanza`] | [`HostEvent::Stanza`] |
//!
//! [`Endpoint::answer_domain`]: crate::Endpoint::answer_domain
//! [`Endpoint::answer_attach`]: crate::Endpoint::answer_attach
//!
//! # Security
//!
//! The protocol has no STARTTLS, and the handshake binds no channel: whoever sees it can guess
//! secrets offline, and whoever can change the stream can speak for the domain. Use it on the
//! loopback interface, in a private network, or under TLS from the first byte
//! ([`Component::with_direct_tls`], [`Host::with_direct_tls`]).
//!
//! ```
//! use xmppwire::component::{
//!     AttachAnswer, Component, ComponentConfig, ComponentEvent, DomainAnswer, Host, HostConfig,
//!     HostEvent, Secret, Terms,
//! };
//! use xmppwire::{Domainpart, Entropy, Instant};
//!
//! let domain = Domainpart::new("gate.example")?;
//! let secret = Secret::new("correct horse battery staple");
//! let now = Instant::ORIGIN;
//! let mut component = Component::new(ComponentConfig::new(domain, secret.clone()), now);
//! let mut host = Host::new(HostConfig::new(), Entropy::from_seed([1; 32]), now);
//!
//! // The headers.
//! host.receive(now, &component.take_output());
//! let Some(HostEvent::Opened(request)) = host.poll_event() else { panic!() };
//! host.answer_domain(request, DomainAnswer::Serve(Terms::new(secret)?))?;
//! component.receive(now, &host.take_output());
//!
//! // The handshake.
//! host.receive(now, &component.take_output());
//! let Some(HostEvent::Attach(request)) = host.poll_event() else { panic!() };
//! host.answer_attach(request, AttachAnswer::Accept)?;
//! component.receive(now, &host.take_output());
//! assert!(matches!(component.poll_event(), Some(ComponentEvent::Bound)));
//! # Ok::<_, Box<dyn core::error::Error>>(())
//! ```

mod config;
mod host;
mod initiator;
mod question;
mod scope;
mod secret;

use xmppwire_xml::Element;

pub use self::config::{ComponentConfig, HostConfig, Terms};
pub use self::host::{Host, HostEvent};
pub use self::initiator::{Component, ComponentEvent};
pub use self::question::{AttachAnswer, AttachRequest, DomainAnswer, DomainRequest};
pub use self::secret::{Secret, ShortSecret};
use crate::endpoint::Endpoint;
use crate::ns;
use crate::role::Role;

impl<R: Role> Endpoint<R> {
    /// Ends a component's stream because of an element that has no place in this phase. Stanzas may
    /// be in `jabber:client` on these streams, so that namespace is no fault by itself.
    fn refuse_element(&mut self, mut element: Element) {
        element.requalify(ns::CLIENT, ns::COMPONENT);
        self.unexpected(&element);
    }
}
