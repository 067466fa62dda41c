//! Whatever happens, in whatever order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Route(usize),
    Ready(usize),
    Refuse(usize, bool),
    OtherStream(usize),
    /// The other server opened a stream that goes in both directions.
    Adopt(usize),
    /// A stream that is being opened leads to the address of another one.
    Join(usize, usize),
    Flush(usize),
    /// The stream ends, and so many of the stanzas that it was given and did not flush were not
    /// written.
    End(usize, usize, usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..9usize).prop_map(Act::Route),
        3 => (0..9usize).prop_map(Act::Ready),
        1 => (0..9usize, any::<bool>()).prop_map(|(n, invalid)| Act::Refuse(n, invalid)),
        1 => (0..9usize).prop_map(Act::OtherStream),
        1 => (0..9usize).prop_map(Act::Adopt),
        1 => (0..9usize, 0..9usize).prop_map(|(n, m)| Act::Join(n, m)),
        2 => (0..9usize).prop_map(Act::Flush),
        2 => (0..9usize, 0..4usize, 0..5usize).prop_map(|(n, k, how)| Act::End(n, k, how)),
        2 => (0..40u64).prop_map(Act::Wait),
    ]
}

/// What the driver of the property test knows of each stream: what it was given since the last
/// flush.
type Given = BTreeMap<Key, Vec<Stanza>>;

fn how_it_ends(how: usize) -> End {
    match how {
        0 => End::NotFound,
        1 => End::Unreachable,
        2 => closed(CloseReason::Peer),
        3 => closed(CloseReason::Local),
        _ => closed(CloseReason::TransportEof),
    }
}

proptest! {
    #[test]
    fn each_stanza_is_sent_or_bounced_or_given_back_once_and_in_order(
        acts in prop::collection::vec(act(), 1..200),
        shared in any::<bool>(),
    ) {
        let limits = FederationLimits {
            queued: 20_000,
            queued_per_domain: 8_000,
            window: 700,
            streams: 4,
            streams_per_domain: 2,
            idle_time: 100 * SECOND,
            ..FederationLimits::default()
        };
        let policy = match shared {
            true => DomainPolicy::default().with_shared_streams(),
            false => DomainPolicy::default(),
        };
        let mut site = Site::new(limits, policy);
        let mut routed = 0;
        let mut back = Vec::new();
        let mut given = Given::new();
        let mut sent: BTreeMap<Pair, Vec<usize>> = BTreeMap::new();
        let mut pairs: BTreeMap<Key, Vec<Pair>> = BTreeMap::new();
        // The streams that were ready, and those of the other server.
        let (mut useful, mut accepted) = (BTreeSet::new(), BTreeSet::new());
        for act in acts {
            let nth = |n: usize| site.open.keys().nth(n % site.open.len().max(1)).copied();
            let pair_of = |key: Key, n: usize| {
                let all = &pairs[&key];
                all[n % all.len()].clone()
            };
            match act {
                Act::Route(n) => {
                    let (sender, target) = (format!("s{}.example", n % 3), format!("r{}.example", n / 3));
                    if let Err(not) = site.route(message(&sender, &target, routed)) {
                        back.push(body(&not.stanza));
                    }
                    routed += 1;
                }
                Act::Wait(seconds) => site.wait(Duration::from_secs(seconds)),
                Act::Ready(n) => {
                    if let Some(key) = nth(n) {
                        let pair = pair_of(key, n);
                        useful.insert(key);
                        site.tell(key, Told::Ready(pair));
                    }
                }
                Act::Adopt(n) => {
                    let (sender, target) = (format!("s{}.example", n % 3), format!("r{}.example", n / 3));
                    let key = site.accepted(&sender, &target);
                    useful.insert(key);
                    accepted.insert(key);
                    site.tell(key, Told::Ready(pair(&sender, &target)));
                }
                Act::Join(n, m) => {
                    if let (Some(key), Some(other)) = (nth(n), nth(m))
                        && !useful.contains(&key)
                        && key != other
                    {
                        site.open.remove(&key);
                        site.tell(key, Told::Joins(other));
                    }
                }
                // A pair is refused before it is ready, as the machine of the stream does.
                Act::Refuse(n, invalid) => {
                    if let Some(key) = nth(n) {
                        let pair = pair_of(key, n);
                        if !given.contains_key(&key) {
                            let refusal = match invalid {
                                true => Refusal::Invalid,
                                false => Refusal::Error(DialbackError::new(Condition::Forbidden)),
                            };
                            site.tell(key, Told::Refused(pair, refusal));
                        }
                    }
                }
                Act::OtherStream(n) => {
                    if let Some(key) = nth(n)
                        && let Some((key, pair)) = site.added.iter().rfind(|(it, _)| *it == key).cloned()
                        && !given.contains_key(&key)
                    {
                        site.tell(key, Told::NeedsOtherStream(pair));
                    }
                }
                Act::Flush(n) => {
                    if let Some(key) = nth(n) {
                        given.remove(&key);
                        site.tell(key, Told::Flushed);
                    }
                }
                Act::End(n, k, how) => {
                    if let Some(key) = nth(n) {
                        let mut given = given.remove(&key).unwrap_or_default();
                        let unsent = given.split_off(given.len().saturating_sub(k));
                        for stanza in &unsent {
                            let of_pair = sent.get_mut(&Pair::of(stanza).unwrap()).unwrap();
                            of_pair.retain(|it| *it != body(stanza));
                        }
                        site.tell(key, Told::Closed { end: how_it_ends(how), unsent });
                    }
                }
            }
            for (key, pair) in &site.open {
                pairs.entry(*key).or_insert_with(|| vec![pair.clone()]);
            }
            for (key, pair) in &site.added {
                let of_key = pairs.get_mut(key).unwrap();
                if !of_key.contains(pair) {
                    of_key.push(pair.clone());
                }
            }
            for (key, stanza) in std::mem::take(&mut site.sent) {
                sent.entry(Pair::of(&stanza).unwrap()).or_default().push(body(&stanza));
                given.entry(key).or_default().push(stanza);
            }
            prop_assert!(site.pool.queued() <= 20_000 + 16_000);
            let own = site.open.keys().filter(|key| !accepted.contains(key));
            prop_assert!(own.count() <= 4);
            prop_assert!(sent.values().all(|ids| ids.is_sorted()), "{sent:?}");
        }
        site.pool.close(site.now);
        site.drive();
        for key in site.open.keys().copied().collect::<Vec<_>>() {
            site.end(key, closed(CloseReason::Local));
        }
        prop_assert!(site.pool.is_finished());
        prop_assert_eq!(site.pool.queued(), 0);
        let bounced = site.bounced.iter().map(|it| body(it.stanza()));
        let mut all: Vec<usize> = sent.into_values().flatten().chain(bounced).chain(back).collect();
        all.sort_unstable();
        prop_assert_eq!(all, (0..routed).collect::<Vec<_>>());
    }
}
