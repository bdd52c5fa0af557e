//! Passes: forward with traces, evaluation, and replays of perturbed activity.

use burn::tensor::Tensor;

use super::block::Mode;
use super::network::Network;
use super::trace::Trace;
use nmnc_core::error::Result;
use nmnc_core::seed::Seed;

/// One matrix `[batch, units]` for each input of a network.
#[derive(Clone, Debug)]
pub struct Inputs(pub Vec<Tensor<2>>);

impl From<Tensor<2>> for Inputs {
    fn from(input: Tensor<2>) -> Self {
        Self(vec![input])
    }
}

impl From<Vec<Tensor<2>>> for Inputs {
    fn from(inputs: Vec<Tensor<2>>) -> Self {
        Self(inputs)
    }
}

/// What a forward pass leaves behind: of activities and other values those that someone may still ask for.
#[derive(Debug)]
pub struct ForwardPass {
    /// Output `[batch, n_o]`.
    pub output: Tensor<2>,
    /// By slot.
    pub(super) values: Vec<Option<Tensor<2>>>,
    /// By node.
    pub(super) traces: Vec<Option<Trace>>,
    /// Slots of the stages' activities.
    pub(super) stages: Vec<usize>,
    /// Whether blocks used the batch's own statistics and masks.
    pub(super) training: bool,
}

impl ForwardPass {
    /// Activity `[batch, n_l]` of stage `stage` (from 0).
    ///
    /// # Panics
    /// If a step that keeps no more than it needs has already passed the stage.
    pub fn activity(&self, stage: usize) -> &Tensor<2> {
        self.values[self.stages[stage]].as_ref().expect("the stage's activity is still kept")
    }

    /// Activity of every stage, first to last.
    pub fn activities(&self) -> impl ExactSizeIterator<Item = &Tensor<2>> {
        (0..self.stages.len()).map(|stage| self.activity(stage))
    }

    /// What node `node` kept.
    ///
    /// # Panics
    /// As [`ForwardPass::activity`].
    pub fn trace(&self, node: usize) -> &Trace {
        self.traces[node].as_ref().expect("the node's trace is still kept")
    }

    pub(super) fn value(&self, slot: usize) -> Tensor<2> {
        self.values[slot].clone().expect("a value that a replay begins with is still kept")
    }
}

impl Network {
    /// Output `[batch, n_o]` in evaluation.
    pub fn output(&self, inputs: impl Into<Inputs>) -> Tensor<2> {
        Walk::new(self, inputs.into()).to(self.nodes.len() - 1)
    }

    /// Activity of every stage in evaluation, without traces.
    pub fn activities(&self, inputs: impl Into<Inputs>) -> Vec<Tensor<2>> {
        self.each_activity(inputs).collect()
    }

    /// Activity of one stage after the other in evaluation: the iterator itself keeps only what later stages read.
    pub fn each_activity(&self, inputs: impl Into<Inputs>) -> impl Iterator<Item = Tensor<2>> {
        let mut walk = Walk::new(self, inputs.into());
        self.cuts.iter().map(move |&node| walk.to(node))
    }

    /// Forward pass in evaluation that keeps what derivatives and replays need.
    pub fn forward(&self, inputs: impl Into<Inputs>) -> ForwardPass {
        self.traced(inputs.into(), false, |_| Mode::Evaluation)
    }

    /// Forward pass of training step `step`, of whose examples `inputs` are those from `first` on.
    pub fn training_forward(
        &self,
        inputs: impl Into<Inputs>,
        seed: Seed,
        step: u64,
        first: usize,
    ) -> ForwardPass {
        self.traced(inputs.into(), true, |node| Mode::Training { seed, step, node, first })
    }

    fn traced(&self, inputs: Inputs, training: bool, mode: impl Fn(usize) -> Mode) -> ForwardPass {
        let mut values = self.entered(inputs);
        let mut traces = Vec::with_capacity(self.nodes.len());
        for (index, node) in self.nodes.iter().enumerate() {
            let sources = self.gather(index, |slot| values[slot].clone().expect("sources come before"));
            let (output, trace) = node.block.forward(&sources, mode(index));
            traces.push(Some(trace));
            values[self.inputs.len() + index] = Some(output);
            self.forget(&mut values, index, |slot| self.structure.last_replay[slot].is_none());
        }
        let output = values[self.inputs.len() + self.nodes.len() - 1].take().expect("the last node's");
        let stages = self.cuts.iter().map(|node| self.inputs.len() + node).collect();
        ForwardPass { output, values, traces, stages, training }
    }

