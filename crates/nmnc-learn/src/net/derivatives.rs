//! Vector-Jacobian products of a network: errors at its stages, and gradients section by section.

use burn::tensor::Tensor;

use super::block::{Block, Mode, own_weights};
use super::gradients::Gradients;
use super::network::Network;
use super::node::Node;
use super::pass::{ForwardPass, Inputs};
use super::trace::Trace;
use nmnc_core::error::Result;

/// A step of an error on its way down: from the output of a node to one of its inputs.
pub struct Passage<'a> {
    /// Index of the node.
    pub node: usize,
    /// Its block.
    pub block: &'a dyn Block,
    /// What the block kept of the pass.
    pub trace: &'a Trace,
    /// Error `[batch, n]` at its output.
    pub error: Tensor<2>,
    /// Which of its inputs (from 0) the error goes to.
    pub input: usize,
}

impl Passage<'_> {
    /// The error at the input, through the block's own weights.
    pub fn exact(self) -> Tensor<2> {
        self.block.input_vjp(self.trace, self.error, self.input, &own_weights(self.block))
    }
}

impl Network {
    /// The error at every stage, `[batch, n_l]`, when `error` `[batch, n_o]` at the output is carried down and each of the
    /// [readers](Network::readers) multiplies by the one of `weights` in its place: J_l^T e with their own.
    ///
    /// Paths that part meet in a sum. What lies before the first stages is not passed.
    pub fn input_vjps(&self, pass: &ForwardPass, error: &Tensor<2>, weights: &[Tensor<2>]) -> Vec<Tensor<2>> {
        assert_eq!(weights.len(), self.readers().len(), "one weight a reader");
        self.carried(pass, error, |passage| {
            let mut own = own_weights(passage.block);
            for (reader, weight) in self.readers().iter().zip(weights) {
                if reader.node == passage.node {
                    own[reader.map] = weight.clone();
                }
            }
            passage.block.input_vjp(passage.trace, passage.error, passage.input, &own)
        })
    }

    /// As [`Network::input_vjps`], with a passage of one's own through each node.
    pub fn carried(
        &self,
        pass: &ForwardPass,
        error: &Tensor<2>,
        mut through: impl FnMut(Passage) -> Tensor<2>,
    ) -> Vec<Tensor<2>> {
        let inputs = self.inputs.len();
        let mut errors: Vec<Option<Tensor<2>>> = vec![None; self.nodes.len()];
        errors[self.nodes.len() - 1] = Some(error.clone());
        let mut signals: Vec<Option<Tensor<2>>> = vec![None; self.cuts.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let Some(error) = errors[index].take() else { continue };
            if let Some(stage) = self.structure.stage_of[index] {
                signals[stage] = Some(error.clone());
            }
            for (input, &slot) in node.sources.iter().enumerate() {
                if self.structure.live[slot] {
                    let (block, trace) = (node.block(), pass.trace(index));
                    let error = error.clone();
                    let carried = through(Passage { node: index, block, trace, error, input });
                    add(&mut errors[slot - inputs], carried);
                }
            }
        }
        signals.into_iter().map(|signal| signal.expect("every stage leads to the output")).collect()
    }

    /// Gradient of every parameter when stage l receives the error signal `signals[l]` `[batch, n_l]`, and what follows the last stages
    /// the exact `output_error` dLoss/dy `[batch, n_o]`. Parameters in several sections get the sum.
    pub fn gradients(
        &self,
        pass: &ForwardPass,
        signals: &[Tensor<2>],
        output_error: &Tensor<2>,
    ) -> Gradients {
        assert_eq!(signals.len(), self.cuts.len(), "one error signal a stage");
        let mut sums = self.no_gradients();
        for (section, error) in signals.iter().chain([output_error]).enumerate() {
            self.section_gradients(section, pass, error.clone(), &mut sums);
        }
        self.by_name(sums)
    }

