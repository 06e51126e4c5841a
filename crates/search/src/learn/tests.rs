use proptest::prelude::*;

use super::*;

/// Noise between 0 and 1 that depends on `seed`.
fn noise(seed: u64) -> f32 {
    let mixed = (seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    f32::from(
        u16::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 48).unwrap(),
    ) / 65_536.0
}

/// Queries with 60 candidates each, whose legs know the answers as well as `dense` and
/// `words` say, and a reranker as well as `late` says.
fn judged(count: u64, dense: f32, words: f32, late: Option<f32>) -> Vec<Judged> {
    let query = |q: u64| {
        let relevant: HashSet<u64> = (0..3).map(|n| (q * 7 + n * 19) % 60).collect();
        let candidate = |id: u64| {
            let right = if relevant.contains(&id) { 1.0 } else { 0.0 };
            let seen = |skill: f32, leg: u64| right * skill + noise(q * 1000 + id * 10 + leg);
            Candidate {
                id,
                dense: Some(seen(dense, 1) / 2.0),
                bm25: Some(10.0 * seen(words, 2)),
                vector: vec![noise(id), noise(id + 500), noise(id + 900)],
                late: late.map(|skill| seen(skill, 3)),
            }
        };
        Judged { candidates: (0..60).map(candidate).collect(), relevant: relevant.clone() }
    };
    (0..count).map(query).collect()
}

#[test]
fn the_better_leg_gets_the_greater_weight() {
    let dense = learn(&judged(60, 0.8, 0.2, None));
    let words = learn(&judged(60, 0.2, 0.8, None));
    assert!(dense.ranking.dense_weight > 0.6, "{dense:?}");
    assert!(words.ranking.dense_weight < 0.4, "{words:?}");
    for learned in [dense, words] {
        assert_eq!((learned.choice, learned.queries), (Choice::Learned, 60));
        let Quality { learned, default, dense, words } = learned.quality;
        assert!(learned > default && learned >= dense.max(words) - HARM);
    }
}

#[test]
fn a_good_reranker_is_listened_to_and_a_bad_one_is_not() {
    let good = learn(&judged(60, 0.4, 0.4, Some(0.9)));
    assert!(good.ranking.late > 0.0, "{good:?}");
    assert!(good.quality.learned > learn(&judged(60, 0.4, 0.4, None)).quality.learned);
    let bad = learn(&judged(60, 0.6, 0.6, Some(0.0)));
    assert!(bad.ranking.late < 0.4, "{bad:?}");
}

#[test]
fn a_useless_leg_does_no_harm() {
    for (dense, words) in [(0.9, 0.0), (0.0, 0.9)] {
        let learned = learn(&judged(60, dense, words, None));
        let Quality { dense, words, .. } = learned.quality;
        let on_all = measured(
            &judged(
                60,
                if dense > words { 0.9 } else { 0.0 },
                if dense > words { 0.0 } else { 0.9 },
                None,
            ),
            &learned.ranking,
        );
        assert!(on_all >= dense.max(words) - HARM, "{learned:?} {on_all}");
    }
}

fn measured(judged: &[Judged], ranking: &Ranking) -> f64 {
    let gain = |query: &Judged| {
        let hits = rank(&query.candidates, ranking, 10);
        ndcg(hits.iter().map(|hit| hit.id), &query.relevant)
    };
    judged.iter().map(gain).sum::<f64>() / f64::from(u32::try_from(judged.len()).unwrap())
}

#[test]
fn few_queries_teach_nothing() {
    for count in [0, 1, 19] {
        let learned = learn(&judged(count, 0.9, 0.0, None));
        assert_eq!((learned.choice, learned.ranking), (Choice::Default, Ranking::default()));
    }
    let unanswered: Vec<Judged> = judged(40, 0.5, 0.5, None)
        .into_iter()
        .map(|query| Judged { relevant: HashSet::new(), ..query })
        .collect();
    assert_eq!(learn(&unanswered).queries, 0);
}

#[test]
fn the_rule_against_harm() {
    let quality = Quality { learned: 0.50, default: 0.48, dense: 0.40, words: 0.45 };
    let learned = Ranking { dense_weight: 0.3, ..Ranking::default() };
    let chosen = |quality: Quality| choose(&quality, true, || learned);
    assert_eq!(chosen(quality), (learned, Choice::Learned));
    let no_better = Quality { learned: 0.48, ..quality };
    assert_eq!(chosen(no_better), (Ranking::default(), Choice::Default));
    let harmful = Quality { dense: 0.52, ..quality };
    assert_eq!(chosen(harmful), (Ranking::only(1.0), Choice::Dense));
    let harmful = Quality { words: 0.52, ..quality };
    assert_eq!(chosen(harmful), (Ranking::only(0.0), Choice::Words));
    let within = Quality { words: 0.504, ..quality };
    assert_eq!(chosen(within).1, Choice::Learned);
}

#[test]
fn what_is_tried_is_what_ranking_does() {
    let judged = judged(4, 0.5, 0.5, Some(0.5));
    let grid = grid(true);
    for query in &judged {
        for (ranking, gain) in grid.iter().zip(try_all(query, &grid)) {
            let hits = rank(&query.candidates, ranking, 10);
            // Hits beyond the depth of spreading are not rescored while learning.
            if ranking.late == 0.0 {
                assert_eq!(
                    ndcg(hits.iter().map(|hit| hit.id), &query.relevant),
                    gain,
                    "{ranking:?}"
                );
            }
        }
    }
}

#[test]
fn gains_are_discounted() {
    let relevant = HashSet::from([1, 2]);
    assert_eq!(ndcg([1, 2, 3].into_iter(), &relevant), 1.0);
    assert_eq!(ndcg([3, 4].into_iter(), &relevant), 0.0);
    assert_eq!(ndcg([1].into_iter(), &HashSet::new()), 0.0);
    let second = ndcg([9, 1].into_iter(), &HashSet::from([1]));
    assert!((second - 1.0 / 3_f64.log2()).abs() < 1e-9);
    assert_eq!(ndcg((0..11).rev(), &HashSet::from([0])), 0.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn rankings_are_sorted_limited_and_in_range(
        count in 1_u64..4, weight in 0.0_f32..=1.0, spread in 0.0_f32..=1.0,
        late in 0.0_f32..=1.0, limit in 0_usize..80,
    ) {
        for query in judged(count, 0.5, 0.5, Some(0.5)) {
            let hits = rank(&query.candidates, &Ranking { dense_weight: weight, spread, late }, limit);
            prop_assert_eq!(hits.len(), limit.min(60));
            prop_assert!(hits.iter().all(|hit| (0.0..=1.0).contains(&hit.score)));
            prop_assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}
