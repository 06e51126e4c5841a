//! How a writer chooses its tokens, where the caller does not say.

use cairn_serving::gguf::Sampling;
use rand::Rng as _;

/// A small model at temperature 0 falls into repeating itself; a light penalty, where
/// the caller set none, keeps it from that. Providers have larger ones, and no such penalty.
pub(crate) fn steady(sampling: &Sampling, local: bool) -> Sampling {
    let unset = (sampling.repetition_penalty - 1.0).abs() < f32::EPSILON;
    let penalty = if unset && local { 1.1 } else { sampling.repetition_penalty };
    Sampling { repetition_penalty: penalty, ..sampling.clone() }
}

/// The same sampling with a seed, so that the answer can be written again. A provider is
/// given one only by whoever asks for it: not all of them take it.
pub(crate) fn seeded(mut sampling: Sampling, local: bool) -> Sampling {
    if sampling.seed.is_none() && local {
        sampling.seed = Some(u64::from(rand::rng().random::<u32>()));
    }
    sampling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_made_for_local_models_and_kept_where_there_is_one() {
        let given = Sampling { seed: Some(7), ..Sampling::default() };
        assert_eq!(seeded(given, true).seed, Some(7));
        assert!(seeded(Sampling::default(), true).seed.is_some());
        assert_eq!(seeded(Sampling::default(), false).seed, None);
    }
}
