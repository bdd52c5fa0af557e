//! The stage kernels of nmnc: convolution, activation and pooling in one pass, the local error gate, and the
//! two products every credit-assignment rule is made of.
//!
//! All activities are matrices `[batch, units]`; a convolutional stage reads a row as an image in
//! `channel, row, column` order. With `⋆` the cross-correlation, `P` the pooling and `φ` the activation, a
//! stage computes
//!
//! ```text
//! z = W ⋆ x + b          [batch, c_out·h_c·w_c]   convolution (no kernel flip) and bias
//! y = P(φ(z))            [batch, c_out·h_o·w_o]   activity
//! ε = φ'(z) ⊙ Pᵀδ        [batch, c_out·h_c·w_c]   gated error, for an error δ at y
//! ∂W = Σₙ εₙ ⋆ xₙ         [c_out, c_in·k·k]        parameter gradient, summed over the batch
//! ∂b = Σₙ Σ_positions εₙ  [1, c_out]
//! ∂x = Wᵀ ⋆ ε            [batch, c_in·h·w]        input gradient (transposed convolution)
//! ```
//!
//! Each function has two implementations: [`composed`], made of tensor operations, which runs on every
//! device and float type, and a hand-written single-precision one for the processor. Which of them runs
//! follows from the operands and shows only in time and rounding.
//!
//! On the processor every result is bit-identical on any number of threads: images are independent, and sums
//! over images are taken over chunks that depend on the batch size alone, added in a fixed order.
#![warn(missing_docs)]

#[cfg(feature = "accelerator")]
mod accelerator;
pub mod composed;
mod cpu;
mod descent;
mod elementwise;
mod gate;
mod judge;
mod kinds;
mod machine;
mod noise;
mod normalization;
mod pooling;
mod precision;
pub mod recurrent;
mod spec;

use burn::tensor::Tensor;

pub use descent::{AdamStep, SgdStep, adam, sgd};
pub use elementwise::{Energies, ask_energies, blend, embed_add, energies, perturb, row_energies};
pub use gate::ConvGate;
pub use judge::{Verdicts, judge};
pub use kinds::{Criterion, Law, Place, Precision};
pub use machine::{check_vector_instructions, vector_instructions};
pub use noise::draw;
pub use normalization::{channel_affine, channel_combine, channel_moments, channel_sums};
pub use pooling::{PoolingSpec, Window, Winners, pool_error, pool_forward, pool_response};
pub use precision::choose_precision;
pub use spec::{Activation, ConvSpec, LARGEST_MATRIX, LARGEST_SIZE, Pool};

use gate::Route;

/// The activity of a stage and the gate for errors at it.
///
/// `x` is `[batch, c_in·h·w]`, `weight` `[c_out, c_in·k·k]`, `bias` `[1, c_out]`; the activity is
/// `[batch, c_out·h_o·w_o]`.
///
/// # Panics
/// If the spec is impossible ([`ConvSpec::check_batch`]) or a shape does not fit it.
pub fn conv_forward(
    spec: &ConvSpec,
    x: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<2>,
) -> (Tensor<2>, ConvGate) {
    check_forward(spec, &x, &weight, &bias);
    let batch = x.dims()[0];
    match cpu::operands([&x, &weight, &bias]) {
        Some([x, weight, bias]) if cpu::takes(spec) => {
            let (output, gate) = cpu::forward(spec, &x, &weight, &bias);
            (output, ConvGate::new(spec, batch, Route::Cpu(gate)))
        }
        _ => {
            #[cfg(feature = "accelerator")]
            if let Some([x, weight, bias]) = accelerator::stage_operands(spec, [&x, &weight, &bias]) {
                let (output, gate) = accelerator::forward(spec, &x, &weight, &bias);
                let gate = ConvGate::new(spec, batch, Route::Accelerator(Box::new(gate)));
                return (accelerator::whole(output), gate);
            }
            composed::conv_forward(spec, x, weight, bias)
        }
    }
}

/// The activity of a stage alone, bit-identical to that of [`conv_forward`]: for perturbed passes, which
/// carry no error back.
///
/// # Panics
/// If the spec is impossible ([`ConvSpec::check_batch`]) or a shape does not fit it.
pub fn conv_activity(spec: &ConvSpec, x: Tensor<2>, weight: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    check_forward(spec, &x, &weight, &bias);
    match cpu::operands([&x, &weight, &bias]) {
        Some([x, weight, bias]) if cpu::takes(spec) => cpu::activity(spec, &x, &weight, &bias),
        _ => {
            #[cfg(feature = "accelerator")]
            if let Some([x, weight, bias]) = accelerator::stage_operands(spec, [&x, &weight, &bias]) {
                return accelerator::whole(accelerator::activity(spec, &x, &weight, &bias));
            }
            composed::conv_activity(spec, x, weight, bias)
        }
    }
}

