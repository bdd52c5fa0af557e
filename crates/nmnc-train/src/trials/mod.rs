//! Trials of a task, learned by a recurrent network.

mod loss;
mod measure;

use burn::tensor::Tensor;

pub use loss::{SequenceJudgement, is_centered, judge_sequence};

use crate::diverged::{at_step, diverged};
use crate::found::UnderWay;
use crate::problem::{Assessed, Evaluation, Problem};
use nmnc_core::error::{Error, Result};
use nmnc_core::records::{ConditionRecord, Psychometric, Score, StageRecord, TrialRecord};
use nmnc_core::seed::{Role, Seed};
use nmnc_core::state::State;
use nmnc_core::statistics::psychometric::levels;
use nmnc_data::tasks::{Task, TrialBatch, TrialScore, TrialSet, generate};
use nmnc_learn::net::Gradients;
use nmnc_learn::recurrent::{Cell, Part, RecurrentNetwork, SequencePass, TimeContext, TimeRule};
use nmnc_learn::workers::{Alone, Share, Workers};

/// Trials an evaluation pass takes at a time.
pub(crate) const EVALUATION_BATCH: u64 = 250;

/// The most conditions of which each has its score in records.
const MOST_CONDITIONS: usize = 256;

/// What [`Trials`] leave open.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialOptions {
    /// What the task is called in descriptions.
    pub name: String,
    /// Seed of trials, of the noise of states, and of the rule's random numbers.
    pub seed: Seed,
    /// Trials a batch.
    pub batch: usize,
    /// Training trials an epoch.
    pub trials: usize,
    /// Trials of an evaluation, the same each time.
    pub evaluation: usize,
    /// Weight of steps of the response period in the loss; other steps have weight 1.
    pub response_weight: f64,
    /// Parts of the network that keep their initial values.
    pub fixed: Vec<Part>,
    /// Dimension of the manifold of states whose captured energy is measured.
    pub dimension: usize,
    /// Lags over which lagged Jacobians are measured.
    pub lags: usize,
}

impl Default for TrialOptions {
    fn default() -> Self {
        Self {
            name: "task".to_owned(),
            seed: Seed(0),
            batch: 64,
            trials: 6400,
            evaluation: 1000,
            response_weight: 1.0,
            fixed: Vec::new(),
            dimension: 16,
            lags: 20,
        }
    }
}

/// The problem of a task.
pub struct Trials {
    network: RecurrentNetwork,
    rule: Box<dyn TimeRule>,
    task: Box<dyn Task>,
    options: TrialOptions,
    workers: Box<dyn Workers>,
}

/// What a measured step keeps: the pass over all trials, and what the rule made of it.
pub struct MeasuredTrials {
    /// The forward pass.
    pub pass: SequencePass,
    /// dLoss/dy `[T B, outputs]`.
    pub error: Tensor<2>,
    /// The rule's signals `[T B, N]`.
    pub signals: Tensor<2>,
    /// Number of steps of each trial, `[B]`.
    pub lengths: Vec<usize>,
    /// Whether the loss does not see a shift common to all outputs.
    pub centered: bool,
    /// The gradients those signals gave, of fixed parameters too.
    pub gradients: Gradients,
}

impl Trials {
    /// The caller's network and rule on `task`.
    ///
    /// # Errors
    /// A network of other inputs and outputs than the task's; batches without trials.
    pub fn new(
        network: RecurrentNetwork,
        rule: Box<dyn TimeRule>,
        task: Box<dyn Task>,
        options: TrialOptions,
    ) -> Result<Self> {
        let channels = task.channels();
        let [own, of_task] =
            [[network.inputs(), network.outputs()], [channels.inputs.len(), channels.outputs.len()]];
        if own != of_task {
            let problem = format!(
                "has {} inputs and {} outputs, the task {} and {}",
                own[0], own[1], of_task[0], of_task[1]
            );
            return Err(Error::config("network", problem).mend("build it for the channels of the task"));
        }
        if options.batch == 0 {
            return Err(Error::config("train.batch", "must be at least 1"));
        }
        Ok(Self { network, rule, task, options, workers: Box::new(Alone) })
    }

    /// The same as one of several workers, each with its part of every batch.
    #[must_use]
    pub fn shared(self, workers: impl Workers + 'static) -> Self {
        Self { workers: Box::new(workers), ..self }
    }

    /// The task.
    pub fn task(&self) -> &dyn Task {
        self.task.as_ref()
    }

    /// The rule.
    pub fn rule(&self) -> &dyn TimeRule {
        self.rule.as_ref()
    }

