//! Principal components of one sample of activity, exact and randomized.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;

use super::activity::Activity;
use super::columns::{Singular, mirror_product, orthonormalize, to_matrix};
use nmnc_core::device::values;
use nmnc_core::error::Result;
use nmnc_core::linalg::symmetric_eigen;
use nmnc_core::seed::Stream;

/// Columns beyond those asked for, and power iterations: the values Halko et al. recommend for slowly decaying spectra.
pub(super) const OVERSAMPLING: usize = 10;
const POWER_ITERATIONS: usize = 2;

/// Variances in descending order, in units of the activity, and the means to build the matching basis vectors.
pub(super) struct Spectrum {
    pub variances: Vec<f64>,
    vectors: Vectors,
}

enum Vectors {
    /// Eigenvectors of the covariance: the basis itself, as columns.
    Units(Vec<Vec<f64>>),
    /// Eigenvectors of the Gram matrix of the samples.
    Samples(Vec<Vec<f64>>),
    /// Left singular vectors of the covariance times some axes.
    Singular(Box<Singular>),
}

impl Spectrum {
    /// The first `count` principal axes, `[units, count]`, at least one.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn basis(&self, activity: &Activity, count: usize) -> Result<Tensor<2>> {
        Ok(match &self.vectors {
            Vectors::Units(vectors) => to_matrix(&vectors[..count], activity.like()),
            Vectors::Singular(singular) => singular.vectors(count),
            Vectors::Samples(vectors) => {
                let scaled: Vec<Vec<f64>> = vectors[..count]
                    .iter()
                    .zip(&self.variances)
                    .map(|(v, variance)| v.iter().map(|x| x / variance.sqrt()).collect())
                    .collect();
                // Small variances amplify rounding of the Gram matrix, so the columns are orthonormalized once more.
                orthonormalize(activity.combine(to_matrix(&scaled, activity.like()))?)?
            }
        })
    }

    fn of_singular(singular: Singular, activity: &Activity) -> Self {
        let freedom = (activity.samples() - 1) as f64;
        Self {
            variances: singular.values.iter().map(|value| value / freedom).collect(),
            vectors: Vectors::Singular(Box::new(singular)),
        }
    }
}

/// All principal components, through the smaller of covariance and Gram matrix.
///
/// # Errors
/// Numbers that are not finite.
pub(super) fn exact(activity: &Activity) -> Result<Spectrum> {
    let (samples, units) = (activity.samples(), activity.units());
    let by_units = units <= samples;
    let centered = activity.centered();
    let product = if by_units {
        values(&matmul(centered.clone().transpose(), centered))
    } else {
        mirror_product(&centered)
    };
    let (eigenvalues, vectors) = symmetric_eigen(&product, units.min(samples))?;
    Ok(Spectrum {
        variances: eigenvalues.iter().map(|v| v.max(0.0) / (samples - 1) as f64).collect(),
        vectors: if by_units { Vectors::Units(vectors) } else { Vectors::Samples(vectors) },
    })
}

/// The leading `count` principal components, and a few more, from a random start.
///
/// Axes Q go through C = X^T X, and the left singular vectors and values of C Q are taken for the principal axes and their
/// variances: the last pass improves both, and the variances are never larger than the exact ones.
///
/// # Errors
/// Numbers that are not finite; a worker that cannot be reached.
pub(super) fn randomized(activity: &Activity, count: usize, stream: &mut Stream) -> Result<Spectrum> {
    let (samples, units) = (activity.samples(), activity.units());
    let test = random([samples, (count + OVERSAMPLING).min(units).min(samples)], activity, stream);
    let mut range = activity.combine(test)?;
    for _ in 0..POWER_ITERATIONS {
        range = activity.power(orthonormalize(range)?)?;
    }
    Ok(Spectrum::of_singular(Singular::of(range)?, activity))
}

/// The leading `count` principal components, and a few more, by one pass of [`randomized`] from the `previous` basis, which must
/// have at least `count` columns, and random axes orthogonal to it, through which new directions enter.
///
/// # Errors
/// Numbers that are not finite; a worker that cannot be reached.
pub(super) fn warm(
    activity: &Activity,
    count: usize,
    previous: &Tensor<2>,
    stream: &mut Stream,
) -> Result<Spectrum> {
    let [units, known] = previous.dims();
    let fresh = (count + OVERSAMPLING).min(units).min(activity.samples()).saturating_sub(known);
    let mut axes = previous.clone();
    if fresh > 0 {
        let random = random([units, fresh], activity, stream);
        let inside = matmul(previous.clone(), matmul(previous.clone().transpose(), random.clone()));
        axes = Tensor::cat(vec![axes, orthonormalize(random - inside)?], 1);
    }
    Ok(Spectrum::of_singular(Singular::of(activity.power(axes)?)?, activity))
}

fn random(shape: [usize; 2], activity: &Activity, stream: &mut Stream) -> Tensor<2> {
    stream.normals(shape, &activity.like().device()).cast(activity.like().dtype())
}
