use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;

fn fixed(weights: &[(i64, f64)]) -> Plan {
    let weights = weights.iter().map(|&(version, weight)| Weight { version, weight }).collect();
    Plan::Fixed { weights }
}

fn canary(percents: &[f64], gates: Gates) -> Plan {
    let step = |&percent| Step { percent, min_seconds: 10, min_samples: 20 };
    Plan::Canary { version: 2, steps: percents.iter().map(step).collect(), gates }
}

fn begin(plan: Plan) -> State {
    plan.check(1).unwrap();
    State::begin(plan, 1, "model", 0)
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(11)
}

fn answer(state: &mut State, version: i64, times: u64, latency_ms: f64) {
    for _ in 0..times {
        state.observe(version, Outcome { ok: true, latency_ms });
    }
}

fn fail(state: &mut State, version: i64, times: u64) {
    for _ in 0..times {
        state.observe(version, Outcome { ok: false, latency_ms: 1.0 });
    }
}

fn shares_of(state: &State, keys: u32) -> Vec<(i64, f64)> {
    let mut counts = std::collections::BTreeMap::new();
    for key in 0..keys {
        let chosen = state.choose(&format!("key-{key}"), &mut rng()).version;
        *counts.entry(chosen).or_insert(0.0) += 1.0 / f64::from(keys);
    }
    counts.into_iter().collect()
}

proptest! {
    #[test]
    fn a_key_keeps_its_version(key in ".{0,40}", a in 0.1_f64..100.0, b in 0.0_f64..100.0) {
        let state = begin(fixed(&[(1, a), (2, b)]));
        let first = state.choose(&key, &mut rng());
        let again: State =
            serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        prop_assert_eq!(first, again.choose(&key, &mut StdRng::seed_from_u64(5)));
    }

    #[test]
    fn weights_are_met(a in 1_u32..50, b in 1_u32..50, c in 0_u32..50) {
        let weights = [(1, f64::from(a)), (2, f64::from(b)), (3, f64::from(c))];
        let state = begin(fixed(&weights));
        let sum = f64::from(a + b + c);
        let counted = shares_of(&state, 4000);
        for (version, weight) in weights {
            let share = counted.iter().find(|x| x.0 == version).map_or(0.0, |x| x.1);
            prop_assert!((share - weight / sum).abs() < 0.04, "{version}: {share} of {counted:?}");
        }
    }

    #[test]
    fn a_growing_arm_only_gains_keys(
        old in 1_u32..90, more in 1_u32..60, key in any::<u64>(),
    ) {
        let grown = f64::from(old + more);
        let before = begin(fixed(&[(1, 50.0), (2, f64::from(old)), (3, 10.0)]));
        let after = begin(fixed(&[(1, 50.0), (2, grown), (3, 10.0)]));
        let key = key.to_string();
        let (was, is) =
            (before.choose(&key, &mut rng()).version, after.choose(&key, &mut rng()).version);
        prop_assert!(was == is || is == 2, "{key} went from {was} to {is}");
    }

    #[test]
    fn a_canary_that_goes_on_keeps_its_keys(key in any::<u64>(), at in 0_usize..3) {
        let mut state = begin(canary(&[5.0, 25.0, 60.0, 100.0], Gates::default()));
        let key = key.to_string();
        for step in 0..=at {
            state.apply(&Decision::Advance { step, reason: String::new() }, 0);
        }
        let was = state.choose(&key, &mut rng()).version;
        state.apply(&Decision::Advance { step: at + 1, reason: String::new() }, 0);
        let is = state.choose(&key, &mut rng()).version;
        prop_assert!(was == is || is == 2);
    }

    #[test]
    fn no_gate_acts_below_its_samples(
        failed in 0_u64..50, answered in 0_u64..50, ms in 0.0_f64..1e6, rewards in 0_u64..50,
    ) {
        prop_assume!(failed + answered < 50);
        let gates = Gates {
            min_samples: 50,
            max_error_rate: Some(0.0),
            max_error_increase: Some(0.0),
            max_p99_ms: Some(0.1),
            max_p99_ratio: Some(0.1),
            min_reward: Some(1.0),
            max_reward_drop: Some(0.0),
        };
        let mut state = begin(canary(&[50.0, 100.0], gates));
        answer(&mut state, 1, 1000, 1.0);
        answer(&mut state, 2, answered, ms);
        fail(&mut state, 2, failed);
        (0..rewards).for_each(|_| { state.reward(2, -9.0); });
        (0..60).for_each(|_| { state.reward(1, 9.0); });
        prop_assert_eq!(state.tick(i64::MAX / 2), None);
        prop_assert!(state.findings().iter().all(|found| found.verdict == Verdict::Waiting));
    }
}

