//! What blocks keep: parameters and buffers.

use std::borrow::Cow;

use burn::tensor::Tensor;

/// A trainable matrix and the shape it has for other tools.
///
/// All values are matrices so that optimizers and rules need no rank of their own; `shape` is the natural one (a
/// convolution's `[out, in, kernel, kernel]`), used when weights are saved.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Name within the block, such as `weight`.
    pub name: Cow<'static, str>,
    /// The value, `[rows, columns]`.
    pub value: Tensor<2>,
    /// Natural shape, with as many elements as `value`.
    pub shape: Vec<usize>,
}

impl Parameter {
    /// A matrix whose natural shape is its own.
    pub fn new(name: impl Into<Cow<'static, str>>, value: Tensor<2>) -> Self {
        let shape = value.dims().to_vec();
        Self { name: name.into(), value, shape }
    }

    /// A row whose natural shape is a vector.
    pub fn vector(name: impl Into<Cow<'static, str>>, value: Tensor<2>) -> Self {
        let shape = vec![value.dims()[1]];
        Self { name: name.into(), value, shape }
    }
}

/// A matrix that is saved with the parameters and not trained, such as running statistics.
pub type Buffer = Parameter;
