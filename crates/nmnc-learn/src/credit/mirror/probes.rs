//! Probes of a site: some rows of noise on the manifold, the others anywhere, and what they tell.

use burn::tensor::{DType, Device, Tensor};

use super::budget::{Controller, Split};
use super::config::{Feedback, MirrorConfig, MirrorNoise};
use super::site::{Learned, Site};
use super::weights::{Innovation, WeightMirror};
use crate::manifold::{FollowedManifold, Subspace};
use crate::net::Map;
use crate::noise::Probe;
use nmnc_core::device::{energy, matrix, selected};
use nmnc_core::error::Result;
use nmnc_core::seed::{Role, Seed};

/// Where and when noise is drawn.
struct Source<'a> {
    seed: Seed,
    /// Number of the site.
    site: usize,
    step: u64,
    device: &'a Device,
    dtype: DType,
}

impl Source<'_> {
    /// Rows `[count, dimension]` of identity covariance. `part` keeps the two kinds of noise of one step independent.
    fn draw(&self, probe: Probe, [count, dimension]: [usize; 2], part: usize) -> Tensor<2> {
        let mut stream = self.seed.stream(Role::Probe, 2 * self.site + part, self.step);
        probe.draw([count, dimension], &mut stream, self.device).cast(self.dtype)
    }

    /// Noise `[split.manifold + split.isotropic, units]` of equal mean energy n in every row, those on the manifold first, in the
    /// span of its first `dimension` axes.
    fn noise(
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

/// What the probes of one site are taken with.
pub(crate) struct Probing<'a> {
    pub config: &'a MirrorConfig,
    pub controller: &'a mut Controller,
    /// The site's place in the controller's books.
    pub index: usize,
    /// Perturbed examples of the pass.
    pub count: usize,
    /// The maps that read the site.
    pub maps: &'a [Map<'a>],
    pub seed: Seed,
    pub step: u64,
}

impl Site {
    /// Learns from probes. Gives the number of them that the site had use for.
    ///
    /// # Errors
    /// If what is known is not finite, or what has been learned.
    pub fn probe(&mut self, probing: Probing) -> Result<usize> {
        let used = match self.learned {
            Learned::Weights(_) => self.probe_weights(probing),
            Learned::Coordinates(_) => self.probe_coordinates(probing).map_err(|e| e.within(&*self.place))?,
        };
        self.finite()?;
        Ok(used)
    }

    /// Noise such as the probes are of for the rows of `activity` `[rows, n]`, a tenth of it long; a share of `share` of the rows has it on the
    /// manifold, spread evenly among the others. None for a site that receives none.
    pub fn noise(
        &self,
        config: &MirrorConfig,
        share: f64,
        activity: &Tensor<2>,
        (seed, step): (Seed, u64),
    ) -> Option<Tensor<2>> {
        let [rows, units] = activity.dims();
        let axes = if config.feedback == Feedback::Coordinates { None } else { Some(self.axes) };
        let manifold = self.subspace().map(|manifold| (manifold, axes.unwrap_or(manifold.dimension())));
        let manifold = manifold.filter(|(_, axes)| *axes > 0);
        let share = match (config.noise, manifold) {
            (MirrorNoise::Isotropic, _) | (MirrorNoise::Both, None) => 0.0,
            (MirrorNoise::Both, Some(_)) => share,
            (MirrorNoise::Manifold, Some(_)) => 1.0,
            (MirrorNoise::Manifold, None) => return None,
        };
        let before = |row: usize| (row as f64 * share).floor() as usize;
        let split = Split { manifold: before(rows), isotropic: rows - before(rows) };
        let source =
            Source { seed, site: self.number, step, device: &activity.device(), dtype: activity.dtype() };
        let noise = source.noise(config.probe, split, units, manifold);
        let place = |row: usize| match before(row + 1) > before(row) {
            true => before(row),
            false => split.manifold + row - before(row),
        };
        let deviation = 0.1 * (energy(activity) / (rows * units) as f64).sqrt();
        Some(selected(&noise, &(0..rows).map(place).collect::<Vec<_>>()) * deviation)
    }

    /// Probes of one update that there is use for: as many as the most demanding of the maps has.
    pub fn useful(maps: &[Map]) -> usize {
        maps.iter().map(|map| WeightMirror::useful(*map)).max().unwrap_or(0)
    }

    fn probe_weights(&mut self, probing: Probing) -> usize {
        let Probing { config, controller, index, count, maps, seed, step } = probing;
        let (units, weight) = (maps[0].operation.inputs(), &maps[0].parameter.value);
        let rows = count.min(Self::useful(maps));
        let manifold = self.subspace().filter(|_| self.axes > 0).map(|manifold| (manifold, self.axes));
        let mut split = match (step, config.noise) {
            // Nothing is known yet, on the manifold or off it.
            (0, MirrorNoise::Both) => Split { manifold: 0, isotropic: rows },
            _ => controller.split(index, rows),
        };
        if manifold.is_none() {
            // Without a manifold, as in a silent stage, noise goes anywhere, unless it must not. Within a block there is none at all.
            let anywhere = config.noise != MirrorNoise::Manifold || self.manifold.is_none();
            split = Split { manifold: 0, isotropic: if anywhere { rows } else { 0 } };
        }
        if split.manifold + split.isotropic == 0 {
            return 0;
        }
        let source =
            Source { seed, site: self.number, step, device: &weight.device(), dtype: weight.dtype() };
        let noise = source.noise(config.probe, split, units, manifold);
        let Learned::Weights(mirrors) = &mut self.learned else { unreachable!("weights are mirrored") };
        let mut innovation = Innovation::default();
        for (mirror, map) in mirrors.iter_mut().zip(maps) {
            innovation.join(match config.eta {
                Some(eta) => mirror.average(*map, noise.clone(), eta),
                None => mirror.least_squares(*map, noise.clone()),
            });
        }
        let off = &innovation.response[split.manifold..];
        if !off.is_empty() {
            self.gain = off.iter().sum::<f64>() / (off.len() * units) as f64;
        }
        controller.learn(index, &innovation, split.manifold);
        rows
    }

    fn probe_coordinates(&mut self, probing: Probing) -> Result<usize> {
        let Probing { config, controller, index, count, maps, seed, step } = probing;
        let map = maps[0];
        let device = map.parameter.value.device();
        let subspace = self.manifold.as_ref().and_then(FollowedManifold::subspace);
        let (Some(manifold), Learned::Coordinates(Some(mirror))) = (subspace, &mut self.learned) else {
            return Ok(0);
        };
        let source =
            Source { seed, site: self.number, step, device: &device, dtype: manifold.basis().dtype() };
        let d = manifold.dimension();
        let rows = count.min(d);
        let probes = match mirror.least_known(rows)? {
            Some(directions) => {
                matrix(directions.into_iter().map(|x| x as f32).collect(), [rows, d], &device)
            }
            None => source.draw(config.probe, [rows, d], 0),
        };
        let probes = probes.cast(source.dtype);
        let innovation = mirror.update(map, manifold, probes, config.eta);
        controller.learn(index, &innovation, rows);
        Ok(rows)
    }
}
