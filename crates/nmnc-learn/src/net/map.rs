//! Linear maps: what errors travel through, and what mirrors and random feedback stand in for.

use std::fmt::Debug;

use burn::tensor::Tensor;
use nmnc_kernels::{
    Activation, ConvSpec, Pool, conv_activity, conv_forward, conv_parameter_gradient, map_product,
};

use super::parameter::Parameter;
use super::trace::Trace;

/// A bilinear operation r(u, W): linear in the numbers it reads and in its weight.
pub trait LinearMap: Send + Sync + Debug {
    /// Numbers it reads of one example.
    fn inputs(&self) -> usize;

    /// Numbers it gives for one example.
    fn outputs(&self) -> usize;

    /// Multiplications and additions for one example.
    fn flops(&self) -> f64 {
        2.0 * self.inputs() as f64 * self.outputs() as f64
    }

    /// r `[rows, outputs]` for `change` `[rows, inputs]`, through `weight`, a matrix of the shape of the map's own. Linear, so that no
    /// size of the change is too large.
    fn response(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2>;

    /// Products of `response` `[rows, outputs]` and `change` `[rows, inputs]`, summed over rows, and over positions where the map shares
    /// its weight: the adjoint of [`LinearMap::response`] in the weight, and of its shape.
    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2>;
}

/// A linear map at its place in a block.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    /// The weight it multiplies by, one of the block's parameters.
    pub parameter: &'a Parameter,
    /// The operation.
    pub operation: &'a dyn LinearMap,
    /// Which of the block's inputs (from 0) it reads as it is; none if it reads something made within the block.
    pub source: Option<usize>,
}

impl Map<'_> {
    /// What a perturbed pass shows of the map: the change `[rows, outputs]` of what it gives for a `change` of what it reads.
    pub fn response(&self, change: Tensor<2>) -> Tensor<2> {
        self.operation.response(change, self.parameter.value.clone())
    }
}

/// A block that is one linear map of its only input and then a gate: an element-wise nonlinearity, and pooling perhaps.
pub trait Gated {
    /// Carries an error `[batch, n]` through the gate to what the map gave, `[batch, outputs of the map]`.
    fn gated_error(&self, trace: &Trace, error: Tensor<2>) -> Tensor<2>;

    /// The [gated error](Gated::gated_error) times a `[outputs of the map, d]` matrix: `[batch, d]`.
    fn gated_product(&self, trace: &Trace, error: Tensor<2>, matrix: Tensor<2>) -> Tensor<2> {
        map_product(self.gated_error(trace, error), matrix)
    }
}

/// u W^T, for a weight `[outputs, inputs]`.
#[derive(Clone, Copy, Debug)]
pub struct DenseMap {
    /// Numbers it reads.
    pub inputs: usize,
    /// Numbers it gives.
    pub outputs: usize,
}

impl LinearMap for DenseMap {
    fn inputs(&self) -> usize {
        self.inputs
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn response(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        map_product(change, weight.transpose())
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        map_product(response.transpose(), change)
    }
}

/// A convolution, for a weight `[channels, fan-in]`.
#[derive(Clone, Copy, Debug)]
pub struct ConvMap(ConvSpec);

impl ConvMap {
    /// The convolution of a stage of this geometry, without its nonlinearity and pooling.
    pub fn new(spec: ConvSpec) -> Self {
        Self(ConvSpec { activation: Activation::Identity, pool: Pool::None, ..spec })
    }

    fn zeros(&self, rows: usize, columns: usize, like: &Tensor<2>) -> Tensor<2> {
        Tensor::zeros([rows, columns], (&like.device(), like.dtype()))
    }
}

impl LinearMap for ConvMap {
    fn inputs(&self) -> usize {
        self.0.input_units()
    }

    fn outputs(&self) -> usize {
        self.0.convolved_units()
    }

    fn flops(&self) -> f64 {
        self.0.flops() as f64
    }

    fn response(&self, change: Tensor<2>, weight: Tensor<2>) -> Tensor<2> {
        let silent = self.zeros(1, self.0.channels, &weight);
        conv_activity(&self.0, change, weight, silent)
    }

    fn correlate(&self, change: Tensor<2>, response: Tensor<2>) -> Tensor<2> {
        let weight = self.zeros(self.0.channels, self.0.fan_in(), &change);
        let silent = self.zeros(1, self.0.channels, &change);
        let (_, open) = conv_forward(&self.0, change.clone(), weight, silent);
        conv_parameter_gradient(&self.0, change, &open, response).0
    }
}
