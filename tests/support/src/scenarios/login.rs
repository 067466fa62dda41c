//! Logins by STARTTLS and by direct TLS.

use std::sync::Arc;

use xmppwire::{CloseReason, Mechanism, Message, ServerConfig, ServerEvent};
use xmppwire_net::find::{Mode, Service};
use xmppwire_net::tls::{ClientTls, TlsVersion, rustls};

use crate::adapter::{Accepted, Adapter, Session};
use crate::site::{Site, body, end, log_in, next_message};
use crate::{Authority, DOMAIN, JULIET, Porter, both, config, juliet};

fn logs_in_and_talks<A: Adapter>(mode: Mode) {
    let site = Site::new();
    let connector = site.juliet(mode);
    let server = move || {
        let mut client = site.accept::<A>(mode);
        let login = log_in(&mut client).unwrap();
        assert_eq!(login.mechanism, Some(Mechanism::ScramSha256Plus));
        assert_eq!(client.tls().unwrap().version, TlsVersion::Tls13);
        let message = next_message(&mut client);
        let from = message.from().map(|from| from.as_str());
        assert_eq!(from, Some(login.jid.as_str()));
        client.send(message.reply("indeed").unwrap());
        end(&mut client);
        login.jid
    };
    let client = move || {
        let mut client = A::connect_with(&connector).unwrap();
        assert!(client.address().as_str().starts_with(JULIET));
        assert_eq!(client.stream_lang(), Some("en"));
        let alpn = (mode == Mode::DirectTls).then_some(&b"xmpp-client"[..]);
        assert_eq!(client.tls().unwrap().alpn.as_deref(), alpn);
        let to = client.address().clone();
        client
            .send(Message::chat(to, "art thou not Romeo?"))
            .unwrap();
        assert_eq!(body(client.next().unwrap()), "indeed");
        let jid = client.address().clone();
        client.close().unwrap();
        jid
    };
    let (of_server, of_client) = both(server, client);
    assert_eq!(of_server, of_client);
}

pub fn by_starttls<A: Adapter>() {
    logs_in_and_talks::<A>(Mode::StartTls);
}

pub fn by_direct_tls<A: Adapter>() {
    logs_in_and_talks::<A>(Mode::DirectTls);
}

/// rustls does not reveal `tls-unique`, so the server offers -PLUS over TLS 1.2 only by choice (RFC
/// 5802 §6.1).
pub fn by_tls_1_2_with_channel_binding<A: Adapter>() {
    for (config, mechanism) in [
        (config(), Mechanism::ScramSha256),
        (
            config().with_plus_without_tls_unique(),
            Mechanism::ScramSha256Plus,
        ),
    ] {
        by_tls_1_2::<A>(config, mechanism);
    }
}

fn by_tls_1_2<A: Adapter>(server: ServerConfig, mechanism: Mechanism) {
    let site = Site::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(site.authority.roots())
        .with_no_client_auth();
    config.require_ems = true;
    let tls = ClientTls::from_config(config, &Service::CLIENT);
    let connector = site.juliet(Mode::StartTls).with_tls(tls);
    let server = move || {
        let mut client = A::accept(site.socket(), server, Some(site.tls.clone())).unwrap();
        let login = log_in(&mut client).unwrap();
        client.flush();
        assert_eq!(login.mechanism, Some(mechanism));
        end(&mut client);
    };
    let client = move || {
        let client = A::connect_with(&connector).unwrap();
        assert_eq!(client.tls().unwrap().version, TlsVersion::Tls12);
        client.close().unwrap();
    };
    both(server, client);
}

pub fn a_server_chooses_its_certificate_by_the_domain<A: Adapter>() {
    let authority = Authority::new();
    let of_another = authority.server("example.net");
    let site = Site::at("127.0.0.1", authority, of_another).unwrap();
    let connector = site.juliet(Mode::StartTls);
    let server = move || {
        let mut client = site.accept::<A>(Mode::StartTls);
        let mut porter = Porter::default();
        while porter.login().is_none() {
            let event = client.next_event().unwrap().unwrap();
            if let ServerEvent::Opened(request) = &event {
                assert_eq!(request.domain().as_str(), DOMAIN);
                client.set_tls(site.authority.server(DOMAIN));
            }
            assert!(porter.answer(client.connection_mut(), event));
        }
        end(&mut client);
    };
    let client = move || A::connect_with(&connector).unwrap().close().unwrap();
    both(server, client);
}

pub fn a_server_without_tls_cannot_offer_it<A: Adapter>() {
    let site = Site::new();
    let connector = juliet(&site.authority).with_server("127.0.0.1", site.port, Mode::StartTls);
    let server = move || {
        let mut client = A::accept(site.socket(), config(), None).unwrap();
        let mut porter = Porter::default();
        loop {
            match client.next_event().unwrap().unwrap() {
                ServerEvent::Closed(reason) => return reason,
                event => assert!(porter.answer(client.connection_mut(), event)),
            }
        }
    };
    let client = move || {
        let error = A::connect_with(&connector).unwrap_err();
        error.close_reason().cloned()
    };
    let (of_server, of_client) = both(server, client);
    assert_eq!(of_server, CloseReason::TlsRefused);
    assert_eq!(of_client, Some(CloseReason::TlsRefused));
}
