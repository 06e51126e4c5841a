//! How the places of one step are shared among the prompts that wait to be read.

/// Shares `budget` tokens among `waiting` prompts, given as owner and tokens left, in
/// the order they came: the same for every owner, and within an owner first come, first
/// served. What an owner does not need goes to the others.
pub(super) fn shares(waiting: &[(&str, u32)], budget: u32) -> Vec<u32> {
    let mut shares = vec![0; waiting.len()];
    let mut left = budget;
    loop {
        let mut owners: Vec<&str> = waiting
            .iter()
            .zip(&shares)
            .filter(|((_, need), share)| need > share)
            .map(|((owner, _), _)| *owner)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        let Ok(count @ 1..) = u32::try_from(owners.len()) else { return shares };
        if left == 0 {
            return shares;
        }
        // At least one token each, as long as there are tokens.
        let each = (left / count).max(1);
        for owner in owners {
            let mut part = each.min(left);
            for ((other, need), share) in waiting.iter().zip(&mut shares) {
                if *other == owner {
                    let more = (need - *share).min(part);
                    *share += more;
                    part -= more;
                    left -= more;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn owners_read_at_the_same_pace() {
        assert_eq!(shares(&[("a", 1000), ("b", 1000)], 512), [256, 256]);
        assert_eq!(shares(&[("a", 1000), ("a", 1000), ("b", 1000)], 512), [256, 0, 256]);
    }

    #[test]
    fn what_one_does_not_need_the_others_get() {
        assert_eq!(shares(&[("a", 1000), ("b", 12)], 512), [500, 12]);
        assert_eq!(shares(&[("a", 10), ("a", 20), ("b", 5)], 512), [10, 20, 5]);
        assert_eq!(shares(&[("a", 100), ("a", 100), ("b", 500)], 300), [100, 50, 150]);
    }

    #[test]
    fn fewer_tokens_than_owners_go_to_some_and_none_is_lost() {
        let given = shares(&[("a", 9), ("b", 9), ("c", 9)], 2);
        assert_eq!(given.iter().sum::<u32>(), 2);
        assert!(shares(&[], 512).is_empty());
        assert_eq!(shares(&[("a", 5)], 0), [0]);
    }
}
