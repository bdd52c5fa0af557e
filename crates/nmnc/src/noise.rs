//! Probes: random coordinates of a perturbation, with identity covariance.

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::matrix;
use crate::linalg::orthonormalize_rows;
use crate::seed::Stream;

/// Distribution of a probe's coordinates. All have mean zero and identity covariance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// Independent standard normal coordinates.
    Gaussian,
    /// Independent signs.
    Rademacher,
    /// Blocks of up to `dimension` mutually orthogonal directions of length sqrt(dimension), each block uniformly oriented.
    Orthogonal,
}

impl Probe {
    /// Every distribution.
    pub const ALL: [Self; 3] = [Self::Gaussian, Self::Rademacher, Self::Orthogonal];

    /// Draws `rows` probes of the given `dimension`: `[rows, dimension]`, in the buffer that becomes the tensor.
    pub fn draw(self, [rows, dimension]: [usize; 2], stream: &mut Stream, device: &Device) -> Tensor<2> {
        let mut values = vec![0.0; rows * dimension];
        match self {
            Self::Gaussian => stream.fill_normal(&mut values),
            Self::Rademacher => stream.fill_rademacher(&mut values),
            Self::Orthogonal => {
                stream.fill_normal(&mut values);
                let length = (dimension as f32).sqrt();
                for block in values.chunks_mut(dimension * dimension) {
                    orthonormalize_rows(block, dimension);
                    block.iter_mut().for_each(|v| *v *= length);
                }
            }
        }
        matrix(values, [rows, dimension], device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::values;
    use crate::seed::{Role, Seed};

    #[test]
    fn every_probe_has_zero_mean_and_identity_covariance() {
        const DIMENSION: usize = 5;
        const ROWS: usize = 40_000;
        for probe in Probe::ALL {
            let mut stream = Seed(2).stream(Role::Probe, 0, 0);
            let z = probe.draw([ROWS, DIMENSION], &mut stream, &Device::flex());
            let mean = values::<f64>(&z.clone().mean_dim(0));
            let covariance = values::<f64>(&(z.clone().transpose().matmul(z) / ROWS as f64));
            // Five standard errors of a mean and of a second moment of normal numbers.
            assert!(mean.iter().all(|m| m.abs() < 5.0 / (ROWS as f64).sqrt()), "{probe:?} {mean:?}");
            for (i, c) in covariance.iter().enumerate() {
                let expected = if i / DIMENSION == i % DIMENSION { 1.0 } else { 0.0 };
                assert!((c - expected).abs() < 5.0 * (2.0 / ROWS as f64).sqrt(), "{probe:?} {i} {c}");
            }
        }
    }

    #[test]
    fn orthogonal_blocks_are_orthogonal_and_the_last_may_be_short() {
        let mut stream = Seed(2).stream(Role::Probe, 0, 0);
        let z = values::<f64>(&Probe::Orthogonal.draw([7, 4], &mut stream, &Device::flex()));
        for block in [0..4, 4..7] {
            for i in block.clone() {
                for j in block.clone() {
                    let product: f64 = (0..4).map(|k| z[i * 4 + k] * z[j * 4 + k]).sum();
                    assert!((product - if i == j { 4.0 } else { 0.0 }).abs() < 1e-5, "{i} {j} {product}");
                }
            }
        }
    }
}
