//! A recurrent network over time: forward pass with trace, gradients from signals, backpropagation through time.

use std::ops::Range;

use burn::tensor::{DType, Device, Tensor};
use nmnc_kernels::recurrent::{
    Carry, GruGates, Rate, Sequence, carry_backward, gru_backward, gru_forward, gru_gated, gru_states,
    product, rate_backward, rate_forward, rate_states,
};
use nmnc_kernels::{Activation, matmul, perturb};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::{Gradients, Parameter, Weights};
use crate::workers::Share;
use nmnc_core::device::matrix;
use nmnc_core::seed::Stream;

/// Recurrent units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// Rate units: h_t = (1 - a) h_{t-1} + a phi(W h_{t-1} + W_u u_t + b).
    Rate {
        /// Nonlinearity.
        activation: Activation,
        /// a = dt / tau.
        alpha: f64,
    },
    /// Gated recurrent units.
    Gru,
}

/// How a signal at one step reaches parameters through earlier steps, beside the step itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EligibilityTrace {
    /// Not at all: the gradient through the step's own update, its previous state held fixed.
    None,
    /// Through what each unit keeps of its own state, 1 - a (for gated units z): the eligibility trace of RFLO (Murray 2019).
    Leak,
    /// Through all that a unit's state does to that unit's next state: as in e-prop (Bellec et al. 2020).
    Diagonal,
}

/// A recurrent network with a linear readout y_t = W_o h_t + b_o and the state 0 before the first step.
#[derive(Clone, Debug)]
pub struct RecurrentNetwork {
    cell: Cell,
    /// Input, recurrent, bias (GRU: bias of the input and of the state), readout weight and bias.
    parameters: Vec<Parameter>,
    /// Factors of the recurrent weight, and whether its magnitude counts.
    connectivity: Option<(Tensor<2>, bool)>,
    state_noise: f64,
}

/// What a pass over a sequence leaves behind. Row `t B + b` of each matrix is step t of trial b.
#[derive(Clone, Debug)]
pub struct SequencePass {
    /// Its size.
    pub sequence: Sequence,
    /// Output `[T B, outputs]`.
    pub output: Tensor<2>,
    /// Inputs with a column of ones `[T B, inputs + 1]`.
    inputs: Tensor<2>,
    /// What drives the units `[T B, gates N]`: input, bias and noise.
    drive: Tensor<2>,
    /// The recurrent weight in use.
    weight: Tensor<2>,
    /// The state before the first step and after each, `[(T + 1) B, N]`.
    states: Tensor<2>,
    gates: Gates,
}

#[derive(Clone, Debug)]
enum Gates {
    Rate(Box<Tensor<2>>),
    Gru(Box<GruGates>),
}

impl SequencePass {
    /// States after each step, `[T B, N]`.
    pub fn activity(&self) -> Tensor<2> {
        self.states.clone().narrow(0, self.sequence.batch, self.sequence.rows())
    }

    /// States before each step, `[T B, N]`.
    fn before(&self) -> Tensor<2> {
        self.states.clone().narrow(0, 0, self.sequence.rows())
    }

    /// The recurrent weight in use, `[gates N, N]`.
    pub fn weight(&self) -> &Tensor<2> {
        &self.weight
    }

    /// What drives the units, `[T B, gates N]`.
    pub fn drive(&self) -> &Tensor<2> {
        &self.drive
    }
}

impl RecurrentNetwork {
    /// A network of the given weights `[gates N, inputs]`, `[gates N, N]`, `[outputs, N]`, and biases of zero.
    pub(super) fn new(
        cell: Cell,
        input: Tensor<2>,
        recurrent: Tensor<2>,
        readout: Tensor<2>,
        connectivity: Option<(Tensor<2>, bool)>,
        state_noise: f64,
    ) -> Self {
        let [rows, outputs] = [input.dims()[0], readout.dims()[0]];
        let zeros = |columns: usize| Tensor::zeros([1, columns], &input.device());
        let weight = |name: &'static str, value: Tensor<2>| Parameter::new(name, value);
        let bias = |name: &'static str, columns: usize| Parameter::vector(name, zeros(columns));
        let mut parameters = vec![
            weight("input.weight", input.clone()),
            weight("recurrent.weight", recurrent),
            bias("input.bias", rows),
        ];
        if cell == Cell::Gru {
            parameters.push(bias("recurrent.bias", rows));
        }
        parameters.extend([weight("readout.weight", readout), bias("readout.bias", outputs)]);
        Self { cell, parameters, connectivity, state_noise }
    }

    /// Its units.
    pub fn cell(&self) -> Cell {
        self.cell
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.parameters[0].shape[1]
    }

