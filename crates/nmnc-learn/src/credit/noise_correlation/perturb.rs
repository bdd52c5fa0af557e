//! Perturbed passes: one stage alone or several together.

use burn::tensor::Tensor;

use crate::credit::local::LocalContext;
use crate::estimator::Noise;
use crate::manifold::Subspace;
use nmnc_core::error::Result;

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
        let mut noises = vec![None; injected.len()];
        let mut differences = Vec::with_capacity(self.probes);
        for repetition in 0..self.probes {
            let forward = self.output(&injected, repetition, 1.0, &mut noises)?;
            if noises.iter().flatten().all(Option::is_none) {
                break;
            }
            differences.push(match self.antithetic {
                true => {
                    let backward = self.output(&injected, repetition, -1.0, &mut noises)?;
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
        for (injected, noise) in injected.into_iter().zip(noises) {
            let Injected { stage, coordinates, manifold } = injected;
            match noise.flatten() {
                None => passed.silent.push(stage),
                Some(noise) => {
                    let changes = changes.clone() / noise.deviation();
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
        noises: &mut [Option<Option<Noise>>],
    ) -> Result<Tensor<2>> {
        let batch = self.activity.dims()[0];
        let mut stages: Vec<usize> = injected.iter().map(|injected| injected.stage).collect();
        // Where the pass begins, all that it needs is at hand.
        if !stages.contains(&self.first) {
            stages.insert(0, self.first);
        }
        self.context.replay.output(&stages, |stage, activity| {
            let Some(place) = injected.iter().position(|injected| injected.stage == stage) else {
                return Ok(activity);
            };
            let Injected { coordinates, manifold, .. } = &injected[place];
            let noise = match &mut noises[place] {
                Some(known) => known,
                unknown => {
                    let scaled = Noise::scaled(self.sigma, manifold.as_ref(), &activity);
                    unknown.insert(scaled.map_err(|e| e.within(format!("stage {}", stage + 1)))?)
                }
            };
            let Some(noise) = noise else { return Ok(activity) };
            Ok(noise.moved(&activity, &repeated(coordinates, repetition, batch), sign))
        })
    }
}

/// The rows of one repetition.
pub(super) fn repeated(rows: &Tensor<2>, repetition: usize, batch: usize) -> Tensor<2> {
    rows.clone().narrow(0, repetition * batch, batch)
}
