//! One training step on a task: trials, forward pass, loss, credit, gradients, update.

use burn::tensor::{Device, Tensor};

use super::config::SequenceConfig;
use super::loss::judge_sequence;
use crate::optimizer::Optimizer;
use crate::schedule::Schedule;
use nmnc_core::device::energy;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::records::{Score, TrialRecord};
use nmnc_core::seed::Role;
use nmnc_core::state::State;
use nmnc_data::tasks::{Split, Task, TrialBatch, TrialScore, generate};
use nmnc_learn::net::{Gradients, Weights};
use nmnc_learn::recurrent::{RecurrentNetwork, SequencePass, TimeContext, TimeRule, TimeSetup, build_rule};

/// Trials an evaluation pass takes at a time.
const EVALUATION_BATCH: u64 = 250;

/// A recurrent network in training: everything that a training step changes.
pub struct SequenceTrainer {
    network: RecurrentNetwork,
    rule: Box<dyn TimeRule>,
    optimizer: Optimizer,
    schedule: Schedule,
    config: SequenceConfig,
    step: u64,
}

/// A step that has been worked out but not yet made.
pub struct SequenceOutcome {
    /// Mean loss of the batch, before the update.
    pub loss: f64,
    /// How its trials went.
    pub score: TrialScore,
    pub(super) pass: SequencePass,
    pub(super) error: Tensor<2>,
    /// Kept only for steps that are measured.
    pub(super) signals: Option<Tensor<2>>,
    pub(super) lengths: Vec<usize>,
    pub(super) gradients: Gradients,
    norm: f64,
}

impl SequenceTrainer {
    /// A network, rule and optimizer as `config` (resolved) describes them for `task`, before the first step.
    ///
    /// # Errors
    /// An impossible network or rule.
    pub fn new(
        config: &SequenceConfig,
        task: &dyn Task,
        schedule: Schedule,
        device: &Device,
    ) -> Result<Self> {
        let network = config.initial_network(task, device)?;
        let rule = build_rule(&config.credit, &TimeSetup { network: &network, seed: config.seed, device })?;
        let optimizer = Optimizer::new(config.train.optimizer.clone());
        Ok(Self { network, rule, optimizer, schedule, config: config.clone(), step: 0 })
    }

    /// Whether the parameter `name` is trained.
    fn trains(&self, name: &str) -> bool {
        !self.config.train.fixed.iter().any(|part| part.holds(name))
    }

    /// The network.
    pub fn network(&self) -> &RecurrentNetwork {
        &self.network
    }

    /// The network, for restoring its weights.
    pub fn network_mut(&mut self) -> &mut RecurrentNetwork {
        &mut self.network
    }

    /// The rule.
    pub fn rule(&self) -> &dyn TimeRule {
        self.rule.as_ref()
    }