    /// Number N of units.
    pub fn units(&self) -> usize {
        self.parameters[1].shape[1]
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.readout_bias().shape[0]
    }

    fn value(&self, index: usize) -> &Tensor<2> {
        &self.parameters[index].value
    }

    /// Weight of the readout `[outputs, N]`.
    pub fn readout_weight(&self) -> &Tensor<2> {
        &self.parameters[self.parameters.len() - 2].value
    }

    /// Puts `weight` `[outputs, N]` in place of the readout's.
    ///
    /// # Panics
    /// If it has another shape.
    pub fn replace_readout_weight(&mut self, weight: Tensor<2>) {
        let own = self.parameters.len() - 2;
        assert_eq!(weight.dims(), self.parameters[own].value.dims(), "shape of the readout");
        self.parameters[own].value = weight;
    }

    fn readout_bias(&self) -> &Parameter {
        &self.parameters[self.parameters.len() - 1]
    }

    /// The recurrent weight `[gates N, N]` in use: the trained one under the constraints of sign and sparsity.
    pub fn recurrent_weight(&self) -> Tensor<2> {
        let weight = self.value(1).clone();
        match &self.connectivity {
            Some((factors, true)) => weight.abs() * factors.clone().cast(self.value(1).dtype()),
            Some((factors, false)) => weight * factors.clone().cast(self.value(1).dtype()),
            None => weight,
        }
    }

    /// Output `[rows, outputs]` of states `[rows, N]`.
    pub fn readout(&self, states: Tensor<2>) -> Tensor<2> {
        matmul(states, self.readout_weight().clone().transpose()) + self.readout_bias().value.clone()
    }

    /// Forward pass of inputs `[T, B, inputs]`, row-major, that keeps what gradients need; `noise` feeds the noise of the state, if
    /// there is any, that of the trials of a share.
    ///
    /// # Panics
    /// If there are not `T B inputs` values.
    pub fn forward(
        &self,
        inputs: &[f32],
        [steps, batch]: [usize; 2],
        noise: Option<(Stream, &Share)>,
    ) -> SequencePass {
        let (sequence, inputs, drive) = self.driven(inputs, [steps, batch], noise);
        let start = Tensor::zeros([batch, self.units()], (&self.device(), self.dtype()));
        let weight = self.recurrent_weight();
        let (states, gates) = match self.cell {
            Cell::Rate { activation, alpha } => {
                let (states, gates) =
                    rate_forward(sequence, Rate { activation, alpha }, &start, &drive, &weight);
                (states, Gates::Rate(Box::new(gates)))
            }
            Cell::Gru => {
                let (states, gates) = gru_forward(sequence, &start, &drive, &weight, self.value(3));
                (states, Gates::Gru(Box::new(gates)))
            }
        };
        let output = self.readout(states.clone().narrow(0, batch, sequence.rows()));
        SequencePass { sequence, output, inputs, drive, weight, states, gates }
    }

    /// Output `[T B, outputs]` and states `[T B, N]` alone, without noise.
    ///
    /// # Panics
    /// As [`RecurrentNetwork::forward`].
    pub fn evaluate(&self, inputs: &[f32], [steps, batch]: [usize; 2]) -> (Tensor<2>, Tensor<2>) {
        let (sequence, _, drive) = self.driven(inputs, [steps, batch], None);
        let start = Tensor::zeros([batch, self.units()], (&self.device(), self.dtype()));
        let states = self.run(sequence, &start, &drive, &self.recurrent_weight(), None);
        let states = states.narrow(0, batch, sequence.rows());
        (self.readout(states.clone()), states)
    }

    /// Sequence, inputs with ones, and drive.
    fn driven(
        &self,
        inputs: &[f32],
        [steps, batch]: [usize; 2],
        noise: Option<(Stream, &Share)>,
    ) -> (Sequence, Tensor<2>, Tensor<2>) {
        let sequence = Sequence { steps, batch, units: self.units() };
        let (width, rows) = (self.inputs(), sequence.rows());
        assert_eq!(inputs.len(), rows * width, "number of inputs");
        // With a column of ones the bias is a weight like any other, and no pass of its own over memory.
        let mut extended = Vec::with_capacity(rows * (width + 1));
        for row in inputs.chunks_exact(width) {
            extended.extend_from_slice(row);
            extended.push(1.0);
        }
        let inputs = matrix(extended, [rows, width + 1], &self.device()).cast(self.dtype());
        let weight = Tensor::cat(vec![self.value(0).clone(), self.value(2).clone().transpose()], 1);
        let mut drive = matmul(inputs.clone(), weight.transpose());
        if let Some((stream, share)) = noise.filter(|_| self.state_noise > 0.0) {
            drive = self.noisy(drive, &stream, share.repeated(0..steps));
        }
        (sequence, inputs, drive)
    }

