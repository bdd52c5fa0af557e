//! What every stage of a network can do.

use burn::tensor::{Device, Tensor};
use nmnc_kernels::{ConvGate, matmul};

/// A trainable matrix and the shape it has for other tools.
///
/// All values are matrices so that optimizers and rules need no rank of their own; `shape` is the natural one (a
/// convolution's `[out, in, kernel, kernel]`), used when weights are saved.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name within the stage: `weight` or `bias`.
    pub name: &'static str,
    /// The value, `[rows, columns]`.
    pub value: Tensor<2>,
    /// Natural shape, with as many elements as `value`.
    pub shape: Vec<usize>,
}

/// What one stage keeps of a forward pass so that its local gradient can be formed: its input and its gate.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) input: Tensor<2>,
    pub(super) gate: Gate,
}

/// How an error at the activity reaches the pre-activation.
#[derive(Clone, Debug)]
pub(super) enum Gate {
    /// Element-wise slope of the nonlinearity, `[batch, units]`.
    Slope(Box<Tensor<2>>),
    /// Slope and pooling winners of a convolution.
    Conv(ConvGate),
}

/// One stage x_l = f_l(x_{l-1}; theta_l) of a network. Activities are matrices `[batch, units]`.
///
/// A local rule gives a stage an error signal delta_l, an estimate of dLoss/dx_l, and the stage turns it into the gradient of
/// <x_l, delta_l> with respect to its own parameters, its input held fixed.
pub trait Stage: Send + Sync + std::fmt::Debug {
    /// Number of inputs of one example.
    fn inputs(&self) -> usize;

    /// Number n of activities of one example.
    fn units(&self) -> usize;

    /// One line for people: kind and sizes.
    fn describe(&self) -> String;

    /// Weight first, then bias.
    fn parameters(&self) -> [&Parameter; 2];

    /// Weight first, then bias.
    fn parameters_mut(&mut self) -> [&mut Parameter; 2];

    /// Activity `[batch, units]` for `input` `[batch, inputs]`, and what the local gradient needs.
    fn forward(&self, input: Tensor<2>) -> (Tensor<2>, Trace);

    /// Activity alone: what a perturbed pass needs.
    fn activity(&self, input: Tensor<2>) -> Tensor<2>;

    /// Carries an error signal `[batch, units]` through the stage's own pooling and nonlinearity to its pre-activation.
    fn gated_error(&self, trace: &Trace, signal: Tensor<2>) -> Tensor<2>;

    /// The [gated error](Stage::gated_error) times a `[pre-activations, d]` matrix: `[batch, d]`.
    fn gated_product(&self, trace: &Trace, signal: Tensor<2>, matrix: Tensor<2>) -> Tensor<2> {
        matmul(self.gated_error(trace, signal), matrix)
    }

    /// Number of pre-activations of one example: more than the units where the stage pools.
    fn pre_activations(&self) -> usize;

    /// Change of the pre-activation, `[rows, pre-activations]`, that a `change` of the input, `[rows, inputs]`, causes through
    /// `weight`, a matrix of the shape of the stage's own. Linear, so that no size of the change is too large.
    fn respond(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2>;

    /// What a perturbed pass shows of the stage's pre-activation: [`Stage::respond`] through the stage's own weight.
    fn response(&self, change: Tensor<2>) -> Tensor<2> {
        self.respond(change, self.parameters()[0].value.clone())
    }

    /// Products of `response` `[rows, pre-activations]` and `change` `[rows, inputs]`, summed over rows, and over positions where the
    /// stage shares its weight: the adjoint of [`Stage::respond`] in `weight`, and of its shape.
    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2>;

    /// Gradient of each parameter for an error signal `[batch, units]`, which passes the stage's own gate, summed over the
    /// batch, in the order of [`Stage::parameters`].
    fn parameter_gradient(&self, trace: &Trace, signal: Tensor<2>) -> [Tensor<2>; 2];

    /// Carries an error signal through the stage's own gate and then back to its input `[batch, inputs]` through `weight`, a
    /// matrix of the shape of the stage's own weight: the exact input gradient when it *is* the stage's weight (backprop),
    /// feedback alignment when it is a fixed random one.
    fn carry_back(&self, trace: &Trace, signal: Tensor<2>, weight: Tensor<2>) -> Tensor<2>;

    /// Moves the parameters to `device`.
    fn move_to(&mut self, device: &Device) {
        for parameter in self.parameters_mut() {
            parameter.value = parameter.value.clone().to_device(device);
        }
    }
}
