//! The choice of the next token, in Rust: no C++ sampler state, the same seed gives
//! the same choices, and the likeliest token costs one pass over the logits.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::gguf::request::Sampling;

/// Tokens the repetition penalty looks back on.
const REPETITION_WINDOW: usize = 64;
/// A token this far below the best (after temperature) has a share below e⁻²⁵ of it.
const NEGLIGIBLE: f32 = 25.0;

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub(super) struct Sampler {
    sampling: Sampling,
    random: SplitMix,
    /// The last tokens, prompt included, for the repetition penalty.
    recent: Vec<i32>,
    /// How often each token was generated.
    generated: HashMap<i32, u32>,
    logits: Vec<f32>,
    candidates: Vec<(f32, i32)>,
}

impl Sampler {
    pub(super) fn new(sampling: Sampling, prompt: &[i32]) -> Self {
        let seed = sampling.seed.unwrap_or_else(|| RandomState::new().hash_one(prompt.len()));
        let from = prompt.len().saturating_sub(REPETITION_WINDOW);
        Self {
            sampling,
            random: SplitMix(seed),
            recent: prompt[from..].to_vec(),
            generated: HashMap::new(),
            logits: Vec::new(),
            candidates: Vec::new(),
        }
    }

    /// Chooses a token by its `logits` and remembers it.
    pub(super) fn next(&mut self, logits: &[f32], banned: &[i32]) -> i32 {
        // Banned tokens are rare choices. Rejecting one and choosing again among the others has
        // the same distribution as choosing among the others from the start.
        let mut token = self.choose(logits);
        if banned.contains(&token) {
            token = self.choose_among(logits, |token| !banned.contains(&token));
        }
        self.remember(token);
        token
    }

    /// Chooses among all tokens.
    pub(super) fn choose(&mut self, logits: &[f32]) -> i32 {
        if !self.penalises() {
            return self.draw_from(logits);
        }
        self.changed(logits, |_| {})
    }

