//! Initial weights.

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::device::matrix;
use nmnc_core::linalg::orthonormalize_rows;
use nmnc_core::seed::Stream;

/// Distribution of initial weights; biases start at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Init {
    /// Normal with variance 2 / fan-in (He et al. 2015).
    He,
    /// Normal with variance 2 / (fan-in + fan-out) (Glorot and Bengio 2010).
    Xavier,
    /// Rows or columns orthonormal (Saxe et al. 2014).
    Orthogonal,
    /// Normal with variance 1 / fan-in (LeCun et al. 1998): the readout's default.
    Lecun,
}

impl Init {
    /// A `[rows, fan_in]` weight; `fan_out` is the number of outputs one input reaches.
    pub fn weight(
        self,
        [rows, fan_in]: [usize; 2],
        fan_out: usize,
        stream: &mut Stream,
        device: &Device,
    ) -> Tensor<2> {
        let mut values = vec![0.0; rows * fan_in];
        stream.fill_normal(&mut values);
        let deviation = match self {
            Self::He => (2.0 / fan_in as f64).sqrt(),
            Self::Xavier => (2.0 / (fan_in + fan_out) as f64).sqrt(),
            Self::Lecun => (1.0 / fan_in as f64).sqrt(),
            Self::Orthogonal => {
                return matrix(orthogonal(values, rows, fan_in), [rows, fan_in], device);
            }
        };
        values.iter_mut().for_each(|v| *v *= deviation as f32);
        matrix(values, [rows, fan_in], device)
    }
}

/// Makes the shorter side of a random normal matrix orthonormal.
fn orthogonal(mut values: Vec<f32>, rows: usize, columns: usize) -> Vec<f32> {
    if rows <= columns {
        orthonormalize_rows(&mut values, columns);
        return values;
    }
    // The same numbers read as the transposed matrix are just as normal.
    orthonormalize_rows(&mut values, rows);
    (0..rows * columns).map(|i| values[(i % columns) * rows + i / columns]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::device::values;
    use nmnc_core::seed::{Role, Seed};

    #[test]
    fn variances_are_those_of_the_papers() {
        let device = Device::flex();
        for (init, expected) in
            [(Init::He, 2.0 / 200.0), (Init::Xavier, 2.0 / 500.0), (Init::Lecun, 1.0 / 200.0)]
        {
            let mut stream = Seed(0).stream(Role::Weights, 0, 0);
            let weight = values::<f64>(&init.weight([300, 200], 300, &mut stream, &device));
            let variance = weight.iter().map(|w| w * w).sum::<f64>() / weight.len() as f64;
            // Four standard errors of a sample variance.
            assert!(
                (variance / expected - 1.0).abs() < 4.0 * (2.0 / 60_000.0f64).sqrt(),
                "{init:?} {variance}"
            );
        }
    }

    #[test]
    fn orthogonal_weights_are_orthonormal_on_their_shorter_side() {
        let device = Device::flex();
        for [rows, columns] in [[5, 9], [9, 5]] {
            let mut stream = Seed(0).stream(Role::Weights, 0, 0);
            let weight = Init::Orthogonal.weight([rows, columns], 0, &mut stream, &device);
            let wide = if rows < columns { weight } else { weight.transpose() };
            let gram = values::<f64>(&wide.clone().matmul(wide.transpose()));
            for (i, value) in gram.iter().enumerate() {
                let expected = if i / 5 == i % 5 { 1.0 } else { 0.0 };
                assert!((value - expected).abs() < 1e-5);
            }
        }
    }
}
