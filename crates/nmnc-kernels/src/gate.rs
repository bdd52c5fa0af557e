//! What a forward pass leaves behind for the errors that come back.

use burn::prelude::Int;
use burn::tensor::Tensor;

use crate::cpu::CpuGate;
use crate::spec::ConvSpec;

/// How an error at a stage's output reaches its pre-activation: the slope `φ'(z)`, at the winner of each
/// window for max pooling, and which unit won.
///
/// Made by [`conv_forward`](crate::conv_forward) and read by [`conv_gated_error`](crate::conv_gated_error);
/// it belongs to the stage, batch, device and float type of that forward pass.
#[derive(Clone, Debug)]
pub struct ConvGate {
    spec: ConvSpec,
    batch: usize,
    pub(crate) route: Route,
}

impl ConvGate {
    /// The gate of a pass of a checked `spec` over `batch` images.
    pub(crate) fn new(spec: &ConvSpec, batch: usize, route: Route) -> Self {
        Self { spec: *spec, batch, route }
    }

    /// The gate belongs to a pass of `spec`, which has therefore been checked, and `delta` to its output.
    ///
    /// # Panics
    /// If not.
    pub(crate) fn check(&self, spec: &ConvSpec, delta: &Tensor<2>) {
        assert_eq!(self.spec, *spec, "the gate is of another stage");
        assert_eq!(delta.dims()[1], spec.output_units(), "units of the error");
        assert_eq!(delta.dims()[0], self.batch, "the gate is of another batch size");
    }
}

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
