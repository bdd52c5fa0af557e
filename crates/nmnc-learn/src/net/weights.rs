//! What optimizers and checkpoints see of a network of any kind.

use burn::tensor::Tensor;

use super::{Buffer, Network, Parameter};

/// Trainable parameters and buffers by name.
pub trait Weights {
    /// All parameters with their full names.
    fn parameters(&self) -> Vec<(String, &Parameter)>;

    /// The parameters' values, in the order of [`Weights::parameters`].
    fn values_mut(&mut self) -> Vec<&mut Tensor<2>>;

    /// The part that the parameter or buffer of this full name stands in, for people.
    fn place(&self, name: &str) -> String {
        name.split('.').next().unwrap_or(name).to_owned()
    }

    /// All buffers with their full names: saved, not trained.
    fn buffers(&self) -> Vec<(String, &Buffer)> {
        Vec::new()
    }

    /// The buffers' values, in the order of [`Weights::buffers`].
    fn buffer_values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        Vec::new()
    }
}

impl Weights for Network {
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        Network::parameters(self)
    }

    fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        Network::values_mut(self)
    }

    fn place(&self, name: &str) -> String {
        Network::place(self, name)
    }

    fn buffers(&self) -> Vec<(String, &Buffer)> {
        Network::buffers(self)
    }

    fn buffer_values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        Network::buffer_values_mut(self)
    }
}
