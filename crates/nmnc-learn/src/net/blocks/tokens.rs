//! Tokens: sequences of vectors, a row of `tokens * units` numbers an example, token after token.

use burn::tensor::Tensor;
use nmnc_kernels::{Activation, activate, affine, column_sums, map_product, slope};

use crate::net::block::{Block, Mode};
use crate::net::map::{DenseMap, Gated, LinearMap, Map};
use crate::net::parameter::Parameter;
use crate::net::trace::Trace;

/// One linear map of every token: u_t W^T, for a weight `[outputs, inputs]` that all tokens share.
#[derive(Clone, Copy, Debug)]
pub struct TokenMap {
    /// Number of tokens.
    pub tokens: usize,
    /// The map of one token.
    pub map: DenseMap,
}

impl TokenMap {
    fn each(&self, x: Tensor<2>) -> Tensor<2> {
        let [rows, units] = x.dims();
        x.reshape([rows * self.tokens, units / self.tokens])
    }

    fn joined(&self, x: Tensor<2>) -> Tensor<2> {
        let [rows, units] = x.dims();
        x.reshape([rows / self.tokens, units * self.tokens])
    }

    /// u_t W^T + b for a row b.
    pub(super) fn affine(&self, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
        self.joined(affine(self.each(x), weight.transpose(), bias))
    }

    /// The adjoint of [`LinearMap::response`] in what is read: e_t W.
    pub(super) fn back(&self, error: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        self.joined(map_product(self.each(error), weight))
    }

    /// Gradients of weight and bias.
    pub(super) fn parameter_vjp(&self, x: Tensor<2>, error: Tensor<2>) -> [Tensor<2>; 2] {
        let error = self.each(error);
        [map_product(error.clone().transpose(), self.each(x)), column_sums(error)]
    }
}

impl LinearMap for TokenMap {
    fn inputs(&self) -> usize {
        self.tokens * self.map.inputs
    }

    fn outputs(&self) -> usize {
        self.tokens * self.map.outputs
    }

    fn flops(&self) -> f64 {
        self.tokens as f64 * self.map.flops()
    }

    fn response(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        self.joined(self.map.response(self.each(change), weight))
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        self.map.correlate(self.each(change), self.each(response))
    }
}

/// A fully connected map and a nonlinearity, the same for every token: y_t = phi(x_t W^T + b).
#[derive(Clone, Debug)]
pub struct TokenDense {
    weight: Parameter,
    bias: Parameter,
    activation: Activation,
    map: TokenMap,
}

/// The input, and the slope of the nonlinearity where it is not one everywhere.
struct TokenTrace {
    input: Tensor<2>,
    slope: Option<Tensor<2>>,
}

impl TokenDense {
    /// A block for `tokens` tokens with weight `[outputs, inputs]` and bias `[1, outputs]`.
    ///
    /// # Panics
    /// If the bias does not have one column per row of the weight.
    pub fn new(tokens: usize, weight: Tensor<2>, bias: Tensor<2>, activation: Activation) -> Self {
        let [outputs, inputs] = weight.dims();
        assert_eq!(bias.dims(), [1, outputs], "bias needs shape [1, units]");
        Self {
            weight: Parameter::new("weight", weight),
            bias: Parameter::vector("bias", bias),
            activation,
            map: TokenMap { tokens, map: DenseMap { inputs, outputs } },
        }
    }

    fn pre_activation(&self, x: Tensor<2>) -> Tensor<2> {
        self.map.affine(x, self.weight.value.clone(), self.bias.value.clone())
    }
}

impl Block for TokenDense {
    fn inputs(&self) -> Vec<usize> {
        vec![self.map.inputs()]
    }

    fn units(&self) -> usize {
        self.map.outputs()
    }

    fn describe(&self) -> String {
        let TokenMap { tokens, map: DenseMap { inputs, outputs } } = self.map;
        format!("dense {inputs} -> {outputs} of {tokens} tokens, {:?}", self.activation).to_lowercase()
    }

    fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.weight, &self.bias]
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.weight, &mut self.bias]
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        let input = inputs[0].clone();
        let z = self.pre_activation(input.clone());
        let slope = (self.activation != Activation::Identity).then(|| slope(self.activation, z.clone()));
        (activate(self.activation, z), Trace::new(TokenTrace { input, slope }))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        activate(self.activation, self.pre_activation(inputs[0].clone()))
    }

    fn parameter_vjp(&self, trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let gated = self.gated_error(trace, error);
        self.map.parameter_vjp(trace.of::<TokenTrace>().input.clone(), gated).into()
    }

    fn input_vjp(&self, trace: &Trace, error: Tensor<2>, _input: usize, weights: &[Tensor<2>]) -> Tensor<2> {
        self.map.back(self.gated_error(trace, error), weights[0].clone())
    }

    fn jvp(&self, trace: &Trace, changes: &[Tensor<2>], weights: &[Tensor<2>]) -> Tensor<2> {
        // The slope is the same for an error and for a change.
        self.gated_error(trace, self.map.response(changes[0].clone(), weights[0].clone()))
    }

    fn maps(&self) -> Vec<Map<'_>> {
        vec![Map { parameter: &self.weight, operation: &self.map, source: Some(0) }]
    }

    fn map_input(&self, trace: &Trace, _map: usize) -> Tensor<2> {
        trace.of::<TokenTrace>().input.clone()
    }

    fn gated(&self) -> Option<&dyn Gated> {
        Some(self)
    }
}

