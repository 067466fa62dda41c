//! The order of attempts that RFC 2782 asks for.

/// An item with the two numbers by which SRV records are ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ranked<T> {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) item: T,
}

/// Keeps at most `limit` items, those of the best priorities, and orders them by priority. Within
/// one priority the order is random: an item with twice the weight is twice as likely to come next.
/// Items of weight zero keep a small chance of coming before the others. `random` gives 32 uniform
/// bits a call.
pub(super) fn order<T: Clone>(
    mut items: Vec<Ranked<T>>,
    limit: usize,
    mut random: impl FnMut() -> u32,
) -> Vec<T> {
    items.sort_by_key(|item| item.priority);
    items.truncate(limit);
    let mut ordered = Vec::with_capacity(items.len());
    for group in items.chunk_by(|a, b| a.priority == b.priority) {
        let mut group = group.to_vec();
        // Items of weight zero come first (RFC 2782): they are chosen only when the random number
        // is zero.
        group.sort_by_key(|item| item.weight > 0);
        while !group.is_empty() {
            let next = pick(&group, random());
            ordered.push(group.remove(next).item);
        }
    }
    ordered
}

/// The index of the item at which the running sum of weights reaches a number drawn from zero to
/// their total, both included (RFC 2782, "Weight").
fn pick<T>(group: &[Ranked<T>], random: u32) -> usize {
    let total: u64 = group.iter().map(|item| u64::from(item.weight)).sum();
    let chosen = total
        .saturating_add(1)
        .saturating_mul(u64::from(random))
        .checked_shr(32)
        .unwrap_or_default();
    let mut running = 0u64;
    group
        .iter()
        .position(|item| {
            running = running.saturating_add(item.weight.into());
            running >= chosen
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranked(list: &[(u16, u16)]) -> Vec<Ranked<usize>> {
        let ranked = |(item, &(priority, weight))| Ranked {
            priority,
            weight,
            item,
        };
        list.iter().enumerate().map(ranked).collect()
    }

    /// A reproducible stream of uniform bits.
    fn stream(mut state: u64) -> impl FnMut() -> u32 {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed >> 32) as u32
        }
    }

    fn share_of_first(list: &[(u16, u16)], rounds: usize) -> Vec<f64> {
        let mut random = stream(7);
        let mut firsts = vec![0u32; list.len()];
        for _ in 0..rounds {
            firsts[order(ranked(list), 16, &mut random)[0]] += 1;
        }
        firsts
            .iter()
            .map(|&count| f64::from(count) / rounds as f64)
            .collect()
    }

    #[test]
    fn priorities_come_before_weights() {
        let list = [(20, 100), (10, 0), (30, 65535), (10, 0)];
        assert_eq!(order(ranked(&list), 16, || u32::MAX), [1, 3, 0, 2]);
    }

    #[test]
    fn first_choices_follow_the_weights() {
        let shares = share_of_first(&[(1, 10), (1, 60), (1, 30)], 20_000);
        for (share, expected) in shares.iter().zip([0.1, 0.6, 0.3]) {
            assert!((share - expected).abs() < 0.02, "{shares:?}");
        }
    }

    #[test]
    fn a_weightless_item_has_a_small_chance() {
        let shares = share_of_first(&[(1, 9), (1, 0)], 20_000);
        assert!((shares[1] - 0.1).abs() < 0.02, "{shares:?}");
        let heavy = [(1, 65535), (1, 0)];
        assert_eq!(order(ranked(&heavy), 16, || 0), [1, 0]);
        assert_eq!(order(ranked(&heavy), 16, || 1 << 17), [0, 1]);
    }

    #[test]
    fn all_weightless_keep_the_order_of_the_answer() {
        assert_eq!(
            order(ranked(&[(1, 0), (1, 0), (1, 0)]), 16, || u32::MAX),
            [0, 1, 2]
        );
    }

    #[test]
    fn the_limit_drops_the_worst_priorities() {
        assert_eq!(
            order(ranked(&[(3, 0), (2, 0), (1, 0)]), 2, || 0),
            [2, 1],
            "the record of priority 3 is over the limit"
        );
    }

    proptest! {
        #[test]
        fn every_item_comes_exactly_once_and_priorities_never_fall(
            list in prop::collection::vec((0u16..4, any::<u16>()), 0..40), seed in any::<u64>(),
        ) {
            let ordered = order(ranked(&list), list.len(), stream(seed));
            prop_assert!(ordered.is_sorted_by_key(|&index| list[index].0));
            let mut indices = ordered;
            indices.sort_unstable();
            prop_assert_eq!(indices, (0..list.len()).collect::<Vec<_>>());
        }
    }
}
