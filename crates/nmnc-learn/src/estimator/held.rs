//! Feedback weights as they are kept: for every unit, or in coordinates of the manifold that noise lives on.

use burn::tensor::{DType, Device, Tensor, TensorCreationOptions};
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::prober::embedded;
use crate::manifold::{Refreshed, Subspace};
use nmnc_core::error::Result;
use nmnc_core::state::State;

/// How feedback weights are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FeedbackForm {
    /// For every unit, `[outputs, n]`. What was learned on an earlier manifold stays.
    #[default]
    Units,
    /// In coordinates of the manifold, `[outputs, d]`, embedded when a signal is asked for. At a refresh, what lies on the new manifold
    /// stays: with many outputs and units there is room for nothing else.
    Coordinates,
}

impl FeedbackForm {
    /// Whether it is the form that every setting allows.
    pub fn is_units(&self) -> bool {
        *self == Self::Units
    }
}

/// Feedback weights.
#[derive(Clone, Debug)]
pub(super) struct Held {
    shape: [usize; 2],
    device: Device,
    dtype: DType,
    weights: Weights,
}

#[derive(Clone, Debug)]
enum Weights {
    /// `[outputs, n]`.
    Units(Tensor<2>),
    /// `[outputs, d]` on a manifold; nothing before there is one.
    Coordinates(Option<(Tensor<2>, Subspace)>),
    /// While they are being changed, so that it can be done in place.
    Away,
}

impl Held {
    /// Zeros. In coordinates there is never a matrix of all units.
    pub(super) fn new(
        form: FeedbackForm,
        shape: [usize; 2],
        options: impl Into<TensorCreationOptions>,
    ) -> Self {
        let like = Tensor::<2>::zeros([1, 1], options);
        let held =
            Self { shape, device: like.device(), dtype: like.dtype(), weights: Weights::Coordinates(None) };
        match form {
            FeedbackForm::Units => Self { weights: Weights::Units(held.zeros(shape)), ..held },
            FeedbackForm::Coordinates => held,
        }
    }

    /// `[outputs, n]`.
    pub(super) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    fn zeros(&self, shape: [usize; 2]) -> Tensor<2> {
        Tensor::zeros(shape, (&self.device, self.dtype))
    }

    /// B `[outputs, n]`.
    pub(super) fn embedded(&self) -> Tensor<2> {
        match &self.weights {
            Weights::Units(weights) => weights.clone(),
            Weights::Coordinates(Some((weights, manifold))) => manifold.embed(weights.clone()),
            Weights::Coordinates(None) | Weights::Away => self.zeros(self.shape),
        }
    }

    /// B in coordinates of `manifold`, `[outputs, m]`; where weights are kept in coordinates, of the manifold they are kept on.
    pub(super) fn coordinates(&self, manifold: Option<&Subspace>) -> Tensor<2> {
        match (&self.weights, manifold) {
            (Weights::Units(weights), Some(manifold)) => manifold.coordinates(weights.clone()),
            (Weights::Coordinates(Some((weights, _))), _) => weights.clone(),
            (Weights::Coordinates(None), Some(manifold)) => self.zeros([self.shape[0], manifold.dimension()]),
            _ => self.embedded(),
        }
    }

    /// e B `[batch, n]`.
    pub(super) fn signal(&self, error: Tensor<2>) -> Tensor<2> {
        match &self.weights {
            Weights::Units(weights) => matmul(error, weights.clone()),
            Weights::Coordinates(Some((weights, manifold))) => manifold.embed(matmul(error, weights.clone())),
            Weights::Coordinates(None) | Weights::Away => self.zeros([error.dims()[0], self.shape[1]]),
        }
    }

    /// Puts `with(known, learned)` in the place of what is known, where `learned` is `[outputs, m]` in coordinates of `manifold`.
    ///
    /// # Panics
    /// If weights are kept in coordinates and there is no manifold.
    pub(super) fn change(
        &mut self,
        learned: Tensor<2>,
        manifold: Option<&Subspace>,
        with: impl FnOnce(Tensor<2>, Tensor<2>) -> Tensor<2>,
    ) {
        self.weights = match (std::mem::replace(&mut self.weights, Weights::Away), manifold) {
            (Weights::Units(known), _) => Weights::Units(with(known, embedded(learned, manifold))),
            (Weights::Coordinates(Some((known, own))), _) => {
                Weights::Coordinates(Some((with(known, learned), own)))
            }
            (Weights::Coordinates(None), Some(manifold)) => {
                let known = self.zeros(learned.dims());
                Weights::Coordinates(Some((with(known, learned), manifold.clone())))
            }
            _ => panic!("feedback in coordinates needs noise on a manifold"),
        };
    }

    /// Turns coordinates to the new axes of the manifold; nothing is left where there is no manifold any longer.
    pub(super) fn carry_over(&mut self, refreshed: &Refreshed) {
        if let Weights::Coordinates(known) = &mut self.weights {
            *known = known.take().zip(refreshed.after.clone()).map(|((weights, old), new)| {
                (matmul(weights, matmul(old.basis().clone().transpose(), new.basis().clone())), new)
            });
        }
    }

    pub(super) fn state(&self) -> State {
        let mut state = State::default();
        if let Weights::Units(weights) | Weights::Coordinates(Some((weights, _))) = &self.weights {
            state.tensors.insert(FEEDBACK.into(), weights.clone());
        }
        state
    }

    pub(super) fn restore(&mut self, state: &State, manifold: Option<&Subspace>) -> Result<()> {
        self.weights = match (&self.weights, manifold) {
            (Weights::Coordinates(_), Some(manifold)) if state.tensors.contains_key(FEEDBACK) => {
                let weights = state.shaped(FEEDBACK, [self.shape[0], manifold.dimension()])?;
                Weights::Coordinates(Some((weights, manifold.clone())))
            }
            (Weights::Coordinates(_), _) => Weights::Coordinates(None),
            _ => Weights::Units(state.shaped(FEEDBACK, self.shape)?),
        };
        Ok(())
    }
}

/// Name of the weights in a checkpoint.
const FEEDBACK: &str = "feedback";
