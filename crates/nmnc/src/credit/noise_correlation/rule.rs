//! The rule itself.

use burn::tensor::Tensor;
use nmnc_kernels::{blend, embed_add, matmul, row_energies};

use super::config::{ManifoldConfig, Memory, NoiseCorrelationConfig, Normalize};
use crate::credit::estimator::Responses;
use crate::credit::local::{LocalContext, LocalRule, local_signals};
use crate::credit::rule::{CreditRule, RuleSetup, StepContext};
use crate::device::energy;
use crate::error::{Error, Result};
use crate::manifold::{Fit, PcaMethod, Subspace, Tracker};
use crate::seed::Role;
use crate::state::State;

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
    manifold: Option<Subspace>,
    /// Finds the manifold anew, knowing what it was.
    tracker: Option<Tracker>,
}

/// Expected squared error of the leaky average after `updates` estimates, over ||j||^2, when each estimate has the relative
/// variance `variance` and the true Jacobian j stays put: what is left of the start at zero, plus the averaged noise.
pub fn leaky_average_law(eta: f64, updates: u32, variance: f64) -> f64 {
    let forgotten = (1.0 - eta).powi(2 * updates as i32);
    forgotten + variance * eta / (2.0 - eta) * (1.0 - forgotten)
}

/// Perturbations of one stage's activity, repetition after repetition over the batch.
struct Perturbations {
    /// Coordinates with identity covariance, `[probes * batch, m]`.
    coordinates: Tensor<2>,
    /// Change of the output per unit of the coordinates, `[probes * batch, outputs]`.
    changes: Tensor<2>,
}

impl NoiseCorrelation {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: NoiseCorrelationConfig, setup: &RuleSetup) -> Self {
        let outputs = setup.network.outputs();
        let feedback = |units| match config.memory {
            Memory::Feedback => Some(Tensor::zeros([outputs, units], setup.device)),
            Memory::None => None,
        };
        let stage = |units| StageState {
            feedback: feedback(units),
            manifold: None,
            tracker: config.manifold.as_ref().map(ManifoldConfig::tracker),
        };
        let stages = setup.network.stage_units().into_iter().map(stage).collect();
        Self { config, stages, probes: 0, warnings: Vec::new() }
    }

    /// Feedback weights B_l `[outputs, n_l]` of a stage (from 0), if the rule learns any.
    pub fn feedback(&self, stage: usize) -> Option<&Tensor<2>> {
        self.stages[stage].feedback.as_ref()
    }

    /// Whether this step refreshes the manifolds, and how.
    fn refresh(&self, step: u64) -> Option<&ManifoldConfig> {
        self.config.manifold.as_ref().filter(|manifold| step.is_multiple_of(manifold.refresh))
    }

    /// Refreshes every manifold from activity of `samples` training examples, of which one stage's is kept at a time.
    fn refresh_manifolds(&mut self, samples: usize, context: &LocalContext) -> Result<()> {
        let mut activity = context.inputs.sample(samples, context.step)?;
        for (index, stage) in context.network.stages().enumerate() {
            activity = stage.activity(activity);
            self.refresh_manifold(index, &activity, context)?;
        }
        Ok(())
    }

    fn refresh_manifold(&mut self, index: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<()> {
        let StageState { manifold, tracker, .. } = &mut self.stages[index];
        let Some(tracker) = tracker else { return Ok(()) };
        let mut stream = context.seed.stream(Role::RangeFinder, index, context.step);
        let Fit { subspace, degeneracy } = tracker
            .refresh(manifold.as_ref(), activity.clone(), &mut stream)
            .map_err(|e| e.within(format!("stage {}", index + 1)))?;
        *manifold = subspace;
        if let Some(degeneracy) = degeneracy {
            self.warnings.push(format!("stage {}: {degeneracy}", index + 1));
        }
        Ok(())
    }

    /// Perturbs every example of the batch `probes` times at one stage. Nothing for a stage without a manifold.
    fn perturb(
        &mut self,
        index: usize,
        activity: &Tensor<2>,
        context: &LocalContext,
    ) -> Result<Option<Perturbations>> {
        let [batch, units] = activity.dims();
        let manifold = self.stages[index].manifold.as_ref();
        let dimension = match (&self.config.manifold, manifold) {
            (None, _) => units,
            (Some(_), Some(manifold)) => manifold.dimension(),
            (Some(_), None) => return Ok(None),
        };
        let norm = row_energies(activity).into_iter().map(f64::sqrt).sum::<f64>() / batch as f64;
        let deviation = self.config.sigma * norm / (dimension as f64).sqrt();
        if !deviation.is_finite() {
            let place = format!("stage {}", index + 1);
            return Err(Error::new(crate::ErrorKind::Diverged, place, "activity is not finite"));
        }
        if deviation == 0.0 {
            // A silent stage has no scale for its noise, and a derivative of zero behind a rectifier.
            self.warnings.push(format!("stage {}: activity is zero, so it receives no probes", index + 1));
            return Ok(None);
        }
        let mut stream = context.seed.stream(Role::Probe, index, context.step);
        // All repetitions are drawn together, so that orthogonal blocks run across examples and repetitions.
        let rows = [batch * self.config.probes, dimension];
        let coordinates =
            self.config.probe.draw(rows, &mut stream, &activity.device()).cast(activity.dtype());
        let noise = Noise { activity, basis: manifold.map(Subspace::basis), deviation };
        let change = |repetition| {
            let coordinates = repeated(&coordinates, repetition, batch);
            noise.change_of_output(context, index, &coordinates, self.config.antithetic)
        };
        let changes = Tensor::cat((0..self.config.probes).map(change).collect(), 0);
        let passes = if self.config.antithetic { 2 } else { 1 };
        self.probes += (batch * self.config.probes * passes) as u64;
        Ok(Some(Perturbations { coordinates, changes }))
    }

    /// B <- (1 - eta) B + eta Jhat.
    fn update_feedback(
        &mut self,
        index: usize,
        eta: f64,
        activity: &Tensor<2>,
        context: &LocalContext,
    ) -> Result<()> {
        let Some(Perturbations { coordinates, changes }) = self.perturb(index, activity, context)? else {
            return Ok(());
        };
        let responses = Responses { probes: coordinates, changes };
        let estimate = self.config.estimator.estimate(&responses);
        let state = &mut self.stages[index];
        let jacobian = match &state.manifold {
            Some(manifold) => embedded(estimate, manifold),
            None => estimate,
        };
        state.feedback = state.feedback.take().map(|feedback| blend(feedback, jacobian, eta));
        Ok(())
    }

    /// delta = mean over k of (e . dy_k) xi_k / sigma^2, each example for itself.
    fn memoryless_signal(
        &mut self,
        index: usize,
        activity: &Tensor<2>,
        context: &LocalContext,
    ) -> Result<Tensor<2>> {
        let Some(Perturbations { coordinates, changes }) = self.perturb(index, activity, context)? else {
            return Ok(activity.zeros_like());
        };
        let (batch, count) = (activity.dims()[0], self.config.probes);
        let signal = (0..count)
            .map(|repetition| {
                let change = repeated(&changes, repetition, batch);
                (context.error.clone() * change).sum_dim(1) * repeated(&coordinates, repetition, batch)
            })
            .reduce(|sum, next| sum + next)
            .expect("there is at least one probe")
            / count as f64;
        Ok(match &self.stages[index].manifold {
            Some(manifold) => embedded(signal, manifold),
            None => signal,
        })
    }
}

