//! Several target domains on one stream.

use super::*;

#[test]
fn a_domain_of_the_same_address_joins_the_stream_there() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "b.example", 0)).unwrap();
    let first = site.connects[0];
    site.ready(first);
    site.route(message("a.example", "c.example", 1)).unwrap();
    let second = site.connects[1];
    site.open.remove(&second);
    site.tell(second, Told::Joins(first));
    let joined = pair("a.example", "c.example");
    assert_eq!(site.added, [(first, joined.clone())]);
    site.tell(first, Told::Ready(joined));
    assert_eq!(site.bodies(), [0, 1]);
    // Another sender to the domain finds the stream without a look-up.
    site.route(message("d.example", "c.example", 2)).unwrap();
    assert_eq!((site.connects.len(), site.added.len()), (2, 2));
    site.tell(first, Told::Ready(pair("d.example", "c.example")));
    // The end of the stream gives back what belongs to each domain, and both are reached anew.
    site.route(message("a.example", "c.example", 3)).unwrap();
    let unsent = site.sent.drain(2..).map(|(_, stanza)| stanza).collect();
    let end = closed(CloseReason::Peer);
    site.tell(first, Told::Closed { end, unsent });
    site.wait(60 * SECOND);
    let given = site.sent.len() + site.bounced.len();
    assert_eq!((given, site.pool.queued()), (4, 0));
}

#[test]
fn a_domain_does_not_join_a_stream_that_has_ended() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "b.example", 0)).unwrap();
    site.open.remove(&site.connects[0].clone());
    site.tell(site.connects[0], Told::Joins(Key(99)));
    assert_eq!((site.connects.len(), site.added.len()), (2, 0));
    site.ready(site.connects[1]);
    assert_eq!(site.bodies(), [0]);
}

#[test]
fn after_an_invalid_key_the_other_pairs_go_over_another_stream() {
    let policy = DomainPolicy::default().with_shared_streams();
    let mut site = Site::new(FederationLimits::default(), policy);
    site.route(message("a.example", "c.example", 0)).unwrap();
    let first = site.connects[0];
    site.ready(first);
    site.route(message("b.example", "c.example", 1)).unwrap();
    site.tell(
        first,
        Told::Refused(pair("b.example", "c.example"), Refusal::Invalid),
    );
    assert_eq!(site.conditions(), [Condition::InternalServerError]);
    assert_eq!(site.closes, [first]);
    // Nothing more is given to it, and nothing is lost.
    site.route(message("a.example", "c.example", 2)).unwrap();
    assert_eq!(site.bodies(), [0]);
    site.end(first, closed(CloseReason::Local));
    let last = *site.connects.last().unwrap();
    assert_ne!(last, first);
    site.ready(last);
    assert_eq!((site.bodies(), site.bounced.len()), (vec![0, 2], 1));
    // The refused pair alone rests.
    site.route(message("b.example", "c.example", 3)).unwrap();
    assert_eq!(site.bounced.len(), 2);
    site.wait(10 * SECOND);
    site.route(message("b.example", "c.example", 4)).unwrap();
    assert_eq!((site.bounced.len(), site.added.len()), (2, 2));
}
