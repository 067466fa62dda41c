//! Streams that the other server opened.

use super::*;

#[test]
fn a_stream_in_both_directions_carries_what_the_pool_has_for_its_server() {
    let mut site = Site::usual();
    let key = site.accepted("a.example", "b.example");
    site.tell(key, Told::Ready(pair("a.example", "b.example")));
    site.route(message("a.example", "b.example", 0)).unwrap();
    assert_eq!((site.connects.len(), site.bodies()), (0, vec![0]));
    // A pair that it was not authorised for needs another one.
    site.route(message("c.example", "b.example", 1)).unwrap();
    assert_eq!(site.connects.len(), 1);
    // It is not closed because it carries nothing.
    site.tell(key, Told::Flushed);
    site.wait(3_600 * SECOND);
    assert!(!site.closes.contains(&key));
    // What it did not write goes over a stream of this server, and its end is no failure.
    site.route(message("a.example", "b.example", 2)).unwrap();
    let unsent = vec![site.sent.pop().unwrap().1];
    let end = End::Unreachable;
    site.tell(key, Told::Closed { end, unsent });
    let last = *site.connects.last().unwrap();
    site.ready(last);
    assert_eq!(site.bodies(), [0, 2]);
    assert_eq!(site.pool.adopted, 0);
}

#[test]
fn a_pair_that_has_a_stream_does_not_change_to_one_of_the_other_server() {
    let mut site = Site::usual();
    site.route(message("a.example", "b.example", 0)).unwrap();
    let key = site.accepted("a.example", "b.example");
    site.tell(key, Told::Ready(pair("a.example", "b.example")));
    assert_eq!(site.sent.len(), 0);
    site.ready(site.connects[0]);
    assert_eq!(site.sent[0].0, site.connects[0]);
    // A key that the pool never gave out is no stream.
    site.tell(Key(99), Told::Ready(pair("a.example", "c.example")));
    site.route(message("a.example", "c.example", 1)).unwrap();
    assert_eq!(site.connects.len(), 2);
}

#[test]
fn streams_of_the_other_server_do_not_count_as_opened() {
    let limits = FederationLimits {
        streams: 1,
        streams_per_domain: 1,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for sender in ["x.example", "y.example"] {
        let key = site.accepted(sender, "b.example");
        site.tell(key, Told::Ready(pair(sender, "b.example")));
    }
    site.route(message("a.example", "b.example", 0)).unwrap();
    assert_eq!(site.connects.len(), 1);
    site.pool.close(site.now);
    site.drive();
    assert_eq!(site.closes.len(), 3);
}