#[test]
fn a_worse_canary_is_rolled_back_and_answers_nothing_more() {
    let mut state = begin(canary(&[10.0, 100.0], Gates::default()));
    answer(&mut state, 1, 500, 2.0);
    answer(&mut state, 2, 40, 2.0);
    fail(&mut state, 2, 20);
    let decision = state.tick(1).unwrap();
    let Decision::RollBack { reason } = &decision else { panic!("{decision:?}") };
    assert!(reason.contains("max_error_rate") && reason.contains("60 samples"), "{reason}");
    state.apply(&decision, 1);
    assert_eq!(state.status, Status::RolledBack);
    assert_eq!(shares_of(&state, 200), [(1, shares_of(&state, 200)[0].1)]);
    assert_eq!(state.tick(i64::MAX / 2), None);
}

#[test]
fn one_failure_too_many_that_may_be_chance_neither_promotes_nor_rolls_back() {
    let mut state = begin(canary(&[10.0, 100.0], Gates::default()));
    answer(&mut state, 2, 46, 2.0);
    fail(&mut state, 2, 4);
    assert_eq!(state.findings()[0].verdict, Verdict::Unclear);
    assert_eq!(state.tick(3_600_000), None);
}

#[test]
fn a_good_canary_goes_on_step_by_step_and_is_promoted() {
    let mut state = begin(canary(&[10.0, 50.0, 100.0], Gates::default()));
    let mut now = 0;
    for step in 1..=3 {
        answer(&mut state, 2, 49, 2.0);
        assert_eq!(state.tick(now + 60_000), None, "below the gate's samples");
        answer(&mut state, 2, 1, 2.0);
        assert_eq!(state.tick(now + 9_999), None, "before the step's least duration");
        let decision = state.tick(now + 10_000).unwrap();
        match &decision {
            Decision::Advance { step: next, .. } => assert_eq!(*next, step),
            Decision::Promote { version, .. } => assert_eq!((*version, step), (2, 3)),
            other => panic!("{other:?}"),
        }
        now += 10_000;
        state.apply(&decision, now);
    }
    assert_eq!(state.status, Status::Promoted);
    assert_eq!(state.arms[&2].total.requests, 150);
}

#[test]
fn a_slow_canary_fails_its_latency_gates() {
    let limits = [
        Gates { max_p99_ms: Some(100.0), max_error_rate: None, ..Gates::default() },
        Gates { max_p99_ratio: Some(2.0), max_error_rate: None, ..Gates::default() },
    ];
    for gates in limits {
        let mut state = begin(canary(&[50.0, 100.0], gates));
        answer(&mut state, 1, 200, 10.0);
        answer(&mut state, 2, 180, 10.0);
        assert!(!matches!(state.tick(1), Some(Decision::RollBack { .. })), "{gates:?}");
        answer(&mut state, 2, 40, 900.0);
        assert!(matches!(state.tick(1), Some(Decision::RollBack { .. })), "{gates:?}");
    }
}

