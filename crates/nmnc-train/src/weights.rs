//! What can be told of any network by its weights.

use burn::tensor::Device;

use nmnc_learn::net::Weights;

/// Number of trainable numbers.
pub(crate) fn parameter_count(network: &impl Weights) -> usize {
    network.parameters().iter().map(|(_, p)| p.shape.iter().product::<usize>()).sum()
}

/// The device that holds the weights.
pub(crate) fn device_of(network: &impl Weights) -> Device {
    network.parameters().first().map_or_else(Device::default, |(_, parameter)| parameter.value.device())
}
