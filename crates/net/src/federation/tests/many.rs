//! A thousand remote domains at once.

use super::*;

#[test]
fn a_thousand_remote_domains_at_once() {
    let mut site = Site::usual();
    for round in 0..3 {
        for number in 0..1_000 {
            let target = format!("remote-{number}.example");
            site.route(message("a.example", &target, round)).unwrap();
        }
    }
    assert_eq!(site.connects.len(), 1_000);
    for key in site.connects.clone() {
        site.wait(Duration::from_millis(3));
        site.ready(key);
        site.tell(key, Told::Flushed);
    }
    assert_eq!((site.sent.len(), site.bounced.len()), (3_000, 0));
    let mut rounds = BTreeMap::<Key, Vec<usize>>::new();
    for (key, stanza) in &site.sent {
        rounds.entry(*key).or_default().push(body(stanza));
    }
    assert_eq!(rounds.len(), 1_000);
    assert!(rounds.values().all(|rounds| *rounds == [0, 1, 2]));
    // All go down at once, and come back.
    for key in site.connects.clone() {
        site.end(key, closed(CloseReason::TransportEof));
    }
    for number in 0..1_000 {
        let target = format!("remote-{number}.example");
        site.route(message("a.example", &target, 3)).unwrap();
    }
    site.wait(10 * SECOND);
    assert_eq!(site.connects.len(), 2_000);
    for key in site.connects.split_off(1_000) {
        site.ready(key);
    }
    assert_eq!((site.sent.len(), site.bounced.len()), (4_000, 0));
}

/// Heap bytes of the pool for each remote domain: with a stream that carries nothing, and after a
/// failure.
#[test]
fn a_remote_domain_costs_little_memory() {
    const DOMAINS: usize = 1_000;
    let mut site = Site::usual();
    let now = site.now;
    let pool = &mut site.pool;
    let targets: Vec<_> = (0..DOMAINS)
        .map(|n| format!("remote-{n}.example"))
        .collect();
    let serving = allocation_counter::measure(|| {
        for target in &targets {
            pool.route(now, message("a.example", target, 0)).unwrap();
            while let Some(step) = pool.poll(now) {
                match step {
                    Step::Connect { key, pair, .. } => pool.told(now, key, Told::Ready(pair)),
                    Step::Send(key, _) => pool.told(now, key, Told::Flushed),
                    other => panic!("{other:?}"),
                }
            }
        }
    });
    let each = usize::try_from(serving.bytes_current).unwrap() / DOMAINS;
    println!("{each} bytes for a remote domain with a stream");
    assert!(each <= 2_048, "{each}");
}
