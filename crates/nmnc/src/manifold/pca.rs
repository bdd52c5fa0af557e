//! Principal components, exact and randomized.

use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::device::{matrix, values};
use crate::linalg::symmetric_eigen;
use crate::seed::Stream;

/// Columns beyond those asked for, and power iterations: the values Halko et al. recommend for slowly decaying spectra.
const OVERSAMPLING: usize = 10;
const POWER_ITERATIONS: usize = 2;

/// Variances in descending order and the means to build the matching basis vectors.
pub(super) struct Spectrum {
    pub variances: Vec<f64>,
    vectors: Vectors,
}

enum Vectors {
    /// Eigenvectors of the covariance: the basis itself, as columns.
    Units(Vec<Vec<f64>>),
    /// Eigenvectors of the Gram matrix of the samples.
    Samples(Vec<Vec<f64>>),
    /// Coordinates in an orthonormal basis `[units, k]`.
    Within(Box<Tensor<2>>, Vec<Vec<f64>>),
}

impl Spectrum {
    /// The first `count` principal axes, `[units, count]`.
    pub fn basis(&self, centered: &Tensor<2>, count: usize) -> Tensor<2> {
        let device = &centered.device();
        let dtype = centered.dtype();
        let columns = |vectors: &[Vec<f64>]| columns_to_matrix(&vectors[..count], device, dtype);
        match &self.vectors {
            Vectors::Units(vectors) => columns(vectors),
            Vectors::Within(range, vectors) => (**range).clone().matmul(columns(vectors)),
            Vectors::Samples(vectors) => {
                let scaled: Vec<Vec<f64>> = vectors[..count]
                    .iter()
                    .zip(&self.variances)
                    .map(|(v, variance)| v.iter().map(|x| x / variance.sqrt()).collect())
                    .collect();
                // Small variances amplify rounding of the Gram matrix, so the columns are orthonormalized once more.
                orthonormalize(centered.clone().transpose().matmul(columns(&scaled)))
            }
        }
    }
}

/// All principal components of centered activity `[samples, units]`, through the smaller of covariance and Gram matrix.
pub(super) fn exact(centered: &Tensor<2>) -> Spectrum {
    let [samples, units] = centered.dims();
    let freedom = (samples - 1) as f64;
    let transposed = centered.clone().transpose();
    let by_units = units <= samples;
    let product =
        if by_units { transposed.matmul(centered.clone()) } else { centered.clone().matmul(transposed) };
    let (eigenvalues, vectors) = symmetric_eigen(&values(&product), units.min(samples));
    Spectrum {
        variances: eigenvalues.iter().map(|v| v.max(0.0) / freedom).collect(),
        vectors: if by_units { Vectors::Units(vectors) } else { Vectors::Samples(vectors) },
    }
}

/// The leading `count` principal components of centered activity `[samples, units]`, and a few more.
pub(super) fn randomized(centered: &Tensor<2>, count: usize, stream: &mut Stream) -> Spectrum {
    let [samples, units] = centered.dims();
    let columns = (count + OVERSAMPLING).min(units).min(samples);
    let mut test = vec![0.0; samples * columns];
    stream.fill_normal(&mut test);
    let test = matrix(test, [samples, columns], &centered.device()).cast(centered.dtype());
    let transposed = centered.clone().transpose();
    let mut range = orthonormalize(transposed.clone().matmul(test));
    for _ in 0..POWER_ITERATIONS {
        range = orthonormalize(transposed.clone().matmul(centered.clone().matmul(range)));
    }
    let projected = centered.clone().matmul(range.clone());
    let size = range.dims()[1];
    let (eigenvalues, vectors) =
        symmetric_eigen(&values(&projected.clone().transpose().matmul(projected)), size);
    Spectrum {
        variances: eigenvalues.iter().map(|v| v.max(0.0) / (samples - 1) as f64).collect(),
        vectors: Vectors::Within(Box::new(range), vectors),
    }
}

/// The orthonormal columns nearest to the given ones (symmetric orthonormalization, by the eigen-decomposition of a^T a, twice), so
/// that axes which are nearly orthonormal stay where they are. Of rank-deficient columns only a basis of their span is kept.
fn orthonormalize(a: Tensor<2>) -> Tensor<2> {
    let mut basis = a;
    for _ in 0..2 {
        let size = basis.dims()[1];
        let gram: Vec<f64> = values(&basis.clone().transpose().matmul(basis.clone()));
        let (eigenvalues, vectors) = symmetric_eigen(&gram, size);
        let kept = eigenvalues.iter().take_while(|value| **value > eigenvalues[0] * 1e-12).count();
        let scaled: Vec<Vec<f64>> = eigenvalues[..kept]
            .iter()
            .zip(&vectors)
            .map(|(value, vector)| vector.iter().map(|x| x / value.sqrt()).collect())
            .collect();
        let (device, dtype) = (&basis.device(), basis.dtype());
        let mut whitening = columns_to_matrix(&scaled, device, dtype);
        if kept == size {
            whitening = whitening.matmul(columns_to_matrix(&vectors, device, dtype).transpose());
        }
        basis = basis.matmul(whitening);
    }
    basis
}

fn columns_to_matrix(columns: &[Vec<f64>], device: &Device, dtype: DType) -> Tensor<2> {
    let rows = columns.first().map_or(0, Vec::len);
    let data: Vec<f64> = (0..rows).flat_map(|i| columns.iter().map(move |c| c[i])).collect();
    Tensor::from_data(TensorData::new(data, [rows, columns.len()]), (device, dtype))
}