    /// Takes the rule's warnings since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        self.rule.take_warnings()
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.config.train.optimizer.learning_rate() * self.schedule.factor(self.step)
    }

    /// The training trials of the next step.
    ///
    /// # Errors
    /// Data that cannot be read.
    pub fn trials(&self, task: &dyn Task) -> Result<TrialBatch> {
        let size = self.config.train.batch as u64;
        generate(task, self.config.seed, Split::Training, self.step * size..(self.step + 1) * size)
    }

    /// Works out the next step on `batch`; `measured` keeps what measurements look at.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] naming the step when a number is not finite.
    pub fn assess(&mut self, batch: &TrialBatch, measured: bool) -> Result<SequenceOutcome> {
        let (seed, step) = (self.config.seed, self.step);
        let mut noise = seed.stream(Role::StateNoise, 0, step);
        let pass = self.network.forward(&batch.values, [batch.steps, batch.size()], Some(&mut noise));
        let judged = judge_sequence(batch, &pass.output, self.config.train.response_weight);
        if !judged.loss.is_finite() {
            return Err(self.diverged("loss is not finite"));
        }
        let mut score = TrialScore::default();
        judged.outcomes.iter().for_each(|outcome| score.add(*outcome));
        let lengths: Vec<usize> = batch.info.iter().map(|info| info.steps).collect();
        let network = &self.network;
        let context =
            TimeContext { network, pass: &pass, error: &judged.error, lengths: &lengths, step, seed };
        let signals = self.rule.signals(&context).map_err(|e| match e.kind() {
            ErrorKind::Diverged => e.within(format!("step {step}")),
            _ => e,
        })?;
        // Signals that nothing else owns are worked on in place.
        let kept = measured.then(|| signals.clone());
        let gradients = network.gradients(&pass, signals, self.rule.trace(), &judged.error);
        let trained = gradients.iter().filter(|(name, _)| self.trains(name));
        let square: f64 = trained.map(|(_, gradient)| energy(gradient)).sum();
        if !square.is_finite() {
            return Err(self.diverged("gradient is not finite"));
        }
        let norm = square.sqrt();
        let error = judged.error;
        Ok(SequenceOutcome { loss: judged.loss, score, pass, error, signals: kept, lengths, gradients, norm })
    }

    /// Makes the step.
    pub fn update(&mut self, outcome: SequenceOutcome) {
        let SequenceOutcome { gradients, norm, .. } = outcome;
        let mut gradients = gradients.only(|name| self.trains(name));
        if let Some(limit) = self.config.train.clip_norm
            && norm > limit
        {
            gradients = gradients.scaled(limit / norm);
        }
        let factor = self.schedule.factor(self.step);
        self.optimizer.step(&mut self.network, gradients, factor);
        self.step += 1;
    }

    /// Loss and accuracy over evaluation trials, without noise of the state.
    ///
    /// # Errors
    /// Data that cannot be read; weights that are not finite.
    pub fn evaluate(&self, task: &dyn Task) -> Result<(Score, TrialRecord)> {
        self.check_weights()?;
        let wanted = self.config.train.evaluation;
        let total = task.evaluation_size().map_or(wanted, |most| most.min(wanted)) as u64;
        let (mut loss, mut score) = (0.0, TrialScore::default());
        for start in (0..total).step_by(EVALUATION_BATCH as usize) {
            let numbers = start..total.min(start + EVALUATION_BATCH);
            let batch = generate(task, self.config.seed, Split::Evaluation, numbers)?;
            let (output, _) = self.network.evaluate(&batch.values, [batch.steps, batch.size()]);
            let judged = judge_sequence(&batch, &output, self.config.train.response_weight);
            loss += judged.loss * batch.size() as f64;
            judged.outcomes.into_iter().for_each(|outcome| score.add(outcome));
        }
        let trials = TrialRecord {
            fixation_breaks: score.fixation_breaks(),
            misses: score.misses(),
            unbroken_accuracy: score.unbroken_accuracy(),
        };
        Ok((Score { loss: loss / total as f64, accuracy: score.accuracy() }, trials))
    }

    /// The error for weights that are no longer finite, if any are not.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] naming step and parameter.
    pub fn check_weights(&self) -> Result<()> {
        for (name, parameter) in self.network.parameters() {
            if !energy(&parameter.value).is_finite() {
                return Err(self.diverged(&format!("{name} is not finite")));
            }
        }
        Ok(())
    }

    fn diverged(&self, problem: &str) -> Error {
        Error::new(ErrorKind::Diverged, format!("step {}", self.step), problem)
    }

    /// Everything but the weights that the next step depends on.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.nest("optimizer", self.optimizer.state());
        state.nest("rule", self.rule.state());
        state
    }

    /// Continues after `step` steps from `state`; the weights are restored by [`crate::checkpoint::Checkpoint`].
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, step: u64, state: &State) -> Result<()> {
        self.optimizer.restore(&state.nested("optimizer"), &self.network)?;
        self.rule.restore(&state.nested("rule"))?;
        self.step = step;
        Ok(())
    }
}
