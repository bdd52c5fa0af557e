//! What reads the states of a recurrent network.

use burn::tensor::Tensor;

use super::network::{Cell, RecurrentNetwork};
use crate::net::{DenseMap, Map, Parameter};

/// The linear maps that read a state h_t: the recurrent weight, which makes of it W h_t for the next step's units (for gated units the
/// state's part of each gate), and the readout.
#[derive(Clone, Debug)]
pub struct StateReaders {
    parameters: [Parameter; 2],
    operations: [DenseMap; 2],
}

impl StateReaders {
    /// Those of `network`, with the recurrent weight `[gates N, N]` that is in use.
    pub fn new(network: &RecurrentNetwork, weight: Tensor<2>) -> Self {
        let weights = [weight, network.readout_weight().clone()];
        let operations = weights.each_ref().map(|weight| {
            let [outputs, inputs] = weight.dims();
            DenseMap { inputs, outputs }
        });
        let [recurrent, readout] = weights;
        Self {
            parameters: [
                Parameter::new("recurrent.weight", recurrent),
                Parameter::new("readout.weight", readout),
            ],
            operations,
        }
    }

    /// Outputs of each, of the recurrent weight's map first.
    pub fn sizes(network: &RecurrentNetwork) -> [usize; 2] {
        let gates = match network.cell() {
            Cell::Rate { .. } => 1,
            Cell::Gru => 3,
        };
        [gates * network.units(), network.outputs()]
    }

    /// The recurrent weight's map and the readout's.
    pub fn maps(&self) -> [Map<'_>; 2] {
        [0, 1].map(|index| Map {
            parameter: &self.parameters[index],
            operation: &self.operations[index],
            source: Some(0),
        })
    }
}
