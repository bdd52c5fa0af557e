//! Kernels for accelerators, written once and compiled for each at run time: tiled products on matrix units where precision allows, and
//! everything around them in one pass over memory. Nothing is chosen by measuring: a first step costs no more than compiling.

mod activation;
mod geometry;
mod judge;
mod noise;
mod operand;
mod pointwise;
pub(crate) mod precision;
mod product;
mod stage;
mod sums;

use burn::tensor::Tensor;
use burn_cubecl::kernel::into_contiguous;

use geometry::Geometry;
pub(crate) use judge::judge;
pub(crate) use noise::draw;
pub(crate) use operand::{Operand, accelerator, dims, factors, operands, strided_operands, whole};
pub(crate) use pointwise::{activate, adam, combine, descend, descend_with_momentum};
use product::{Added, Extent, Factor, Layout};
pub(crate) use stage::AcceleratorGate;
pub(crate) use sums::{column_moments, column_sums};

use crate::kinds::Precision;
use crate::spec::ConvSpec;

/// Input, weight and bias of a stage, contiguous, where indices of 32 bits reach every element of its maps.
pub(crate) fn stage_operands(spec: &ConvSpec, tensors: [&Tensor<2>; 3]) -> Option<[Operand; 3]> {
    let size = tensors[0].dims()[0].checked_mul(spec.convolved_units())?;
    if size < operand::REACH { operands(tensors) } else { None }
}

/// A tensor that belongs to a gate, contiguous.
///
/// # Panics
/// If it is elsewhere, of another float type or of another batch.
fn beside(gate: &AcceleratorGate, tensor: &Tensor<2>) -> Operand {
    assert_eq!(tensor.dims()[0], gate.batch(), "batch size of the gate");
    let [operand] = operands([tensor])
        .expect("a gate is only meaningful on the device and float type of the forward pass it came from");
    operand
}

fn batch(operand: &Operand) -> usize {
    operand.meta.shape()[0]
}

/// The convolution without bias, `[batch, c_out·h_c·w_c]`.
fn convolved(spec: &ConvSpec, x: &Operand, weight: &Operand) -> Operand {
    let geometry = Geometry::of(spec);
    let columns = batch(x) * geometry.places() as usize;
    // Channels by tap come in whole blocks, which a few do not fill.
    let shallow = spec.input[0] < product::BLOCK;
    let terms = if shallow { spec.fan_in() } else { product::by_tap(spec.input[0], &geometry) };
    let extent = Extent { rows: spec.channels, columns, terms };
    let (left, right) = match shallow {
        true => (Factor::left(weight), Factor::gathered(x, Layout::ShallowPatches)),
        false => (Factor::gathered(weight, Layout::Weights), Factor::gathered(x, Layout::Patches)),
    };
    product::multiply(left, right, extent, Layout::Maps, geometry, precision::of(x), None)
}

/// See [`conv_forward`](crate::conv_forward).
pub(crate) fn forward(
    spec: &ConvSpec,
    x: &Operand,
    weight: &Operand,
    bias: &Operand,
) -> (Operand, AcceleratorGate) {
    stage::settle_gated(spec, &convolved(spec, x, weight), bias)
}

/// See [`conv_activity`](crate::conv_activity).
pub(crate) fn activity(spec: &ConvSpec, x: &Operand, weight: &Operand, bias: &Operand) -> Operand {
    stage::settle(spec, &convolved(spec, x, weight), bias)
}

/// See [`conv_gated_error`](crate::conv_gated_error).
pub(crate) fn gated(spec: &ConvSpec, gate: &AcceleratorGate, delta: &Tensor<2>) -> Operand {
    stage::gated_error(spec, gate, &beside(gate, delta))
}

/// See [`conv_parameter_gradient`](crate::conv_parameter_gradient).
pub(crate) fn parameter_gradient(
    spec: &ConvSpec,
    x: &Tensor<2>,
    gate: &AcceleratorGate,
    delta: &Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    let x = beside(gate, x);
    let geometry = Geometry::of(spec);
    let terms = batch(&x) * geometry.places() as usize;
    let extent = Extent { rows: spec.channels, columns: spec.fan_in() + 1, terms };
    let errors = gated(spec, gate, delta);
    let by_tap = spec.input[0].is_multiple_of(product::BLOCK);
    let patches = if by_tap { Layout::PatchesByTap } else { Layout::PatchesByWeight };
    let (errors, patches) = (Factor::gathered(&errors, Layout::Maps), Factor::gathered(&x, patches));
    let (parts, count) =
        product::parts(errors, patches, extent, Layout::Matrix, geometry, precision::of(&x), None);
    let channels = if by_tap { spec.input[0] } else { 1 };
    let [weight, bias] = sums::add_parts_apart(&parts, count, [spec.channels, spec.fan_in()], channels);
    (whole(weight), whole(bias))
}

/// See [`conv_input_gradient`](crate::conv_input_gradient).
pub(crate) fn input_gradient(
    spec: &ConvSpec,
    weight: &Tensor<2>,
    gate: &AcceleratorGate,
    delta: &Tensor<2>,
) -> Operand {
    let geometry = Geometry::of(spec);
    let [channels, height, width] = spec.input;
    let terms = product::by_tap(spec.channels, &geometry);
    let extent = Extent { rows: channels, columns: delta.dims()[0] * height * width, terms };
    let errors = gated(spec, gate, delta);
    let [weight] = operands([weight]).expect("weights lie where the gate does");
    let (filters, errors) =
        (Factor::gathered(&weight, Layout::Filters), Factor::gathered(&errors, Layout::ErrorPatches));
    product::multiply(filters, errors, extent, Layout::ErrorPatches, geometry, precision::of(&weight), None)
}

/// See [`matmul`](crate::matmul).
pub(crate) fn matmul(a: &Operand, b: &Operand) -> Operand {
    matrix_product(a, b, Precision::F32, None)
}

/// See [`map_product`](crate::map_product).
pub(crate) fn map_product(a: &Operand, b: &Operand) -> Operand {
    matrix_product(a, b, precision::of(a), None)
}

/// See [`affine`](crate::affine).
pub(crate) fn affine(x: &Operand, weight: &Operand, bias: Operand) -> Operand {
    let bias = into_contiguous(bias);
    matrix_product(x, weight, precision::of(x), Some(Added { base: &bias, pitch: 0, scale: 1.0 }))
}

/// `base + scale · a b`.
pub(crate) fn add_product(base: Operand, a: &Operand, b: &Operand, scale: f32) -> Operand {
    let base = into_contiguous(base);
    let added = Added { pitch: dims(&base)[1], base: &base, scale };
    matrix_product(a, b, Precision::F32, Some(added))
}

fn matrix_product(a: &Operand, b: &Operand, precision: Precision, added: Option<Added>) -> Operand {
    let ([rows, terms], [_, columns]) = (dims(a), dims(b));
    let extent = Extent { rows, columns, terms };
    let (left, right) = (Factor::left(a), Factor::right(b));
    product::multiply(left, right, extent, Layout::Matrix, Geometry::default(), precision, added)
}

/// The sums of squares of the rows of all `matrices`, one after the other, still on the device; nothing if one is elsewhere or of another
/// float type.
pub(crate) fn row_energies(matrices: &[&Tensor<2>]) -> Option<Tensor<2>> {
    let found: Option<Vec<Operand>> =
        matrices.iter().map(|matrix| operands([matrix]).map(|[operand]| operand)).collect();
    let found = found.filter(|found| !found.is_empty())?;
    Some(whole(sums::row_energies(&found)))
}
