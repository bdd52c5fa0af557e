//! Putting blocks together.

use std::collections::BTreeSet;

use super::block::Block;
use super::network::Network;
use super::node::Node;
use super::structure::Structure;
use nmnc_core::error::{Error, Result};

/// A value within a network under construction: one of its inputs, or a node's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(usize);

/// A network under construction: nodes in topological order, since a node can only read what is there already.
#[derive(Debug)]
pub struct NetworkBuilder {
    inputs: Vec<usize>,
    nodes: Vec<Node>,
    cuts: Vec<usize>,
}

impl Network {
    /// A network to be put together, with inputs of these units.
    pub fn builder(inputs: &[usize]) -> NetworkBuilder {
        NetworkBuilder::new(inputs)
    }

    /// The chain x_l = f_l(x_{l-1}), l = 1..L, with the readout y = f(x_L): nodes `stage1`, `stage2`, ..., `readout`.
    ///
    /// # Errors
    /// If one part's units are not the next one's inputs.
    pub fn chain(stages: Vec<Box<dyn Block>>, readout: impl Block + 'static) -> Result<Self> {
        let inputs = stages.first().map_or_else(|| readout.inputs(), |first| first.inputs());
        let mut builder = Self::builder(&inputs);
        let mut last = builder.input(0)?;
        for (index, stage) in stages.into_iter().enumerate() {
            last = builder.boxed(&format!("stage{}", index + 1), stage, &[last])?;
            builder.stage(last)?;
        }
        let output = builder.node("readout", readout, &[last])?;
        builder.build(output)
    }
}

impl NetworkBuilder {
    /// A network of nothing but inputs of these units.
    pub(super) fn new(inputs: &[usize]) -> Self {
        Self { inputs: inputs.to_vec(), nodes: Vec::new(), cuts: Vec::new() }
    }

    /// Input `index` (from 0).
    ///
    /// # Errors
    /// If there are not as many.
    pub fn input(&self, index: usize) -> Result<Value> {
        match index < self.inputs.len() {
            true => Ok(Value(index)),
            false => Err(Error::config(
                "network",
                format!("has {} inputs, so no input {index}", self.inputs.len()),
            )
            .mend("inputs count from 0")),
        }
    }

    /// Adds a node that applies `block` to `sources`; `name` begins the names of its parameters.
    ///
    /// # Errors
    /// Sources of another number or of other units than the block takes, or a name that is taken.
    pub fn node(&mut self, name: &str, block: impl Block + 'static, sources: &[Value]) -> Result<Value> {
        self.boxed(name, Box::new(block), sources)
    }

    /// As [`NetworkBuilder::node`], for a block whose type is not known.
    ///
    /// # Errors
    /// As [`NetworkBuilder::node`].
    pub fn boxed(&mut self, name: &str, block: Box<dyn Block>, sources: &[Value]) -> Result<Value> {
        let place = format!("network.{name}");
        if self.nodes.iter().any(|node| node.name == name) {
            return Err(Error::config(place, "there are two nodes of this name").mend("rename one of them"));
        }
        let slots = self.inputs.len() + self.nodes.len();
        if sources.iter().any(|source| source.0 >= slots) {
            return Err(Error::config(place, "reads a value of another network"));
        }
        let given: Vec<usize> = sources.iter().map(|source| self.units(*source)).collect();
        let wanted = block.inputs();
        if given != wanted || given.is_empty() {
            let problem = format!("{} takes inputs of {wanted:?} units, not of {given:?}", block.describe());
            return Err(Error::config(place, problem));
        }
        let sources = sources.iter().map(|source| source.0).collect();
        self.nodes.push(Node { name: name.to_owned(), block, sources });
        Ok(Value(slots))
    }

    /// Makes a node's output the activity of a stage: perturbed and credited by the rules. Stages count in the order of their nodes.
    ///
    /// # Errors
    /// If `value` is an input.
    pub fn stage(&mut self, value: Value) -> Result<()> {
        let Some(node) = value.0.checked_sub(self.inputs.len()).filter(|&node| node < self.nodes.len())
        else {
            return Err(Error::config("network", "an input cannot be a stage").mend("cut behind a block"));
        };
        if let Err(place) = self.cuts.binary_search(&node) {
            self.cuts.insert(place, node);
        }
        Ok(())
    }

    /// The network whose output is `output`.
    ///
    /// # Errors
    /// If `output` is an input or a stage, something does not lead to it, or two parameters have the same name.
    pub fn build(self, output: Value) -> Result<Network> {
        let Self { inputs, nodes, cuts } = self;
        let Some(end) = output.0.checked_sub(inputs.len()) else {
            return Err(Error::config("network", "an input cannot be the output"));
        };
        if cuts.contains(&end) {
            let place = format!("network.{}", nodes[end].name);
            return Err(Error::config(place, "the output cannot be a stage: it has its exact error")
                .mend("put a readout behind it"));
        }
        let mut used = vec![false; inputs.len() + nodes.len()];
        used[output.0] = true;
        for (index, node) in nodes.iter().enumerate().rev() {
            if used[inputs.len() + index] {
                node.sources.iter().for_each(|&slot| used[slot] = true);
            }
        }
        if let Some(slot) = used.iter().position(|used| !used) {
            let name = match slot.checked_sub(inputs.len()) {
                Some(node) => format!("network.{}", nodes[node].name),
                None => format!("network: input {slot}"),
            };
            return Err(Error::config(name, "does not lead to the output").mend("use it or leave it out"));
        }
        let mut names = BTreeSet::new();
        for node in &nodes {
            for parameter in node.block.parameters().into_iter().chain(node.block.buffers()) {
                let name = format!("{}.{}", node.name, parameter.name);
                if names.contains(&name) {
                    let place = format!("network.{name}");
                    return Err(Error::config(place, "there are two parameters or buffers of this name"));
                }
                names.insert(name);
            }
        }
        // Everything leads to the output, so in topological order it comes last.
        let structure = Structure::new(inputs.len(), &nodes, &cuts);
        Ok(Network { inputs, nodes, cuts, structure })
    }

    fn units(&self, value: Value) -> usize {
        match value.0.checked_sub(self.inputs.len()) {
            Some(node) => self.nodes[node].block.units(),
            None => self.inputs[value.0],
        }
    }
}
