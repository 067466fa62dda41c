//! Measures typed payloads straight from and to elements beside the way through text.
//!
//! `cargo run --release --bin payloads` prints microseconds of the best of many short rounds, in
//! which both ways take turns. Time is that of the processor; the ratios are what to look at.

use std::hint::black_box;
use std::time::Duration;

use cpu_time::ThreadTime;
use xmppwire::{Element, XmlLimits};
use xmppwire_xso::parsers::{delay::Delay, disco::DiscoInfoResult, forwarding, roster::Roster};
use xmppwire_xso::xso::{self, AsXml, FromXml};
use xmppwire_xso::{from_element, to_element};

const ROUNDS: usize = 200;

fn main() {
    let delay = "<delay xmlns='urn:xmpp:delay' from='capulet.com' stamp='2002-09-10T23:08:25Z'/>";
    let forwarded = format!(
        "<forwarded xmlns='urn:xmpp:forward:0'>{delay}<message xmlns='jabber:client' \
         from='juliet@capulet.lit/orchard' id='0202197' to='romeo@montague.lit' type='chat'>\
         <body>Yet I should kill thee with much cherishing.</body></message></forwarded>"
    );
    let mut info = String::from("<query xmlns='http://jabber.org/protocol/disco#info'>");
    info += "<identity category='client' type='pc' name='Gajim'/>";
    for n in 0..40 {
        info += &format!("<feature var='urn:xmpp:example:{n}'/>");
    }
    info += "</query>";
    let mut roster = String::from("<query xmlns='jabber:iq:roster' ver='ver11'>");
    for n in 0..100 {
        roster += &format!(
            "<item jid='contact{n}@example.net' name='Contact {n}' subscription='both'>\
             <group>Friends</group></item>"
        );
    }
    roster += "</query>";
    measure::<Delay>("delay", delay);
    measure::<forwarding::Forwarded>("forwarded message", &forwarded);
    measure::<DiscoInfoResult>("disco#info, 40 features", &info);
    measure::<Roster>("roster of 100", &roster);
}

fn measure<T: FromXml + AsXml>(name: &str, text: &str) {
    let element: Element = text.parse().expect("a good element");
    let value: T = from_element(&element).expect("a good payload");
    let times = (1_000_000 / text.len()).clamp(1, 2000);
    println!("\n{name}: {} bytes", text.len());
    best(
        "read",
        times,
        [
            &|| drop(black_box(from_element::<T>(&element).expect("good"))),
            &|| {
                drop(black_box(
                    xso::from_bytes::<T>(element.to_xml().as_bytes()).expect("good"),
                ))
            },
        ],
    );
    best(
        "write",
        times,
        [
            &|| drop(black_box(to_element(&value).expect("good"))),
            &|| {
                let text = xso::to_vec(&value).expect("good");
                drop(black_box(
                    Element::parse(text, &XmlLimits::default()).expect("good"),
                ));
            },
        ],
    );
}

fn best(what: &str, times: usize, ways: [&dyn Fn(); 2]) {
    let mut best = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (way, best) in ways.iter().zip(&mut best) {
            let start = ThreadTime::now();
            (0..times / 10 + 1).for_each(|_| way());
            *best = (*best).min(start.elapsed());
        }
    }
    let each = best.map(|time| time.as_secs_f64() * 1e6 / (times / 10 + 1) as f64);
    println!(
        "  {what:6} straight {:8.2} µs   through text {:8.2} µs   ratio {:.2}",
        each[0],
        each[1],
        each[1] / each[0]
    );
}
