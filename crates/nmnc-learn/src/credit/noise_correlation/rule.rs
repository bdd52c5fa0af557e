//! The rule itself.

use burn::tensor::Tensor;

use super::config::{Noise, NoiseCorrelationConfig, Normalize};
use super::known::Known;
use super::perturb::{Answered, Injected, PerturbedPass};
use super::regions::Finder;
use super::spending::Spending;
use crate::credit::context::{LocalContext, StepContext, manifold_sample};
use crate::credit::kind::RuleSetup;
use crate::credit::local::{LocalRule, local_signals};
use crate::credit::rule::{Choices, CreditRule};
use crate::estimator::{JacobianEstimator, JacobianSettings, Prober, RegionalEstimator};
use crate::manifold::{RefreshFrom, Sample, Subspace};
use crate::workers::Share;
use nmnc_core::device::energy;
use nmnc_core::error::Result;
use nmnc_core::scale;
use nmnc_core::seed::Seed;
use nmnc_core::state::State;

/// Noise correlation with the settings of [`NoiseCorrelationConfig`].
pub struct NoiseCorrelation {
    config: NoiseCorrelationConfig,
    stages: Vec<StageState>,
    spending: Option<Spending>,
    /// Finds the region of each example, where feedback differs by region.
    regions: Option<Finder>,
    probes: u64,
    warnings: Vec<String>,
}

/// What the rule has of one stage.
struct StageState {
    known: Known,
    /// Answers of a pass that another stage of this step began.
    pending: Option<Answered>,
}

impl NoiseCorrelation {
    /// A rule that knows nothing yet. `config` must be resolved.
    pub fn new(config: NoiseCorrelationConfig, setup: &RuleSetup) -> Self {
        let outputs = setup.network.outputs();
        let known = |(index, units)| -> Result<Known> {
            let probing = config.probing(units, setup.seed, index);
            Ok(match config.learning() {
                Some(learning) => {
                    let settings = JacobianSettings {
                        probing,
                        outputs,
                        learning,
                        form: config.feedback,
                        watched: config.budget.is_some(),
                        aimed: config.noise == Noise::Aimed,
                    };
                    match (&config.regions, config.regions.as_ref().and_then(|regions| regions.share)) {
                        (Some(regions), Some(share)) => Known::Regional(Box::new(RegionalEstimator::new(
                            settings,
                            regions.regions(outputs),
                            share,
                            setup.device,
                        )?)),
                        _ => Known::Feedback(Box::new(JacobianEstimator::new(settings, setup.device)?)),
                    }
                }
                None => Known::Nothing(Box::new(Prober::new(probing)?)),
            })
        };
        let stages = setup.network.stage_units().into_iter().enumerate().map(known);
        let stages = stages.map(|known| known.map(|known| StageState { known, pending: None }));
        let stages = stages.collect::<Result<_>>().expect("the settings have been resolved");
        let spending = config.budget.map(|budget| {
            let stages = setup.network.stages().len();
            Spending::new(budget, stages, config.repetitions(stages))
        });
        let regions = config.regions.as_ref().map(|regions| Finder::new(regions, outputs, setup.seed));
        Self { config, stages, spending, regions, probes: 0, warnings: Vec::new() }
    }

    /// Feedback weights B_l `[outputs, n_l]` of a stage (from 0), if the rule learns any; where they differ by region, what all regions
    /// have in common.
    pub fn feedback(&self, stage: usize) -> Option<Tensor<2>> {
        match &self.stages[stage].known {
            Known::Feedback(estimator) => Some(estimator.feedback()),
            Known::Regional(estimator) => Some(estimator.common()),
            Known::Nothing(_) => None,
        }
    }

    /// Whether this step refreshes the manifolds, and from what.
    fn refresh(&self, step: u64) -> Option<RefreshFrom> {
        self.config.manifold.as_ref().and_then(|manifold| manifold.due(step))
    }

    /// Refreshes every manifold from activity of `samples` training examples, of which one stage's is kept at a time.
    fn refresh_manifolds(&mut self, samples: usize, context: &LocalContext) -> Result<()> {
        let LocalContext { inputs, step, share, .. } = *context;
        let Some(config) = &self.config.manifold else { return Ok(()) };
        let (inputs, share) = manifold_sample(config, samples, step, inputs, share)?;
        for (index, activity) in context.network.each_activity(inputs).enumerate() {
            self.refresh_manifold(index, Sample::shared(activity, share.clone()), step)?;
        }
        Ok(())
    }

    fn refresh_manifold(&mut self, index: usize, activity: Sample, step: u64) -> Result<()> {
        let degeneracy = match &mut self.stages[index].known {
            Known::Feedback(estimator) => estimator.refresh(step, activity),
            Known::Regional(estimator) => estimator.refresh(step, activity),
            Known::Nothing(prober) => prober.refresh(step, activity).map(|refreshed| refreshed.degeneracy),
        };
        if let Some(degeneracy) = degeneracy.map_err(|e| e.within(format!("stage {}", index + 1)))? {
            self.warnings.push(format!("stage {}: {degeneracy}", index + 1));
        }
        Ok(())
    }