/// The error at the pre-activation, `[batch, c_out·h_c·w_c]`, for an error `delta` at the stage's output,
/// `[batch, c_out·h_o·w_o]`: un-pooled, then multiplied by the slope.
///
/// # Panics
/// If a shape does not fit the spec, or the gate comes from another spec, batch size, device or float type.
pub fn conv_gated_error(spec: &ConvSpec, gate: &ConvGate, delta: Tensor<2>) -> Tensor<2> {
    gate.check(spec, &delta);
    match (&gate.route, cpu::operands([&delta])) {
        (Route::Cpu(gate), Some([delta])) => cpu::gated_error(spec, gate, &delta),
        #[cfg(feature = "accelerator")]
        (Route::Accelerator(gate), _) => accelerator::whole(accelerator::gated(spec, gate, &delta)),
        _ => composed::conv_gated_error(spec, gate, delta),
    }
}

/// The error at the pre-activation ([`conv_gated_error`]) times a `[c_out·h_c·w_c, d]` matrix: `[batch, d]`. Where the stage takes the
/// largest of each window, the zeros elsewhere are left out.
///
/// # Panics
/// If a shape does not fit the spec, or the gate comes from another spec, batch size, device or float type.
pub fn conv_gated_product(
    spec: &ConvSpec,
    gate: &ConvGate,
    delta: Tensor<2>,
    matrix: Tensor<2>,
) -> Tensor<2> {
    gate.check(spec, &delta);
    assert_eq!(matrix.dims()[0], spec.convolved_units(), "rows of the matrix");
    match (&gate.route, cpu::operands([&delta, &matrix])) {
        (Route::Cpu(gate), Some([delta, matrix])) if spec.pool == Pool::Max => {
            cpu::gated_product(spec, gate, &delta, &matrix)
        }
        _ => matmul(conv_gated_error(spec, gate, delta), matrix),
    }
}

/// The gradients of weight `[c_out, c_in·k·k]` and bias `[1, c_out]`, summed over the batch, for input `x` and an
/// error `delta` at the stage's output, `[batch, c_out·h_o·w_o]`, that passes the `gate` of the same forward pass.
///
/// # Panics
/// If a shape does not fit the spec, or the gate comes from another spec, batch size, device or float type.
pub fn conv_parameter_gradient(
    spec: &ConvSpec,
    x: Tensor<2>,
    gate: &ConvGate,
    delta: Tensor<2>,
) -> (Tensor<2>, Tensor<2>) {
    gate.check(spec, &delta);
    check_columns("input", &x, spec.input_units());
    assert_eq!(x.dims()[0], delta.dims()[0], "input and error have different batch sizes");
    match (&gate.route, cpu::operands([&x, &delta])) {
        (Route::Cpu(gate), Some([x, delta])) => cpu::parameter_gradient(spec, &x, gate, &delta),
        #[cfg(feature = "accelerator")]
        (Route::Accelerator(gate), _) => accelerator::parameter_gradient(spec, &x, gate, &delta),
        _ => composed::conv_parameter_gradient(spec, x, composed::conv_gated_error(spec, gate, delta)),
    }
}

/// The error at the stage's input, `[batch, c_in·h·w]`, for a weight `[c_out, c_in·k·k]` and an error `delta` at its
/// output, `[batch, c_out·h_o·w_o]`, that passes the `gate`.
///
/// # Panics
/// If a shape does not fit the spec, or the gate comes from another spec, batch size, device or float type.
pub fn conv_input_gradient(
    spec: &ConvSpec,
    weight: Tensor<2>,
    gate: &ConvGate,
    delta: Tensor<2>,
) -> Tensor<2> {
    gate.check(spec, &delta);
    check_weight(spec, &weight);
    match (&gate.route, cpu::operands([&weight, &delta])) {
        (Route::Cpu(gate), Some([weight, delta])) => cpu::input_gradient(spec, &weight, gate, &delta),
        #[cfg(feature = "accelerator")]
        (Route::Accelerator(gate), _) => {
            accelerator::whole(accelerator::input_gradient(spec, &weight, gate, &delta))
        }
        _ => composed::conv_input_gradient(spec, weight, composed::conv_gated_error(spec, gate, delta)),
    }
}

/// `φ(z)`, elementwise, for a `[batch, units]` pre-activation.
pub fn activate(activation: Activation, z: Tensor<2>) -> Tensor<2> {
    match cpu::operands([&z]) {
        Some([z]) if activation != Activation::Identity => cpu::activate(activation, &z),
        _ => {
            #[cfg(feature = "accelerator")]
            if activation != Activation::Identity
                && let Some([z]) = accelerator::operands([&z])
            {
                return accelerator::whole(accelerator::activate(&z, activation, false));
            }
            composed::activate(activation, z)
        }
    }
}

