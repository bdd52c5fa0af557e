//! Noise whose covariance is a power of that of the activity.

use burn::tensor::{Tensor, TensorData};

use super::aim::Aim;
use crate::manifold::Subspace;
use nmnc_core::error::{Error, Result};

/// Variances below this fraction of the largest count as this much, so that noise has a size along every component.
const LEAST: f64 = 1e-6;

/// Noise of the covariance C^g for the covariance C of the activity, as far as the components of the manifold show it, and alike in all
/// directions off them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Covariance {
    /// Exponent g, 0 or more: along a component of the variance v noise has a variance in proportion to v^g.
    pub exponent: f64,
    /// Share of the noise's energy off the components, in [0, 1).
    pub rest: f64,
}

impl Covariance {
    pub(super) fn check(self) -> Result<()> {
        if !(self.exponent.is_finite() && self.exponent >= 0.0) {
            return Err(Error::config("exponent", format!("{} is not 0 or more", self.exponent)));
        }
        if !(0.0..1.0).contains(&self.rest) {
            return Err(Error::config("rest", format!("{} is not in [0, 1)", self.rest)));
        }
        Ok(())
    }

    /// Whether noise goes off the components, so that its coordinates are the units themselves.
    pub(super) fn is_everywhere(self) -> bool {
        self.rest > 0.0
    }
}

/// The symmetric root S of the noise's covariance over the mean of its m eigenvalues, in coordinates z of identity covariance: noise is
/// z S deviations. Coordinates are those of the components, m = d, or where noise goes off them the units, m = n.
#[derive(Clone, Debug)]
pub(super) struct Root {
    /// Eigenvalue of S along each component.
    along: Vec<f64>,
    /// The components and the eigenvalue off them, where coordinates are units.
    off: Option<(Subspace, f64)>,
}

impl Root {
    pub(super) fn new(covariance: Covariance, components: &Subspace) -> Self {
        let (n, d) = (components.units(), components.dimension());
        let largest = components.variances()[0];
        let powers: Vec<f64> = components
            .variances()
            .iter()
            .map(|v| (v / largest).max(LEAST).powf(covariance.exponent))
            .collect();
        let mean = powers.iter().sum::<f64>() / d as f64;
        let everywhere = covariance.is_everywhere();
        // Where the components are all there is, nothing is off them.
        let rest = if d < n { covariance.rest } else { 0.0 };
        let coordinates = if everywhere { n } else { d };
        let scale = (1.0 - rest) * coordinates as f64 / d as f64;
        let off = if d < n { (rest * n as f64 / (n - d) as f64).sqrt() } else { 1.0 };
        Self {
            along: powers.iter().map(|power| (scale * power / mean).sqrt()).collect(),
            off: everywhere.then(|| (components.clone(), off)),
        }
    }

    /// Of noise that goes where it is aimed, along the components and off them.
    pub(super) fn aimed(aim: &Aim, components: &Subspace) -> Self {
        Self {
            along: aim.along.iter().map(|variance| variance.sqrt()).collect(),
            off: Some((components.clone(), aim.off.sqrt())),
        }
    }

    /// Eigenvalues along the components.
    pub(super) fn along(&self) -> &[f64] {
        &self.along
    }

    /// The components and the eigenvalue off them, where coordinates are units.
    pub(super) fn off(&self) -> Option<(&Subspace, f64)> {
        self.off.as_ref().map(|(components, off)| (components, *off))
    }

    /// `rows` `[rows, m]` times S^`power`.
    pub(super) fn times(&self, rows: Tensor<2>, power: i32) -> Tensor<2> {
        let off = self.off.as_ref().map_or(0.0, |(_, off)| off.powi(power));
        let along: Vec<f64> = self.along.iter().map(|own| own.powi(power) - off).collect();
        let shape = [1, along.len()];
        let along = Tensor::<2>::from_data(TensorData::new(along, shape), (&rows.device(), rows.dtype()));
        match &self.off {
            None => rows * along,
            Some((components, _)) => {
                let moved = components.embed(components.coordinates(rows.clone()) * along);
                rows * off + moved
            }
        }
    }
}
