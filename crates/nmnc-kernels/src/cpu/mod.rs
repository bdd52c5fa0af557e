//! The hand-written single-precision path: patches gathered per group of images, one blocked product for
//! the group, and bias, activation and pooling applied while its result is still in cache.

mod backward;
pub(crate) mod channels;
mod columns;
mod descent;
mod direct;
mod elementwise;
mod forward;
mod maps;
mod moments;
mod panels;
mod pointwise;
mod product;
mod projection;
mod recurrent;
mod scratch;
mod sinks;
mod special;
mod vectors;
mod wide;
mod winograd;

use burn::backend::{BackendTypes, Flex};
use burn::tensor::{DType, Tensor, TensorData};

use crate::spec::{ConvSpec, Pool};

pub(crate) use backward::{gated_error, input_gradient, parameter_gradient};
pub(crate) use descent::{adam, descend, descend_with_momentum};
pub(crate) use elementwise::{blend, perturb, product, row_energies};
pub(crate) use forward::{CpuGate, activity, forward};
pub(crate) use moments::column_moments;
pub(crate) use pointwise::{activate, slope};
pub(crate) use product::{add_product, matmul};
pub(crate) use projection::gated_product;
pub(crate) use recurrent::{carry_backward, gru_backward, gru_gated, gru_pass, rate_backward, rate_pass};
pub(crate) use vectors::{VARIABLE, arch, choose};

/// A single-precision tensor in the processor's memory.
pub(crate) type Operand = <Flex as BackendTypes>::FloatTensorPrimitive;

/// The operands as contiguous processor tensors, or `None` if one is elsewhere or of another float type.
pub(crate) fn operands<const N: usize>(tensors: [&Tensor<2>; N]) -> Option<[Operand; N]> {
    strided_operands(tensors).map(|operands| operands.map(|operand| operand.to_contiguous()))
}

/// As [`operands`], keeping any strides.
pub(crate) fn strided_operands<const N: usize>(tensors: [&Tensor<2>; N]) -> Option<[Operand; N]> {
    let mut found = Vec::with_capacity(N);
    for tensor in tensors {
        if tensor.dtype() != DType::F32 {
            return None;
        }
        found.push(tensor.clone().try_into_primitive::<Flex>().ok()?);
    }
    found.try_into().ok()
}

/// As [`operands`], but rows of a contiguous tensor are not copied.
pub(crate) fn contiguous<const N: usize>(tensors: [&Tensor<2>; N]) -> Option<[Operand; N]> {
    let view = |operand: Operand| match operand.as_slice::<f32>() {
        Some(_) => operand,
        None => operand.to_contiguous(),
    };
    strided_operands(tensors).map(|operands| operands.map(view))
}

/// As [`operands`], giving up the tensors, so that an operand nothing else owns can be changed in place; the
/// tensors come back if one is elsewhere or of another float type.
pub(crate) fn owned_operands<const N: usize>(
    tensors: [Tensor<2>; N],
) -> Result<[Operand; N], [Tensor<2>; N]> {
    operands(tensors.each_ref()).ok_or(tensors)
}

/// An operand as the tensor it is.
pub(crate) fn whole(operand: Operand) -> Tensor<2> {
    Tensor::from_primitive::<Flex>(operand)
}

/// Whether the fused forward pass covers the spec: winners are stored as bytes.
pub(crate) fn takes(spec: &ConvSpec) -> bool {
    spec.pool != Pool::Max || spec.pool_size <= forward::WIDEST_WINDOW
}

/// The values of a contiguous operand.
fn values(operand: &Operand) -> &[f32] {
    operand.as_slice().expect("operands are made contiguous")
}

/// A `[rows, columns]` tensor that takes over a buffer.
fn tensor(values: Vec<f32>, rows: usize, columns: usize) -> Tensor<2> {
    let data = TensorData::new(values, [rows, columns]);
    Tensor::from_primitive::<Flex>(Operand::from_data(data))
}

/// Rows of an operand.
fn rows(operand: &Operand) -> usize {
    operand.layout().shape()[0]
}
