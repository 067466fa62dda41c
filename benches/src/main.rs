//! Measures reading and writing beside other libraries, on the same bytes in the same run.
//!
//! `cargo run --release` prints MB/s of the best of many short rounds, in which all libraries take
//! turns. Time is that of the processor, because the machine may be busy; the ratios are what to look
//! at. `--seed N` makes other traffic, `--rounds N` takes longer, and a name measures one kind of
//! traffic alone.

mod contenders;
mod traffic;

use std::time::Duration;

use cpu_time::ThreadTime;

use contenders as c;
use traffic::Traffic;

/// Bytes of each kind of traffic: short rounds are seldom interrupted.
const BYTES: usize = 200_000;

fn main() -> Result<(), lexopt::Error> {
    use lexopt::prelude::*;
    let (mut seed, mut rounds, mut only) = (1, 60, None);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("seed") => seed = args.value()?.parse()?,
            Long("rounds") => rounds = args.value()?.parse()?,
            Value(name) => only = Some(name.string()?),
            _ => return Err(arg.unexpected()),
        }
    }
    for traffic in traffic::all(seed, BYTES) {
        if only.as_deref().is_none_or(|only| only == traffic.name) {
            measure(&traffic, rounds);
        }
    }
    Ok(())
}

type Read = fn(&[u8], usize) -> usize;

fn measure(traffic: &Traffic, rounds: usize) {
    let stream = traffic.stream();
    let count = traffic.stanzas.len();
    println!(
        "\n{}: {count} stanzas of {} bytes",
        traffic.name,
        traffic.bytes() / count
    );
    let contenders: [(&str, Read, usize); 9] = [
        ("ours, 16384-byte reads", c::ours, 16_384),
        ("ours, 1400-byte reads", c::ours, 1_400),
        ("ours, whole", c::ours, usize::MAX),
        ("ours, checked lane", c::ours_checked, 16_384),
        ("rxml raw", c::rxml_raw, 16_384),
        ("rxml namespaced", c::rxml_namespaced, 16_384),
        ("xmpp-parsers", c::xmpp_parsers, 16_384),
        ("quick-xml", c::quick_xml, 0),
        ("count <", c::memchr_like, 0),
    ];
    let mut best = [Duration::MAX; 9];
    for _ in 0..rounds {
        for ((_, run, size), best) in contenders.iter().zip(&mut best) {
            let size = (*size).clamp(1, stream.len());
            let start = ThreadTime::now();
            std::hint::black_box(run(&stream, size));
            *best = (*best).min(start.elapsed());
        }
    }
    assert_eq!(c::ours(&stream, 16_384), count);
    assert_eq!(c::xmpp_parsers(&stream, 16_384), count);
    let rate = |best: Duration| traffic.bytes() as f64 / best.as_secs_f64() / 1e6;
    let ours = rate(best[0]);
    for ((name, ..), best) in contenders.iter().zip(best) {
        println!(
            "  {name:24} {:8.0} MB/s   ours is {:6.2} times as fast",
            rate(best),
            ours / rate(best)
        );
    }
    for size in [16_384, 1_400] {
        let before = allocations(|| c::ours(&stream[..traffic::HEADER.len()], size));
        let all = allocations(|| c::ours(&stream, size));
        println!(
            "  {size:6}-byte reads: {:.2} allocations a stanza",
            (all - before) as f64 / count as f64
        );
    }
    write(traffic, &stream, rounds);
}

fn allocations(run: impl FnOnce() -> usize) -> u64 {
    allocation_counter::measure(|| {
        std::hint::black_box(run());
    })
    .count_total
}

fn write(traffic: &Traffic, stream: &[u8], rounds: usize) {
    let ours = c::parsed(stream);
    let theirs = c::minidom_elements(&traffic.stanzas);
    let mut out = Vec::with_capacity(2 * stream.len());
    let mut best = [Duration::MAX; 2];
    let mut bytes = [0; 2];
    for _ in 0..rounds {
        for place in 0..2 {
            out.clear();
            let start = ThreadTime::now();
            std::hint::black_box(match place {
                0 => c::ours_write(&ours, &mut out),
                _ => c::minidom_write(&theirs, &mut out),
            });
            best[place] = best[place].min(start.elapsed());
            bytes[place] = out.len();
        }
    }
    let rate = |place: usize| bytes[place] as f64 / best[place].as_secs_f64() / 1e6;
    println!("  written by us            {:8.0} MB/s", rate(0));
    println!(
        "  written by minidom       {:8.0} MB/s   ours is {:6.2} times as fast",
        rate(1),
        rate(0) / rate(1)
    );
}