    /// What [`Network::gradients`] gives for the exact error at every stage, to the same bits, in one way down on which nothing is carried
    /// twice. `found` hears of the gradients of each section that has any, from the output down.
    ///
    /// # Errors
    /// Those of `found`.
    pub fn backpropagated(
        &self,
        mut pass: ForwardPass,
        output_error: &Tensor<2>,
        mut found: impl FnMut(Gradients) -> Result<()>,
    ) -> Result<()> {
        if !self.structure.apart {
            // Gradients of a node in two sections are two, and their sum rounds by itself.
            let signals = self.carried(&pass, output_error, |passage| passage.exact());
            return found(self.gradients(&pass, &signals, output_error));
        }
        let inputs = self.inputs.len();
        let mut sums = self.no_gradients();
        let mut left: Vec<usize> = self.structure.sections.iter().map(Vec::len).collect();
        let mut errors: Vec<Option<Tensor<2>>> = vec![None; self.nodes.len()];
        errors[self.nodes.len() - 1] = Some(output_error.clone());
        pass.values.fill(None);
        for (index, node) in self.nodes.iter().enumerate().rev() {
            let trace = pass.traces[index].take().expect("the pass is whole");
            if let Some(error) = errors[index].take() {
                for (input, &slot) in node.sources.iter().enumerate() {
                    if let Some(before) = slot.checked_sub(inputs) {
                        let weights = own_weights(node.block());
                        add(
                            &mut errors[before],
                            node.block.input_vjp(&trace, error.clone(), input, &weights),
                        );
                    }
                }
                sums[index] = node.block.parameter_vjp(&trace, error);
            }
            let section = self.structure.last_section[index];
            left[section] -= 1;
            if left[section] == 0 {
                self.tell_of(section, &mut sums, &mut found)?;
            }
        }
        Ok(())
    }

    /// As [`Network::gradients`], but asks for a stage's signal, showing the pass as far as it is still kept, only when it is the
    /// stage's turn, and keeps neither that nor the section's part of the pass any longer than needed. `found` hears of gradients, those of
    /// each section that nothing more is added to, before the next signal is asked for.
    ///
    /// # Errors
    /// Those of `signal` and of `found`.
    pub fn gradients_in_turn(
        &self,
        mut pass: ForwardPass,
        output_error: &Tensor<2>,
        mut signal: impl FnMut(usize, &ForwardPass) -> Result<Tensor<2>>,
        mut found: impl FnMut(Gradients) -> Result<()>,
    ) -> Result<()> {
        let mut sums = self.no_gradients();
        for stage in 0..self.cuts.len() {
            let error = signal(stage, &pass)?;
            self.section_gradients(stage, &pass, error, &mut sums);
            for (value, last) in pass.values.iter_mut().zip(&self.structure.last_replay) {
                if *last == Some(stage) {
                    *value = None;
                }
            }
            for (trace, last) in pass.traces.iter_mut().zip(&self.structure.last_section) {
                if *last == stage {
                    *trace = None;
                }
            }
            self.tell_of(stage, &mut sums, &mut found)?;
        }
        self.section_gradients(self.cuts.len(), &pass, output_error.clone(), &mut sums);
        self.tell_of(self.cuts.len(), &mut sums, &mut found)
    }

    /// As [`Network::gradients_in_turn`], for signals that may be asked for in any order, and to the same bits: of the sections those with the
    /// most parameters come first, so that little is left to give away at the end. The pass is kept as it is. Where a node is in several
    /// sections, they come in their order.
    ///
    /// # Errors
    /// Those of `signal` and of `found`.
    pub fn gradients_by_size(
        &self,
        pass: ForwardPass,
        output_error: &Tensor<2>,
        mut signal: impl FnMut(usize, &ForwardPass) -> Result<Tensor<2>>,
        mut found: impl FnMut(Gradients) -> Result<()>,
    ) -> Result<()> {
        if !self.structure.apart {
            return self.gradients_in_turn(pass, output_error, signal, found);
        }
        let size = |section: usize| -> usize {
            let parameters = self.section(section).flat_map(|node| node.block.parameters());
            parameters.map(|parameter| parameter.shape.iter().product::<usize>()).sum()
        };
        let readout = self.cuts.len();
        let mut order: Vec<usize> = (0..=readout).collect();
        order.sort_by_key(|&section| std::cmp::Reverse(size(section)));
        let mut sums = self.no_gradients();
        for section in order {
            let error = if section == readout { output_error.clone() } else { signal(section, &pass)? };
            self.section_gradients(section, &pass, error, &mut sums);
            self.tell_of(section, &mut sums, &mut found)?;
        }
        Ok(())
    }

