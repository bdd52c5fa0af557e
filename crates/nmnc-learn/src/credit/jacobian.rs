//! Exact Jacobians of a network, from vector-Jacobian products: one backward pass an output.

use burn::tensor::Tensor;
use nmnc_kernels::column_sums;

use super::backprop::backpropagate;
use crate::needs::{Sizes, StageSizes, product};
use crate::net::{ForwardPass, Inputs, Network};
use nmnc_core::device::matrix;

/// Most examples of which a mean Jacobian keeps the forward pass at a time.
pub(super) const AT_A_TIME: usize = 128;

/// The derivative of a sum of the outputs, each times its weight of `weights`, by the activity of every stage l: `[batch, n_l]`.
///
/// With a weight of 1 for a single output ([`one_output`]) these are that output's rows of the examples' Jacobians dy/dx_l.
pub fn jacobian_rows(network: &Network, pass: &ForwardPass, weights: Vec<f32>) -> Vec<Tensor<2>> {
    let [batch, outputs] = pass.output.dims();
    let row = matrix(weights, [1, outputs], &pass.output.device()).cast(pass.output.dtype());
    backpropagate(network, pass, &row.repeat_dim(0, batch))
}

/// Weights that take the output `output` (from 0) of `outputs` alone.
pub fn one_output(output: usize, outputs: usize) -> Vec<f32> {
    (0..outputs).map(|other| if other == output { 1.0 } else { 0.0 }).collect()
}

/// The mean over the examples of `inputs` of the Jacobian dy/dx_l of every stage l, `[outputs, n_l]`.
///
/// The examples pass in evaluation, with running statistics and without masks, so that each has a Jacobian of its own. Errors of outputs
/// times this are what noise correlation with the output tends to as probes get many and small.
pub fn mean_jacobian(network: &Network, inputs: impl Into<Inputs>) -> Vec<Tensor<2>> {
    let Inputs(inputs) = inputs.into();
    let examples = inputs[0].dims()[0];
    let part = |first: usize| -> Vec<Tensor<2>> {
        let rows = AT_A_TIME.min(examples - first);
        summed(network, inputs.iter().map(|input| input.clone().narrow(0, first, rows)).collect())
    };
    let add = |sums: Vec<Tensor<2>>, next: Vec<Tensor<2>>| {
        sums.into_iter().zip(next).map(|(sum, next)| sum + next).collect()
    };
    let sums = (0..examples).step_by(AT_A_TIME).map(part).reduce(add);
    let sums = sums.expect("there is at least one example");
    sums.into_iter().map(|sum| sum / examples as f64).collect()
}

/// Numbers in single precision that [`mean_jacobian`] of so many examples takes while it is worked out: the pass of those that pass at a
/// time, which is kept as in training, with an error on its way through it, and their Jacobian row by row and together.
pub fn mean_jacobian_needs(examples: u128, sizes: &Sizes) -> u128 {
    let sum = |of: fn(&StageSizes) -> u128| {
        sizes.stages.iter().map(of).fold(0, |sum: u128, own| sum.saturating_add(own))
    };
    let units = sum(|stage| stage.units);
    let kept = sum(|stage| stage.units.saturating_add(stage.unpooled)).saturating_add(units);
    let rows = examples.min(AT_A_TIME as u128);
    product([rows, kept.saturating_add(2 * sizes.widest())]).saturating_add(product([
        3,
        sizes.outputs,
        units,
    ]))
}

/// The sum over these examples.
fn summed(network: &Network, inputs: Vec<Tensor<2>>) -> Vec<Tensor<2>> {
    let pass = network.forward(inputs);
    let outputs = pass.output.dims()[1];
    let mut rows: Vec<Vec<Tensor<2>>> = vec![Vec::with_capacity(outputs); network.stages().len()];
    for output in 0..outputs {
        let found = jacobian_rows(network, &pass, one_output(output, outputs));
        rows.iter_mut().zip(found).for_each(|(rows, found)| rows.push(column_sums(found)));
    }
    rows.into_iter().map(|rows| Tensor::cat(rows, 0)).collect()
}
