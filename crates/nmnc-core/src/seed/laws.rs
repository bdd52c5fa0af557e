//! Random words to numbers of a law: standard normal, and signs.
//!
//! Only integer operations and single IEEE additions, multiplications and square roots: every instruction set
//! gives the same bits.

use super::philox::{LANES, Words};

/// Turns the words of one group into numbers.
pub(super) trait Law {
    /// Numbers from a group; a power of two.
    const GROUP: usize;
    /// The same law on an accelerator.
    const KERNEL: nmnc_kernels::Law;

    /// Fills `out`, of length [`Law::GROUP`].
    fn fill(words: &Words, out: &mut [f32]);
}

/// Standard normal numbers (Box and Muller 1958): words 0 and 1 of a block give a pair, and so do 2 and 3.
pub(super) struct Normal;

impl Law for Normal {
    const GROUP: usize = 4 * LANES;
    const KERNEL: nmnc_kernels::Law = nmnc_kernels::Law::Normal;

    #[inline(always)]
    fn fill(words: &Words, out: &mut [f32]) {
        for (words, out) in words.chunks_exact(2).zip(out.chunks_exact_mut(2 * LANES)) {
            let (cosines, sines) = out.split_at_mut(LANES);
            let mut pairs = [[0.0; LANES]; 2];
            let [first, second] = &mut pairs;
            for lane in 0..LANES {
                (first[lane], second[lane]) = normal_pair(words[0][lane], words[1][lane]);
            }
            cosines.copy_from_slice(first);
            sines.copy_from_slice(second);
        }
    }
}

/// Independent signs, one a bit.
pub(super) struct Sign;

impl Law for Sign {
    const GROUP: usize = 32 * 4 * LANES;
    const KERNEL: nmnc_kernels::Law = nmnc_kernels::Law::Sign;

    #[inline(always)]
    fn fill(words: &Words, out: &mut [f32]) {
        // One run of 64 words a bit: nested by rows of words, AVX-512 code gathers across bits, at a tenth of the speed.
        let words = words.as_flattened();
        for (bit, out) in out.chunks_exact_mut(4 * LANES).enumerate() {
            for (word, value) in words.iter().zip(out) {
                *value = f32::from_bits(1.0_f32.to_bits() | (word >> bit) << 31);
            }
        }
    }
}

/// Two independent standard normal numbers; none exceeds √(64 ln 2) ≈ 6.66 in magnitude.
#[inline(always)]
pub(super) fn normal_pair(first: u32, second: u32) -> (f32, f32) {
    let radius = (-2.0 * ln(unit(first))).sqrt();
    let (sine, cosine) = sin_cos(second);
    (radius * cosine, radius * sine)
}

/// Uniform on the middles of 2³¹ parts of (0, 1), rounded: from 2⁻³² to 1.
#[inline(always)]
pub(super) fn unit(word: u32) -> f32 {
    // Thirty-one bits, since conversion from signed integers is an instruction everywhere.
    ((word >> 1) as i32 as f32 + 0.5) * (1.0 / 2_147_483_648.0)
}

/// Natural logarithm of a normal number.
#[inline(always)]
pub(super) fn ln(u: f32) -> f32 {
    // `ln(1 + f) ≈ f − f²/2 + f³ P(f)`, fitted to the relative error (6e-9) on √½ ≤ 1 + f < √2.
    const P: [f32; 8] = [
        0.3333333,
        -0.250_008_23,
        0.200_012_27,
        -0.166_233_55,
        0.142_017_68,
        -0.131_602_1,
        0.127_615_15,
        -0.076_343_44,
    ];
    // ln 2 in two parts, the first with trailing zeros so that small multiples of it are exact.
    const LN_2_HIGH: f32 = 0.693_145_75;
    const LN_2_LOW: f32 = 1.428_606_8e-6;
    const ROOT_HALF: u32 = 0x3f35_04f3;
    let shifted = u.to_bits().wrapping_sub(ROOT_HALF);
    let exponent = (shifted as i32 >> 23) as f32;
    let f = f32::from_bits((shifted & 0x007f_ffff) + ROOT_HALF) - 1.0;
    let mut p = P[7];
    for coefficient in P[..7].iter().rev() {
        p = p * f + coefficient;
    }
    let square = f * f;
    let small = square * f * p + exponent * LN_2_LOW;
    ((small - 0.5 * square) + f) + exponent * LN_2_HIGH
}

