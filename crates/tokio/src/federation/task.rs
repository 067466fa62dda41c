//! The tasks of connections.

use std::task::Poll;

use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::timeout;
use xmppwire::Instant;
use xmppwire_net::federation::{Inbound, Next, Order, Outbound, Report};
use xmppwire_net::socket::{SockRef, prepare};

use super::reporter::{Batch, Reporter};
use super::{Either, either};
use crate::clock::Clock;
use crate::connect::{Openings, within};
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
    let mut batch = Batch::default();
    loop {
        let reports = pump.until(&mut inbound, |inbound, now| {
            gather(inbound, now, &mut batch)
        });
        match either(orders.recv(), reports).await {
            Either::First(Some(order)) => inbound.order(clock.now(), order),
            Either::First(None) => return,
            Either::Second(None) => {
                if !reporter.report(&mut batch).await {
                    return;
                }
            }
            Either::Second(Some(last)) => return end(last, batch, orders, &reporter).await,
        }
    }
}

/// Takes reports until there are no more at the moment, or enough for a batch. Gives the last one of
/// the connection by itself.
fn gather(inbound: &mut Inbound, now: Instant, batch: &mut Batch) -> Poll<Option<Report>> {
    while !batch.is_full() {
        match inbound.poll(now) {
            Poll::Ready(Some(report)) if report.is_last() => return Poll::Ready(Some(report)),
            Poll::Ready(Some(report)) => batch.push(report),
            // `None` is unreachable: nothing is polled after the last report.
            Poll::Ready(None) | Poll::Pending if batch.is_empty() => return Poll::Pending,
            Poll::Ready(None) | Poll::Pending => break,
        }
    }
    Poll::Ready(None)
}

/// Opens a connection to another server, and drives it until it ends.
pub(super) async fn connect(
    mut outbound: Box<Outbound>,
    clock: Clock,
    mut orders: UnboundedReceiver<Order>,
    reporter: Reporter,
) {
    let mut pump = None;
    let mut openings = Openings::default();
    let mut batch = Batch::default();
    let mut next = outbound.next(clock.now());
    loop {
        let goes_on = matches!(next, Next::Report(_)) && !batch.is_full();
        if !goes_on && !reporter.report(&mut batch).await {
            return;
        }
        match next {
            Next::LookUp(names) => {
                let resolver = Resolver::new(outbound.name_servers());
                let look_up = timeout(outbound.timeout(), resolver.look_up(&names));
                if let Some(answers) =
                    unless_ordered(&mut outbound, &mut orders, clock, look_up).await
                {
                    outbound.looked_up(answers.ok());
                }
            }
            Next::Resolve { host, port } => {
                let resolve = within(outbound.timeout(), lookup_host((host, port)));
                if let Some(found) =
                    unless_ordered(&mut outbound, &mut orders, clock, resolve).await
                {
                    outbound.resolved(found.map(Iterator::collect));
                }
            }
            Next::Open(address) => openings.begin(address, outbound.timeout()),
            Next::Wait(until) => {
                let first = openings.first(clock, until);
                let first = unless_ordered(&mut outbound, &mut orders, clock, first).await;
                if let Some((address, opened)) = first.flatten() {
                    let opened = opened.map(|socket| {
                        // The others are too late.
                        openings = Openings::default();
                        pump = Some(Pump::new(socket, clock));
                    });
                    outbound.opened(clock.now(), address, opened);
                }
            }
            Next::Report(report) => batch.push(report),
            Next::Over(report) => return end(report, batch, orders, &reporter).await,
            Next::Drive => {
                let Some(pump) = &mut pump else { return };
                let drive = pump.until(&mut *outbound, |outbound, now| match outbound.next(now) {
                    Next::Drive => Poll::Pending,
                    next => Poll::Ready(next),
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
async fn end(
    mut report: Report,
    mut batch: Batch,
    mut orders: UnboundedReceiver<Order>,
    reporter: &Reporter,
) {
    orders.close();
    while let Ok(order) = orders.try_recv() {
        report.take_back(order);
    }
    batch.push(report);
    let _ = reporter.report(&mut batch).await;
}

/// The result of a step, `None` where an order called the connection off.
async fn unless_ordered<T>(
    outbound: &mut Outbound,
    orders: &mut UnboundedReceiver<Order>,
    clock: Clock,
    step: impl Future<Output = T>,
) -> Option<T> {
    let mut step = std::pin::pin!(step);
    loop {
        match either(orders.recv(), step.as_mut()).await {
            Either::First(None) => return None,
            Either::First(Some(order)) => {
                outbound.order(clock.now(), order);
                if outbound.is_called_off() {
                    return None;
                }
            }
            Either::Second(result) => return Some(result),
        }
    }
}
