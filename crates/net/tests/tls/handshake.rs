//! Handshakes in memory.

use rustls::{ClientConnection, ConnectionCommon, ServerConnection, SideData};
use xmppwire_net::find::{Domain, Mode};
use xmppwire_net::tls::{ClientTls, ServerTls, TlsError, TlsSummary};

pub(crate) fn domain(domainpart: &str) -> Domain {
    Domain::parse(domainpart).unwrap()
}

/// Carries what one side has written to the other, in small pieces.
fn carry<A, B>(
    from: &mut ConnectionCommon<A>,
    to: &mut ConnectionCommon<B>,
) -> Result<(), rustls::Error>
where
    A: SideData,
    B: SideData,
{
    let mut wire = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut wire).unwrap();
    }
    for mut piece in wire.chunks(100) {
        while !piece.is_empty() {
            to.read_tls(&mut piece).unwrap();
            to.process_new_packets()?;
        }
    }
    Ok(())
}

/// Runs a handshake to its end, or to the first error of either side.
pub(crate) fn handshake(
    client: &mut ClientConnection,
    server: &mut ServerConnection,
) -> Result<(), rustls::Error> {
    for _ in 0..10 {
        carry(client, server)?;
        carry(server, client)?;
        if !client.wants_write() && !client.is_handshaking() && !server.is_handshaking() {
            return Ok(());
        }
    }
    panic!("the handshake does not end");
}

pub(crate) fn connect(
    client: &ClientTls,
    server: &ServerTls,
    domainpart: &str,
    mode: Mode,
) -> Result<(TlsSummary, TlsSummary), rustls::Error> {
    let mut to_server = client.connect(&domain(domainpart), mode).unwrap();
    let mut to_client = server.accept(mode).unwrap();
    assert!(matches!(
        client.summary(&to_server),
        Err(TlsError::Unfinished)
    ));
    handshake(&mut to_server, &mut to_client)?;
    Ok((
        client.summary(&to_server).unwrap(),
        server.summary(&to_client).unwrap(),
    ))
}
