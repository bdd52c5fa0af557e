//! Perturbed passes: one stage alone or several together.

use burn::tensor::Tensor;
use nmnc_kernels::{embed_add, perturb, row_energies};

use crate::credit::local::LocalContext;
use crate::manifold::Subspace;
use nmnc_core::error::{Error, ErrorKind, Result};

/// Perturbations of one stage's activity, repetition after repetition over the batch.
pub(super) struct Perturbations {
    /// Coordinates with identity covariance, `[probes * batch, m]`.
    pub coordinates: Tensor<2>,
    /// Change of the output per unit of the coordinates, `[probes * batch, outputs]`.
    pub changes: Tensor<2>,
    /// The manifold the coordinates are those of, as it was when they were drawn.
    pub manifold: Option<Subspace>,
}

/// Noise for one stage of a pass.
pub(super) struct Injected {
    /// Stage, from 0.
    pub stage: usize,
    /// Coordinates with identity covariance, `[probes * batch, m]`.
    pub coordinates: Tensor<2>,
    /// Where the noise lives; everywhere if nowhere else.
    pub manifold: Option<Subspace>,
}

/// What a pass gives.
pub(super) struct Passed {
    /// Perturbations by stage.
    pub perturbations: Vec<(usize, Perturbations)>,
    /// Stages that were silent: they have no scale for noise, and behind a rectifier a derivative of zero.
    pub silent: Vec<usize>,
}

/// A perturbed pass over a batch, from the first stage that receives noise on.
pub(super) struct PerturbedPass<'a> {
    pub context: &'a LocalContext<'a>,
    /// First stage, from 0, and its activity `[batch, n_l]`.
    pub first: usize,
    pub activity: &'a Tensor<2>,
    /// Noise norm over activity norm.
    pub sigma: f64,
    pub antithetic: bool,
    /// Repetitions K.
    pub probes: usize,
}

impl PerturbedPass<'_> {
    /// Runs the pass with noise at every stage of `injected`, in ascending order.
    ///
    /// The deviation of a stage's noise follows its own activity in the first repetition, which the noise of the stages before it
    /// has moved, and stays the same for all repetitions and signs.
    ///
    /// # Errors
    /// Activity that is not finite.
    pub fn run(&self, injected: Vec<Injected>) -> Result<Passed> {
        let batch = self.activity.dims()[0];
        let mut deviations = vec![None; injected.len()];
        let mut differences = Vec::with_capacity(self.probes);
        for repetition in 0..self.probes {
            let forward = self.output(&injected, repetition, 1.0, &mut deviations)?;
            if deviations.iter().all(|deviation| *deviation == Some(0.0)) {
                break;
            }
            differences.push(match self.antithetic {
                true => {
                    let backward = self.output(&injected, repetition, -1.0, &mut deviations)?;
                    (forward - backward) / 2.0
                }
                false => forward - self.context.output.clone(),
            });
        }
        let mut passed = Passed { perturbations: Vec::new(), silent: Vec::new() };
        if differences.is_empty() {
            passed.silent = injected.iter().map(|noise| noise.stage).collect();
            return Ok(passed);
        }
        let changes = Tensor::cat(differences, 0);
        debug_assert_eq!(changes.dims()[0], self.probes * batch);
        for (noise, deviation) in injected.into_iter().zip(deviations) {
            let Injected { stage, coordinates, manifold } = noise;
            match deviation.unwrap_or(0.0) {
                0.0 => passed.silent.push(stage),
                deviation => {
                    let changes = changes.clone() / deviation;
                    passed.perturbations.push((stage, Perturbations { coordinates, changes, manifold }));
                }
            }
        }
        Ok(passed)
    }

    /// Output of one repetition with the noise times `sign`.
    fn output(
        &self,
        injected: &[Injected],
        repetition: usize,
        sign: f64,
        deviations: &mut [Option<f64>],
    ) -> Result<Tensor<2>> {
        let (network, batch) = (self.context.network, self.activity.dims()[0]);
        let mut activity = self.activity.clone();
        let mut next = self.first;
        for (noise, deviation) in injected.iter().zip(deviations) {
            for stage in next + 1..=noise.stage {
                activity = network.stage(stage).activity(activity);
            }
            next = noise.stage;
            let deviation = match *deviation {
                Some(known) => known,
                None => *deviation.insert(self.deviation(noise, &activity)?),
            };
            if deviation > 0.0 {
                let coordinates = repeated(&noise.coordinates, repetition, batch);
                activity = match &noise.manifold {
                    Some(manifold) => embed_add(&activity, &coordinates, manifold.basis(), sign * deviation),
                    None => perturb(&activity, &coordinates, sign * deviation),
                };
            }
        }
        Ok(network.output_after(next, activity))
    }

    /// Deviation along each coordinate: sigma * mean ||x_l|| / sqrt(m).
    fn deviation(&self, noise: &Injected, activity: &Tensor<2>) -> Result<f64> {
        let [batch, _] = activity.dims();
        let dimension = noise.coordinates.dims()[1] as f64;
        let norm = row_energies(activity).into_iter().map(f64::sqrt).sum::<f64>() / batch as f64;
        let deviation = self.sigma * norm / dimension.sqrt();
        if deviation.is_finite() {
            return Ok(deviation);
        }
        let place = format!("stage {}", noise.stage + 1);
        Err(Error::new(ErrorKind::Diverged, place, "activity is not finite"))
    }
}

/// The rows of one repetition.
pub(super) fn repeated(rows: &Tensor<2>, repetition: usize, batch: usize) -> Tensor<2> {
    rows.clone().narrow(0, repetition * batch, batch)
}
