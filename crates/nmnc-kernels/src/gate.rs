//! What a forward pass leaves behind for the errors that come back.

use burn::prelude::Int;
use burn::tensor::Tensor;

use crate::cpu::CpuGate;

/// How an error at a stage's output reaches its pre-activation: the slope `φ'(z)`, at the winner of each
/// window for max pooling, and which unit won.
///
/// Made by [`conv_forward`](crate::conv_forward) and read by [`conv_gated_error`](crate::conv_gated_error);
/// it belongs to the batch, device and float type of that forward pass.
#[derive(Clone, Debug)]
pub struct ConvGate(pub(crate) Route);

#[derive(Clone, Debug)]
pub(crate) enum Route {
    Composed(Box<ComposedGate>),
    Cpu(CpuGate),
    #[cfg(feature = "accelerator")]
    Accelerator(Box<crate::accelerator::AcceleratorGate>),
}

/// What a gate holds on the path composed of tensor operations: the slope at every pre-activation, and for max pooling the winners.
#[derive(Clone, Debug)]
pub(crate) struct ComposedGate {
    pub(crate) slope: Tensor<2>,
    pub(crate) winners: Option<Tensor<4, Int>>,
}