    /// What the first worker keeps of the trials of all.
    fn measured_of_all(
        &self,
        step: u64,
        signals: Tensor<2>,
        assessed: &Assessed,
        share: &Share,
    ) -> Result<Option<MeasuredTrials>> {
        // Signals are those of a mean over a worker's own trials.
        let whole: f64 = share.numbers(vec![assessed.weight])?.iter().sum();
        let rows = signals.dims()[0] / assessed.count * share.whole();
        let signals = signals * (assessed.weight / whole);
        let signals = share.selected(&signals, &(0..rows).collect::<Vec<_>>())?;
        let gradients = assessed.clone().of_all(share.workers())?.gradients;
        if share.rows().start > 0 {
            return Ok(None);
        }
        let batch = self.whole_batch(step)?;
        let noise = self.options.seed.stream(Role::StateNoise, 0, step);
        let alone = Share::alone(batch.size());
        let pass = self.network.forward(&batch.values, [batch.steps, batch.size()], Some((noise, &alone)));
        let error = judge_sequence(&batch, &pass.output, self.options.response_weight).error;
        let lengths = batch.info.iter().map(|info| info.steps).collect();
        Ok(Some(MeasuredTrials { pass, error, signals, lengths, centered: is_centered(&batch), gradients }))
    }

    /// The trials of all workers in step `step`.
    fn whole_batch(&self, step: u64) -> Result<TrialBatch> {
        let size = self.options.batch as u64;
        generate(self.task(), self.options.seed, TrialSet::Training, step * size..(step + 1) * size)
    }

    /// Trials of an evaluation: as many as are asked for, of those that there are.
    fn evaluated(&self) -> usize {
        let wanted = self.options.evaluation;
        self.task.evaluation_size().map_or(wanted, |most| most.min(wanted))
    }

    fn trains(&self, name: &str) -> bool {
        !self.options.fixed.iter().any(|part| part.holds(name))
    }
}

impl Problem for Trials {
    type Network = RecurrentNetwork;
    type Batch = TrialBatch;
    type Measured = MeasuredTrials;

    fn network(&self) -> &RecurrentNetwork {
        &self.network
    }

    fn network_mut(&mut self) -> &mut RecurrentNetwork {
        &mut self.network
    }

    fn steps_per_epoch(&self) -> u64 {
        self.options.trials.div_ceil(self.options.batch) as u64
    }

    fn workers(&self) -> &dyn Workers {
        self.workers.as_ref()
    }

    /// All workers make all trials, so that their parts have the steps of the longest.
    fn batch(&mut self, step: u64) -> Result<TrialBatch> {
        let batch = self.whole_batch(step)?;
        Ok(match self.workers.count() {
            1 => batch,
            _ => batch.part(self.workers.part(batch.size())?),
        })
    }

    fn assess(
        &mut self,
        batch: TrialBatch,
        step: u64,
        measured: bool,
    ) -> Result<(Assessed, Option<MeasuredTrials>)> {
        let seed = self.options.seed;
        let noise = seed.stream(Role::StateNoise, 0, step);
        let share = Share::of(self.workers.as_ref(), batch.size())?;
        let pass = self.network.forward(&batch.values, [batch.steps, batch.size()], Some((noise, &share)));
        let judged = judge_sequence(&batch, &pass.output, self.options.response_weight);
        if !judged.loss.is_finite() {
            return Err(diverged(step, None, "loss is not finite"));
        }
        let mut score = TrialScore::default();
        judged.outcomes.iter().for_each(|outcome| score.add(*outcome));
        let lengths: Vec<usize> = batch.info.iter().map(|info| info.steps).collect();
        let (network, error) = (&self.network, judged.error);
        let share = &share.weighing(judged.weight);
        let context =
            TimeContext { network, pass: &pass, error: &error, lengths: &lengths, step, seed, share };
        let signals = self.rule.signals(&context).map_err(|e| at_step(e, step))?;
        // Signals that nothing else owns are worked on in place.
        let kept = measured.then(|| signals.clone());
        let gradients = network.gradients(&pass, signals, self.rule.trace(), &error);
        let assessed = Assessed {
            loss: judged.loss,
            weight: judged.weight,
            correct: score.correct,
            count: batch.size(),
            gradients,
            under_way: UnderWay::default(),
            buffers: Vec::new(),
        };
        let kept = match kept {
            Some(signals) if share.is_alone() => {
                let (gradients, centered) = (assessed.gradients.clone(), is_centered(&batch));
                Some(MeasuredTrials { pass, error, signals, lengths, centered, gradients })
            }
            Some(signals) => self.measured_of_all(step, signals, &assessed, share)?,
            None => None,
        };
        let gradients = assessed.gradients.only(|name| self.trains(name));
        Ok((Assessed { gradients, ..assessed }, kept))
    }

