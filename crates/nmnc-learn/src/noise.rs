//! Probes: random coordinates of a perturbation, with identity covariance.

use std::ops::Range;

use burn::tensor::{Device, Tensor};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use nmnc_core::device::matrix;
use nmnc_core::linalg::orthonormalize_rows;
use nmnc_core::seed::Stream;

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
    /// Blocks of mutually orthogonal directions made of signs: rows of Hadamard matrices, in random order and with random signs of the
    /// coordinates. A dimension that is no power of two is divided into coordinates that are, largest first, and a direction
    /// lives in one of the parts.
    Hadamard,
}

impl Probe {
    /// Every distribution.
    pub const ALL: [Self; 4] = [Self::Gaussian, Self::Rademacher, Self::Orthogonal, Self::Hadamard];

    /// Draws `rows` probes of the given `dimension`: `[rows, dimension]`, in the buffer that becomes the tensor.
    pub fn draw(self, [rows, dimension]: [usize; 2], stream: &mut Stream, device: &Device) -> Tensor<2> {
        let shape = [rows, dimension];
        let mut values = match self {
            Self::Gaussian => return stream.normals(shape, device),
            Self::Rademacher => return stream.signs(shape, device),
            Self::Orthogonal | Self::Hadamard => vec![0.0; rows * dimension],
        };
        if self == Self::Orthogonal {
            stream.fill_normal(&mut values);
        }
        self.blocks(&mut values, dimension, stream);
        matrix(values, shape, device)
    }

    /// The rows `rows` of what [`Probe::draw`] would give of as many or more from the beginning of `stream`: `[rows, dimension]`. Of
    /// orthogonal blocks only those are made that hold a row asked for.
    pub fn draw_rows(
        self,
        rows: Range<usize>,
        dimension: usize,
        mut stream: Stream,
        device: &Device,
    ) -> Tensor<2> {
        if rows.start == 0 {
            return self.draw([rows.end, dimension], &mut stream, device);
        }
        let (shape, offset) = ([rows.len(), dimension], rows.start * dimension);
        match self {
            Self::Gaussian => return stream.normals_from(offset, shape, device),
            Self::Rademacher => return stream.signs_from(offset, shape, device),
            Self::Orthogonal | Self::Hadamard => {}
        }
        let first = rows.start / dimension * dimension;
        let mut values = vec![0.0; (rows.end - first) * dimension];
        if self == Self::Orthogonal {
            stream.fill_normal_from(first * dimension, &mut values);
        } else {
            // What a block takes from the stream is known only by taking it.
            let mut order = vec![0.0; dimension];
            (0..first / dimension).for_each(|_| hadamard_rows(&mut order, dimension, &mut stream));
        }
        self.blocks(&mut values, dimension, &mut stream);
        values.drain(..(rows.start - first) * dimension);
        matrix(values, shape, device)
    }

    /// Makes blocks of orthogonal rows, of normal numbers where the directions are not made of signs.
    fn blocks(self, values: &mut [f32], dimension: usize, stream: &mut Stream) {
        let length = (dimension as f32).sqrt();
        for block in values.chunks_mut(dimension * dimension) {
            if self == Self::Hadamard {
                hadamard_rows(block, dimension, stream);
                continue;
            }
            orthonormalize_rows(block, dimension);
            block.iter_mut().for_each(|v| *v *= length);
        }
    }
}

/// Fills a block of up to `dimension` rows with orthogonal directions of length sqrt(dimension).
fn hadamard_rows(block: &mut [f32], dimension: usize, stream: &mut Stream) {
    let mut signs = vec![0.0; dimension];
    stream.fill_rademacher(&mut signs);
    let order = stream.sample(dimension, block.len() / dimension);
    for (row, chosen) in block.chunks_exact_mut(dimension).zip(order) {
        let (mut start, mut size) = (0, 1 << dimension.ilog2());
        while chosen >= start + size {
            start += size;
            size = 1 << (dimension - start).ilog2();
        }
        let height = (dimension as f32 / size as f32).sqrt();
        for column in 0..size {
            // Sylvester's construction: entry (i, j) is the parity of the bits that i and j share.
            let even = ((chosen - start) & column).count_ones().is_multiple_of(2);
            row[start + column] = signs[start + column] * if even { height } else { -height };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::device::values;
    use nmnc_core::seed::{Role, Seed};

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
    fn rows_asked_for_in_parts_are_those_of_the_whole() {
        for probe in Probe::ALL {
            for d in [1, 5, 7, 40] {
                let stream = Seed(9).stream(Role::Probe, 1, 3);
                let whole = values::<f32>(&probe.draw([100, d], &mut stream.clone(), &Device::flex()));
                for rows in [0..100, 0..1, 3..4, 5..10, 7..33, 39..41, 64..100, 99..100] {
                    let part = probe.draw_rows(rows.clone(), d, stream.clone(), &Device::flex());
                    let expected = &whole[rows.start * d..rows.end * d];
                    assert_eq!(values::<f32>(&part), expected, "{probe:?} {d} {rows:?}");
                }
            }
        }
    }

    #[test]
    fn orthogonal_blocks_are_orthogonal_and_the_last_may_be_short() {
        for (probe, d) in [(Probe::Orthogonal, 4), (Probe::Hadamard, 4), (Probe::Hadamard, 7)] {
            let mut stream = Seed(2).stream(Role::Probe, 0, 0);
            let z = values::<f64>(&probe.draw([2 * d - 1, d], &mut stream, &Device::flex()));
            for block in [0..d, d..2 * d - 1] {
                for i in block.clone() {
                    for j in block.clone() {
                        let product: f64 = (0..d).map(|k| z[i * d + k] * z[j * d + k]).sum();
                        let expected = if i == j { d as f64 } else { 0.0 };
                        assert!((product - expected).abs() < 1e-5, "{probe:?} {i} {j} {product}");
                    }
                }
            }
        }
    }
}