    /// The inputs in their slots.
    pub(super) fn entered(&self, Inputs(inputs): Inputs) -> Vec<Option<Tensor<2>>> {
        let given: Vec<usize> = inputs.iter().map(|input| input.dims()[1]).collect();
        assert_eq!(given, self.inputs, "units of the inputs");
        inputs.into_iter().map(Some).chain(self.nodes.iter().map(|_| None)).collect()
    }

    /// Lets go of what no node after `node` reads, where `unneeded` agrees.
    fn forget(&self, values: &mut [Option<Tensor<2>>], node: usize, unneeded: impl Fn(usize) -> bool) {
        for &slot in &self.nodes[node].sources {
            if self.structure.last_reader[slot] == Some(node) && unneeded(slot) {
                values[slot] = None;
            }
        }
    }
}

/// Evaluation node after node.
pub(super) struct Walk<'a> {
    network: &'a Network,
    values: Vec<Option<Tensor<2>>>,
    next: usize,
}

impl<'a> Walk<'a> {
    pub fn new(network: &'a Network, inputs: Inputs) -> Self {
        Self { network, values: network.entered(inputs), next: 0 }
    }

    /// Output of node `node`, which has not been passed yet.
    pub fn to(&mut self, node: usize) -> Tensor<2> {
        let Self { network, values, next } = self;
        for index in *next..=node {
            let sources = network.gather(index, |slot| values[slot].clone().expect("sources come before"));
            let output = network.nodes[index].block.activity(&sources);
            network.forget(values, index, |_| true);
            values[network.inputs.len() + index] = Some(output);
        }
        *next = node + 1;
        values[network.inputs.len() + node].clone().expect("it was just made")
    }
}

/// What a perturbed pass needs of the clean one.
#[derive(Clone, Copy)]
pub struct Replay<'a> {
    network: &'a Network,
    pass: &'a ForwardPass,
    rows: Option<&'a [usize]>,
}

impl<'a> Replay<'a> {
    /// Perturbed passes of the whole batch.
    pub fn new(network: &'a Network, pass: &'a ForwardPass) -> Self {
        Self { network, pass, rows: None }
    }

    /// Perturbed passes of these examples of the batch, each as often as it stands there.
    ///
    /// # Panics
    /// If the pass was one of training, whose statistics and masks are those of the batch.
    pub fn of_rows(network: &'a Network, pass: &'a ForwardPass, rows: &'a [usize]) -> Self {
        assert!(!pass.training, "examples can be chosen from a pass in evaluation only");
        Self { network, pass, rows: Some(rows) }
    }

    /// The output `[batch, n_o]` when `perturb` changes the activities of `stages` (from 0, ascending): it is given each stage's number
    /// and its activity, moved already by the changes of those before. Nodes that no change reaches keep their clean values.
    ///
    /// # Errors
    /// Those of `perturb`.
    pub fn output(
        &self,
        stages: &[usize],
        mut perturb: impl FnMut(usize, Tensor<2>) -> Result<Tensor<2>>,
    ) -> Result<Tensor<2>> {
        let Self { network, pass, .. } = *self;
        let structure = &network.structure;
        let inputs = network.inputs.len();
        let mut values: Vec<Option<Tensor<2>>> = vec![None; inputs + network.nodes.len()];
        for index in 0..network.nodes.len() {
            let perturbed = structure.stage_of[index].filter(|stage| stages.contains(stage));
            let moved = stages.iter().any(|&stage| structure.downstream[stage][index]);
            let mut value = match (moved, perturbed) {
                (true, _) => {
                    let sources = network
                        .gather(index, |slot| values[slot].clone().unwrap_or_else(|| self.clean(slot)));
                    let block = &network.nodes[index].block;
                    let value = match pass.training {
                        true => block.replay(&sources, pass.trace(index)),
                        false => block.activity(&sources),
                    };
                    network.forget(&mut values, index, |_| true);
                    value
                }
                (false, Some(_)) => self.clean(inputs + index),
                (false, None) => continue,
            };
            if let Some(stage) = perturbed {
                value = perturb(stage, value)?;
            }
            values[inputs + index] = Some(value);
        }
        let output = values.pop().flatten();
        Ok(output.unwrap_or_else(|| self.chosen(pass.output.clone())))
    }

    fn clean(&self, slot: usize) -> Tensor<2> {
        self.chosen(self.pass.value(slot))
    }

    fn chosen(&self, value: Tensor<2>) -> Tensor<2> {
        match self.rows {
            Some(rows) => Tensor::cat(rows.iter().map(|&row| value.clone().narrow(0, row, 1)).collect(), 0),
            None => value,
        }
    }
}