/// Sine and cosine of the angle `word` · 2π / 2³².
#[inline(always)]
pub(super) fn sin_cos(word: u32) -> (f32, f32) {
    const RADIANS: f32 = std::f32::consts::TAU / 4_294_967_296.0;
    // The nearest quarter turn, in the two high bits, and what is left, at most an eighth of a turn.
    let turned = word.wrapping_add(1 << 29);
    let rest = (turned & 0x3fff_ffff) as i32 - (1 << 29);
    let x = rest as f32 * RADIANS;
    let z = x * x;
    // Fitted to |x| ≤ π/4; relative errors of 4e-9 and 1e-10.
    let sine = x + x * z * ((-0.000_195_172_32 * z + 0.008_332_178) * z + -0.166_666_55);
    let cosine = (1.0 - 0.5 * z) + z * z * ((2.443_837_2e-5 * z + -0.001_388_736_7) * z + 0.041_666_646);
    let (a, b) = if turned & 1 << 30 == 0 { (sine, cosine) } else { (cosine, sine) };
    // The sine is negative in the second half turn, the cosine in the second and third quarter.
    let flip = |value: f32, sign: u32| f32::from_bits(value.to_bits() ^ sign & 1 << 31);
    (flip(a, turned), flip(b, turned ^ turned << 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words over the whole range, dense at both ends.
    fn words() -> impl Iterator<Item = u32> {
        let edge = 0..1 << 16;
        (0..=u32::MAX).step_by(1021).chain(edge.clone()).chain(edge.map(|word| u32::MAX - word))
    }

    /// Difference from the exact value in units in the last place of the exact value.
    fn ulps(value: f32, exact: f64) -> f64 {
        let spacing = f64::powi(2.0, exact.abs().max(1e-30).log2().floor() as i32 - 23);
        (f64::from(value) - exact).abs() / spacing
    }

    #[test]
    fn logarithms_are_accurate_to_two_units_in_the_last_place() {
        for word in words() {
            let u = unit(word);
            assert!(u > 0.0 && u <= 1.0, "{word}: {u}");
            let exact = f64::from(u).ln();
            assert!(ulps(ln(u), exact) <= 2.0, "{word}: {} against {exact}", ln(u));
        }
        assert_eq!(ln(1.0), 0.0);
    }

    #[test]
    fn sines_and_cosines_are_accurate_to_three_units_in_the_last_place() {
        let quarters =
            (0..4u32).flat_map(|q| (0..1 << 12).map(move |i| (q << 30).wrapping_add(i - (1 << 11))));
        for word in words().chain(quarters) {
            // Reduced exactly to the nearest quarter turn, so that the reference is accurate near its zeros.
            let quarter = word.wrapping_add(1 << 29) >> 30;
            let rest = f64::from(word.wrapping_sub(quarter << 30) as i32) / 4_294_967_296.0;
            let (s, c) = (rest * std::f64::consts::TAU).sin_cos();
            let exact = [(s, c), (c, -s), (-s, -c), (-c, s)][quarter as usize];
            let (sine, cosine) = sin_cos(word);
            assert!(ulps(sine, exact.0) <= 3.0, "sine of {word}: {sine} against {}", exact.0);
            assert!(ulps(cosine, exact.1) <= 3.0, "cosine of {word}: {cosine} against {}", exact.1);
        }
    }

    #[test]
    fn the_largest_number_is_the_stated_one() {
        let largest = (64.0 * std::f64::consts::LN_2).sqrt();
        assert!((f64::from(normal_pair(0, 0).0) / largest - 1.0).abs() < 1e-6);
        assert!((f64::from(normal_pair(1, 3 << 30).1) / -largest - 1.0).abs() < 1e-6);
        assert_eq!(normal_pair(u32::MAX, 0).0, 0.0);
        for word in words() {
            let (a, b) = normal_pair(word, word.rotate_left(7));
            assert!(a.abs() <= 6.661 && b.abs() <= 6.661);
        }
    }
}
