//! Compiles only when none of the crates below brings `std` along: a program has one panic
//! handler, and if `std` is anywhere in the graph, its handler and this one collide.
#![no_std]

use core::panic::PanicInfo;

extern crate xmppwire as _;
extern crate xmppwire_jid as _;
extern crate xmppwire_sasl as _;
extern crate xmppwire_xml as _;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