    /// As [`Network::gradients_in_turn`], of the forward pass of `inputs`, of which one section exists at a time. The network must pass
    /// [`Network::check_streamed`]; `output` is that of [`Network::output`].
    ///
    /// # Errors
    /// Those of `signal` and of `found`.
    pub fn gradients_streamed(
        &self,
        inputs: impl Into<Inputs>,
        output: &Tensor<2>,
        output_error: &Tensor<2>,
        mut signal: impl FnMut(usize, &ForwardPass) -> Result<Tensor<2>>,
        mut found: impl FnMut(Gradients) -> Result<()>,
    ) -> Result<()> {
        let mut sums = self.no_gradients();
        let stages = self.cuts.iter().map(|node| self.inputs.len() + node).collect();
        let traces = self.nodes.iter().map(|_| None).collect();
        let values = vec![None; self.inputs.len() + self.nodes.len()];
        let mut pass = ForwardPass { output: output.clone(), values, traces, stages, training: false };
        let Inputs(mut last) = inputs.into();
        let mut section = 0;
        for (index, node) in self.nodes.iter().enumerate() {
            let (next, trace) = node.block.forward(&last, Mode::Evaluation);
            pass.traces[index] = Some(trace);
            last = vec![next];
            if self.structure.stage_of[index].is_some() {
                pass.values[self.inputs.len() + index] = Some(last[0].clone());
                let error = signal(section, &pass)?;
                self.section_gradients(section, &pass, error, &mut sums);
                pass.values[self.inputs.len() + index] = None;
                pass.traces.iter_mut().for_each(|trace| *trace = None);
                self.tell_of(section, &mut sums, &mut found)?;
                section += 1;
            }
        }
        self.section_gradients(section, &pass, output_error.clone(), &mut sums);
        self.tell_of(section, &mut sums, &mut found)
    }

    /// Tells of the gradients of the nodes that section `section` is the last to add to, if they have any.
    fn tell_of(
        &self,
        section: usize,
        sums: &mut [Vec<Tensor<2>>],
        found: &mut impl FnMut(Gradients) -> Result<()>,
    ) -> Result<()> {
        let own = |(node, sums): (&Node, &mut Vec<Tensor<2>>)| {
            let parameters = node.block.parameters().into_iter();
            let names = parameters.map(|parameter| format!("{}.{}", node.name, parameter.name));
            names.zip(std::mem::take(sums)).collect::<Vec<_>>()
        };
        let last = self.nodes.iter().zip(sums).zip(&self.structure.last_section);
        let gradients: Gradients =
            last.filter(|(_, last)| **last == section).flat_map(|(node, _)| own(node)).collect();
        if gradients.iter().len() == 0 { Ok(()) } else { found(gradients) }
    }

    /// Adds the gradients of a section whose end has the error `error`.
    fn section_gradients(
        &self,
        section: usize,
        pass: &ForwardPass,
        error: Tensor<2>,
        sums: &mut [Vec<Tensor<2>>],
    ) {
        let inputs = self.inputs.len();
        let mut errors: Vec<Option<Tensor<2>>> = vec![None; self.nodes.len()];
        let members = &self.structure.sections[section];
        errors[members[0]] = Some(error);
        for &index in members {
            let Some(error) = errors[index].take() else { continue };
            let (node, trace) = (&self.nodes[index], pass.trace(index));
            for (input, &slot) in node.sources.iter().enumerate() {
                let within = slot.checked_sub(inputs).filter(|&node| self.structure.stage_of[node].is_none());
                if let Some(before) = within {
                    let weights = own_weights(node.block());
                    add(&mut errors[before], node.block.input_vjp(trace, error.clone(), input, &weights));
                }
            }
            let gradients = node.block.parameter_vjp(trace, error);
            match sums[index].is_empty() {
                true => sums[index] = gradients,
                false => {
                    let known = std::mem::take(&mut sums[index]);
                    sums[index] = known.into_iter().zip(gradients).map(|(sum, next)| sum + next).collect();
                }
            }
        }
    }

    fn no_gradients(&self) -> Vec<Vec<Tensor<2>>> {
        self.nodes.iter().map(|_| Vec::new()).collect()
    }

    fn by_name(&self, sums: Vec<Vec<Tensor<2>>>) -> Gradients {
        let names = self.parameters().into_iter().map(|(name, _)| name);
        names.zip(sums.into_iter().flatten()).collect()
    }

    /// What every buffer becomes once the training step of this pass is made, in the order of [`Network::buffers`].
    pub fn updated_buffers(&self, pass: &ForwardPass) -> Vec<Tensor<2>> {
        let nodes = self.nodes.iter().enumerate().filter(|(_, node)| !node.block.buffers().is_empty());
        nodes.flat_map(|(index, node)| node.block.updated_buffers(pass.trace(index))).collect()
    }
}

fn add(sum: &mut Option<Tensor<2>>, next: Tensor<2>) {
    *sum = Some(match sum.take() {
        Some(sum) => sum + next,
        None => next,
    });
}