/// `φ'(z)`, elementwise, for a `[batch, units]` pre-activation.
pub fn slope(activation: Activation, z: Tensor<2>) -> Tensor<2> {
    match cpu::operands([&z]) {
        Some([z]) => cpu::slope(activation, &z),
        None => {
            #[cfg(feature = "accelerator")]
            if let Some([z]) = accelerator::operands([&z]) {
                return accelerator::whole(accelerator::activate(&z, activation, true));
            }
            composed::slope(activation, z)
        }
    }
}

/// The product `a b` of `[m, k]` and `[k, n]`.
///
/// On the processor in single precision the blocks given to threads depend on the shapes alone, so the bits
/// do not depend on how many threads there are; transposed operands are read in place.
///
/// # Panics
/// If the inner sizes differ.
pub fn matmul(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    assert_eq!(a.dims()[1], b.dims()[0], "inner sizes of a product differ");
    match cpu::strided_operands([&a, &b]) {
        Some([a, b]) => cpu::matmul(&a, &b),
        None => {
            #[cfg(feature = "accelerator")]
            if let Some([a, b]) = accelerator::factors(&a, &b) {
                return accelerator::whole(accelerator::matmul(&a, &b));
            }
            a.matmul(b)
        }
    }
}

/// [`matmul`] where one factor is the weight of a network's map: an accelerator multiplies in the precision chosen for it
/// ([`choose_precision`]), as it does for convolutions.
///
/// # Panics
/// If the inner sizes differ.
pub fn map_product(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "accelerator")]
    if let Some([a, b]) = accelerator::factors(&a, &b) {
        assert_eq!(accelerator::dims(&a)[1], accelerator::dims(&b)[0], "inner sizes of a product differ");
        return accelerator::whole(accelerator::map_product(&a, &b));
    }
    matmul(a, b)
}

/// `x weight + bias` for `[batch, inputs]`, `[inputs, outputs]` and `[1, outputs]`, as [`map_product`] multiplies.
///
/// # Panics
/// If the shapes do not fit.
pub fn affine(x: Tensor<2>, weight: Tensor<2>, bias: Tensor<2>) -> Tensor<2> {
    assert_eq!(bias.dims(), [1, weight.dims()[1]], "bias shape");
    #[cfg(feature = "accelerator")]
    if let Some([x, weight, bias]) = accelerator::strided_operands([&x, &weight, &bias]) {
        assert_eq!(
            accelerator::dims(&x)[1],
            accelerator::dims(&weight)[0],
            "inner sizes of a product differ"
        );
        return accelerator::whole(accelerator::affine(&x, &weight, bias));
    }
    map_product(x, weight) + bias
}

/// Sum of every column of `x`, `[1, columns]`.
pub fn column_sums(x: Tensor<2>) -> Tensor<2> {
    #[cfg(feature = "accelerator")]
    if let Some([x]) = accelerator::operands([&x]) {
        return accelerator::whole(accelerator::column_sums(&x));
    }
    x.sum_dim(0)
}

/// Mean and sum of squared deviations from it of every column of `x`, both `[1, columns]`.
pub fn column_moments(x: &Tensor<2>) -> (Tensor<2>, Tensor<2>) {
    match cpu::operands([x]) {
        Some([x]) => cpu::column_moments(&x),
        None => {
            #[cfg(feature = "accelerator")]
            if let Some([x]) = accelerator::operands([x]) {
                let [mean, squares] = accelerator::column_moments(&x).map(accelerator::whole);
                return (mean, squares);
            }
            composed::column_moments(x.clone())
        }
    }
}

fn check_forward(spec: &ConvSpec, x: &Tensor<2>, weight: &Tensor<2>, bias: &Tensor<2>) {
    check_stage(spec, x.dims()[0]);
    check_columns("input", x, spec.input_units());
    check_weight(spec, weight);
    assert_eq!(bias.dims(), [1, spec.channels], "bias shape");
}

/// The kernels trust a stage that exists: every size that follows from it stays within its type, and every place within its matrix.
fn check_stage(spec: &ConvSpec, batch: usize) {
    if let Err(problem) = spec.check_batch(batch) {
        panic!("impossible stage: {problem}");
    }
}

fn check_weight(spec: &ConvSpec, weight: &Tensor<2>) {
    assert_eq!(weight.dims(), [spec.channels, spec.fan_in()], "weight shape");
}

fn check_columns(what: &str, tensor: &Tensor<2>, units: usize) {
    assert_eq!(tensor.dims()[1], units, "units of the {what}");
}
