//! How likely tokens were, before temperature and penalties.

use crate::chat::TokenLogprob;

/// The log probability of `token` by its `logits`, and the `top` likeliest in its place.
pub(super) fn of(
    logits: &[f32],
    token: i32,
    top: u8,
    text: impl Fn(i32) -> Vec<u8>,
) -> TokenLogprob {
    let best = logits.iter().copied().filter(|logit| !logit.is_nan()).fold(f32::MIN, f32::max);
    let sum: f64 = logits.iter().map(|&logit| f64::from(logit - best).exp()).sum();
    #[expect(clippy::cast_possible_truncation, reason = "a log probability is small")]
    let norm = best + sum.ln() as f32;
    let logprob = |token: i32| {
        let logit = usize::try_from(token).ok().and_then(|at| logits.get(at));
        logit.map_or(f32::MIN, |logit| (logit - norm).max(f32::MIN))
    };
    let (name, bytes) = named(text(token));
    let top = likeliest(logits, usize::from(top))
        .into_iter()
        .map(|token| {
            let (name, bytes) = named(text(token));
            (name, bytes, logprob(token))
        })
        .collect();
    TokenLogprob { token: name, bytes, logprob: logprob(token), top }
}

fn named(bytes: Vec<u8>) -> (String, Vec<u8>) {
    (String::from_utf8_lossy(&bytes).into_owned(), bytes)
}

/// The `count` tokens with the highest logits, in falling order.
fn likeliest(logits: &[f32], count: usize) -> Vec<i32> {
    let mut best: Vec<(f32, i32)> = Vec::with_capacity(count + 1);
    for (token, &logit) in (0..).zip(logits) {
        let full = best.len() == count;
        if count == 0 || logit.is_nan() || (full && best.last().is_some_and(|(l, _)| logit <= *l)) {
            continue;
        }
        let place = best.partition_point(|(other, _)| *other >= logit);
        best.insert(place, (logit, token));
        best.truncate(count);
    }
    best.into_iter().map(|(_, token)| token).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_add_up_and_the_likeliest_come_first() {
        let logits = [1.0_f32.ln(), 5.0_f32.ln(), 3.0_f32.ln(), 1.0_f32.ln()];
        let told = of(&logits, 2, 2, |token| format!("t{token}").into_bytes());
        assert_eq!((told.token.as_str(), told.bytes.as_slice()), ("t2", "t2".as_bytes()));
        assert!((told.logprob - 0.3_f32.ln()).abs() < 1e-5, "{}", told.logprob);
        let names: Vec<&str> = told.top.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["t1", "t2"]);
        assert!((told.top[0].2 - 0.5_f32.ln()).abs() < 1e-5);
        assert!(of(&logits, 0, 0, |_| Vec::new()).top.is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_kept_beside_a_sign() {
        let told = of(&[0.0, 0.0], 1, 0, |_| vec![0xe2, 0x82]);
        assert_eq!((told.token.as_str(), told.bytes.as_slice()), ("\u{fffd}", &[0xe2, 0x82][..]));
    }
}
