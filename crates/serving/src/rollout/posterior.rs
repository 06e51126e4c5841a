//! Draws from what is believed of each arm's reward.

use rand::Rng;

use super::arm::Moments;
use super::histogram::float;
use super::plan::Reward;

/// A draw from the posterior of each arm's mean reward.
pub(super) fn draws(arms: &[Moments], reward: Reward, rng: &mut impl Rng) -> Vec<f64> {
    match reward {
        Reward::Binary => arms.iter().map(|arm| binary(arm, rng)).collect(),
        Reward::Real => {
            let spread = pooled(arms);
            arms.iter().map(|arm| real(arm, spread, rng)).collect()
        }
    }
}

/// Beta with a uniform prior.
fn binary(arm: &Moments, rng: &mut impl Rng) -> f64 {
    let good = arm.sum().max(0.0);
    let bad = (float(arm.count) - good).max(0.0);
    let (x, y) = (gamma(1.0 + good, rng), gamma(1.0 + bad, rng));
    x / (x + y)
}

/// Normal around the arm's mean. Its variance leans on that of all arms together as
/// if by one more sample, so that an arm whose few rewards were equal is not taken
/// for certain. An arm without two rewards comes first.
fn real(arm: &Moments, pooled: f64, rng: &mut impl Rng) -> f64 {
    if arm.count < 2 {
        return f64::MAX * (0.5 + 0.5 * rng.random::<f64>());
    }
    let count = float(arm.count);
    let variance = (arm.variance() * (count - 1.0) + pooled) / count;
    arm.mean + normal(rng) * (variance / count).sqrt()
}

fn pooled(arms: &[Moments]) -> f64 {
    let freedom: f64 = arms.iter().map(|arm| float(arm.count.saturating_sub(1))).sum();
    let squares: f64 =
        arms.iter().map(|arm| arm.variance() * float(arm.count.saturating_sub(1))).sum();
    if freedom > 0.0 { squares / freedom } else { 0.0 }
}

/// Standard normal (Box and Muller).
fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

/// Gamma of a shape from 1 on (Marsaglia and Tsang, 2000).
fn gamma(shape: f64, rng: &mut impl Rng) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v <= 0.0 {
            continue;
        }
        let u = 1.0 - rng.random::<f64>();
        if u.ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn draws_have_the_moments_of_their_distributions() {
        let mut rng = StdRng::seed_from_u64(7);
        let (mut gammas, mut betas) = (Moments::default(), Moments::default());
        let mut arm = Moments::default();
        for n in 0..10 {
            arm.add(if n < 7 { 1.0 } else { 0.0 });
        }
        for _ in 0..20_000 {
            gammas.add(gamma(3.5, &mut rng));
            betas.add(binary(&arm, &mut rng));
        }
        assert!((gammas.mean - 3.5).abs() < 0.06 && (gammas.variance() - 3.5).abs() < 0.2);
        // Beta(8, 4): mean 8/12, variance 32 / (144 * 13).
        assert!((betas.mean - 8.0 / 12.0).abs() < 0.005, "{}", betas.mean);
        assert!((betas.variance() - 32.0 / (144.0 * 13.0)).abs() < 0.001);
    }
}
