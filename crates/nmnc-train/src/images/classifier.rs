//! One training step of a layered network: forward pass, loss, credit, gradients.

use std::ops::Range;

use burn::tensor::{Device, Tensor};

use crate::diverged::{at_step, diverged};
use crate::found::{Found, UnderWay};
use crate::loss::{Hits, Loss, Objective};
use crate::problem::Assessed;
use crate::weights::device_of;
use nmnc_core::device::energy;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;
use nmnc_learn::credit::{CreditRule, InputSampler, LocalContext, StepContext};
use nmnc_learn::net::{ForwardPass, Gradients, Network};
use nmnc_learn::workers::{Alone, Share, Workers};

/// A layered network, the loss it is to make small, and the rule that gives its stages credit.
pub struct Classifier {
    network: Network,
    rule: Box<dyn CreditRule>,
    objective: Objective,
    seed: Seed,
    streamed: bool,
    workers: Box<dyn Workers>,
}

/// Images with their labels, on the device of the network.
#[derive(Clone, Debug)]
pub struct ImageBatch {
    /// `[batch, inputs]`
    pub images: Tensor<2>,
    /// Class of each, `[batch]`.
    pub labels: Vec<u32>,
}

impl ImageBatch {
    /// The examples `range` of it, counted from 0.
    ///
    /// # Panics
    /// If it has fewer.
    pub fn part(&self, range: Range<usize>) -> Self {
        let images = self.images.clone().narrow(0, range.start, range.len());
        Self { images, labels: self.labels[range].to_vec() }
    }
}

/// What a measured step keeps: the whole forward pass, and what the rule made of it.
pub struct MeasuredImages {
    /// The images of the batch, `[batch, inputs]`.
    pub images: Tensor<2>,
    /// The forward pass.
    pub pass: ForwardPass,
    /// dLoss/dy `[batch, outputs]`.
    pub error: Tensor<2>,
    /// The rule's signal for each stage, `[batch, n_l]`.
    pub signals: Vec<Tensor<2>>,
    /// The gradients those signals gave.
    pub gradients: Gradients,
}

impl Classifier {
    /// A classifier of the caller's network and rule; `seed` gives the rule its random numbers.
    pub fn new(
        network: Network,
        rule: Box<dyn CreditRule>,
        objective: impl Into<Objective>,
        seed: Seed,
    ) -> Self {
        let objective = objective.into();
        Self { network, rule, objective, seed, streamed: false, workers: Box::new(Alone) }
    }

    /// The same, working through the forward pass a second time, one stage after the other, instead of keeping it.
    ///
    /// # Errors
    /// A rule that is not local; a network that cannot do with one section at a time.
    pub fn streamed(mut self) -> Result<Self> {
        self.network.check_streamed()?;
        if self.rule.local().is_none() {
            return Err(Error::config("train.streamed", "this rule needs the whole forward pass at once")
                .mend("set it to false, or choose a local rule"));
        }
        self.streamed = true;
        Ok(self)
    }

    /// The same as one of several workers that share the examples of each step.
    #[must_use]
    pub fn shared(self, workers: impl Workers + 'static) -> Self {
        Self { workers: Box::new(workers), ..self }
    }

