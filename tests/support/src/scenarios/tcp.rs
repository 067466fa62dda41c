//! A stream is bound to one TCP connection (RFC 6120 §3, §4.2, §4.4): from the first header through
//! every restart to the closing tags, and its end is the end of the connection.

use std::io::Read;
use std::net::TcpStream;
use std::sync::mpsc;

use xmppwire::CloseReason;
use xmppwire_net::find::Mode;

use crate::adapter::{Accepted, Adapter, Session};
use crate::both;
use crate::site::{MODES, Site, accept, body, end, log_in, message, next_message, visit};

/// Checks that the other end has closed the connection: nothing but the end of its TLS is left to
/// read.
fn is_closed(mut wire: TcpStream) {
    // The clone of a socket that the adapter has made non-blocking is so as well.
    wire.set_nonblocking(false).unwrap();
    let mut rest = Vec::new();
    wire.read_to_end(&mut rest).unwrap();
}

pub fn a_client_uses_one_connection_and_closes_it<A: Adapter>() {
    for mode in MODES {
        let site = Site::new();
        let connector = site.juliet(mode);
        let (done, wait) = mpsc::channel::<()>();
        let server = move || {
            let socket = site.socket();
            let wire = socket.try_clone().unwrap();
            let mut client = accept::<A>(socket, &site.tls, mode);
            log_in(&mut client).unwrap();
            assert_eq!(next_message(&mut client).body().as_deref(), Some("first"));
            client.send(message("second"));
            assert_eq!(end(&mut client), CloseReason::Peer);
            is_closed(wire);
            assert!(!site.has_visitor(), "the client opened another connection");
            drop(done);
        };
        let client = move || {
            let mut client = A::connect_with(&connector).unwrap();
            client.send(message("first")).unwrap();
            assert_eq!(body(client.next().unwrap()), "second");
            client.close().unwrap();
            // The connection is closed by `close`, not by the end of the thread.
            let _ = wait.recv();
        };
        both(server, client);
    }
}

pub fn a_server_uses_the_connection_that_it_accepted_and_closes_it<A: Adapter>() {
    let site = Site::new();
    let (port, connector) = (site.port, site.juliet(Mode::StartTls));
    let (done, wait) = mpsc::channel::<()>();
    let server = move || {
        let mut client = site.welcome::<A>(Mode::StartTls);
        assert_eq!(next_message(&mut client).body().as_deref(), Some("first"));
        client.send(message("second"));
        client.close(None);
        assert_eq!(end(&mut client), CloseReason::Local);
        // The connection is closed with the last event, before `client` is dropped.
        let _ = wait.recv();
    };
    let client = move || {
        let socket = visit(port);
        let wire = socket.try_clone().unwrap();
        let mut client = A::over(socket, Mode::StartTls, &connector).unwrap();
        client.send(message("first")).unwrap();
        assert_eq!(body(client.next().unwrap()), "second");
        assert!(client.next().unwrap().is_none());
        is_closed(wire);
        drop(done);
    };
    both(server, client);
}
