//! What is learned, as a training run sees it.

use burn::tensor::Tensor;

use crate::found::UnderWay;
use crate::trained_on::TrainedOn;
use nmnc_core::error::Result;
use nmnc_core::records::{ConditionRecord, Psychometric, Score, StageRecord, TrialRecord};
use nmnc_core::state::State;
use nmnc_learn::net::{Gradients, Weights};
use nmnc_learn::workers::{Alone, Contribution, Workers};

/// Examples, the network that learns them, and the rule that gives its parameters gradients.
///
/// A run asks for the batch of a step, has it assessed, and hands the gradients to a [`Learner`](crate::Learner), which changes the
/// network. Batches and random numbers are pure functions of the step, and everything else that the next step depends on is in the
/// network's weights and in [`Problem::state`], so that a resumed run continues bit by bit.
pub trait Problem {
    /// The network.
    type Network: Weights;

    /// The examples of one step.
    type Batch;

    /// What a measured step keeps.
    type Measured;

    /// The network.
    fn network(&self) -> &Self::Network;

    /// Whether it is evaluated on examples held out of those to train on, and not on a test split.
    fn held_out(&self) -> bool {
        false
    }

    /// The network, to be changed by a learner or given the weights of a checkpoint.
    fn network_mut(&mut self) -> &mut Self::Network;

    /// Training steps from one evaluation to the next.
    fn steps_per_epoch(&self) -> u64;

    /// The workers that share each step. A run sums what they assess, so that all make the same step.
    fn workers(&self) -> &dyn Workers {
        &Alone
    }

    /// The training examples of step `step`, from 0; with several workers, those of this one.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn batch(&mut self, step: u64) -> Result<Self::Batch>;

    /// Gets the examples of step `step` ready while a device is still at work on the step before it. What [`Problem::batch`] gives is the
    /// same without; so is an error, which waits until then.
    fn prepare(&mut self, _step: u64) {}

    /// Works out step `step` on `batch`: loss and gradients. `measured` keeps what [`Problem::measure`] looks at; the step is the same
    /// to the bit.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) naming step and part when a number is not finite.
    fn assess(
        &mut self,
        batch: Self::Batch,
        step: u64,
        measured: bool,
    ) -> Result<(Assessed, Option<Self::Measured>)>;

    /// What the rule did at each stage, against the exact gradient. Before the step's update. With several workers the first one alone
    /// measures, on what it has been given of all.
    ///
    /// # Errors
    /// Data that cannot be read; activity that is not finite.
    fn measure(&self, _measured: &Self::Measured, _step: u64) -> Result<Vec<StageRecord>> {
        Ok(Vec::new())
    }

    /// Scores over the examples held back.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn evaluate(&self) -> Result<Evaluation>;

    /// Whether workers share the evaluation, so that all have to call it; else the first one alone does.
    fn evaluates_together(&self) -> bool {
        false
    }

    /// Examples and network in a few words, for people.
    fn describe(&self) -> String;

    /// Number of units of each stage that [`Problem::measure`] gives records of.
    fn stage_units(&self) -> Vec<usize>;

    /// What the user should know about the data.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// What whoever shows the network other examples has to know of those it is trained on.
    fn trained_on(&self) -> Option<TrainedOn> {
        None
    }

    /// Perturbed examples so far.
    fn probes(&self) -> u64 {
        0
    }

    /// Takes the rule's warnings since the last call.
    fn take_warnings(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// The rule's state: everything beside the weights that the next step depends on.
    fn state(&self) -> State {
        State::default()
    }

    /// Takes back what [`Problem::state`] gave.
    ///
    /// # Errors
    /// If something is missing or has the wrong shape.
    fn restore(&mut self, _state: &State) -> Result<()> {
        Ok(())
    }
}

/// A step that has been worked out but not yet made.
#[derive(Clone, Debug)]
pub struct Assessed {
    /// Loss before the update, a mean over examples.
    pub loss: f64,
    /// What that mean, and so the gradients, are divided by: the number of examples, or the sum of their weights.
    pub weight: f64,
    /// Examples decided right. An example may count in part.
    pub correct: f64,
    /// Number of examples.
    pub count: usize,
    /// The gradient of the loss for each parameter that is trained and whose gradient is not under way.
    pub gradients: Gradients,
    /// Gradients that were found early and that several workers are summing already; none otherwise.
    pub under_way: UnderWay,
    /// What the network's buffers become with the step, in the order of [`Weights::buffers`]; empty where there are none.
    pub buffers: Vec<Tensor<2>>,
}

impl Assessed {
    /// The step of the examples of all workers, of which this is the share of one, to the same bits for all. Buffers become the weighted
    /// means of what the shares make of them.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    pub fn of_all(self, workers: &dyn Workers) -> Result<Self> {
        Ok(self.of_all_or_stop(workers, false)?.0)
    }

    /// The same, and whether any of several workers wishes to stop.
    pub(crate) fn of_all_or_stop(self, workers: &dyn Workers, wish: bool) -> Result<(Self, bool)> {
        if workers.count() == 1 {
            return Ok((self, false));
        }
        // Sums are of what the shares' means were before they were divided.
        let Self { loss, weight, correct, count, gradients, under_way, buffers } = self;
        let names: Vec<String> = gradients.iter().map(|(name, _)| name.to_owned()).collect();
        let scaled = gradients.scaled(weight);
        let buffers: Vec<Tensor<2>> = buffers.into_iter().map(|buffer| buffer * weight).collect();
        let matrices: Vec<&Tensor<2>> = scaled.iter().map(|(_, gradient)| gradient).chain(&buffers).collect();
        let device = matrices.first().map(|matrix| matrix.device()).unwrap_or_default();
        let numbers = vec![loss * weight, weight, correct, count as f64, f64::from(u8::from(wish))];
        let given = workers.sum(Contribution::new(numbers, matrices))?;
        let [loss, weight, correct, count, wishes] = given.numbers[..] else { unreachable!("five numbers") };
        let mut matrices = given.tensors(&device).map(|sum| sum / weight);
        let gradients = under_way.arrived(names.into_iter().zip(&mut matrices).collect(), weight)?;
        let (buffers, under_way) = (matrices.collect(), UnderWay::default());
        let (loss, count) = (loss / weight, count as usize);
        let all = Self { loss, weight, correct, count, gradients, under_way, buffers };
        Ok((all, wishes > 0.0))
    }
}

/// Scores over the examples held back.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Loss and accuracy.
    pub score: Score,
    /// Of trials: how they went beside their answers.
    pub trials: Option<TrialRecord>,
    /// Of trials: the same by condition.
    pub conditions: Vec<ConditionRecord>,
    /// Of trials: the same by strength of the evidence, where they have one.
    pub psychometric: Option<Psychometric>,
}