#[test]
fn a_canary_that_people_like_less_fails_its_reward_gates() {
    let limits = [
        Gates { min_reward: Some(0.5), max_error_rate: None, ..Gates::default() },
        Gates { max_reward_drop: Some(0.1), max_error_rate: None, ..Gates::default() },
        Gates { max_error_increase: Some(0.01), max_error_rate: None, ..Gates::default() },
    ];
    for gates in limits {
        let mut state = begin(canary(&[50.0, 100.0], gates));
        answer(&mut state, 1, 100, 1.0);
        answer(&mut state, 2, 60, 1.0);
        fail(&mut state, 2, 40);
        for n in 0..100 {
            state.reward(1, if n % 10 == 0 { 0.0 } else { 1.0 });
            state.reward(2, if n % 10 < 8 { 0.0 } else { 1.0 });
        }
        assert!(matches!(state.tick(1), Some(Decision::RollBack { .. })), "{gates:?}");
    }
}

#[test]
fn a_shadow_copies_its_share_and_answers_nothing() {
    let mut state = begin(Plan::Shadow { version: 2, percent: 25.0 });
    let choices: Vec<Choice> =
        (0..2000).map(|key| state.choose(&key.to_string(), &mut rng())).collect();
    assert!(choices.iter().all(|choice| choice.version == 1));
    let copied = choices.iter().filter(|choice| choice.shadow == Some(2)).count();
    assert!((400..600).contains(&copied), "{copied} of 2000");
    state.compared(2, Some(&Difference { rows: 4, differing_rows: 1, max_abs_diff: Some(0.5) }));
    state.compared(2, None);
    let shadow = &state.arms[&2].shadow;
    assert_eq!((shadow.compared, shadow.errors), (1, 1));
    assert_eq!((shadow.differing_share(), shadow.max_abs_diff), (Some(0.25), Some(0.5)));
}

#[test]
fn an_adaptive_rollout_finds_the_better_version() {
    for (reward, rates) in [(Reward::Binary, [0.2, 0.5, 0.8]), (Reward::Real, [3.0, 5.0, 8.0])] {
        let mut state = begin(Plan::Adaptive { versions: vec![1, 2, 3], reward });
        let mut rng = rng();
        let mut late = [0_u32; 3];
        for round in 0..2000 {
            let version = state.choose("", &mut rng).version;
            let rate = rates[usize::try_from(version - 1).unwrap()];
            let value = match reward {
                Reward::Binary => f64::from(u8::from(rng.random::<f64>() < rate)),
                Reward::Real => rate + 4.0 * (rng.random::<f64>() - 0.5),
            };
            assert!(state.reward(version, value));
            if round >= 1000 {
                late[usize::try_from(version - 1).unwrap()] += 1;
            }
        }
        assert!(late[2] > 900, "{reward:?}: {late:?} of the last 1000");
        assert_eq!(state.favourite(), Some(3));
        let shares = state.shares(&mut rng);
        assert!(shares[2].1 > 0.9, "{shares:?}");
    }
}

#[test]
fn plans_that_cannot_be_followed_are_refused_by_field() {
    let reject = |plan: Plan, field: &str| {
        let error = plan.check(1).unwrap_err();
        assert_eq!(error.param(), Some(field), "{error}");
    };
    reject(fixed(&[]), "weights");
    reject(fixed(&[(1, 0.0)]), "weights");
    reject(fixed(&[(1, f64::NAN)]), "weights");
    reject(fixed(&[(2, 1.0), (2, 2.0)]), "versions");
    reject(Plan::Shadow { version: 1, percent: 5.0 }, "version");
    reject(Plan::Shadow { version: 2, percent: 101.0 }, "percent");
    reject(canary(&[], Gates::default()), "steps");
    reject(canary(&[20.0, 10.0], Gates::default()), "steps");
    reject(canary(&[50.0, 120.0], Gates::default()), "steps");
    let compared = Gates { max_reward_drop: Some(0.1), ..Gates::default() };
    reject(canary(&[100.0], compared), "gates");
    reject(canary(&[5.0], Gates { min_samples: 0, ..Gates::default() }), "gates.min_samples");
    reject(
        canary(&[5.0], Gates { max_error_rate: Some(5.0), ..Gates::default() }),
        "gates.max_error_rate",
    );
    reject(Plan::Adaptive { versions: vec![1], reward: Reward::Binary }, "versions");
}
