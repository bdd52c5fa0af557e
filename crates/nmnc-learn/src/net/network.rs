//! Blocks in topological order, cut into stages.

use burn::tensor::{Device, Tensor};

use super::block::Block;
use super::map::Map;
use super::node::{Node, Reader};
use super::parameter::{Buffer, Parameter};
use super::structure::Structure;
use nmnc_core::error::{Error, Result};

/// A graph of blocks. The outputs of some nodes are cut points: the activities x_1 .. x_L of the *stages*, which rules perturb and
/// credit. A chain of stages with a readout is the simplest such graph.
///
/// The nodes that lead to a stage without passing another are its *section*: the stage's error signal is carried through it by exact
/// derivatives. What leads to the output without passing a stage, such as a readout, receives the exact output error.
#[derive(Debug)]
pub struct Network {
    pub(super) inputs: Vec<usize>,
    pub(super) nodes: Vec<Node>,
    /// Nodes that are stages, ascending.
    pub(super) cuts: Vec<usize>,
    pub(super) structure: Structure,
}

impl Network {
    /// The nodes in topological order; the last gives the output.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The block of the node `name`.
    pub fn block(&self, name: &str) -> Option<&dyn Block> {
        self.nodes.iter().find(|node| node.name == name).map(Node::block)
    }

    /// The nodes whose outputs are the stages' activities, first stage to last.
    pub fn stages(&self) -> impl ExactSizeIterator<Item = &Node> {
        self.cuts.iter().map(|&node| &self.nodes[node])
    }

    /// Number of units of each input.
    pub fn inputs(&self) -> &[usize] {
        &self.inputs
    }

    /// Number n_o of outputs.
    pub fn outputs(&self) -> usize {
        self.nodes[self.nodes.len() - 1].block.units()
    }

    /// Number n_l of units of each stage.
    pub fn stage_units(&self) -> Vec<usize> {
        self.stages().map(|node| node.block.units()).collect()
    }

    /// All parameters with their full names (`stage1.weight`, `readout.bias`), node after node.
    pub fn parameters(&self) -> Vec<(String, &Parameter)> {
        named(&self.nodes, |block| block.parameters())
    }

