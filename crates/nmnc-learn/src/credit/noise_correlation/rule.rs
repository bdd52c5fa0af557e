//! The rule itself.

use burn::tensor::Tensor;
use nmnc_kernels::{blend, matmul};

use super::config::{Memory, NoiseCorrelationConfig, Normalize};
use super::perturb::{Injected, Perturbations, PerturbedPass, repeated};
use crate::credit::local::{LocalContext, LocalRule, local_signals};
use crate::credit::rule::{CreditRule, RuleSetup, StepContext};
use crate::estimator::{Estimator, Responses, Uncertainty, recursive_step, solve};
use crate::manifold::{FollowedManifold, RefreshFrom, Refreshed, Subspace};
use nmnc_core::device::{energy, values};
use nmnc_core::error::Result;
use nmnc_core::seed::Role;
use nmnc_core::state::State;

/// Noise correlation with the settings of [`NoiseCorrelationConfig`].
pub struct NoiseCorrelation {
    config: NoiseCorrelationConfig,
    stages: Vec<StageState>,
    probes: u64,
    warnings: Vec<String>,
}

/// What the rule knows of one stage.
struct StageState {
    /// Feedback weights B_l `[outputs, n_l]`.
    feedback: Option<Tensor<2>>,
    manifold: Option<FollowedManifold>,
    /// What is known of the feedback along each axis of the manifold (recursive least squares).
    uncertainty: Option<Uncertainty>,
    /// Perturbations of a pass that another stage of this step began.
    pending: Option<Perturbations>,
}

/// Expected squared error of the leaky average after `updates` estimates, over ||j||^2, when each estimate has the relative
/// variance `variance` and the true Jacobian j stays put: what is left of the start at zero, plus the averaged noise.
pub fn leaky_average_law(eta: f64, updates: u32, variance: f64) -> f64 {
    let forgotten = (1.0 - eta).powi(2 * updates as i32);
    forgotten + variance * eta / (2.0 - eta) * (1.0 - forgotten)
}

