//! Derivatives against central differences in f64.

use burn::tensor::{DType, Tensor, TensorData};

use crate::values;

/// Sum of the products of all numbers.
pub fn inner(a: &Tensor<2>, b: &Tensor<2>) -> f64 {
    values(&(a.clone() * b.clone())).iter().sum()
}

/// Asserts that the derivative of `of` along each of about ten coordinates of `at` is the entry of `analytic`, to 1e-7.
pub fn compare(name: &str, at: &Tensor<2>, analytic: &Tensor<2>, mut of: impl FnMut(Tensor<2>) -> f64) {
    let (start, analytic) = (values(at), values(analytic));
    assert_eq!(start.len(), analytic.len(), "{name}");
    for coordinate in (0..start.len()).step_by(start.len().div_ceil(11)) {
        let mut value = |step: f64| {
            let mut moved = start.clone();
            moved[coordinate] += step;
            of(Tensor::from_data(TensorData::new(moved, at.dims()), (&at.device(), DType::F64)))
        };
        let numeric = (value(1e-6) - value(-1e-6)) / 2e-6;
        let missed = (numeric - analytic[coordinate]).abs();
        assert!(
            missed < 1e-7 * (1.0 + numeric.abs()),
            "{name}[{coordinate}]: {numeric} {}",
            analytic[coordinate]
        );
    }
}
