//! The noise of an update: some rows on the manifold, the others anywhere.

use burn::tensor::{Device, Tensor};

use crate::manifold::Subspace;
use crate::noise::Probe;
use nmnc_core::seed::{Role, Seed};

/// How many of an update's probes lie where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// On the manifold.
    pub manifold: usize,
    /// Anywhere.
    pub isotropic: usize,
}

/// Where and when noise is drawn.
pub(super) struct Source<'a> {
    pub seed: Seed,
    /// The stage; beyond the last, what is read within blocks.
    pub site: usize,
    pub step: u64,
    pub device: &'a Device,
}

impl Source<'_> {
    /// Rows `[count, dimension]` of identity covariance. `part` keeps the two kinds of noise of one step independent.
    pub fn draw(&self, probe: Probe, [count, dimension]: [usize; 2], part: usize) -> Tensor<2> {
        let mut stream = self.seed.stream(Role::Probe, 2 * self.site + part, self.step);
        probe.draw([count, dimension], &mut stream, self.device)
    }

    /// Noise `[split.manifold + split.isotropic, units]` of equal mean energy n in every row, those on the manifold first, in the
    /// span of its first `dimension` axes.
    pub fn noise(
        &self,
        probe: Probe,
        split: Split,
        units: usize,
        manifold: Option<(&Subspace, usize)>,
    ) -> Tensor<2> {
        let on = manifold.filter(|_| split.manifold > 0).map(|(manifold, dimension)| {
            let axes = manifold.basis().clone().narrow(1, 0, dimension);
            let coordinates = self.draw(probe, [split.manifold, dimension], 0);
            let scale = (units as f64 / dimension as f64).sqrt();
            nmnc_kernels::matmul(coordinates * scale, axes.transpose())
        });
        let off = (split.isotropic > 0).then(|| self.draw(probe, [split.isotropic, units], 1));
        Tensor::cat(on.into_iter().chain(off).collect(), 0)
    }
}
