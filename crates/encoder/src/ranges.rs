//! How far the model's activations reach.

/// What weights are multiplied with, at one place of one layer.
#[derive(Debug)]
pub(crate) struct Range {
    /// What is outside of these is clipped.
    pub(crate) low: f32,
    pub(crate) high: f32,
    /// The channels that stay floats.
    pub(crate) apart: &'static [usize],
}

const fn range(low: f32, high: f32, apart: &'static [usize]) -> Range {
    Range { low, high, apart }
}

/// Layers of the model.
pub(crate) const LAYERS: usize = 6;

/// For each layer what its attention reads, what its attention gives, and what the two halves
/// of its feed-forward network read: the greatest of each channel over some 200 passages of
/// manuals and short texts, with a margin of 5 %. Apart are the largest eight of those channels
/// that exceed 4.8. `bench/peers/ranges.py` makes the table again.
pub(crate) const RANGES: [[Range; 4]; LAYERS] = [
    [
        range(-3.326, 3.326, &[63, 99]),
        range(-3.461, 3.461, &[]),
        range(-4.953, 4.953, &[63, 99, 157, 267, 303]),
        range(-0.170, 5.534, &[329, 433, 691, 829, 856, 982, 1170, 1337]),
    ],
    [
        range(-4.884, 4.884, &[63, 99, 157, 338]),
        range(-2.853, 2.853, &[]),
        range(-5.066, 5.066, &[63, 94, 99, 157, 223, 267, 338, 347]),
        range(-0.170, 5.379, &[116, 251, 505, 607, 646, 821, 923, 1184]),
    ],
    [
        range(-4.556, 4.556, &[63, 94, 99, 157, 223, 338]),
        range(-2.743, 2.743, &[]),
        range(-4.881, 4.881, &[63, 94, 99, 157, 223, 267, 338]),
        range(-0.170, 5.761, &[218, 293, 456, 606, 1004, 1166, 1265, 1309]),
    ],
    [
        range(-4.836, 4.836, &[63, 94, 99, 157, 223, 338, 363]),
        range(-2.634, 2.634, &[]),
        range(-4.986, 4.986, &[63, 99, 157, 223, 338]),
        range(-0.170, 5.184, &[112, 201, 228, 318, 358, 456, 750, 1329]),
    ],
    [
        range(-5.000, 5.000, &[63, 94, 99, 157, 223, 245, 338, 363]),
        range(-3.604, 3.604, &[]),
        range(-4.211, 4.211, &[63, 99, 127, 157, 223, 319, 338, 363]),
        range(-0.170, 6.287, &[128, 192, 637, 682, 1031, 1097, 1321, 1357]),
    ],
    [
        range(-4.954, 4.954, &[99, 157, 223, 338, 363]),
        range(-3.627, 3.627, &[]),
        range(-4.639, 4.639, &[99, 127, 223, 319]),
        range(-0.170, 4.943, &[256, 372, 923, 1297, 1300, 1302]),
    ],
];

/// Steps from the lowest to the highest.
const STEPS: f32 = 255.0;

impl Range {
    /// What one step is worth.
    pub(crate) fn step(&self) -> f32 {
        (self.high - self.low) / STEPS
    }

    /// The step that stands for zero, a whole number from 0 to 255.
    pub(crate) fn zero(&self) -> f32 {
        (-self.low / self.step()).round()
    }

    /// The lowest of `steps` and one steps around the one that stands for zero: of most numbers
    /// these are enough.
    pub(crate) fn lowest(&self, steps: u8) -> u8 {
        if steps == u8::MAX {
            return 0;
        }
        // A whole number in the range of a byte.
        (self.zero() as u8).saturating_sub(steps / 2 + 1)
    }
}
