//! A subspace with an orthonormal basis.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;

use nmnc_core::device::values;
use nmnc_core::error::Result;
use nmnc_core::linalg::symmetric_eigen;
use nmnc_core::state::State;

/// An orthonormal basis U of the top principal components of some activity.
#[derive(Clone, Debug)]
pub struct Subspace {
    basis: Tensor<2>,
    variances: Vec<f64>,
    total_variance: f64,
}

impl Subspace {
    /// A subspace with the given orthonormal basis `[units, dimension]` and the variance along each column.
    pub fn new(basis: Tensor<2>, variances: Vec<f64>, total_variance: f64) -> Self {
        assert_eq!(basis.dims()[1], variances.len(), "one variance a column");
        Self { basis, variances, total_variance }
    }

    /// Orthonormal basis U, `[units, dimension]`, largest variance first.
    pub fn basis(&self) -> &Tensor<2> {
        &self.basis
    }

    /// Number n of units.
    pub fn units(&self) -> usize {
        self.basis.dims()[0]
    }

    /// Dimension d.
    pub fn dimension(&self) -> usize {
        self.basis.dims()[1]
    }

    /// Variance along each basis vector.
    pub fn variances(&self) -> &[f64] {
        &self.variances
    }

    /// Variance of the activity in all directions.
    pub fn total_variance(&self) -> f64 {
        self.total_variance
    }

    /// Coordinates x U `[batch, dimension]` of `vectors` `[batch, units]`.
    pub fn coordinates(&self, vectors: Tensor<2>) -> Tensor<2> {
        matmul(vectors, self.basis.clone())
    }

    /// What a checkpoint keeps.
    pub fn state(&self) -> State {
        State {
            tensors: [("basis".to_owned(), self.basis.clone())].into(),
            numbers: [
                ("variances".to_owned(), self.variances.clone()),
                ("total_variance".to_owned(), vec![self.total_variance]),
            ]
            .into(),
            ..State::default()
        }
    }

    /// The subspace of the activity of `units` units that [`Subspace::state`] came from.
    ///
    /// # Errors
    /// If something is missing or shapes disagree.
    pub fn restore(state: &State, units: usize) -> Result<Self> {
        let dimension = state.tensor("basis")?.dims()[1].clamp(1, units.max(1));
        let basis = state.shaped("basis", [units, dimension])?;
        let variances = state.numbers("variances", basis.dims()[1])?.to_vec();
        let total_variance = state.numbers("total_variance", 1)?[0];
        Ok(Self { basis, variances, total_variance })
    }

    /// The vectors z U^T `[batch, units]` with the given `coordinates` `[batch, dimension]`.
    pub fn embed(&self, coordinates: Tensor<2>) -> Tensor<2> {
        matmul(coordinates, self.basis.clone().transpose())
    }

    /// Principal angles to `other`, in radians, smallest first: as many as the smaller dimension.
    ///
    /// From cosines and sines both, so that small angles are accurate too (Bjorck and Golub 1973).
    ///
    /// # Errors
    /// A basis that is not finite.
    pub fn principal_angles(&self, other: &Self) -> Result<Vec<f64>> {
        let (small, large) =
            if self.dimension() <= other.dimension() { (self, other) } else { (other, self) };
        let overlap = matmul(large.basis.clone().transpose(), small.basis.clone());
        let residual = small.basis.clone() - matmul(large.basis.clone(), overlap.clone());
        // Squares of cosines in descending order, of sines in ascending order.
        let squares = |a: Tensor<2>| {
            let gram: Vec<f64> = values(&matmul(a.clone().transpose(), a));
            Ok(symmetric_eigen(&gram, small.dimension())?.0.into_iter().map(|v| v.max(0.0)))
        };
        let mut sines: Vec<f64> = squares(residual)?.collect();
        sines.reverse();
        Ok(squares(overlap)?.zip(sines).map(|(cosine, sine)| sine.sqrt().atan2(cosine.sqrt())).collect())
    }
}
