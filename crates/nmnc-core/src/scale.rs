//! Changes of unit before numbers are squared.
//!
//! A square leaves the range of its type where the number itself is halfway there. Whatever squares numbers takes a unit out of them
//! before, and puts its square back, if at all, at the very end. A unit is a power of four, which changes no other bit of a number or of
//! the root of one; within the moderate range it is 1, and nothing is done.

use burn::tensor::Tensor;

use crate::device::{energy, values};

/// Exponents of two within which sums of fourth powers of double precision numbers, and of their rounding errors, stay normal.
const MODERATE: f64 = 100.0;
/// The same of sums of squares in single precision.
const MODERATE_SINGLE: f64 = 30.0;
/// The largest exponent of two by which a single precision number is multiplied at a time.
const STEP: f64 = 100.0;

/// The largest magnitude, 0 of nothing; NaN if one is.
pub fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |most, value| match value.abs() {
        own if own > most || own.is_nan() => own,
        // A comparison with NaN is false, so that a first one stays.
        _ => most,
    })
}

/// The power of four at or below `largest`, the magnitude of the largest of some numbers; 1 where that is zero or not finite. Numbers
/// over it are below 4, and the largest is at least 1 (or 2^-52, of the smallest numbers there are).
pub fn power(largest: f64) -> f64 {
    if !(largest > 0.0 && largest.is_finite()) {
        return 1.0;
    }
    // The reciprocals of smaller powers are not finite.
    let power_of_two = f64::from_bits(largest.to_bits() & (0x7ff << 52)).max(f64::MIN_POSITIVE);
    if power_of_two.log2() % 2.0 == 0.0 { power_of_two } else { 0.5 * power_of_two }
}

/// The unit of double precision numbers of which the largest magnitude is `largest`: 1 where their fourth powers can be summed as they
/// are, else [`power`].
pub fn unit(largest: f64) -> f64 {
    gated(largest, MODERATE)
}

/// The same of numbers that are squared in single precision.
pub fn single_unit(largest: f64) -> f64 {
    gated(largest, MODERATE_SINGLE)
}

fn gated(largest: f64, moderate: f64) -> f64 {
    let power = power(largest);
    if power.log2().abs() <= moderate { 1.0 } else { power }
}

/// The unit of a matrix that is squared in the precision of its elements, which are looked at one by one only where their energy does
/// not tell. `None` if one of them is not finite.
pub fn tensor_unit(matrix: &Tensor<2>) -> Option<f64> {
    let energy = energy(matrix);
    if energy > 0.0 && energy.is_finite() && is_moderate(energy) {
        return Some(1.0);
    }
    let largest = largest(values::<f64>(matrix));
    largest.is_finite().then(|| single_unit(largest))
}

/// Whether numbers of this mean or total square may be squared in single precision as they are.
pub fn is_moderate(square: f64) -> bool {
    (0.5 * square.log2()).abs() <= MODERATE_SINGLE
}

/// `matrix` over `unit`, a power of two or four, in steps that single precision has numbers for.
pub fn over(mut matrix: Tensor<2>, unit: f64) -> Tensor<2> {
    let mut exponent = unit.log2().round();
    while exponent != 0.0 {
        let step = exponent.clamp(-STEP, STEP);
        matrix = matrix * (-step).exp2();
        exponent -= step;
    }
    matrix
}

/// `matrix` times any positive `factor`, also one that single precision has no number for.
pub fn times(matrix: Tensor<2>, factor: f64) -> Tensor<2> {
    let power = power(factor);
    if power.log2().abs() <= STEP { matrix * factor } else { over(matrix * (factor / power), 1.0 / power) }
}

/// The root of a product of two energies, also where the product leaves the range of its type.
pub fn geometric_mean(a: f64, b: f64) -> f64 {
    let product = a * b;
    if product.is_normal() { product.sqrt() } else { a.sqrt() * b.sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::matrix;
    use burn::tensor::Device;

    #[test]
    fn a_unit_is_a_power_of_four_near_the_largest_and_one_where_none_is_needed() {
        for exponent in -1074..=1023_i32 {
            let number = f64::from(exponent).exp2() * if exponent > -1022 { 1.75 } else { 1.0 };
            let power = power(number);
            assert_eq!(power.log2(), 2.0 * f64::from(exponent.max(-1022).div_euclid(2)));
            let expected = if power.log2().abs() <= 100.0 { 1.0 } else { power };
            assert_eq!(unit(number), expected);
            assert_eq!(number / power * power, number, "exact");
        }
        assert_eq!([0.0, f64::NAN, f64::INFINITY].map(unit), [1.0; 3]);
        assert_eq!(largest([1.0, -3.0, 2.0]), 3.0);
        assert_eq!(largest([]), 0.0);
        assert!(largest([1.0, f64::NAN, 2.0]).is_nan() && largest([f64::NEG_INFINITY]).is_infinite());
    }

    #[test]
    fn matrices_go_to_their_unit_and_back_bit_for_bit() {
        let device = Device::flex();
        for exponent in [-126, -100, -32, 32, 100, 126] {
            let numbers: Vec<f32> = [1.25, -0.5, 0.75, 1.0].map(|v| v * 2f32.powi(exponent)).to_vec();
            let given = matrix(numbers.clone(), [2, 2], &device);
            let unit = tensor_unit(&given).unwrap();
            assert_eq!(unit, 2f64.powi(exponent));
            let moderate = over(given, unit);
            assert_eq!(values::<f32>(&moderate), [1.25, -0.5, 0.75, 1.0]);
            assert_eq!(values::<f32>(&times(moderate.clone(), unit)), numbers);
            assert_eq!(values::<f32>(&over(moderate, 1.0 / unit)), numbers);
        }
        assert_eq!(tensor_unit(&matrix(vec![0.0; 4], [2, 2], &device)), Some(1.0));
        assert_eq!(tensor_unit(&matrix(vec![1.0, f32::NAN], [1, 2], &device)), None);
        assert_eq!(tensor_unit(&matrix(vec![1.0, f32::INFINITY], [1, 2], &device)), None);
        assert!((geometric_mean(1e-300, 1e-300) / 1e-300 - 1.0).abs() < 1e-15);
        assert!((geometric_mean(4e300, 1e300) / 2e300 - 1.0).abs() < 1e-15);
        assert_eq!(geometric_mean(2.0, 8.0), 4.0);
    }
}
