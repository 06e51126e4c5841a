//! The two 16-bit floats, as bit patterns.

/// The value of an IEEE 754 binary16.
pub fn f16_to_f32(bits: u16) -> f32 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = ((bits >> 10) & 0x1f, bits & 0x3ff);
    match (exponent, fraction) {
        (0, _) => sign * f32::from(fraction) * f32::from_bits(0x3380_0000), // 2^-24
        (0x1f, 0) => sign * f32::INFINITY,
        (0x1f, _) => f32::NAN,
        _ => {
            let wide = (u32::from(exponent) + 112) << 23 | u32::from(fraction) << 13;
            sign * f32::from_bits(wide)
        }
    }
}

/// The binary16 nearest to a value, ties to even; beyond its range infinity.
#[expect(clippy::cast_possible_truncation, reason = "each part was masked to its width")]
pub fn f32_to_f16(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16) as u16 & 0x8000;
    let (exponent, fraction) = ((bits >> 23) & 0xff, bits & 0x7f_ffff);
    if exponent == 0xff {
        return sign | 0x7c00 | if fraction == 0 { 0 } else { 0x200 };
    }
    // The fraction with its leading one, and how many of its bits fall away.
    let (kept, dropped) = match exponent {
        143.. => return sign | 0x7c00,
        113..=142 => ((exponent - 112) << 23 | fraction, 13),
        102..=112 => (fraction | 0x80_0000, 126 - exponent),
        _ => return sign,
    };
    let (whole, rest) = (kept >> dropped, kept & ((1 << dropped) - 1));
    let half = 1 << (dropped - 1);
    let up = rest > half || (rest == half && whole & 1 == 1);
    sign | (whole + u32::from(up)) as u16
}

/// The value of a bfloat16.
pub fn bf16_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The bfloat16 nearest to a value, ties to even.
pub fn f32_to_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_comes_back() {
        for bits in 0..=u16::MAX {
            let value = f16_to_f32(bits);
            if value.is_nan() {
                assert!(f16_to_f32(f32_to_f16(value)).is_nan());
            } else {
                assert_eq!(f32_to_f16(value), bits, "{value}");
            }
            let value = bf16_to_f32(bits);
            if value.is_nan() {
                assert!(bf16_to_f32(f32_to_bf16(value)).is_nan());
            } else {
                assert_eq!(f32_to_bf16(value), bits, "{value}");
            }
        }
    }

    #[test]
    fn known_values_and_ties() {
        assert_eq!(f32_to_f16(1.0), 0x3c00);
        assert_eq!(f32_to_f16(-2.0), 0xc000);
        assert_eq!(f32_to_f16(65504.0), 0x7bff);
        assert_eq!(f32_to_f16(65520.0), 0x7c00);
        assert_eq!(f32_to_f16(1.0e9), 0x7c00);
        assert_eq!(f32_to_f16(2.0_f32.powi(-24)), 1);
        assert_eq!(f32_to_f16(2.0_f32.powi(-26)), 0);
        // Halfway between two neighbours: the even one.
        assert_eq!(f32_to_f16(1.0 + 2.0_f32.powi(-11)), 0x3c00);
        assert_eq!(f32_to_f16(1.0 + 3.0 * 2.0_f32.powi(-11)), 0x3c02);
        assert_eq!(f32_to_bf16(1.0), 0x3f80);
        assert_eq!(f32_to_bf16(f32::MAX), 0x7f80);
    }
}
