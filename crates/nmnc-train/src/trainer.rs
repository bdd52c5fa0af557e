//! One training step: forward pass, loss, credit, gradients, update.

use burn::tensor::{Device, Tensor};

use super::config::Config;
use super::loss::Judgement;
use super::measure::Moment;
use super::optimizer::Optimizer;
use super::schedule::Schedule;
use nmnc_core::device::energy;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::state::State;
use nmnc_learn::credit::{CreditRule, InputSampler, LocalContext, LocalRule, RuleSetup, StepContext};
use nmnc_learn::net::{ForwardPass, Gradients, Network, Replay};

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
    gradients: Gradients,
    /// What the buffers become with the step.
    buffers: Vec<Tensor<2>>,
    norm: f64,
}

/// What a step that is to be measured keeps beside its outcome.
pub struct Kept {
    pass: ForwardPass,
    error: Tensor<2>,
    signals: Vec<Tensor<2>>,
}

/// A judged output.
struct Judged {
    loss: f64,
    correct: usize,
    error: Tensor<2>,
    output: Tensor<2>,
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
        if config.train.streamed {
            network.check_streamed()?;
        }
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

    /// Works out the next step for a batch of `images` `[batch, inputs]` with `labels`, keeping of the forward pass and the signals
    /// no more than the work needs (`train.streamed` decides what that is).
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] naming step and stage when a number is not finite.
    pub fn assess(
        &mut self,
        images: Tensor<2>,
        labels: &[u32],
        inputs: &dyn InputSampler,
    ) -> Result<StepOutcome> {
        let (judged, pass) = if self.config.train.streamed {
            let output = self.network.output(images.clone());
            (self.judge(&output, labels, self.network.each_activity(images.clone()))?, None)
        } else {
            let pass = self.network.training_forward(images.clone(), self.config.seed, self.step);
            (self.judge(&pass.output, labels, pass.activities().cloned())?, Some(pass))
        };
        let (network, step, seed, error) = (&self.network, self.step, self.config.seed, &judged.error);
        let buffers = pass.as_ref().map(|pass| network.updated_buffers(pass)).unwrap_or_default();
        let gradients = match (self.rule.local(), pass) {
            (Some(rule), pass) => {
                let output = &judged.output;
                let signal = |rule: &mut dyn LocalRule, stage: usize, pass: &ForwardPass| {
                    let replay = Replay::new(network, pass);
                    let context = LocalContext { network, output, error, step, seed, inputs, replay };
                    if stage == 0 {
                        rule.begin(&context)?;
                    }
                    rule.signal(stage, pass.activity(stage), &context)
                };
                match pass {
                    Some(pass) => network.gradients_in_turn(pass, error, |l, pass| signal(rule, l, pass)),
                    None => {
                        network.gradients_streamed(images, output, error, |l, pass| signal(rule, l, pass))
                    }
                }
            }
            (None, Some(pass)) => {
                let context = StepContext { network, pass: &pass, error, step, seed, inputs };
                let mut signals = self.rule.signals(&context).map_err(|e| at_step(e, step))?.into_iter();
                network.gradients_in_turn(pass, error, |_, _| Ok(signals.next().expect("one signal a stage")))
            }
            (None, None) => unreachable!("a configuration that streams is resolved for local rules only"),
        };
        let gradients = gradients.map_err(|e| at_step(e, step))?;
        self.outcome(&judged, gradients, buffers)
    }

    /// As [`Trainer::assess`], to the same bits, keeping what measurements look at: the whole forward pass and all signals.
    ///
    /// # Errors
    /// As [`Trainer::assess`].
    pub fn assess_keeping(
        &mut self,
        images: Tensor<2>,
        labels: &[u32],
        inputs: &dyn InputSampler,
    ) -> Result<(StepOutcome, Kept)> {
        let pass = self.network.training_forward(images, self.config.seed, self.step);
        let judged = self.judge(&pass.output, labels, pass.activities().cloned())?;
        let context = StepContext {
            network: &self.network,
            pass: &pass,
            error: &judged.error,
            step: self.step,
            seed: self.config.seed,
            inputs,
        };
        let signals = self.rule.signals(&context).map_err(|e| at_step(e, self.step))?;
        let gradients = self.network.gradients(&pass, &signals, &judged.error);
        let buffers = self.network.updated_buffers(&pass);
        let outcome = self.outcome(&judged, gradients, buffers)?;
        Ok((outcome, Kept { pass, error: judged.error, signals }))
    }

    /// Loss and output error, or where the first number that is not finite came from.
    fn judge(
        &self,
        output: &Tensor<2>,
        labels: &[u32],
        mut activities: impl Iterator<Item = Tensor<2>>,
    ) -> Result<Judged> {
        let Judgement { loss, correct, error } = self.config.train.loss.judge(output, labels);
        if !loss.is_finite() {
            let bad = activities.position(|activity| !energy(&activity).is_finite());
            let part = bad.map_or_else(|| "readout".to_owned(), |stage| format!("stage {}", stage + 1));
            return Err(self.diverged(&part, "loss is not finite"));
        }
        Ok(Judged { loss, correct, error, output: output.clone() })
    }

    fn outcome(&self, judged: &Judged, gradients: Gradients, buffers: Vec<Tensor<2>>) -> Result<StepOutcome> {
        let mut square = 0.0;
        for (name, own) in gradients.energies() {
            if !own.is_finite() {
                return Err(self.diverged(&self.network.place(name), "gradient is not finite"));
            }
            square += own;
        }
        Ok(StepOutcome {
            loss: judged.loss,
            correct: judged.correct,
            gradients,
            buffers,
            norm: square.sqrt(),
        })
    }

    /// What measurements see of a step that has been worked out.
    pub fn moment<'a>(&'a self, outcome: &'a StepOutcome, kept: &'a Kept) -> Moment<'a> {
        Moment {
            network: &self.network,
            pass: &kept.pass,
            error: &kept.error,
            signals: &kept.signals,
            gradients: &outcome.gradients,
            rule: self.rule.as_ref(),
            step: self.step,
        }
    }

    /// Makes the step.
    pub fn update(&mut self, outcome: StepOutcome) {
        let StepOutcome { mut gradients, buffers, norm, .. } = outcome;
        if let Some(limit) = self.config.train.clip_norm
            && norm > limit
        {
            gradients = gradients.scaled(limit / norm);
        }
        let factor = self.schedule.factor(self.step);
        self.optimizer.step(&mut self.network, gradients, factor);
        for (value, buffer) in self.network.buffer_values_mut().into_iter().zip(buffers) {
            *value = buffer;
        }
        self.step += 1;
    }

    /// The error for weights that are no longer finite, if any are not.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`] naming step and stage.
    pub fn check_weights(&self) -> Result<()> {
        for (name, parameter) in self.network.parameters() {
            if !energy(&parameter.value).is_finite() {
                return Err(self.diverged(&self.network.place(&name), "weights are not finite"));
            }
        }
        Ok(())
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
        self.optimizer.restore(&state.nested("optimizer"), &self.network)?;
        self.rule.restore(&state.nested("rule"))?;
        self.step = step;
        Ok(())
    }

    /// The network, for restoring its weights.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }
}

/// Says at which step a rule met a number that is not finite.
fn at_step(error: Error, step: u64) -> Error {
    match error.kind() {
        ErrorKind::Diverged => error.within(format!("step {step}")),
        _ => error,
    }
}
