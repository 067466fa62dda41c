//! The task of a connection that another server opened.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};
use xmppwire::s2s::{Incoming, IncomingEvent, Verdict};
use xmppwire_net::federation::{FederationConfig, Source};
use xmppwire_net::find::Mode;
use xmppwire_net::link::{Handshake, LinkError};

use super::{Either, Reply, Report, either};
use crate::Driver;
use crate::clock::Clock;
use crate::pump::Pump;

pub(super) async fn serve(
    config: Arc<FederationConfig>,
    clock: Clock,
    socket: TcpStream,
    mode: Mode,
    source: Source,
    replies: UnboundedReceiver<Reply>,
    reporter: Sender<Report>,
) {
    // The connection's own end says all that there is to say; the pool is not concerned.
    if let Ok(driver) = accept(&config, clock, socket, mode).await {
        drive(&config, driver, source, replies, &reporter).await;
    }
    let _ = reporter.send(Report::Gone(source)).await;
}

async fn accept(
    config: &FederationConfig,
    clock: Clock,
    socket: TcpStream,
    mode: Mode,
) -> Result<Driver<Incoming>, LinkError> {
    socket.set_nodelay(true)?;
    let mut pump = Pump::new(socket, clock);
    let secured = match (mode, config.accepting_side()) {
        (Mode::DirectTls, Some(side)) => {
            let deadline = clock.now() + config.connect_timeout();
            let mut handshake = Handshake::new(side, deadline)?;
            Some(pump.until(&mut handshake, Handshake::poll).await?)
        }
        _ => None,
    };
    let link = config.accept(clock.now(), secured)?;
    Ok(Driver::new(pump, link))
}

async fn drive(
    config: &FederationConfig,
    mut driver: Driver<Incoming>,
    source: Source,
    mut replies: UnboundedReceiver<Reply>,
    reporter: &Sender<Report>,
) {
    loop {
        let event = match either(replies.recv(), driver.next_event()).await {
            Either::First(None) => return,
            Either::First(Some(Reply::Close)) => {
                driver.close(None);
                continue;
            }
            Either::First(Some(Reply::Verified(answer))) => {
                // The stream may have given up the question meanwhile.
                let _ = driver.connection_mut().answer_verify(answer);
                continue;
            }
            Either::Second(event) => event,
        };
        let Ok(Some(event)) = event else { return };
        let report = match event {
            IncomingEvent::Opened(request) => {
                let (answer, side) = config.terms(&request);
                if let Some(side) = side {
                    driver.link_mut().set_tls(side);
                }
                // The question is the open one.
                let _ = driver.connection_mut().accept(request, answer);
                continue;
            }
            IncomingEvent::CheckKey(request) => {
                // Without a secret this server makes no keys.
                let connection = driver.connection_mut();
                connection.answer_key(request, Verdict::Invalid);
                continue;
            }
            IncomingEvent::Authorised(pair, trust) => Report::Authorised(pair, trust),
            IncomingEvent::Verify(request) => Report::Verify(source, request),
            IncomingEvent::Stanza(stanza) => Report::Stanza(stanza),
            IncomingEvent::Refused(fault) => match fault.error_reply() {
                Some(answer) => Report::Answer(answer),
                None => continue,
            },
            _ => continue,
        };
        if reporter.send(report).await.is_err() {
            return;
        }
    }
}
