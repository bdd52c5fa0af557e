//! Exponential, hyperbolic tangent and normal distribution of single values, without branches or calls, so
//! that loops over them compile to vectors. All are accurate to a few units in the last place.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

/// The natural logarithm of 2 in two parts, the first with trailing zeros so that small multiples of it are
/// exact.
const LN_2_HIGH: f32 = 0.693_145_75;
const LN_2_LOW: f32 = 1.428_606_8e-6;

/// Adding this to a float of magnitude below 2²² leaves it rounded to an integer in the low mantissa bits.
const ROUNDER: f32 = 12_582_912.0;

/// `(2ⁿ, eʳ − 1)` with `x = n ln 2 + r` and `|r| ≤ ln 2 / 2`, for `x ≤ 0`; a NaN goes through in the second.
#[inline(always)]
fn reduced(x: f32) -> (f32, f32) {
    // Below this the exponential is less than the smallest normal number. Written to keep a NaN.
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    // The low nine bits of the rounded sum plus the exponent bias are the bits of 2ⁿ.
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // The Taylor series to the seventh power, whose remainder is below 6e-9 on this range.
    let tail = ((((r / 5040.0 + 1.0 / 720.0) * r + 1.0 / 120.0) * r + 1.0 / 24.0) * r + 1.0 / 6.0) * r + 0.5;
    (power, r + r * r * tail)
}

/// `eˣ` for `x ≤ 0`.
#[inline(always)]
fn exp_negative(x: f32) -> f32 {
    let (power, rest) = reduced(x);
    power + power * rest
}

/// `tanh x`, from `m = e^(−2|x|) − 1` as `−m / (2 + m)`, which keeps small arguments accurate.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let (power, rest) = reduced(-2.0 * x.abs());
    let m = (power - 1.0) + power * rest;
    (-m / (2.0 + m)).copysign(x)
}

/// `1 / (1 + e^(−x))`.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let small = exp_negative(-x.abs());
    let above = 1.0 / (1.0 + small);
    if x >= 0.0 { above } else { small * above }
}

/// `log(1 + eˣ)`, as `max(x, 0) + log(1 + e^(−|x|))`; the logarithm as `2 artanh(s)` with `s = m / (2 + m) ≤ 1/3`.
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    let m = exp_negative(-x.abs());
    let s = m / (2.0 + m);
    let square = s * s;
    // The series to the fifteenth power, whose remainder is below 1e-9.
    let mut series = 1.0 / 15.0;
    for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
        series = series * square + 1.0 / odd;
    }
    let tail = 2.0 * s * series;
    // Written to keep a NaN.
    (if x <= 0.0 { 0.0 } else { x }) + tail
}

/// Coefficients of `q` in `e^(x²) erfc(x) ≈ t q(t)`, `t = 1 / (1 + SCALE x)`, interpolated at the Chebyshev
/// points of the `t` of `0 ≤ x ≤ 9.6`; relative error below 3e-8.
const TAIL: [f32; 9] = [
    0.2144153,
    0.21384647,
    0.204_416_78,
    0.1367033,
    0.23446645,
    -0.16768518,
    0.3691177,
    -0.264_733_25,
    0.059452467,
];
const SCALE: f32 = 0.38;

/// `Φ(z)` and `Φ'(z)` of the standard normal distribution.
#[inline(always)]
pub(super) fn normal(z: f32) -> (f32, f32) {
    let exponential = exp_negative(-0.5 * z * z);
    let t = 1.0 / (1.0 + SCALE * FRAC_1_SQRT_2 * z.abs());
    let mut q = TAIL[TAIL.len() - 1];
    for coefficient in TAIL.iter().rev().skip(1) {
        q = q * t + coefficient;
    }
    let tail = 0.5 * exponential * t * q;
    let distribution = if z > 0.0 { 1.0 - tail } else { tail };
    (distribution, 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * exponential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> impl Iterator<Item = f32> {
        (-120_000..=120_000).map(|step| step as f32 * 1e-4).chain([1e-30, -1e-30, 1e-5, -1e-5])
    }

    #[test]
    fn tanh_is_accurate() {
        for x in grid() {
            let exact = f64::from(x).tanh();
            assert!((f64::from(tanh(x)) - exact).abs() <= 4e-7 * exact.abs(), "{x}");
        }
        assert_eq!((tanh(f32::INFINITY), tanh(-100.0)), (1.0, -1.0));
        assert!(tanh(f32::NAN).is_nan());
    }

    #[test]
    fn sigmoid_and_softplus_are_accurate() {
        for x in grid() {
            let wide = f64::from(x);
            let exact = 1.0 / (1.0 + (-wide).exp());
            assert!((f64::from(sigmoid(x)) - exact).abs() <= 6e-7 * exact, "sigmoid at {x}");
            let exact = wide.max(0.0) + (-wide.abs()).exp().ln_1p();
            assert!((f64::from(softplus(x)) - exact).abs() <= 6e-7 * exact, "softplus at {x}");
        }
        assert_eq!((sigmoid(100.0), softplus(100.0)), (1.0, 100.0));
        assert!(sigmoid(-100.0) < 1e-37 && softplus(-100.0) < 1e-37);
        assert!(sigmoid(f32::NAN).is_nan() && softplus(f32::NAN).is_nan());
    }

    #[test]
    fn tanh_never_decreases_by_more_than_rounding() {
        let mut last = -1.0;
        for x in grid().take(240_001) {
            assert!(tanh(x) >= last - 1.2e-7, "{x}");
            last = tanh(x);
        }
    }

    #[test]
    fn normal_is_accurate() {
        for z in grid() {
            let wide = f64::from(z);
            let density = (-0.5 * wide * wide).exp() / (2.0 * std::f64::consts::PI).sqrt();
            // The factor grows with the rounding of z² in the exponent.
            let relative = 6e-7 * (1.0 + wide * wide);
            let (distribution, slope) = normal(z);
            assert!((f64::from(slope) - density).abs() <= relative * density + 1e-37, "density at {z}");
            let lower = lower_tail(-wide.abs());
            let exact = if z > 0.0 { 1.0 - lower } else { lower };
            assert!(
                (f64::from(distribution) - exact).abs() <= relative * exact + 1e-37,
                "distribution at {z}"
            );
        }
        let (distribution, slope) = normal(f32::NAN);
        assert!(distribution.is_nan() && slope.is_nan());
    }

    /// `Φ(z)` for `z ≤ 0`: its power series near zero, else the continued fraction of Mills' ratio.
    fn lower_tail(z: f64) -> f64 {
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
        if z > -3.0 {
            let (mut term, mut sum, mut odd) = (z, z, 1.0);
            while term.abs() > 1e-18 {
                odd += 2.0;
                term *= z * z / odd;
                sum += term;
            }
            0.5 + density * sum
        } else {
            density / (1..200).rev().fold(-z, |rest, k| -z + f64::from(k) / rest)
        }
    }
}
