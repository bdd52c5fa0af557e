//! Where a perturbation lives and how large it is.

use burn::tensor::{DType, Tensor};
use nmnc_kernels::{embed_add, perturb, row_energies};

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

/// Noise of an activity: its span and its deviation along each coordinate.
#[derive(Clone, Debug)]
pub struct Noise {
    manifold: Option<Subspace>,
    deviation: f64,
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
        Ok((deviation > least).then(|| Self { manifold: manifold.cloned(), deviation }))
    }

    /// Where it lives; anywhere if nowhere else.
    pub fn manifold(&self) -> Option<&Subspace> {
        self.manifold.as_ref()
    }

    /// Standard deviation along each coordinate.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Of the same deviation on another manifold.
    pub fn on(&self, manifold: &Subspace) -> Self {
        Self { manifold: Some(manifold.clone()), deviation: self.deviation }
    }

    /// `activity` `[rows, n]` moved by `factor` deviations along `coordinates` `[rows, m]`.
    pub fn moved(&self, activity: &Tensor<2>, coordinates: &Tensor<2>, factor: f64) -> Tensor<2> {
        let scale = factor * self.deviation;
        match &self.manifold {
            Some(manifold) => embed_add(activity, coordinates, manifold.basis(), scale),
            None => perturb(activity, coordinates, scale),
        }
    }
}
