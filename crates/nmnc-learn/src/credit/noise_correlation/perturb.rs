//! Perturbed passes: one stage alone or several together.

use burn::tensor::Tensor;

use super::known::Known;
use crate::credit::context::LocalContext;
use crate::estimator::Perturbations;
use nmnc_core::error::Result;

/// A stage that receives noise in a pass.
pub(super) struct Injected<'a> {
    /// Stage, from 0.
    pub stage: usize,
    /// What asks for its perturbations.
    pub known: &'a Known,
}

/// Perturbations of one stage's activity, repetition after repetition over the worker's batch, and what came of them.
pub(super) struct Answered {
    /// `probes * batch` of them.
    pub perturbations: Perturbations,
    /// Change of the output `[probes * batch, outputs]`.
    pub changes: Tensor<2>,
}

/// What a pass gives.
pub(super) struct Passed {
    /// Answers by stage.
    pub answered: Vec<(usize, Answered)>,
    /// Stages that were silent: they have no scale for noise, and behind a rectifier a derivative of zero.
    pub silent: Vec<usize>,
}

/// A perturbed pass over a batch, from the first stage that receives noise on.
pub(super) struct PerturbedPass<'a> {
    pub context: &'a LocalContext<'a>,
    /// First stage, from 0.
    pub first: usize,
    pub antithetic: bool,
    /// Repetitions K.
    pub probes: usize,
}

/// The perturbations of a stage once they have been asked for; nothing in them where it is silent.
type Asked = Option<Option<Perturbations>>;

impl PerturbedPass<'_> {
    /// Runs the pass with noise at every stage of `injected`, in ascending order.
    ///
    /// The deviation of a stage's noise follows its own activity in the first repetition, which the noise of the stages before it
    /// has moved, and stays the same for all repetitions and signs.
    ///
    /// # Errors
    /// Activity that is not finite.
    pub fn run(&self, injected: &[Injected]) -> Result<Passed> {
        let mut asked: Vec<Asked> = vec![None; injected.len()];
        let mut differences = Vec::with_capacity(self.probes);
        for repetition in 0..self.probes {
            let forward = self.output(injected, repetition, 1.0, &mut asked)?;
            if asked.iter().flatten().all(Option::is_none) {
                break;
            }
            differences.push(match self.antithetic {
                true => (forward - self.output(injected, repetition, -1.0, &mut asked)?) / 2.0,
                false => forward - self.context.output.clone(),
            });
        }
        let mut passed = Passed { answered: Vec::new(), silent: Vec::new() };
        // A tensor cannot have no rows.
        let changes = (!differences.is_empty()).then(|| Tensor::cat(differences, 0));
        for (injected, perturbations) in injected.iter().zip(asked) {
            match (perturbations.flatten(), &changes) {
                (Some(perturbations), Some(changes)) => {
                    let answered = Answered { perturbations, changes: changes.clone() };
                    passed.answered.push((injected.stage, answered));
                }
                _ => passed.silent.push(injected.stage),
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
        asked: &mut [Asked],
    ) -> Result<Tensor<2>> {
        let mut stages: Vec<usize> = injected.iter().map(|injected| injected.stage).collect();
        // Where the pass begins, all that it needs is at hand.
        if !stages.contains(&self.first) {
            stages.insert(0, self.first);
        }
        self.context.replay.output(&stages, |stage, activity| {
            match injected.iter().position(|injected| injected.stage == stage) {
                Some(place) => self.moved(&injected[place], activity, repetition, sign, &mut asked[place]),
                None => Ok(activity),
            }
        })
    }

    /// A stage's activity with the noise of one repetition times `sign`.
    fn moved(
        &self,
        injected: &Injected,
        activity: Tensor<2>,
        repetition: usize,
        sign: f64,
        asked: &mut Asked,
    ) -> Result<Tensor<2>> {
        let batch = activity.dims()[0];
        let perturbations = match asked {
            Some(known) => known,
            None => {
                // All repetitions are asked for together, so that orthogonal blocks run across examples and repetitions.
                let LocalContext { step, share, .. } = *self.context;
                let all = injected.known.ask_share(step, 0..self.probes, &activity, share);
                asked.insert(all.map_err(|e| e.within(format!("stage {}", injected.stage + 1)))?)
            }
        };
        Ok(match perturbations {
            Some(all) => {
                let own = all.part(repetition * batch..(repetition + 1) * batch);
                if sign > 0.0 { own.moved(&activity) } else { own.moved_back(&activity) }
            }
            None => activity,
        })
    }
}