    /// The workers that share the examples of each step.
    pub fn workers(&self) -> &dyn Workers {
        self.workers.as_ref()
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to be changed by a learner.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// The rule.
    pub fn rule(&self) -> &dyn CreditRule {
        self.rule.as_ref()
    }

    /// The rule, to be restored or asked for warnings.
    pub fn rule_mut(&mut self) -> &mut dyn CreditRule {
        self.rule.as_mut()
    }

    /// The loss.
    pub fn loss(&self) -> Loss {
        self.objective.loss()
    }

    /// The loss and its targets.
    pub fn objective(&self) -> Objective {
        self.objective
    }

    /// The seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The device that holds the network.
    pub fn device(&self) -> Device {
        device_of(&self.network)
    }

    /// Works out step `step` on the examples of this worker; `inputs` are more training inputs, for rules that want them. A measured step
    /// keeps the whole forward pass and all signals, of all workers' examples and for the first worker alone; any other no more of them than
    /// the work needs. Both come to the same bits.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) naming step and stage when a number is not finite; a worker that cannot
    /// be reached.
    pub fn assess(
        &mut self,
        batch: ImageBatch,
        step: u64,
        inputs: &dyn InputSampler,
        measured: bool,
    ) -> Result<(Assessed, Option<MeasuredImages>)> {
        if measured {
            return self.assess_whole(batch, step, inputs);
        }
        let ImageBatch { images, labels } = batch;
        let share = &Share::of(self.workers.as_ref(), labels.len())?;
        let (output, pass) = if self.streamed {
            (self.network.output(images.clone()), None)
        } else {
            let first = share.rows().start;
            let pass = self.network.training_forward(images.clone(), self.seed, step, first);
            (pass.output.clone(), Some(pass))
        };
        let judging = self.objective.ask(&output, &labels);
        // What is known at once ends a step before its work; an accelerator goes on working until the end of it.
        let known = judging.known().map(|score| self.finite(score, step, images.clone())).transpose()?;
        let again = images.clone();
        let (network, seed, error) = (&self.network, self.seed, &judging.error);
        let buffers = pass.as_ref().map(|pass| network.updated_buffers(pass)).unwrap_or_default();
        let exact = self.rule.is_exact();
        let mut found = Found::new(share.workers(), labels.len() as f64);
        let take = |gradients: Gradients| found.take(gradients);
        let assessed = match (self.rule.local(), pass) {
            (Some(rule), Some(pass)) => {
                let context = StepContext { network, pass: &pass, error, step, seed, inputs, share };
                rule.begin(&LocalContext::from(&context)).map_err(|e| at_step(e, step))?;
                let any_order = !share.is_alone() && rule.in_any_order(step);
                let signal = |stage: usize, pass: &ForwardPass| {
                    let context = StepContext { network, pass, error, step, seed, inputs, share };
                    rule.signal(stage, pass.activity(stage), &LocalContext::from(&context))
                };
                match any_order {
                    true => network.gradients_by_size(pass, error, signal, take),
                    false => network.gradients_in_turn(pass, error, signal, take),
                }
            }
            (Some(rule), None) => {
                let signal = |stage: usize, pass: &ForwardPass| {
                    let context = StepContext { network, pass, error, step, seed, inputs, share };
                    let context = LocalContext::from(&context);
                    if stage == 0 {
                        rule.begin(&context)?;
                    }
                    rule.signal(stage, pass.activity(stage), &context)
                };
                network.gradients_streamed(images, &output, error, signal, take)
            }
            (None, Some(pass)) if exact => network.backpropagated(pass, error, take),
            (None, Some(pass)) => {
                let context = StepContext { network, pass: &pass, error, step, seed, inputs, share };
                let mut signals = self.rule.signals(&context).map_err(|e| at_step(e, step))?.into_iter();
                let signal = |_: usize, _: &ForwardPass| Ok(signals.next().expect("one signal a stage"));
                network.gradients_in_turn(pass, error, signal, take)
            }
            (None, None) => unreachable!("only local rules are streamed"),
        };
        assessed.map_err(|e| at_step(e, step))?;
        let found = found.end(network);
        let score = match known {
            Some(score) => score,
            None => self.finite(judging.wait(), step, again)?,
        };
        Ok((assessed_of(score, labels.len(), found, buffers), None))
    }

    fn assess_whole(
        &mut self,
        batch: ImageBatch,
        step: u64,
        inputs: &dyn InputSampler,
    ) -> Result<(Assessed, Option<MeasuredImages>)> {
        let (network, seed) = (&self.network, self.seed);
        let share = &Share::of(self.workers.as_ref(), batch.labels.len())?;
        let pass = network.training_forward(batch.images.clone(), seed, step, share.rows().start);
        let judging = self.objective.ask(&pass.output, &batch.labels);
        let score = self.finite(judging.wait(), step, batch.images.clone())?;
        let error = &judging.error;
        let context = StepContext { network, pass: &pass, error, step, seed, inputs, share };
        let signals = self.rule.signals(&context).map_err(|e| at_step(e, step))?;
        let gradients = network.gradients(&pass, &signals, error);
        let buffers = network.updated_buffers(&pass);
        let found = (gradients.clone(), UnderWay::default());
        let assessed = assessed_of(score, batch.labels.len(), found, buffers);
        let kept = if share.is_alone() {
            Some(MeasuredImages { images: batch.images, pass, error: judging.error, signals, gradients })
        } else {
            self.measured_of_all(batch, step, signals, &assessed, share)?
        };
        Ok((assessed, kept))
    }

    /// What the first worker keeps of the examples of all.
    fn measured_of_all(
        &self,
        batch: ImageBatch,
        step: u64,
        signals: Vec<Tensor<2>>,
        assessed: &Assessed,
        share: &Share,
    ) -> Result<Option<MeasuredImages>> {
        // Signals are those of a mean over a worker's own examples.
        let part = batch.labels.len() as f64 / share.whole() as f64;
        let signals: Vec<Tensor<2>> =
            signals.into_iter().map(|signal| share.all(&(signal * part))).collect::<Result<_>>()?;
        let images = share.all(&batch.images)?;
        let labels = share.numbers(batch.labels.iter().map(|&label| f64::from(label)).collect())?;
        let gradients = assessed.clone().of_all(share.workers())?.gradients;
        if share.rows().start > 0 {
            return Ok(None);
        }
        let pass = self.network.training_forward(images.clone(), self.seed, step, 0);
        let labels: Vec<u32> = labels.into_iter().map(|label| label as u32).collect();
        let error = self.objective.ask(&pass.output, &labels).error;
        Ok(Some(MeasuredImages { images, pass, error, signals, gradients }))
    }

    /// Loss and hits, or where the first number that is not finite came from.
    fn finite(&self, (loss, hits): (f64, Hits), step: u64, images: Tensor<2>) -> Result<(f64, Hits)> {
        if loss.is_finite() {
            return Ok((loss, hits));
        }
        let bad = self.network.each_activity(images).position(|activity| !energy(&activity).is_finite());
        let part = bad.map_or_else(|| "readout".to_owned(), |stage| format!("stage {}", stage + 1));
        Err(diverged(step, Some(&part), "loss is not finite"))
    }
}

/// What a step of `count` examples came to.
fn assessed_of(
    (loss, hits): (f64, Hits),
    count: usize,
    (gradients, under_way): (Gradients, UnderWay),
    buffers: Vec<Tensor<2>>,
) -> Assessed {
    let (weight, correct) = (count as f64, hits.first as f64);
    Assessed { loss, weight, correct, count, gradients, under_way, buffers }
}
