//! What optimizers and checkpoints see of a network of any kind.

use burn::tensor::Tensor;

use super::{Network, Parameter};

/// Trainable parameters by name.
pub trait Weights {
    /// All parameters with their full names.
    fn parameters(&self) -> Vec<(String, &Parameter)>;

    /// The parameters' values, in the order of [`Weights::parameters`].
    fn values_mut(&mut self) -> Vec<&mut Tensor<2>>;
}

impl Weights for Network {
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        Network::parameters(self)
    }

    fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        Network::values_mut(self)
    }
}