    /// Chooses among those that are `allowed`.
    pub(super) fn choose_among(&mut self, logits: &[f32], allowed: impl Fn(i32) -> bool) -> i32 {
        self.changed(logits, |logits| {
            for (token, logit) in (0..).zip(logits) {
                if !allowed(token) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        })
    }

    fn changed(&mut self, logits: &[f32], change: impl FnOnce(&mut [f32])) -> i32 {
        let mut changed = std::mem::take(&mut self.logits);
        changed.clear();
        changed.extend_from_slice(logits);
        if self.penalises() {
            self.penalise(&mut changed);
        }
        change(&mut changed);
        let token = self.draw_from(&changed);
        self.logits = changed;
        token
    }

    /// Counts a chosen token for the penalties.
    pub(super) fn remember(&mut self, token: i32) {
        if self.recent.len() == REPETITION_WINDOW {
            self.recent.remove(0);
        }
        self.recent.push(token);
        *self.generated.entry(token).or_default() += 1;
    }

    fn penalises(&self) -> bool {
        let s = &self.sampling;
        s.repetition_penalty != 1.0 || s.frequency_penalty != 0.0 || s.presence_penalty != 0.0
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of tokens are small")]
    fn penalise(&self, logits: &mut [f32]) {
        let s = &self.sampling;
        if s.repetition_penalty != 1.0 {
            let mut seen = self.recent.clone();
            seen.sort_unstable();
            seen.dedup();
            for token in seen {
                let Some(logit) = at(logits, token) else { continue };
                let factor = s.repetition_penalty;
                *logit = if *logit > 0.0 { *logit / factor } else { *logit * factor };
            }
        }
        for (&token, &count) in &self.generated {
            let Some(logit) = at(logits, token) else { continue };
            *logit -= s.frequency_penalty * count as f32 + s.presence_penalty;
        }
    }

    fn draw_from(&mut self, logits: &[f32]) -> i32 {
        let (best, top) = likeliest(logits);
        if self.sampling.temperature <= 0.0 || self.sampling.top_k == 1 {
            return best;
        }
        let scale = 1.0 / self.sampling.temperature.max(1e-3);
        self.candidates.clear();
        for (token, &logit) in (0..).zip(logits) {
            let score = (logit - top) * scale;
            if score > -NEGLIGIBLE {
                self.candidates.push((score, token));
            }
        }
        let order = |a: &(f32, i32), b: &(f32, i32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let most = self.sampling.top_k as usize;
        if most > 0 && most < self.candidates.len() {
            self.candidates.select_nth_unstable_by(most - 1, order);
            self.candidates.truncate(most);
        }
        self.candidates.sort_unstable_by(order);
        self.draw().unwrap_or(best)
    }

    /// Draws among the sorted candidates, of which `top_p` keeps the first.
    fn draw(&mut self) -> Option<i32> {
        let mut total = 0.0_f64;
        for (score, _) in &mut self.candidates {
            *score = score.exp();
            total += f64::from(*score);
        }
        let wanted = total * f64::from(self.sampling.top_p);
        let mut kept = 0;
        let mut mass = 0.0_f64;
        for (weight, _) in &self.candidates {
            mass += f64::from(*weight);
            kept += 1;
            if mass >= wanted {
                break;
            }
        }
        let mut left = self.random.unit() * mass;
        for &(weight, token) in &self.candidates[..kept] {
            left -= f64::from(weight);
            if left <= 0.0 {
                return Some(token);
            }
        }
        self.candidates.get(kept.checked_sub(1)?).map(|&(_, token)| token)
    }
}

fn at(logits: &mut [f32], token: i32) -> Option<&mut f32> {
    usize::try_from(token).ok().and_then(|token| logits.get_mut(token))
}

/// The token with the highest logit and that logit; NaN never wins.
fn likeliest(logits: &[f32]) -> (i32, f32) {
    // Two passes: the first is a reduction the compiler turns into vector code.
    let mut lanes = [f32::NEG_INFINITY; 16];
    let mut chunks = logits.chunks_exact(16);
    for chunk in &mut chunks {
        for (lane, &logit) in lanes.iter_mut().zip(chunk) {
            *lane = if logit > *lane { logit } else { *lane };
        }
    }
    let rest = chunks.remainder().iter().copied();
    let top = lanes.into_iter().chain(rest).fold(f32::NEG_INFINITY, f32::max);
    let token = logits.iter().position(|&logit| logit == top).unwrap_or(0);
    (i32::try_from(token).unwrap_or(0), top)
}

/// The SplitMix64 generator: tiny, and the same on every machine.
#[derive(Debug)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(sampling: &Sampling, logits: &[f32], count: usize) -> Vec<i32> {
        let mut sampler = Sampler::new(sampling.clone(), &[]);
        (0..count).map(|_| sampler.next(logits, &[])).collect()
    }

    fn seeded() -> Sampling {
        Sampling { seed: Some(7), ..Sampling::default() }
    }

    #[test]
    fn temperature_zero_takes_the_first_of_the_best() {
        let mut logits = vec![0.0; 100];
        (logits[3], logits[37], logits[98]) = (f32::NAN, 2.0, 2.0);
        assert_eq!(draws(&Sampling { temperature: 0.0, ..seeded() }, &logits, 2), [37, 37]);
    }

    #[test]
    fn draws_follow_the_probabilities_and_the_seed() {
        let logits = [0.0, 2.0_f32.ln(), f32::NEG_INFINITY, 5.0_f32.ln()];
        let drawn = draws(&seeded(), &logits, 8000);
        assert_eq!(drawn, draws(&seeded(), &logits, 8000));
        let share = |token| drawn.iter().filter(|&&t| t == token).count() as f64 / 8000.0;
        assert!((share(0) - 0.125).abs() < 0.02, "{}", share(0));
        assert!((share(1) - 0.25).abs() < 0.02, "{}", share(1));
        assert!((share(3) - 0.625).abs() < 0.02, "{}", share(3));
        assert_eq!(share(2), 0.0);
    }

    #[test]
    fn top_k_and_top_p_cut_the_tail() {
        let logits = [1.0, 0.9, 0.8, 0.1];
        let top_k = draws(&Sampling { top_k: 2, ..seeded() }, &logits, 500);
        assert!(top_k.iter().all(|&t| t < 2) && top_k.contains(&0) && top_k.contains(&1));
        let top_p = draws(&Sampling { top_p: 0.5, ..seeded() }, &logits, 500);
        assert!(top_p.iter().all(|&t| t < 2) && top_p.contains(&1));
        let none = draws(&Sampling { top_p: 0.0, ..seeded() }, &logits, 50);
        assert!(none.iter().all(|&t| t == 0));
    }

    #[test]
    fn penalties_move_on_from_what_was_said() {
        let logits = [2.0, 1.9, 1.8];
        let greedy = Sampling { temperature: 0.0, ..seeded() };
        let presence = Sampling { presence_penalty: 0.5, ..greedy };
        assert_eq!(draws(&presence, &logits, 4), [0, 1, 2, 0]);
        let frequency = Sampling { frequency_penalty: 0.15, ..greedy };
        assert_eq!(draws(&frequency, &logits, 3), [0, 1, 0]);
        let repetition = Sampling { repetition_penalty: 1.5, ..greedy };
        let mut sampler = Sampler::new(repetition, &[0]);
        assert_eq!(sampler.next(&logits, &[]), 1);
    }

    #[test]
    fn what_is_banned_or_not_allowed_is_never_chosen() {
        let logits = [5.0, 1.0, 0.9, 0.8];
        let mut sampler = Sampler::new(seeded(), &[]);
        let drawn: Vec<i32> = (0..300).map(|_| sampler.next(&logits, &[0, 2])).collect();
        assert!(drawn.iter().all(|&t| t == 1 || t == 3) && drawn.contains(&3));
        let greedy = Sampling { temperature: 0.0, ..seeded() };
        assert_eq!(Sampler::new(greedy, &[]).choose_among(&logits, |token| token > 1), 2);
    }

    #[test]
    fn broken_logits_still_give_a_token() {
        assert_eq!(draws(&seeded(), &[f32::NAN; 20], 1), [0]);
        assert_eq!(draws(&seeded(), &[], 1), [0]);
    }
}