    fn measure(&self, measured: &MeasuredTrials, step: u64) -> Result<Vec<StageRecord>> {
        measure::align(&self.network, self.rule(), measured, step, &self.options)
    }

    /// Without noise of the state. The loss is the mean over the steps of all trials, with their weights.
    fn evaluate(&self) -> Result<Evaluation> {
        let total = self.evaluated() as u64;
        let (mut losses, mut score) = (Vec::new(), TrialScore::default());
        let names = self.task.conditions();
        let mut conditions = vec![TrialScore::default(); names.len()];
        let mut choices: Vec<(f64, bool)> = Vec::new();
        for start in (0..total).step_by(EVALUATION_BATCH as usize) {
            let numbers = start..total.min(start + EVALUATION_BATCH);
            let batch = generate(self.task(), self.options.seed, TrialSet::Evaluation, numbers)?;
            let (output, _) = self.network.evaluate(&batch.values, [batch.steps, batch.size()]);
            let judged = judge_sequence(&batch, &output, self.options.response_weight);
            losses.push((judged.loss, judged.weight));
            for (outcome, info) in judged.outcomes.into_iter().zip(&batch.info) {
                score.add(outcome);
                conditions[info.condition].add(outcome);
                choices.extend(
                    info.strength.zip(outcome.chosen).map(|(strength, class)| (strength, class == 1)),
                );
            }
        }
        // In trials, so that the loss of trials that make one batch has the bits it would have by itself.
        let weight: f64 = losses.iter().map(|(_, weight)| weight).sum();
        let loss: f64 = losses.iter().map(|(loss, own)| loss * (own / weight * total as f64)).sum();
        let trials = TrialRecord {
            fixation_breaks: score.fixation_breaks(),
            misses: score.misses(),
            unbroken_accuracy: score.unbroken_accuracy(),
            answer_error: score.answer_error(),
        };
        let named = names.into_iter().zip(conditions).filter(|(_, score)| score.trials > 0);
        let by_condition = named.map(|(condition, score)| ConditionRecord {
            condition,
            trials: score.trials,
            accuracy: score.accuracy(),
        });
        let conditions: Vec<_> = by_condition.collect();
        let conditions = if conditions.len() <= MOST_CONDITIONS { conditions } else { Vec::new() };
        let score = Score { loss: loss / total as f64, accuracy: score.accuracy(), top5: None };
        let psychometric = self.task.strength().map(|name| Psychometric::new(name, levels(choices)));
        Ok(Evaluation { score, trials: Some(trials), conditions, psychometric })
    }

    fn describe(&self) -> String {
        let kind = match self.network.cell() {
            Cell::Rate { .. } => "rate",
            Cell::Gru => "gated",
        };
        let (inputs, outputs) = (self.network.inputs(), self.network.outputs());
        format!(
            "{} ({inputs} inputs, {outputs} outputs), {} {kind} units",
            self.options.name,
            self.network.units()
        )
    }

    fn stage_units(&self) -> Vec<usize> {
        vec![self.network.units()]
    }

    fn warnings(&self) -> Vec<String> {
        let mut found = self.task.warnings();
        let TrialOptions { trials, batch, lags, .. } = self.options;
        let made = self.steps_per_epoch() as usize * batch;
        if made != trials {
            let batches = self.steps_per_epoch();
            found.push(format!(
                "train.trials: an epoch has {made} trials, {batches} of train.batch = {batch}, not {trials}; choose a multiple of the batch"
            ));
        }
        // Nobody asked for the number that is meant where nothing is said.
        let (wanted, evaluated) = (self.options.evaluation, self.evaluated());
        if evaluated < wanted && wanted != TrialOptions::default().evaluation {
            found.push(format!(
                "train.evaluation: an evaluation has {evaluated} trials, all that there are to evaluate on, not {wanted}; set it to {evaluated}"
            ));
        }
        // Up to the number that is meant where nothing is said, lags are as many as there are steps for.
        let usual = TrialOptions::default().lags;
        let most = self.task.longest().map_or(usize::MAX, |steps| steps.saturating_sub(1));
        for (place, lags) in [("metrics.lags", lags), ("credit.lags", self.rule.lags())] {
            if lags > most.max(usual) {
                found.push(format!(
                    "{place}: of {lags} lags {most} are there, as no trial has more than {} steps",
                    most + 1
                ));
            }
        }
        found
    }

    fn probes(&self) -> u64 {
        self.rule.probes()
    }

    fn take_warnings(&mut self) -> Vec<String> {
        self.rule.take_warnings()
    }

    fn state(&self) -> State {
        self.rule.state()
    }

    fn restore(&mut self, state: &State) -> Result<()> {
        self.rule.restore(state)
    }
}