impl NoiseCorrelation {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: NoiseCorrelationConfig, setup: &RuleSetup) -> Self {
        let outputs = setup.network.outputs();
        let feedback = |units| match config.memory {
            Memory::Feedback => Some(Tensor::zeros([outputs, units], setup.device)),
            Memory::None => None,
        };
        let stage = |(index, units)| StageState {
            feedback: feedback(units),
            manifold: config.manifold.as_ref().map(|manifold| FollowedManifold::new(manifold, index)),
            uncertainty: None,
            pending: None,
        };
        let stages = setup.network.stage_units().into_iter().enumerate().map(stage).collect();
        Self { config, stages, probes: 0, warnings: Vec::new() }
    }

    /// Feedback weights B_l `[outputs, n_l]` of a stage (from 0), if the rule learns any.
    pub fn feedback(&self, stage: usize) -> Option<&Tensor<2>> {
        self.stages[stage].feedback.as_ref()
    }

    /// Whether this step refreshes the manifolds, and from what.
    fn refresh(&self, step: u64) -> Option<RefreshFrom> {
        self.config.manifold.as_ref().and_then(|manifold| manifold.due(step))
    }

    /// Refreshes every manifold from activity of `samples` training examples, of which one stage's is kept at a time.
    fn refresh_manifolds(&mut self, samples: usize, context: &LocalContext) -> Result<()> {
        let inputs = context.inputs.sample(samples, context.step)?;
        for (index, activity) in context.network.each_activity(inputs).enumerate() {
            self.refresh_manifold(index, &activity, context)?;
        }
        Ok(())
    }

    fn refresh_manifold(&mut self, index: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<()> {
        let prior = self.prior();
        let StageState { manifold, uncertainty, .. } = &mut self.stages[index];
        let Some(manifold) = manifold else { return Ok(()) };
        let mut stream = context.seed.stream(Role::RangeFinder, index, context.step);
        let Refreshed { before, after, degeneracy } = manifold
            .refresh(activity.clone(), &mut stream)
            .map_err(|e| e.within(format!("stage {}", index + 1)))?;
        if let (Some(prior), Some(new)) = (prior, &after) {
            // The feedback is kept for all units, so that only what is known of its coordinates has to follow the axes.
            let known = uncertainty.take().zip(before).map(|(known, old)| {
                let overlap = matmul(old.basis().clone().transpose(), new.basis().clone());
                known.carried(&values::<f64>(&overlap), prior)
            });
            *uncertainty = Some(known.unwrap_or_else(|| Uncertainty::new(new.dimension(), prior)));
        }
        if let Some(degeneracy) = degeneracy {
            self.warnings.push(format!("stage {}: {degeneracy}", index + 1));
        }
        Ok(())
    }

    /// Variance of a coordinate of the Jacobian that nothing is known of, over that of a response (recursive least squares).
    fn prior(&self) -> Option<f64> {
        self.config.ridge.map(f64::recip)
    }

    /// The perturbations of a stage: those of a pass that an earlier stage began, or of one that begins here. Nothing for a stage without
    /// a manifold, or without activity.
    fn perturb(
        &mut self,
        index: usize,
        activity: &Tensor<2>,
        context: &LocalContext,
    ) -> Result<Option<Perturbations>> {
        let group = self.config.injection.pass_from(index, self.stages.len());
        if !group.is_empty() {
            self.begin_pass(&group, activity, context)?;
        }
        Ok(self.stages[index].pending.take())
    }

    /// Perturbs every example of the batch `probes` times at all stages of `group` at once.
    fn begin_pass(&mut self, group: &[usize], activity: &Tensor<2>, context: &LocalContext) -> Result<()> {
        let batch = activity.dims()[0];
        let units = context.network.stage_units();
        let injected = group.iter().filter_map(|&stage| {
            let manifold = match &self.stages[stage].manifold {
                None => None,
                Some(followed) => Some(followed.subspace()?.clone()),
            };
            let dimension = manifold.as_ref().map_or(units[stage], Subspace::dimension);
            let mut stream = context.seed.stream(Role::Probe, stage, context.step);
            // All repetitions are drawn together, so that orthogonal blocks run across examples and repetitions.
            let rows = [batch * self.config.probes, dimension];
            let coordinates =
                self.config.probe.draw(rows, &mut stream, &activity.device()).cast(activity.dtype());
            Some(Injected { stage, coordinates, manifold })
        });
        let injected: Vec<Injected> = injected.collect();
        if injected.is_empty() {
            return Ok(());
        }
        let pass = PerturbedPass {
            context,
            first: group[0],
            activity,
            sigma: self.config.sigma,
            antithetic: self.config.antithetic,
            probes: self.config.probes,
        };
        let passed = pass.run(injected)?;
        for stage in passed.silent {
            self.warnings.push(format!("stage {}: activity is zero, so it receives no probes", stage + 1));
        }
        if !passed.perturbations.is_empty() {
            let passes = if self.config.antithetic { 2 } else { 1 };
            self.probes += (batch * self.config.probes * passes) as u64;
        }
        for (stage, perturbations) in passed.perturbations {
            self.stages[stage].pending = Some(perturbations);
        }
        Ok(())
    }

    /// B <- (1 - eta) B + eta Jhat, or what the estimator does instead.
    fn update_feedback(&mut self, index: usize, perturbations: Perturbations) {
        let Perturbations { coordinates, changes, manifold } = perturbations;
        let responses = Responses { probes: coordinates, changes };
        let StageState { feedback, uncertainty, .. } = &mut self.stages[index];
        let known = feedback.take().expect("memory keeps feedback weights");
        *feedback = Some(match (self.config.forgetting.zip(self.config.ridge), uncertainty) {
            (Some((forgetting, ridge)), Some(uncertainty)) => {
                let innovations = innovations(responses, &known, manifold.as_ref());
                uncertainty.forget(forgetting, ridge.recip());
                known + embedded(recursive_step(uncertainty, &innovations, 1.0), manifold.as_ref())
            }
            _ => {
                let eta = self.config.eta.expect("resolved settings have it");
                learned(known, responses, self.config.estimator, eta, manifold.as_ref())
            }
        });
    }

    /// delta = mean over k of (e . dy_k) xi_k / sigma^2, each example for itself.
    fn memoryless_signal(&self, perturbations: &Perturbations, context: &LocalContext) -> Tensor<2> {
        let Perturbations { coordinates, changes, manifold } = perturbations;
        let (batch, count) = (context.error.dims()[0], self.config.probes);
        let signal = (0..count)
            .map(|repetition| {
                let change = repeated(changes, repetition, batch);
                (context.error.clone() * change).sum_dim(1) * repeated(coordinates, repetition, batch)
            })
            .reduce(|sum, next| sum + next)
            .expect("there is at least one probe")
            / count as f64;
        embedded(signal, manifold.as_ref())
    }
}

/// Feedback weights `[outputs, n]` after one more batch of `responses` on the manifold, or anywhere, by an estimator that takes batches
/// one by one: the leaky average, or the step toward the solution.
pub(crate) fn learned(
    known: Tensor<2>,
    responses: Responses,
    estimator: Estimator,
    eta: f64,
    manifold: Option<&Subspace>,
) -> Tensor<2> {
    match estimator {
        Estimator::Average => blend(known, embedded(estimator.estimate(&responses), manifold), eta),
        _ => {
            let innovations = innovations(responses, &known, manifold);
            known + embedded(solve(&innovations), manifold) * eta
        }
    }
}

