//! Multi-head self-attention (Vaswani et al. 2017), as PyTorch's `MultiheadAttention` lays it out.

use burn::tensor::Tensor;

use super::tokens::TokenMap;
use crate::net::block::{Block, Mode};
use crate::net::map::{DenseMap, LinearMap, Map};
use crate::net::parameter::Parameter;
use crate::net::trace::Trace;

/// Every token becomes a mixture of what all tokens say: with queries q, keys k and values v of each head, linear maps of the tokens,
/// y = concat_heads(softmax(q k^T / sqrt(e)) v) W_o^T + b_o, where e is the number of units of a head.
///
/// Parameters `in_proj_weight` `[3 units, units]` (queries, keys, values), `in_proj_bias`, `out_proj.weight` `[units, units]`,
/// `out_proj.bias`. Both linear maps are [maps](Block::maps); softmax and products of tokens are carried exactly.
#[derive(Clone, Debug)]
pub struct Attention {
    parameters: [Parameter; 4],
    maps: [TokenMap; 2],
    heads: usize,
}

/// What a pass leaves: the input, and by example and head `[batch * heads, tokens, ..]` queries, keys and values, who listens to whom, and
/// the mixtures as the second map reads them.
struct Kept {
    input: Tensor<2>,
    parts: [Tensor<3>; 3],
    shares: Tensor<3>,
    mixed: Tensor<2>,
}

impl Attention {
    /// For `tokens` tokens and `heads` heads, with the weights `[3 units, units]` and `[units, units]` and their biases, rows.
    ///
    /// # Panics
    /// If a shape does not fit, or units cannot be divided among the heads.
    pub fn new(tokens: usize, heads: usize, [inward, outward]: [(Tensor<2>, Tensor<2>); 2]) -> Self {
        let units = outward.0.dims()[0];
        assert_eq!(outward.0.dims(), [units, units], "shape of the outward weight");
        assert_eq!(inward.0.dims(), [3 * units, units], "shape of the inward weight");
        assert_eq!([inward.1.dims(), outward.1.dims()], [[1, 3 * units], [1, units]], "shapes of the biases");
        assert!(heads > 0 && units.is_multiple_of(heads), "{units} units for {heads} heads");
        let map = |outputs: usize| TokenMap { tokens, map: DenseMap { inputs: units, outputs } };
        Self {
            parameters: [
                Parameter::new("in_proj_weight", inward.0),
                Parameter::vector("in_proj_bias", inward.1),
                Parameter::new("out_proj.weight", outward.0),
                Parameter::vector("out_proj.bias", outward.1),
            ],
            maps: [map(3 * units), map(units)],
            heads,
        }
    }

    fn tokens(&self) -> usize {
        self.maps[0].tokens
    }

    fn unit_count(&self) -> usize {
        self.maps[0].map.inputs
    }

    fn head_units(&self) -> usize {
        self.unit_count() / self.heads
    }

    /// `[batch, tokens * 3 units]` as queries, keys and values `[batch * heads, tokens, units of a head]`.
    fn parted(&self, joint: Tensor<2>) -> [Tensor<3>; 3] {
        let (rows, tokens, heads, size) = (joint.dims()[0], self.tokens(), self.heads, self.head_units());
        let joint = joint.reshape([rows, tokens, 3, heads * size]);
        [0, 1, 2].map(|part| {
            let own = joint.clone().narrow(2, part, 1).reshape([rows, tokens, heads, size]);
            own.swap_dims(1, 2).reshape([rows * heads, tokens, size])
        })
    }

    /// The inverse of [`Attention::parted`], for any number of parts.
    fn joint<const PARTS: usize>(&self, parts: [Tensor<3>; PARTS]) -> Tensor<2> {
        let (tokens, heads, size) = (self.tokens(), self.heads, self.head_units());
        let rows = parts[0].dims()[0] / heads;
        let turned = parts.map(|part| {
            part.reshape([rows, heads, tokens, size]).swap_dims(1, 2).reshape([rows, tokens, heads * size])
        });
        Tensor::cat(turned.to_vec(), 2).reshape([rows, tokens * PARTS * heads * size])
    }

    fn scale(&self) -> f64 {
        1.0 / (self.head_units() as f64).sqrt()
    }