    /// The parameter of this full name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters().into_iter().find_map(|(own, parameter)| (own == name).then_some(parameter))
    }

    /// The parameters' values, in the order of [`Network::parameters`].
    pub fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        let parameters = self.nodes.iter_mut().flat_map(|node| node.block.parameters_mut());
        parameters.map(|parameter| &mut parameter.value).collect()
    }

    /// All buffers with their full names, node after node.
    pub fn buffers(&self) -> Vec<(String, &Buffer)> {
        named(&self.nodes, |block| block.buffers())
    }

    /// The buffers' values, in the order of [`Network::buffers`].
    pub fn buffer_values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        let buffers = self.nodes.iter_mut().flat_map(|node| node.block.buffers_mut());
        buffers.map(|buffer| &mut buffer.value).collect()
    }

    /// Number of trainable numbers.
    pub fn parameter_count(&self) -> usize {
        self.parameters().iter().map(|(_, p)| p.shape.iter().product::<usize>()).sum()
    }

    /// Where a parameter or buffer stands, for people: `stage 2`, or the node's name if that is no stage.
    pub fn place(&self, parameter: &str) -> String {
        let holds =
            |node: &Node| parameter.strip_prefix(&node.name).is_some_and(|rest| rest.starts_with('.'));
        match self.nodes.iter().position(holds) {
            Some(node) => self.structure.stage_of[node]
                .map_or_else(|| self.nodes[node].name.clone(), |stage| format!("stage {}", stage + 1)),
            None => parameter.to_owned(),
        }
    }

    /// Full names of the parameters that maps multiply by in the section of stage `stage` (from 0): its weights. Where there are no
    /// maps, all parameters.
    pub fn section_weights(&self, stage: usize) -> Vec<String> {
        let nodes: Vec<&Node> = self.section(stage).collect();
        let names = |of: fn(&dyn Block) -> Vec<&Parameter>| {
            let full = |node: &&Node| {
                let parameters = of(node.block()).into_iter();
                parameters.map(|parameter| format!("{}.{}", node.name, parameter.name)).collect::<Vec<_>>()
            };
            nodes.iter().flat_map(full).collect::<Vec<String>>()
        };
        let weights = names(|block| block.maps().into_iter().map(|map| map.parameter).collect());
        if weights.is_empty() { names(|block| block.parameters()) } else { weights }
    }

    /// The maps through which an error reaches any stage, in topological order. A chain has one for every stage: the next one's, and
    /// for the last stage the readout's.
    pub fn readers(&self) -> &[Reader] {
        &self.structure.readers
    }

    /// The nodes that lead to stage `stage` (from 0; the number of stages means the output) without passing another, with its own.
    pub fn section(&self, stage: usize) -> impl Iterator<Item = &Node> {
        self.structure.sections[stage].iter().rev().map(|&node| &self.nodes[node])
    }

    /// The nodes whose outputs depend on the activity of stage `stage` (from 0), in topological order: what a perturbation of it passes.
    pub fn behind(&self, stage: usize) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(move |&node| self.structure.downstream[stage][node])
    }

    /// Indices of the nodes of [`Network::section`], last to first.
    pub fn section_nodes(&self, stage: usize) -> &[usize] {
        &self.structure.sections[stage]
    }

    /// The node that gives input `input` (from 0) of node `node`; none if the network's own input does.
    pub fn source(&self, node: usize, input: usize) -> Option<usize> {
        self.nodes[node].sources[input].checked_sub(self.inputs.len())
    }

    /// Inputs (from 0) of node `node` through which an error reaches a stage.
    pub fn live_inputs(&self, node: usize) -> impl Iterator<Item = usize> {
        let sources = self.nodes[node].sources.iter().enumerate();
        sources.filter(|&(_, &slot)| self.structure.live[slot]).map(|(input, _)| input)
    }

    /// Inputs (from 0) of node `node` that other nodes of its section give: neither stages nor inputs of the network.
    pub fn inner_inputs(&self, node: usize) -> impl Iterator<Item = usize> {
        let inner = |slot: &usize| {
            slot.checked_sub(self.inputs.len())
                .is_some_and(|before| self.structure.stage_of[before].is_none())
        };
        let sources = self.nodes[node].sources.iter().enumerate();
        sources.filter(move |(_, slot)| inner(slot)).map(|(input, _)| input)
    }

    /// The map of a reader.
    pub fn map(&self, reader: Reader) -> Map<'_> {
        self.nodes[reader.node].block.maps()[reader.map]
    }

    /// The only node that reads stage `stage` (from 0), if there is just one and it reads nothing else.
    pub fn only_reader(&self, stage: usize) -> Option<usize> {
        let slot = self.inputs.len() + self.cuts[stage];
        let mut readers = self.nodes.iter().enumerate().filter(|(_, node)| node.sources.contains(&slot));
        let (index, node) = readers.next()?;
        (readers.next().is_none() && node.sources.len() == 1).then_some(index)
    }

    /// Checks that a step can do with one section at a time ([`Network::gradients_streamed`]).
    ///
    /// # Errors
    /// If a node reads anything but the one before it, or a block cannot be replayed without the clean pass or keeps statistics.
    pub fn check_streamed(&self) -> Result<()> {
        let refuse = |node: &Node, problem: &str| {
            Err(Error::config(format!("network.{}", node.name), problem).mend("set train.streamed to false"))
        };
        for (index, node) in self.nodes.iter().enumerate() {
            if node.sources != [index] || self.inputs.len() != 1 {
                return refuse(
                    node,
                    "reads more than the node before it, so that a step has to keep the pass",
                );
            }
            if node.block.replay_needs_trace() || !node.block.buffers().is_empty() {
                return refuse(node, "depends in training on the clean pass, so that a step has to keep it");
            }
        }
        Ok(())
    }

    /// Moves all parameters and buffers to `device`.
    pub fn move_to(&mut self, device: &Device) {
        for node in &mut self.nodes {
            for parameter in node.block.parameters_mut() {
                parameter.value = parameter.value.clone().to_device(device);
            }
            for buffer in node.block.buffers_mut() {
                buffer.value = buffer.value.clone().to_device(device);
            }
        }
    }

    /// Values for the sources of node `node`.
    pub(super) fn gather(&self, node: usize, value: impl FnMut(usize) -> Tensor<2>) -> Vec<Tensor<2>> {
        self.nodes[node].sources.iter().copied().map(value).collect()
    }
}

fn named<'a>(
    nodes: &'a [Node],
    of: impl Fn(&'a dyn Block) -> Vec<&'a Parameter>,
) -> Vec<(String, &'a Parameter)> {
    let each = |node: &'a Node| {
        let full = |parameter: &'a Parameter| (format!("{}.{}", node.name, parameter.name), parameter);
        of(node.block()).into_iter().map(full).collect::<Vec<_>>()
    };
    nodes.iter().flat_map(each).collect()
}