impl Gated for TokenDense {
    fn gated_error(&self, trace: &Trace, error: Tensor<2>) -> Tensor<2> {
        match &trace.of::<TokenTrace>().slope {
            Some(slope) => error * slope.clone(),
            None => error,
        }
    }
}

/// Makes tokens of an image `[units, positions]`: one a position behind a learned class token, each plus what is learned of its place
/// (Dosovitskiy et al. 2021).
#[derive(Clone, Debug)]
pub struct Tokens {
    class: Parameter,
    places: Parameter,
    positions: usize,
}

impl Tokens {
    /// For a class token `[1, units]` and embeddings of places `[positions + 1, units]`.
    ///
    /// # Panics
    /// If the units differ, or there are no positions.
    pub fn new(class: Tensor<2>, places: Tensor<2>) -> Self {
        let ([one, units], [tokens, same]) = (class.dims(), places.dims());
        assert!(one == 1 && units == same && tokens > 1, "shapes of class token and places");
        Self {
            class: Parameter { name: "class_token".into(), value: class, shape: vec![1, 1, units] },
            places: Parameter {
                name: "encoder.pos_embedding".into(),
                value: places,
                shape: vec![1, tokens, units],
            },
            positions: tokens - 1,
        }
    }

    fn unit_count(&self) -> usize {
        self.class.value.dims()[1]
    }

    /// `[batch, units positions]` as `[batch, positions, units]`.
    fn turned(&self, x: &Tensor<2>) -> Tensor<3> {
        x.clone().reshape([x.dims()[0], self.unit_count(), self.positions]).swap_dims(1, 2)
    }

    /// A first token in front of others.
    fn behind(&self, first: Tensor<3>, others: Tensor<3>) -> Tensor<2> {
        let rows = others.dims()[0];
        Tensor::cat(vec![first, others], 1).reshape([rows, self.units()])
    }
}

impl Block for Tokens {
    fn inputs(&self) -> Vec<usize> {
        vec![self.unit_count() * self.positions]
    }

    fn units(&self) -> usize {
        self.unit_count() * (self.positions + 1)
    }

    fn describe(&self) -> String {
        format!("{} positions of {} as tokens behind a class token", self.positions, self.unit_count())
    }

    fn parameters(&self) -> Vec<&Parameter> {
        vec![&self.class, &self.places]
    }

    fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        vec![&mut self.class, &mut self.places]
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(()))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        let (x, rows) = (&inputs[0], inputs[0].dims()[0]);
        let class = self.class.value.clone().reshape([1, 1, self.unit_count()]).repeat_dim(0, rows);
        self.behind(class, self.turned(x)) + self.places.value.clone().reshape([1, self.units()])
    }

    fn parameter_vjp(&self, _trace: &Trace, error: Tensor<2>) -> Vec<Tensor<2>> {
        let places = column_sums(error).reshape([self.positions + 1, self.unit_count()]);
        vec![places.clone().narrow(0, 0, 1), places]
    }

    fn input_vjp(
        &self,
        _trace: &Trace,
        error: Tensor<2>,
        _input: usize,
        _weights: &[Tensor<2>],
    ) -> Tensor<2> {
        let (rows, units) = (error.dims()[0], self.unit_count());
        let others = error.narrow(1, units, self.positions * units);
        let turned = others.reshape([rows, self.positions, units]).swap_dims(1, 2);
        turned.reshape([rows, units * self.positions])
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        let change = &changes[0];
        let still =
            Tensor::zeros([change.dims()[0], 1, self.unit_count()], (&change.device(), change.dtype()));
        self.behind(still, self.turned(change))
    }
}

/// The first of several tokens: what a classifier reads.
#[derive(Clone, Copy, Debug)]
pub struct ClassToken {
    tokens: usize,
    units: usize,
}

impl ClassToken {
    /// Of `tokens` tokens of `units` units each.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(tokens: usize, units: usize) -> Self {
        assert!(tokens > 0, "there is no first of no tokens");
        Self { tokens, units }
    }
}

impl Block for ClassToken {
    fn inputs(&self) -> Vec<usize> {
        vec![self.tokens * self.units]
    }

    fn units(&self) -> usize {
        self.units
    }

    fn describe(&self) -> String {
        format!("first of {} tokens of {}", self.tokens, self.units)
    }

    fn forward(&self, inputs: &[Tensor<2>], _mode: Mode) -> (Tensor<2>, Trace) {
        (self.activity(inputs), Trace::new(()))
    }

    fn activity(&self, inputs: &[Tensor<2>]) -> Tensor<2> {
        inputs[0].clone().narrow(1, 0, self.units)
    }

    fn input_vjp(
        &self,
        _trace: &Trace,
        error: Tensor<2>,
        _input: usize,
        _weights: &[Tensor<2>],
    ) -> Tensor<2> {
        let rest = [error.dims()[0], (self.tokens - 1) * self.units];
        let silent = Tensor::zeros(rest, (&error.device(), error.dtype()));
        Tensor::cat(vec![error, silent], 1)
    }

    fn jvp(&self, _trace: &Trace, changes: &[Tensor<2>], _weights: &[Tensor<2>]) -> Tensor<2> {
        self.activity(changes)
    }
}
