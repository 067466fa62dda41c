//! The tasks of connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use xmppwire_net::federation::{Inbound, Next, Order, Outbound, Report};
use xmppwire_net::socket::{SockRef, prepare};

use super::reporter::Reporter;
use super::{Either, either};
use crate::clock::Clock;
use crate::dns::Resolver;
use crate::pump::Pump;

/// Serves a connection that another server opened, until it ends.
pub(super) async fn serve(
    mut inbound: Inbound,
    socket: TcpStream,
    clock: Clock,
    mut orders: UnboundedReceiver<Order>,
    reporter: Reporter,
) {
    // A socket that refuses is no longer connected, which reading will show.
    let _ = prepare(&SockRef::from(&socket));
    let mut pump = Pump::new(socket, clock);
    loop {
        let moved = either(orders.recv(), pump.until(&mut inbound, Inbound::poll)).await;
        match moved {
            Either::First(Some(order)) => inbound.order(clock.now(), order),
            Either::First(None) | Either::Second(None) => return,
            Either::Second(Some(report)) if report.is_last() => {
                return end(report, orders, &reporter).await;
            }
            Either::Second(Some(report)) => {
                if !reporter.report(report).await {
                    return;
                }
            }
        }
    }
}

/// Opens a connection to another server, and drives it until it ends.
pub(super) async fn connect(
    mut outbound: Box<Outbound>,
    clock: Clock,
    mut orders: UnboundedReceiver<Order>,
    reporter: Reporter,
) {
    let mut pump = None;
    let mut next = outbound.next(clock.now());
    loop {
        match next {
            Next::LookUp(names) => {
                let resolver = Resolver::new(outbound.name_servers());
                let look_up = resolver.look_up(&names);
                if let Some(answers) =
                    unless_ordered(&mut outbound, &mut orders, clock, look_up).await
                {
                    outbound.looked_up(answers.ok());
                }
            }
            Next::Resolve { host, port } => {
                let resolve = resolve(host, port);
                if let Some(found) =
                    unless_ordered(&mut outbound, &mut orders, clock, resolve).await
                {
                    outbound.resolved(flatten(found));
                }
            }
            Next::Open(address) => {
                pump = None;
                let open = TcpStream::connect(address);
                if let Some(opened) = unless_ordered(&mut outbound, &mut orders, clock, open).await
                {
                    let opened = flatten(opened).map(|socket| {
                        // A socket that refuses is no longer connected, which reading will show.
                        let _ = prepare(&SockRef::from(&socket));
                        pump = Some(Pump::new(socket, clock));
                    });
                    outbound.opened(clock.now(), opened);
                }
            }
            Next::Report(report) => {
                if !reporter.report(report).await {
                    return;
                }
            }
            Next::Over(report) => return end(report, orders, &reporter).await,
            Next::Drive => {
                let Some(pump) = &mut pump else { return };
                let drive = pump.until(&mut *outbound, |outbound, now| match outbound.next(now) {
                    Next::Drive => std::task::Poll::Pending,
                    next => std::task::Poll::Ready(next),
                });
                match either(orders.recv(), drive).await {
                    Either::First(None) => return,
                    Either::First(Some(order)) => outbound.order(clock.now(), order),
                    Either::Second(then) => {
                        next = then;
                        continue;
                    }
                }
            }
        }
        if orders.is_closed() {
            return;
        }
        next = outbound.next(clock.now());
    }
}

/// Makes the last report. The application's orders that the connection did not take go with it.
async fn end(mut report: Report, mut orders: UnboundedReceiver<Order>, reporter: &Reporter) {
    orders.close();
    while let Ok(order) = orders.try_recv() {
        report.take_back(order);
    }
    let _ = reporter.report(report).await;
}

/// The result of a step, `None` where an order called the connection off.
async fn unless_ordered<T>(
    outbound: &mut Outbound,
    orders: &mut UnboundedReceiver<Order>,
    clock: Clock,
    step: impl Future<Output = T>,
) -> Option<Result<T, io::Error>> {
    let patience: Duration = outbound.timeout();
    let mut step = std::pin::pin!(timeout(patience, step));
    loop {
        match either(orders.recv(), step.as_mut()).await {
            Either::First(None) => return None,
            Either::First(Some(order)) => {
                outbound.order(clock.now(), order);
                if outbound.is_called_off() {
                    return None;
                }
            }
            Either::Second(result) => return Some(result.map_err(io::Error::from)),
        }
    }
}

async fn resolve(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(lookup_host((host, port)).await?.collect())
}

fn flatten<T>(result: io::Result<io::Result<T>>) -> io::Result<T> {
    result.unwrap_or_else(Err)
}
