//! The keys of other servers are verified.

use super::*;

#[test]
fn a_key_is_verified_over_a_connection_of_its_own() {
    let mut site = Site::usual();
    site.route(message("b.example", "a.example", 0)).unwrap();
    site.ready(site.connects[0]);
    site.verify(7, "a.example", "id1");
    let key = site.connects[1];
    assert_eq!(site.open[&key], pair("b.example", "a.example"));
    assert_eq!(site.asked.len(), 0);
    site.tell(key, Told::Connected);
    site.verify(8, "a.example", "id2");
    assert_eq!(site.asked.len(), 2);
    let (_, second) = site.asked.pop().unwrap();
    let (_, first) = site.asked.pop().unwrap();
    site.answer(key, second, Verdict::Invalid);
    site.answer(key, first, Verdict::Valid);
    let answers: Vec<_> = site.answers.iter().collect();
    assert_eq!(
        (answers[0].0, answers[0].1.verdict()),
        (Key(8), &Verdict::Invalid)
    );
    assert_eq!(
        (answers[1].0, answers[1].1.verdict()),
        (Key(7), &Verdict::Valid)
    );
    assert_eq!(site.closes, [key]);
}

#[test]
fn an_answer_counts_only_for_what_its_connection_was_asked() {
    let mut site = Site::usual();
    site.verify(1, "a.example", "id1");
    site.verify(2, "c.example", "id2");
    let (first, second) = (site.connects[0], site.connects[1]);
    for (key, sender, id) in [
        (second, "a.example", "id1"),
        (first, "c.example", "id2"),
        (first, "a.example", "id2"),
        (first, "d.example", "id1"),
    ] {
        let request = VerifyRequest::new(pair(sender, "b.example"), id.into(), "key".into());
        site.answer(key, request, Verdict::Valid);
        assert_eq!(site.answers.len(), 0, "{sender} {id}");
    }
}

#[test]
fn every_key_is_answered_when_its_connection_fails() {
    for (end, condition) in [
        (End::NotFound, Condition::RemoteServerNotFound),
        (End::Unreachable, Condition::RemoteServerTimeout),
    ] {
        let mut site = Site::usual();
        site.verify(1, "a.example", "id1");
        site.verify(2, "a.example", "id2");
        site.end(site.connects[0], end);
        let verdicts: Vec<_> = site.answers.iter().map(|(_, it)| it.verdict()).collect();
        assert_eq!(
            verdicts,
            [&Verdict::error(DialbackError::new(condition)); 2]
        );
    }
}

#[test]
fn a_key_is_answered_in_time() {
    let mut site = Site::usual();
    site.verify(1, "a.example", "id1");
    site.wait(20 * SECOND);
    site.verify(2, "a.example", "id2");
    site.wait(20 * SECOND);
    assert_eq!((site.answers.len(), site.closes.len()), (1, 0));
    site.wait(20 * SECOND);
    assert_eq!((site.answers.len(), site.closes.len()), (2, 1));
    // Late, and another connection begins anew.
    site.verify(3, "a.example", "id3");
    assert_eq!(site.connects.len(), 2);
}

#[test]
fn verification_is_limited() {
    let limits = FederationLimits {
        verifiers: 3,
        keys_per_verifier: 2,
        ..FederationLimits::default()
    };
    let mut site = Site::new(limits, DomainPolicy::default());
    for number in 0..10 {
        site.verify(number, &format!("r{number}.example"), "id");
        site.verify(number, "r0.example", &format!("id{number}"));
    }
    assert_eq!(site.connects.len(), 3);
    // 20 keys, of which 2 wait for the first server and 1 for each of the others.
    assert_eq!(site.answers.len(), 16);
    let full = Verdict::error(DialbackError::new(Condition::ResourceConstraint));
    assert!(site.answers.iter().all(|(_, it)| *it.verdict() == full));
}