    /// Learns from the batch as it is.
    fn observe(&mut self, index: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<()> {
        let Some(observing) = self.config.observe else { return Ok(()) };
        let (activity, output) = (context.share.all(activity)?, context.share.all(context.output)?);
        let observed = match &mut self.stages[index].known {
            Known::Feedback(estimator) => estimator.observe(&activity, &output, observing),
            Known::Regional(estimator) => {
                estimator.observe(&activity, &output, found(self.regions.as_ref()), observing)
            }
            Known::Nothing(_) => Ok(()),
        };
        observed.map_err(|e| e.within(format!("stage {}", index + 1)))
    }

    /// Perturbations of each example that a pass from `stage` (from 0) on makes.
    fn repetitions(&self, stage: usize) -> usize {
        self.spending.as_ref().map_or(self.config.probes, |spending| spending.planned(stage))
    }

    /// Whether a stage (from 0) learns from perturbations in a step.
    fn is_due(&self, stage: usize, step: u64) -> bool {
        self.repetitions(stage) > 0
            && self.config.interval.is_none_or(|interval| step.is_multiple_of(interval))
    }

    /// The answers of a stage: those of a pass that an earlier stage began, or of one that begins here. Nothing for a stage without a
    /// manifold, or without activity.
    fn perturb(&mut self, index: usize, context: &LocalContext) -> Result<Option<Answered>> {
        let group = self.config.injection.pass_from(index, self.stages.len());
        if !group.is_empty() {
            self.begin_pass(&group, context)?;
        }
        Ok(self.stages[index].pending.take())
    }

    /// Perturbs every example of the batch `probes` times at all stages of `group` at once.
    fn begin_pass(&mut self, group: &[usize], context: &LocalContext) -> Result<()> {
        let injected = group.iter().map(|&stage| Injected { stage, known: &self.stages[stage].known });
        let injected: Vec<Injected> =
            injected.filter(|injected| injected.known.prober().dimension().is_some()).collect();
        if injected.is_empty() {
            return Ok(());
        }
        let antithetic = self.config.antithetic;
        let probes = self.repetitions(group[0]);
        let pass = PerturbedPass { context, first: group[0], antithetic, probes };
        let passed = pass.run(&injected)?;
        for stage in passed.silent {
            self.warnings.push(format!(
                "stage {}: activity is zero or next to it, so it receives no probes",
                stage + 1
            ));
        }
        if !passed.answered.is_empty() {
            self.probes += (context.share.whole() * probes * self.config.cost()) as u64;
        }
        for (stage, answered) in passed.answered {
            self.stages[stage].pending = Some(answered);
        }
        Ok(())
    }

    /// The error signal of a stage, from its answers if there are any in this step.
    fn estimate(
        &mut self,
        index: usize,
        answered: Option<Answered>,
        context: &LocalContext,
    ) -> Result<Option<Tensor<2>>> {
        let LocalContext { error, share, .. } = *context;
        Ok(match (&mut self.stages[index].known, answered) {
            (Known::Feedback(estimator), answered) => {
                if let Some(Answered { perturbations, changes }) = answered {
                    let told = estimator.tell(&perturbations, changes);
                    estimator.learn_shared(told, share)?;
                }
                Some(estimator.error_signal(error.clone()))
            }
            (Known::Regional(estimator), answered) => {
                let regions = found(self.regions.as_ref());
                if let Some(Answered { perturbations, changes }) = answered {
                    estimator.learn_shared(&perturbations, changes, regions, share)?;
                }
                Some(estimator.error_signal(error.clone(), &regions[share.rows()]))
            }
            (Known::Nothing(_), answered) => answered.map(|answered| memoryless(answered, error)),
        })
    }

    /// Finds the manifold of a stage anew in the activity of this step.
    fn refresh_from_batch(
        &mut self,
        index: usize,
        activity: &Tensor<2>,
        context: &LocalContext,
    ) -> Result<()> {
        self.refresh_manifold(index, context.share.all(activity)?.into(), context.step)
    }
}

/// The regions of all examples of the step.
fn found(regions: Option<&Finder>) -> &[usize] {
    regions.expect("regional feedback comes with regions").all()
}

/// delta = mean over k of (e . dy_k) xi_k / sigma^2, each example for itself.
fn memoryless(answered: Answered, error: &Tensor<2>) -> Tensor<2> {
    let Answered { perturbations, changes } = answered;
    let (batch, changes) = (error.dims()[0], perturbations.per_unit(changes));
    let count = perturbations.count() / batch;
    let signal = (0..count)
        .map(|repetition| {
            let repeated = |rows: &Tensor<2>| rows.clone().narrow(0, repetition * batch, batch);
            (error.clone() * repeated(&changes)).sum_dim(1) * repeated(perturbations.coordinates())
        })
        .reduce(|sum, next| sum + next)
        .expect("there is at least one probe")
        / count as f64;
    perturbations.whitened(signal)
}

impl LocalRule for NoiseCorrelation {
    fn in_any_order(&self, step: u64) -> bool {
        let looks = self.config.observe.is_some() || self.refresh(step) == Some(RefreshFrom::Batch);
        !looks && (0..self.stages.len()).all(|stage| !self.is_due(stage, step))
    }

