//! One training step: forward pass, loss, credit, gradients, update.

use burn::tensor::{Device, Tensor};

use super::config::Config;
use super::loss::Judgement;
use super::measure::Moment;
use super::optimizer::Optimizer;
use super::schedule::Schedule;
use crate::credit::{CreditRule, InputSampler, RuleSetup, StepContext};
use crate::device::energy;
use crate::error::{Error, ErrorKind, Result};
use crate::net::{ForwardPass, Network};
use crate::state::State;

/// A network in training: everything that a training step changes.
pub struct Trainer {
    network: Network,
    rule: Box<dyn CreditRule>,
    optimizer: Optimizer,
    schedule: Schedule,
    config: Config,
    step: u64,
}

/// A step that has been worked out but not yet made.
pub struct StepOutcome {
    /// Mean loss of the batch, before the update.
    pub loss: f64,
    /// Examples of the batch decided right.
    pub correct: usize,
    pass: ForwardPass,
    error: Tensor<2>,
    signals: Vec<Tensor<2>>,
    gradients: Vec<Tensor<2>>,
    norm: f64,
}

impl Trainer {
    /// A network, rule and optimizer as `config` (resolved) describes them, before the first step.
    ///
    /// # Errors
    /// An impossible network or rule.
    pub fn new(
        config: &Config,
        input: [usize; 3],
        outputs: usize,
        schedule: Schedule,
        device: &Device,
    ) -> Result<Self> {
        let network = config.network.build(input, outputs, config.seed, device)?;
        let setup = RuleSetup { network: &network, seed: config.seed, device };
        let rule = config.credit.build(&setup)?;
        let optimizer = Optimizer::new(config.train.optimizer.clone());
        Ok(Self { network, rule, optimizer, schedule, config: config.clone(), step: 0 })
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The rule.
    pub fn rule(&self) -> &dyn CreditRule {
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

    /// Works out the next step for a batch of `images` `[batch, inputs]` with `labels`.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] naming step and stage when a number is not finite.
    pub fn assess(
        &mut self,
        images: Tensor<2>,
        labels: &[u32],
        inputs: &dyn InputSampler,
    ) -> Result<StepOutcome> {
        let pass = self.network.forward(images);
        let Judgement { loss, correct, error } = self.config.train.loss.judge(&pass.output, labels);
        if !loss.is_finite() {
            return Err(self.diverged(&self.first_bad_activity(&pass), "loss is not finite"));
        }
        let context = StepContext {
            network: &self.network,
            pass: &pass,
            error: &error,
            step: self.step,
            seed: self.config.seed,
            inputs,
        };
        let signals = self.rule.signals(&context).map_err(|e| match e.kind() {
            ErrorKind::Diverged => e.within(format!("step {}", self.step)),
            _ => e,
        })?;
        let gradients = self.network.gradients(&pass, &signals, &error);
        let mut square = 0.0;
        for (index, gradient) in gradients.iter().enumerate() {
            let own = energy(gradient);
            if !own.is_finite() {
                return Err(self.diverged(&part_label(&self.network, index / 2), "gradient is not finite"));
            }
            square += own;
        }
        Ok(StepOutcome { loss, correct, pass, error, signals, gradients, norm: square.sqrt() })
    }

    /// What measurements see of a step that has been worked out.
    pub fn moment<'a>(&'a self, outcome: &'a StepOutcome) -> Moment<'a> {
        Moment {
            network: &self.network,
            pass: &outcome.pass,
            error: &outcome.error,
            signals: &outcome.signals,
            gradients: &outcome.gradients,
            rule: self.rule.as_ref(),
            step: self.step,
        }
    }

    /// Makes the step.
    pub fn update(&mut self, outcome: StepOutcome) {
        let StepOutcome { mut gradients, norm, pass, signals, error, .. } = outcome;
        // The traces share memory with the parameters' inputs; freed first, the update can reuse it.
        drop((pass, signals, error));
        if let Some(limit) = self.config.train.clip_norm
            && norm > limit
        {
            gradients = gradients.into_iter().map(|g| g * (limit / norm)).collect();
        }
        let factor = self.schedule.factor(self.step);
        self.optimizer.step(self.network.values_mut(), gradients, factor);
        self.step += 1;
    }

    /// The error for weights that are no longer finite, if any are not.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] naming step and stage.
    pub fn check_weights(&self) -> Result<()> {
        for (index, (_, parameter)) in self.network.parameters().into_iter().enumerate() {
            if !energy(&parameter.value).is_finite() {
                return Err(self.diverged(&part_label(&self.network, index / 2), "weights are not finite"));
            }
        }
        Ok(())
    }

    fn first_bad_activity(&self, pass: &ForwardPass) -> String {
        let bad = |t: &Tensor<2>| !energy(t).is_finite();
        let index = pass.activities.iter().position(bad).unwrap_or(pass.activities.len());
        part_label(&self.network, index)
    }

    fn diverged(&self, part: &str, problem: &str) -> Error {
        Error::new(ErrorKind::Diverged, format!("step {}, {part}", self.step), problem)
    }

    /// Everything but the weights that the next step depends on.
    pub fn state(&self) -> State {
        let mut state = State::default();
        state.nest("optimizer", self.optimizer.state());
        state.nest("rule", self.rule.state());
        state
    }

    /// Continues after `step` steps from `state`; the weights are restored by [`super::checkpoint::Checkpoint`].
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    pub fn restore(&mut self, step: u64, state: &State) -> Result<()> {
        let shapes: Vec<[usize; 2]> = self.network.values_mut().into_iter().map(|v| v.dims()).collect();
        self.optimizer.restore(&state.nested("optimizer"), &shapes)?;
        self.rule.restore(&state.nested("rule"))?;
        self.step = step;
        Ok(())
    }

    /// The network, for restoring its weights.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }
}

/// `stage 1`, `stage 2`, ..., `readout`: for people.
fn part_label(network: &Network, index: usize) -> String {
    if index < network.stages().len() { format!("stage {}", index + 1) } else { "readout".to_owned() }
}