/// The rows of one repetition.
fn repeated(rows: &Tensor<2>, repetition: usize, batch: usize) -> Tensor<2> {
    rows.clone().narrow(0, repetition * batch, batch)
}

/// The vectors z U^T `[rows, n_l]` with the given coordinates `[rows, d]`.
fn embedded(coordinates: Tensor<2>, manifold: &Subspace) -> Tensor<2> {
    matmul(coordinates, manifold.basis().clone().transpose())
}

/// Noise on one stage's activity.
struct Noise<'a> {
    /// Activity `[batch, n_l]`.
    activity: &'a Tensor<2>,
    /// Where the noise lives `[n_l, d]`; everywhere if there is none.
    basis: Option<&'a Tensor<2>>,
    /// Standard deviation along each coordinate.
    deviation: f64,
}

impl Noise<'_> {
    /// The activity moved by `factor` deviations along `coordinates` `[batch, m]`.
    fn moved(&self, coordinates: &Tensor<2>, factor: f64) -> Tensor<2> {
        let scale = factor * self.deviation;
        match self.basis {
            Some(basis) => embed_add(self.activity, coordinates, basis, scale),
            None => nmnc_kernels::perturb(self.activity, coordinates, scale),
        }
    }

    /// The change of the output per unit of the coordinates, `[batch, outputs]`.
    fn change_of_output(
        &self,
        context: &LocalContext,
        index: usize,
        coordinates: &Tensor<2>,
        antithetic: bool,
    ) -> Tensor<2> {
        let output = |factor| context.network.output_after(index, self.moved(coordinates, factor));
        let forward = output(1.0);
        if antithetic {
            (forward - output(-1.0)) / (2.0 * self.deviation)
        } else {
            (forward - context.output.clone()) / self.deviation
        }
    }
}

impl LocalRule for NoiseCorrelation {
    fn begin(&mut self, context: &LocalContext) -> Result<()> {
        match self.refresh(context.step).and_then(|manifold| manifold.samples) {
            Some(samples) => self.refresh_manifolds(samples, context),
            None => Ok(()),
        }
    }

    fn signal(&mut self, index: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<Tensor<2>> {
        if self.refresh(context.step).is_some_and(|manifold| manifold.method == PcaMethod::Incremental) {
            self.refresh_manifold(index, activity, context)?;
        }
        let signal = match (self.config.memory, self.config.eta, self.config.interval) {
            (Memory::Feedback, Some(eta), Some(interval)) => {
                if context.step.is_multiple_of(interval) {
                    self.update_feedback(index, eta, activity, context)?;
                }
                let feedback = self.stages[index].feedback.clone().expect("memory keeps feedback weights");
                matmul(context.error.clone(), feedback)
            }
            _ => self.memoryless_signal(index, activity, context)?,
        };
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
        self.stages[stage].manifold.as_ref()
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
                state.nest(&format!("stage{}.manifold", index + 1), manifold.state());
            }
            if let Some(tracker) = &stage.tracker {
                state.nest(&format!("stage{}.tracker", index + 1), tracker.state());
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
            let manifold = state.nested(&format!("stage{}.manifold", index + 1));
            stage.manifold =
                if manifold.tensors.is_empty() { None } else { Some(Subspace::restore(&manifold)?) };
            if let Some(tracker) = &mut stage.tracker {
                tracker.restore(&state.nested(&format!("stage{}.tracker", index + 1)))?;
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