/// The vectors z U^T `[rows, n]` with the given coordinates; those themselves where noise goes anywhere.
fn embedded(coordinates: Tensor<2>, manifold: Option<&Subspace>) -> Tensor<2> {
    match manifold {
        Some(manifold) => manifold.embed(coordinates),
        None => coordinates,
    }
}

/// Responses less what `known` feedback `[outputs, n_l]` predicts of them.
fn innovations(responses: Responses, known: &Tensor<2>, manifold: Option<&Subspace>) -> Responses {
    let Responses { probes, changes } = responses;
    let known = match manifold {
        Some(manifold) => manifold.coordinates(known.clone()),
        None => known.clone(),
    };
    let changes = changes - matmul(probes.clone(), known.transpose());
    Responses { probes, changes }
}

impl LocalRule for NoiseCorrelation {
    fn begin(&mut self, context: &LocalContext) -> Result<()> {
        match self.refresh(context.step) {
            Some(RefreshFrom::Samples(samples)) => self.refresh_manifolds(samples, context),
            Some(RefreshFrom::Batch) | None => Ok(()),
        }
    }

    fn signal(&mut self, index: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<Tensor<2>> {
        let due = self.config.interval.is_none_or(|interval| context.step.is_multiple_of(interval));
        let refreshed = self.refresh(context.step) == Some(RefreshFrom::Batch);
        // Perturbations of a pass already made belong to the manifold as it was.
        let pending = self.stages[index].pending.is_some();
        if refreshed && !pending {
            self.refresh_manifold(index, activity, context)?;
        }
        let perturbations = if due { self.perturb(index, activity, context)? } else { None };
        let signal = match (self.config.memory, perturbations) {
            (Memory::Feedback, perturbations) => {
                if let Some(perturbations) = perturbations {
                    self.update_feedback(index, perturbations);
                }
                let feedback = self.stages[index].feedback.clone().expect("memory keeps feedback weights");
                matmul(context.error.clone(), feedback)
            }
            (Memory::None, Some(perturbations)) => self.memoryless_signal(&perturbations, context),
            (Memory::None, None) => activity.zeros_like(),
        };
        if refreshed && pending {
            self.refresh_manifold(index, activity, context)?;
        }
        Ok(match self.config.normalize {
            Normalize::None => signal,
            Normalize::Signal => rescale(signal, context.error),
        })
    }
}

impl CreditRule for NoiseCorrelation {
    fn signals(&mut self, context: &StepContext) -> Result<Vec<Tensor<2>>> {
        local_signals(self, context)
    }

    fn local(&mut self) -> Option<&mut dyn LocalRule> {
        Some(self)
    }

    fn probes(&self) -> u64 {
        self.probes
    }

    fn manifold(&self, stage: usize) -> Option<&Subspace> {
        self.stages[stage].manifold.as_ref().and_then(FollowedManifold::subspace)
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        for (index, stage) in self.stages.iter().enumerate() {
            if let Some(feedback) = &stage.feedback {
                state.tensors.insert(format!("stage{}.feedback", index + 1), feedback.clone());
            }
            if let Some(manifold) = &stage.manifold {
                state.nest(&format!("stage{}", index + 1), manifold.state());
            }
            if let Some(uncertainty) = &stage.uncertainty {
                state.nest(&format!("stage{}.uncertainty", index + 1), uncertainty.state());
            }
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        for (index, stage) in self.stages.iter_mut().enumerate() {
            if let Some(feedback) = &mut stage.feedback {
                *feedback = state.shaped(&format!("stage{}.feedback", index + 1), feedback.dims())?;
            }
            if let Some(manifold) = &mut stage.manifold {
                manifold.restore(&state.nested(&format!("stage{}", index + 1)))?;
            }
            let subspace = stage.manifold.as_ref().and_then(FollowedManifold::subspace);
            if let (Some(_), Some(manifold)) = (self.config.ridge, subspace) {
                let kept = state.nested(&format!("stage{}.uncertainty", index + 1));
                stage.uncertainty = Some(Uncertainty::restore(&kept, manifold.dimension())?);
            }
        }
        Ok(())
    }
}

/// Gives `signal` the Frobenius norm of `reference`; a zero signal stays zero.
pub(crate) fn rescale(signal: Tensor<2>, reference: &Tensor<2>) -> Tensor<2> {
    let own = energy(&signal);
    if own == 0.0 { signal } else { signal * (energy(reference) / own).sqrt() }
}