    fn begin(&mut self, context: &LocalContext) -> Result<()> {
        if let Some(regions) = &mut self.regions {
            regions.find(context)?;
        }
        if let Some(RefreshFrom::Samples(samples)) = self.refresh(context.step) {
            self.refresh_manifolds(samples, context)?;
        }
        if let Some(spending) = &mut self.spending {
            let ready = self.stages.iter().map(|stage| stage.known.prober().dimension().is_some());
            spending.plan(self.config.cost(), context.share.whole(), &ready.collect::<Vec<_>>());
        }
        Ok(())
    }

    fn signal(&mut self, index: usize, activity: &Tensor<2>, context: &LocalContext) -> Result<Tensor<2>> {
        self.observe(index, activity, context)?;
        let due = self.is_due(index, context.step);
        let refreshed = self.refresh(context.step) == Some(RefreshFrom::Batch);
        // Perturbations of a pass already made belong to the manifold as it was.
        let pending = self.stages[index].pending.is_some();
        if refreshed && !pending {
            self.refresh_from_batch(index, activity, context)?;
        }
        let answered = if due { self.perturb(index, context)? } else { None };
        let signal = self.estimate(index, answered, context)?;
        if refreshed && pending {
            self.refresh_from_batch(index, activity, context)?;
        }
        let signal = signal.unwrap_or_else(|| activity.zeros_like());
        Ok(match self.config.normalize {
            Normalize::None => signal,
            Normalize::Signal => rescale(signal, context.error, context.share)?,
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
        self.stages[stage].known.prober().manifold()
    }

    /// Where several stages are perturbed in one pass, the activity that noise follows is the one that the noise of stages before has moved.
    fn noise(&self, stage: usize, activity: &Tensor<2>, (_, step): (Seed, u64)) -> Result<Option<Tensor<2>>> {
        // The seed is that of the setup.
        let rows = activity.dims()[0];
        let asked = self.stages[stage].known.ask(step, 0..rows, activity)?;
        Ok(asked.map(|perturbations| perturbations.noise()))
    }

    fn choices(&self, stage: usize) -> Choices {
        let estimator = match &self.stages[stage].known {
            Known::Feedback(estimator) => Some(estimator),
            Known::Regional(_) | Known::Nothing(_) => None,
        };
        let aimed = estimator.and_then(|estimator| estimator.aimed_at());
        Choices {
            dimension: aimed.map(|(_, directions)| directions.round() as usize),
            feedback_error: estimator
                .and_then(|estimator| estimator.standard_error())
                .map(|error| error.residual.powi(2)),
            probe_rate: self.spending.as_ref().map(|spending| spending.rate(stage, self.config.cost())),
            manifold_share: aimed.map(|(share, _)| share),
        }
    }

    fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    fn state(&self) -> State {
        let mut state = State::default();
        state.counters.insert("probes".into(), self.probes);
        if let Some(spending) = &self.spending {
            state.nest("spending", spending.state());
        }
        if let Some(regions) = &self.regions {
            state.nest("regions", regions.state());
        }
        for (index, stage) in self.stages.iter().enumerate() {
            let own = match &stage.known {
                Known::Feedback(estimator) => estimator.state(),
                Known::Regional(estimator) => estimator.state(),
                Known::Nothing(prober) => prober.state(),
            };
            state.nest(&format!("stage{}", index + 1), own);
        }
        state
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.probes = state.counter("probes")?;
        if let Some(spending) = &mut self.spending {
            spending.restore(&state.nested("spending"))?;
        }
        if let Some(regions) = &mut self.regions {
            regions.restore(&state.nested("regions"))?;
        }
        for (index, stage) in self.stages.iter_mut().enumerate() {
            let own = state.nested(&format!("stage{}", index + 1));
            match &mut stage.known {
                Known::Feedback(estimator) => estimator.restore(&own)?,
                Known::Regional(estimator) => estimator.restore(&own)?,
                Known::Nothing(prober) => prober.restore(&own)?,
            }
        }
        Ok(())
    }
}

/// Gives the batch of `signal` the Frobenius norm of that of `error`; a zero signal stays zero.
///
/// # Errors
/// If another worker cannot be reached.
pub(crate) fn rescale(signal: Tensor<2>, error: &Tensor<2>, share: &Share) -> Result<Tensor<2>> {
    let [own, wanted] = share.squares([energy(&signal), energy(error)])?;
    Ok(if own == 0.0 { signal } else { scale::times(signal, (wanted / own).sqrt()) })
}
