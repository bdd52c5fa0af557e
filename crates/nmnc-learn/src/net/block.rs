//! What every part of a network can do.

use std::fmt::Debug;

use burn::tensor::Tensor;

use super::map::{Gated, Map};
use super::parameter::{Buffer, Parameter};
use super::trace::Trace;
use nmnc_core::seed::{Role, Seed, Stream};

/// What a forward pass is for.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// To use the network as it is: buffers are read, and nothing is drawn.
    Evaluation,
    /// To train it: a block may use the batch's own statistics and draw masks.
    Training {
        /// Seed of the run.
        seed: Seed,
        /// Training step, from 0.
        step: u64,
        /// The block's place in the network.
        node: usize,
        /// The row of the step that the batch begins with: more than 0 where workers share it.
        first: usize,
    },
}

impl Mode {
    /// The random numbers of the block at this step, the same whichever rows the batch has; none in evaluation.
    pub fn stream(self) -> Option<Stream> {
        match self {
            Self::Evaluation => None,
            Self::Training { seed, step, node, .. } => Some(seed.stream(Role::Mask, node, step)),
        }
    }

    /// Numbers uniform on (0, 1) for a matrix `[rows, columns]`, row-major, as masks need them; none in evaluation. A row of the step has
    /// its own, whichever rows the batch has beside it.
    pub fn uniform(self, [rows, columns]: [usize; 2]) -> Option<Vec<f64>> {
        let Self::Training { first, .. } = self else { return None };
        let mut stream = self.stream()?;
        // A uniform number takes two words.
        stream.skip(2 * first * columns);
        Some((0..rows * columns).map(|_| stream.uniform()).collect())
    }
}

/// A part y = f(x_1 .. x_k; theta) of a network. All values are matrices with one row an example.
///
/// A block is differentiable by hand: it multiplies vectors by its Jacobian and by the transpose of it (jvp and vjp), at the point
/// of a forward pass that its [`Trace`] remembers. The linear [maps](Block::maps) in it may do so through other weights than their own:
/// with their own the products are exact, with others an error travels as a rule of credit assignment wants it.
pub trait Block: Send + Sync + Debug {
    /// Units of each input.
    fn inputs(&self) -> Vec<usize>;

    /// Units n of the output.
    fn units(&self) -> usize;

    /// One line for people: kind and sizes.
    fn describe(&self) -> String;

    /// The parameters, in the order in which gradients come.
    fn parameters(&self) -> Vec<&Parameter> {
        Vec::new()
    }

    /// As [`Block::parameters`].
    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        Vec::new()
    }

    /// The buffers.
    fn buffers(&self) -> Vec<&Buffer> {
        Vec::new()
    }

    /// As [`Block::buffers`].
    fn buffers_mut(&mut self) -> Vec<&mut Buffer> {
        Vec::new()
    }

    /// What the buffers become once the training step of this pass is made, in the order of [`Block::buffers`].
    fn updated_buffers(&self, _trace: &Trace) -> Vec<Tensor<2>> {
        self.buffers().into_iter().map(|buffer| buffer.value.clone()).collect()
    }

    /// Output `[batch, n]` for one matrix `[batch, n_i]` an input, and what its derivatives need.
    fn forward(&self, inputs: &[Tensor<2>], mode: Mode) -> (Tensor<2>, Trace);

    /// The output of a forward pass in evaluation alone.
    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2>;

    /// Output for perturbed inputs, with the statistics and masks of the forward pass that left `trace`: a difference from its
    /// output is then caused by the perturbation alone. In evaluation this is [`Block::activity`].
    fn replay(&self, inputs: &[Tensor<2>], _trace: &Trace) -> Tensor<2> {
        self.activity(inputs)
    }

    /// Whether [`Block::replay`] after training differs from [`Block::activity`], so that it takes the trace of the clean pass.
    fn replay_needs_trace(&self) -> bool {
        false
    }

    /// Gradient of <y, `error`> for each parameter, summed over the batch, inputs held fixed; `error` is `[batch, n]`. A block without
    /// parameters has none.
    fn parameter_vjp(&self, _trace: &Trace, _error: Tensor<2>) -> Vec<Tensor<2>> {
        assert!(self.parameters().is_empty(), "{} does not say what its gradients are", self.describe());
        Vec::new()
    }

    /// Gradient `[batch, n_i]` of <y, `error`> for input `input` (from 0), when each map multiplies by the one of `weights` in its
    /// place: exact with [`own_weights`].
    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, input: usize, weights: &[Tensor<2>]) -> Tensor<2>;

    /// Change `[batch, n]` of y to first order for `changes`, one matrix `[batch, n_i]` an input: the adjoint of [`Block::input_vjp`]
    /// for the same `weights`.
    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2>;

    /// The linear maps inside: what an error travels through by weights, and what feedback may replace. Everything else the block
    /// carries by its exact derivative.
    fn maps(&self) -> Vec<Map<'_>> {
        Vec::new()
    }

    /// What map `map` read in the pass, `[batch, inputs of the map]`. Only for blocks with [maps](Block::maps).
    ///
    /// # Panics
    /// If there is no such map.
    fn map_input(&self, _trace: &Trace, map: usize) -> Tensor<2> {
        panic!("{} has no map {map}", self.describe())
    }

    /// The block as one linear map of its only input and a gate behind it, if that is what it is.
    fn gated(&self) -> Option<&dyn Gated> {
        None
    }
}

/// The weights a block's maps multiply by.
pub fn own_weights(block: &dyn Block) -> Vec<Tensor<2>> {
    block.maps().into_iter().map(|map| map.parameter.value.clone()).collect()
}