    /// Noise in every unit's input (Song, Yang and Wang 2016); for gated units in that of the candidate. The rows of the whole batch that
    /// those of `drive` are, in their order, are `drawn`.
    fn noisy(&self, drive: Tensor<2>, stream: &Stream, drawn: Vec<Range<usize>>) -> Tensor<2> {
        let ([rows, columns], units) = (drive.dims(), self.units());
        let mut numbers = vec![0.0; rows * units];
        let mut rest = &mut numbers[..];
        for range in drawn {
            let (own, later) = rest.split_at_mut(range.len() * units);
            stream.fill_normal_from(range.start * units, own);
            rest = later;
        }
        let noise = matrix(numbers, [rows, units], &self.device()).cast(self.dtype());
        let alpha = match self.cell {
            Cell::Rate { alpha, .. } => alpha,
            Cell::Gru => 1.0,
        };
        let deviation = self.state_noise * (2.0 / alpha).sqrt();
        if columns == units {
            return perturb(&drive, &noise, deviation);
        }
        let own = perturb(&drive.clone().narrow(1, columns - units, units), &noise, deviation);
        Tensor::cat(vec![drive.narrow(1, 0, columns - units), own], 1)
    }

    fn run(
        &self,
        sequence: Sequence,
        start: &Tensor<2>,
        drive: &Tensor<2>,
        weight: &Tensor<2>,
        kick: Option<&Tensor<2>>,
    ) -> Tensor<2> {
        match self.cell {
            Cell::Rate { activation, alpha } => {
                rate_states(sequence, Rate { activation, alpha }, start, drive, weight, kick)
            }
            Cell::Gru => gru_states(sequence, start, drive, weight, self.value(3), kick),
        }
    }

    /// States `[(L + 1) R, N]` from the states `start` `[R, N]` on, driven by `drive` `[L R, gates N]`: the pass that a perturbation
    /// at single steps needs. `pass` gives the weight.
    pub fn run_from(&self, pass: &SequencePass, start: &Tensor<2>, drive: &Tensor<2>) -> Tensor<2> {
        let [batch, units] = start.dims();
        if drive.dims()[0] == 0 {
            return start.clone();
        }
        let sequence = Sequence { steps: drive.dims()[0] / batch, batch, units };
        self.run(sequence, start, drive, &pass.weight, None)
    }

    /// States `[T B, N]` of the pass with a `kick` `[T B, N]` added to every state as it comes about.
    pub fn run_kicked(&self, pass: &SequencePass, kick: &Tensor<2>) -> Tensor<2> {
        let Sequence { batch, .. } = pass.sequence;
        let start = pass.states.clone().narrow(0, 0, batch);
        let states = self.run(pass.sequence, &start, &pass.drive, &pass.weight, Some(kick));
        states.narrow(0, batch, pass.sequence.rows())
    }

    /// Errors at the states, `[T B, N]`, that come directly from errors `[T B, outputs]` at the output of the same step.
    pub fn error_at_states(&self, error: &Tensor<2>) -> Tensor<2> {
        matmul(error.clone(), self.readout_weight().clone())
    }

    /// Backpropagation through time: the exact dLoss/dh_t `[T B, N]` for errors `[T B, outputs]`; with a `period`, nothing is
    /// carried back into a step whose number, from 1, is a multiple of it.
    pub fn backpropagate(&self, pass: &SequencePass, error: &Tensor<2>, period: Option<usize>) -> Tensor<2> {
        self.carried_back(pass, self.error_at_states(error), &pass.weight, period)
    }

    /// Errors at the states, `[T B, N]`, each of its own step's, with what they come to at earlier steps through the units' own gates and
    /// `weight` `[gates N, N]`, which stands in for the recurrent one. `period` as in [`RecurrentNetwork::backpropagate`].
    pub fn carried_back(
        &self,
        pass: &SequencePass,
        errors: Tensor<2>,
        weight: &Tensor<2>,
        period: Option<usize>,
    ) -> Tensor<2> {
        let period = period.unwrap_or(usize::MAX);
        match (&pass.gates, self.cell) {
            (Gates::Rate(gates), Cell::Rate { alpha, .. }) => {
                rate_backward(pass.sequence, alpha, gates, weight, errors, period)
            }
            (Gates::Gru(gates), _) => {
                gru_backward(pass.sequence, gates, &pass.before(), weight, errors, period)
            }
            _ => unreachable!("a pass has the gates of its network"),
        }
    }

