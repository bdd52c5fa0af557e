//! From gradients to new weights.

use burn::tensor::{DType, Tensor};

use crate::diverged::diverged;
use crate::optimizer::Optimizer;
use crate::problem::Assessed;
use crate::schedule::Schedule;
use nmnc_core::device::energy;
use nmnc_core::error::Result;
use nmnc_core::state::State;
use nmnc_learn::net::{Gradients, Parameter, Weights};

/// An optimizer under a schedule, and how many steps it has made.
#[derive(Clone, Debug)]
pub struct Learner {
    optimizer: Optimizer,
    schedule: Schedule,
    clip_norm: Option<f64>,
    step: u64,
}

impl Learner {
    /// A learner before its first step. Gradients whose Euclidean norm as a whole exceeds `clip_norm` are scaled down to it.
    pub fn new(optimizer: Optimizer, schedule: Schedule, clip_norm: Option<f64>) -> Self {
        Self { optimizer, schedule, clip_norm, step: 0 }
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Learning rate of the next step.
    pub fn learning_rate(&self) -> f64 {
        self.optimizer.learning_rate() * self.schedule.factor(self.step)
    }

    /// Makes a step: changes each parameter of `network` that has a gradient, and the buffers.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) naming step and part when a gradient is not finite, or too large for the
    /// optimizer; nothing is changed then.
    pub fn update(&mut self, network: &mut (impl Weights + ?Sized), assessed: Assessed) -> Result<()> {
        let Assessed { gradients, buffers, .. } = assessed;
        let energies = gradients.ask_energies();
        let factor = self.schedule.factor(self.step);
        if energies.are_known() || self.clip_norm.is_some() {
            let norm = self.finite_norm(network, &gradients, energies.wait())?;
            let gradients = match self.clip_norm {
                Some(limit) if norm > limit => gradients.scaled(limit / norm),
                _ => gradients,
            };
            self.optimizer.step(network, gradients, factor);
        } else {
            // An accelerator makes the step while its energies are on their way. Should one not be finite, all is put back.
            let values: Vec<Tensor<2>> =
                network.parameters().into_iter().map(|(_, parameter)| parameter.value.clone()).collect();
            let optimizer = self.optimizer.clone();
            self.optimizer.step(network, gradients.clone(), factor);
            if let Err(error) = self.finite_norm(network, &gradients, energies.wait()) {
                self.optimizer = optimizer;
                for (value, kept) in network.values_mut().into_iter().zip(values) {
                    *value = kept;
                }
                return Err(error);
            }
        }
        for (value, buffer) in network.buffer_values_mut().into_iter().zip(buffers) {
            *value = buffer;
        }
        self.step += 1;
        Ok(())
    }

    /// Norm of all gradients as one vector, from their `energies`.
    fn finite_norm(
        &self,
        network: &(impl Weights + ?Sized),
        gradients: &Gradients,
        energies: Vec<f64>,
    ) -> Result<f64> {
        let mut square = 0.0;
        for ((name, _), own) in gradients.iter().zip(energies) {
            if !own.is_finite() {
                return Err(diverged(self.step, Some(&network.place(name)), "gradient is not finite"));
            }
            square += own;
        }
        let norm = square.sqrt();
        let clipped = self.clip_norm.is_some_and(|limit| norm > limit);
        let single = gradients.iter().all(|(_, gradient)| gradient.dtype() != DType::F64);
        if !clipped && single && square > f64::from(f32::MAX) && self.optimizer.squares() {
            let problem =
                "the square of the gradient, which this optimizer divides by, is beyond single precision";
            return Err(diverged(self.step, None, problem));
        }
        Ok(norm)
    }

    /// Whether all weights are finite.
    ///
    /// # Errors
    /// [`ErrorKind::Diverged`](nmnc_core::ErrorKind::Diverged) naming step and part when one is not.
    pub fn check_weights(&self, network: &(impl Weights + ?Sized)) -> Result<()> {
        let bad =
            |(name, parameter): (String, &Parameter)| (!energy(&parameter.value).is_finite()).then_some(name);
        match network.parameters().into_iter().find_map(bad) {
            Some(name) => Err(diverged(self.step, Some(&network.place(&name)), "weights are not finite")),
            None => Ok(()),
        }
    }

    /// What a checkpoint keeps; the number of steps is the checkpoint's own.
    pub fn state(&self) -> State {
        self.optimizer.state()
    }

    /// Continues after `step` steps from what [`Learner::state`] gave, for the parameters of `network`.
    ///
    /// # Errors
    /// If something is missing, belongs to no parameter, or has the wrong shape.
    pub fn restore(&mut self, step: u64, state: &State, network: &(impl Weights + ?Sized)) -> Result<()> {
        self.optimizer.restore(state, network)?;
        self.step = step;
        Ok(())
    }
}