    fn pass(&self, input: Tensor<2>) -> (Tensor<2>, Kept) {
        let [inward, inward_bias, outward, outward_bias] =
            self.parameters.each_ref().map(|parameter| parameter.value.clone());
        let [queries, keys, values] = self.parted(self.maps[0].affine(input.clone(), inward, inward_bias));
        let shares = softmax(queries.clone().matmul(keys.clone().transpose()) * self.scale());
        let mixed = self.joint([shares.clone().matmul(values.clone())]);
        let y = self.maps[1].affine(mixed.clone(), outward, outward_bias);
        (y, Kept { input, parts: [queries, keys, values], shares, mixed })
    }

    /// The error at what the first map gives, for an error at what the second reads.
    fn inward_error(&self, kept: &Kept, error: Tensor<2>) -> Tensor<2> {
        let [queries, keys, values] = kept.parts.clone();
        let (tokens, heads, size, rows) = (self.tokens(), self.heads, self.head_units(), error.dims()[0]);
        let error = error.reshape([rows, tokens, heads, size]).swap_dims(1, 2);
        let error = error.reshape([rows * heads, tokens, size]);
        let at_values = kept.shares.clone().transpose().matmul(error.clone());
        let at_scores = softmax_derivative(&kept.shares, error.matmul(values.transpose())) * self.scale();
        let at_queries = at_scores.clone().matmul(keys);
        let at_keys = at_scores.transpose().matmul(queries);
        self.joint([at_queries, at_keys, at_values])
    }
}

/// Softmax over the last axis.
fn softmax(scores: Tensor<3>) -> Tensor<3> {
    let powers = (scores.clone() - scores.max_dim(2)).exp();
    powers.clone() / powers.sum_dim(2)
}

/// The derivative of softmax at `shares` times `change`; a symmetric matrix for each row.
fn softmax_derivative(shares: &Tensor<3>, change: Tensor<3>) -> Tensor<3> {
    let mean = (shares.clone() * change.clone()).sum_dim(2);
    shares.clone() * (change - mean)
}

impl Block for Attention {
    fn inputs(&self) -> Vec<usize> {
        vec![self.units()]
    }

    fn units(&self) -> usize {
        self.maps[0].inputs()
    }

    fn describe(&self) -> String {
        format!("attention among {} tokens of {}, {} heads", self.tokens(), self.unit_count(), self.heads)
    }

    fn parameters(&self) -> Vec<&Parameter> {
        self.parameters.iter().collect()
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        self.parameters.iter_mut().collect()
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let (y, kept) = self.pass(inputs[0].clone());
        (y, Trace::new(kept))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        self.pass(inputs[0].clone()).0
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let kept: &Kept = trace.of();
        let at_mixed = self.maps[1].back(error.clone(), self.parameters[2].value.clone());
        let inward = self.inward_error(kept, at_mixed);
        let [weight, bias] = self.maps[0].parameter_vjp(kept.input.clone(), inward);
        let [outward, outward_bias] = self.maps[1].parameter_vjp(kept.mixed.clone(), error);
        vec![weight, bias, outward, outward_bias]
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        let at_mixed = self.maps[1].back(error, weights[1].clone());
        self.maps[0].back(self.inward_error(trace.of(), at_mixed), weights[0].clone())
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        let kept: &Kept = trace.of();
        let [queries, keys, values] = kept.parts.clone();
        let change = self.maps[0].response(changes[0].clone(), weights[0].clone());
        let [moved_queries, moved_keys, moved_values] = self.parted(change);
        let scores = moved_queries.matmul(keys.transpose()) + queries.matmul(moved_keys.transpose());
        let shares = softmax_derivative(&kept.shares, scores * self.scale());
        let mixed = shares.matmul(values) + kept.shares.clone().matmul(moved_values);
        self.maps[1].response(self.joint([mixed]), weights[1].clone())
    }

    fn maps(&self) -> Vec<Map<'_>> {
        let [inward, outward] = &self.maps;
        vec![
            Map { parameter: &self.parameters[0], operation: inward, source: Some(0) },
            Map { parameter: &self.parameters[2], operation: outward, source: None },
        ]
    }

    fn map_input(&self, trace: &Trace, map: usize) -> Tensor<2> {
        let kept: &Kept = trace.of();
        if map == 0 { kept.input.clone() } else { kept.mixed.clone() }
    }
}
