//! Where a perturbation lives and how large it is.

use burn::tensor::{DType, Tensor};
use nmnc_kernels::{embed_add, perturb, row_energies};

use super::covariance::Root;
use crate::manifold::Subspace;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::scale;

/// Digits that the noise must have above the smallest normal number.
const FINE: f64 = 4096.0;

/// Norm of each row of `activity`, in a unit where devices that sum squares in single precision would lose them.
pub(super) fn norms(activity: &Tensor<2>) -> Vec<f64> {
    let energies = row_energies(activity);
    let mean = energies.iter().sum::<f64>() / energies.len().max(1) as f64;
    if scale::is_moderate(mean) {
        return energies.into_iter().map(f64::sqrt).collect();
    }
    let unit = scale::tensor_unit(activity).unwrap_or(1.0);
    row_energies(&scale::over(activity.clone(), unit))
        .into_iter()
        .map(|energy| energy.sqrt() * unit)
        .collect()
}

/// Noise of an activity: its span, its deviation along each coordinate, and its covariance where coordinates are not alike.
#[derive(Clone, Debug)]
pub struct Noise {
    manifold: Option<Subspace>,
    deviation: f64,
    root: Option<Root>,
}

impl Noise {
    /// Noise whose norm is `sigma` times the mean of `norms` ||x||, those of the rows of an activity of `units` units, on the manifold
    /// or, where there is none, anywhere: the deviation along each of its m coordinates is sigma * mean ||x|| / sqrt(m), so that noise
    /// anywhere (m = n) and on a manifold (m = d) carries the same energy. Nothing where the activity is zero, which has no scale, or so near
    /// to it that numbers of its type `dtype` cannot hold the noise.
    ///
    /// # Errors
    /// Activity that is not finite; the caller adds whose.
    pub fn scaled(
        sigma: f64,
        manifold: Option<&Subspace>,
        units: usize,
        norms: &[f64],
        dtype: DType,
    ) -> Result<Option<Self>> {
        let dimension = manifold.map_or(units, Subspace::dimension);
        let norm = norms.iter().sum::<f64>() / norms.len() as f64;
        let deviation = sigma * norm / (dimension as f64).sqrt();
        if !deviation.is_finite() {
            return Err(Error::new(ErrorKind::Diverged, "", "activity is not finite"));
        }
        let least = FINE * if dtype == DType::F64 { f64::MIN_POSITIVE } else { f64::from(f32::MIN_POSITIVE) };
        Ok((deviation > least).then(|| Self { manifold: manifold.cloned(), deviation, root: None }))
    }

    /// Where it lives; anywhere if nowhere else.
    pub fn manifold(&self) -> Option<&Subspace> {
        self.manifold.as_ref()
    }

    /// Of the covariance with the given root in the same coordinates, and the same energy.
    pub(super) fn shaped(self, root: Root) -> Self {
        Self { root: Some(root), ..self }
    }

    /// The root of its covariance, where coordinates are not alike.
    pub(super) fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// Standard deviation along each coordinate, the root of the mean square where they are not alike.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Of the same deviation on another manifold, along all its axes alike.
    pub fn on(&self, manifold: &Subspace) -> Self {
        Self { manifold: Some(manifold.clone()), deviation: self.deviation, root: None }
    }

    /// The noise `[rows, n]` with the given white `coordinates` `[rows, m]`, over the deviation.
    pub(super) fn vectors(&self, coordinates: Tensor<2>) -> Tensor<2> {
        embedded(times(self.root(), coordinates, 1), self.manifold())
    }

    /// `activity` `[rows, n]` moved by `factor` times the noise with the given white `coordinates` `[rows, m]`.
    pub fn moved(&self, activity: &Tensor<2>, coordinates: &Tensor<2>, factor: f64) -> Tensor<2> {
        let scale = factor * self.deviation;
        let directions = times(self.root(), coordinates.clone(), 1);
        match &self.manifold {
            Some(manifold) => embed_add(activity, &directions, manifold.basis(), scale),
            None => perturb(activity, &directions, scale),
        }
    }
}

/// `rows` times S^`power` for the root S of a covariance; `rows` themselves where it is that of all coordinates alike.
pub(super) fn times(root: Option<&Root>, rows: Tensor<2>, power: i32) -> Tensor<2> {
    match root {
        Some(root) => root.times(rows, power),
        None => rows,
    }
}

/// The vectors z U^T `[rows, n]`; z itself without a manifold.
pub(super) fn embedded(coordinates: Tensor<2>, manifold: Option<&Subspace>) -> Tensor<2> {
    match manifold {
        Some(manifold) => manifold.embed(coordinates),
        None => coordinates,
    }
}
