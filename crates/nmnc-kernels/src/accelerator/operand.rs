//! Tensors in an accelerator's memory.

use burn::backend::{Cube, DispatchDevice};
use burn::tensor::{DType, Device, Tensor};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::tensor::CubeTensor;
use burn_cubecl::{CubeDevice, cubecl};
use cubecl::client::Client;
use cubecl::prelude::*;

/// A single-precision tensor in an accelerator's memory.
pub type Operand = CubeTensor;

/// The accelerator that `device` is, if it is one.
pub fn accelerator(device: &Device) -> Option<CubeDevice> {
    match device.as_dispatch() {
        DispatchDevice::Cube(device) => Some(device.clone()),
        _ => None,
    }
}

/// Elements that indices of 32 bits reach, with room for what is added to them.
pub const REACH: usize = u32::MAX as usize / 2;

/// The operands with any strides, or `None` if one is elsewhere, of another float type or too large.
pub fn strided_operands<const N: usize>(tensors: [&Tensor<2>; N]) -> Option<[Operand; N]> {
    let mut found = Vec::with_capacity(N);
    for tensor in tensors {
        if tensor.dtype() != DType::F32 || tensor.shape().num_elements() >= REACH {
            return None;
        }
        found.push(tensor.clone().try_into_primitive::<Cube>().ok()?);
    }
    found.try_into().ok()
}

/// The factors of a product, as [`strided_operands`]; `None` too if the product is too large.
pub fn factors(a: &Tensor<2>, b: &Tensor<2>) -> Option<[Operand; 2]> {
    let size = a.dims()[0].checked_mul(b.dims()[1])?;
    if size < REACH { strided_operands([a, b]) } else { None }
}

/// As [`strided_operands`], contiguous.
pub fn operands<const N: usize>(tensors: [&Tensor<2>; N]) -> Option<[Operand; N]> {
    strided_operands(tensors).map(|operands| operands.map(into_contiguous))
}

/// An operand as the tensor it is.
pub fn whole(operand: Operand) -> Tensor<2> {
    Tensor::from_primitive::<Cube>(operand)
}

/// Memory for a contiguous `shape` beside `like`, with nothing in it yet.
pub fn fresh(like: &Operand, shape: [usize; 2]) -> Operand {
    empty(&like.client, &like.device, shape)
}

/// Memory for a contiguous `shape` on `device`, with nothing in it yet.
pub fn empty(client: &Client, device: &CubeDevice, shape: [usize; 2]) -> Operand {
    let handle = client.empty(shape[0] * shape[1] * size_of::<f32>());
    CubeTensor::new_contiguous(client.clone(), device.clone(), shape.into(), handle, DType::F32)
}

/// The elements of an operand, as a kernel takes them.
pub fn buffer(operand: &Operand) -> BufferArg {
    // All that its strides reach, which may leave gaps.
    let shape = operand.meta.shape();
    let reach = match shape.iter().any(|size| *size == 0) {
        true => 0,
        false => {
            let last =
                shape.iter().zip(operand.meta.strides().iter()).map(|(size, stride)| (size - 1) * stride);
            last.sum::<usize>() + 1
        }
    };
    // SAFETY: the memory behind the handle holds every element of the tensor.
    unsafe { BufferArg::from_raw_parts(operand.handle.clone(), reach) }
}

/// Rows and columns.
pub fn dims(operand: &Operand) -> [usize; 2] {
    let shape = operand.meta.shape();
    [shape[0], shape[1]]
}