    /// The signals `[T B, N]` as they reach parameters through a trace: with the order of the sums exchanged, sum over t of
    /// signal_t times the trace of step t is sum over s of the within-step gradient for what this gives.
    pub fn traced(&self, pass: &SequencePass, signals: Tensor<2>, trace: EligibilityTrace) -> Tensor<2> {
        let carried = |carry: Carry, signals: Tensor<2>| carry_backward(pass.sequence, carry, signals);
        match (trace, &pass.gates, self.cell) {
            (EligibilityTrace::None, ..) => signals,
            (EligibilityTrace::Leak, Gates::Rate(_), Cell::Rate { alpha, .. }) => {
                carried(Carry::Uniform(1.0 - alpha), signals)
            }
            (EligibilityTrace::Diagonal, Gates::Rate(gates), Cell::Rate { alpha, .. }) => {
                let own = self.own_weights(pass, 0);
                carried(Carry::Units(&(gates.as_ref().clone() * own + (1.0 - alpha))), signals)
            }
            (EligibilityTrace::Leak, Gates::Gru(gates), _) => carried(Carry::Units(&gates.update), signals),
            (EligibilityTrace::Diagonal, Gates::Gru(gates), _) => {
                // The derivative of each unit's step with respect to its own state, from a signal of ones.
                let ones = signals.ones_like();
                let [_, gated] = gru_gated(pass.sequence, gates, &pass.before(), &ones);
                let units = self.units();
                let through =
                    |gate: usize| gated.clone().narrow(1, gate * units, units) * self.own_weights(pass, gate);
                carried(Carry::Units(&(gates.update.clone() + through(0) + through(1) + through(2))), signals)
            }
            _ => unreachable!("a pass has the gates of its network"),
        }
    }

    /// The weights of each unit onto itself, `[1, N]`.
    fn own_weights(&self, pass: &SequencePass, gate: usize) -> Tensor<2> {
        let units = self.units();
        let all: Vec<f64> = nmnc_core::device::values(&pass.weight);
        let own = (0..units).map(|i| all[(gate * units + i) * units + i]).collect::<Vec<_>>();
        let data = burn::tensor::TensorData::new(own, [1, units]);
        Tensor::from_data(data, (&self.device(), self.dtype()))
    }

    /// Gradient of every parameter, in the order of [`Weights::parameters`], when the states receive `signals` `[T B, N]`, which
    /// reach earlier steps through `trace`, and the readout the exact `error` `[T B, outputs]`.
    pub fn gradients(
        &self,
        pass: &SequencePass,
        signals: Tensor<2>,
        trace: EligibilityTrace,
        error: &Tensor<2>,
    ) -> Gradients {
        let signals = self.traced(pass, signals, trace);
        let before = pass.before();
        let ones: Tensor<2> = Tensor::ones([1, pass.sequence.rows()], (&self.device(), self.dtype()));
        let width = self.inputs();
        let mut out = match &pass.gates {
            Gates::Rate(gates) => {
                let gated = product(signals, gates).transpose();
                let input = matmul(gated.clone(), pass.inputs.clone());
                let bias = input.clone().narrow(1, width, 1).transpose();
                vec![input.narrow(1, 0, width), self.constrained(matmul(gated, before)), bias]
            }
            Gates::Gru(gates) => {
                let [input, own] = gru_gated(pass.sequence, gates, &before, &signals);
                let input = matmul(input.transpose(), pass.inputs.clone());
                let bias = input.clone().narrow(1, width, 1).transpose();
                let own_bias = matmul(ones.clone(), own.clone());
                vec![input.narrow(1, 0, width), matmul(own.transpose(), before), bias, own_bias]
            }
        };
        out.push(matmul(error.clone().transpose(), pass.activity()));
        out.push(matmul(ones, error.clone()));
        self.parameters.iter().map(|parameter| parameter.name.clone().into_owned()).zip(out).collect()
    }

    /// From the gradient of the weight in use to that of the trained weight.
    fn constrained(&self, gradient: Tensor<2>) -> Tensor<2> {
        match &self.connectivity {
            Some((factors, signed)) => {
                let factors = factors.clone().cast(self.dtype());
                let gradient = gradient * factors;
                if *signed { gradient * self.value(1).clone().sign() } else { gradient }
            }
            None => gradient,
        }
    }

    fn device(&self) -> Device {
        self.value(0).device()
    }

    fn dtype(&self) -> DType {
        self.value(0).dtype()
    }
}

impl Weights for RecurrentNetwork {
    fn parameters(&self) -> Vec<(String, &Parameter)> {
        self.parameters.iter().map(|parameter| (parameter.name.clone().into_owned(), parameter)).collect()
    }

    fn values_mut(&mut self) -> Vec<&mut Tensor<2>> {
        self.parameters.iter_mut().map(|parameter| &mut parameter.value).collect()
    }
}
