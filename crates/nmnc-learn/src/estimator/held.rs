//! Feedback weights as they are kept: for every unit, or in coordinates of the manifold that noise lives on.

use burn::tensor::{DType, Device, Tensor, TensorCreationOptions};
use nmnc_kernels::matmul;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::noise::embedded;
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
    form: FeedbackForm,
    /// `[outputs, n]`, or `[outputs, d]` in coordinates, which is nothing before there is a manifold. Away while it is changed, so that it
    /// can be done in place.
    weights: Option<Tensor<2>>,
    /// What coordinates are of.
    manifold: Option<Subspace>,
}

impl Held {
    /// Zeros. In coordinates there is never a matrix of all units.
    pub(super) fn new(
        form: FeedbackForm,
        shape: [usize; 2],
        options: impl Into<TensorCreationOptions>,
    ) -> Self {
        let like = Tensor::<2>::zeros([1, 1], options);
        let (device, dtype) = (like.device(), like.dtype());
        let held = Self { shape, device, dtype, form, weights: None, manifold: None };
        let weights = form.is_units().then(|| held.zeros(shape));
        Self { weights, ..held }
    }

    /// `[outputs, n]`.
    pub(super) fn shape(&self) -> [usize; 2] {
        self.shape
    }

    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    /// What makes a tensor like the weights.
    pub(super) fn options(&self) -> TensorCreationOptions {
        (&self.device, self.dtype).into()
    }

    /// Whether weights are kept for every unit.
    pub(super) fn is_for_units(&self) -> bool {
        self.form.is_units()
    }

    fn zeros(&self, shape: [usize; 2]) -> Tensor<2> {
        Tensor::zeros(shape, (&self.device, self.dtype))
    }

    /// B `[outputs, n]`.
    pub(super) fn embedded(&self) -> Tensor<2> {
        match &self.weights {
            Some(weights) => embedded(weights.clone(), self.manifold.as_ref()),
            None => self.zeros(self.shape),
        }
    }

    /// B in coordinates of `manifold`, `[outputs, m]`; where weights are kept in coordinates, of the manifold they are kept on.
    pub(super) fn coordinates(&self, manifold: Option<&Subspace>) -> Tensor<2> {
        match (&self.weights, manifold) {
            (Some(weights), Some(manifold)) if self.form.is_units() => manifold.coordinates(weights.clone()),
            (Some(weights), _) => weights.clone(),
            (None, manifold) => {
                self.zeros([self.shape[0], manifold.map_or(self.shape[1], Subspace::dimension)])
            }
        }
    }

    /// Rows `[K, n]` of activity in what weights are kept for: units, or coordinates of `manifold`; nothing where there is none yet.
    pub(super) fn of_activity(&self, rows: Tensor<2>, manifold: Option<&Subspace>) -> Option<Tensor<2>> {
        if self.form.is_units() {
            return Some(rows);
        }
        manifold.map(|manifold| manifold.coordinates(rows))
    }

    /// e B `[batch, n]`.
    pub(super) fn signal(&self, error: Tensor<2>) -> Tensor<2> {
        match &self.weights {
            Some(weights) => embedded(matmul(error, weights.clone()), self.manifold.as_ref()),
            None => self.zeros([error.dims()[0], self.shape[1]]),
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
        if self.form.is_units() {
            self.weights = self.weights.take().map(|known| with(known, embedded(learned, manifold)));
            return;
        }
        let own = self.manifold.take().or_else(|| manifold.cloned());
        self.manifold = Some(own.expect("feedback in coordinates needs noise on a manifold"));
        let known = self.weights.take().unwrap_or_else(|| self.zeros(learned.dims()));
        self.weights = Some(with(known, learned));
    }

    /// Turns coordinates to the new axes of the manifold; nothing is left where there is no manifold any longer.
    pub(super) fn carry_over(&mut self, refreshed: &Refreshed) {
        if self.form.is_units() {
            return;
        }
        let (known, old) = (self.weights.take(), self.manifold.take());
        let turned = known.zip(old).zip(refreshed.after.as_ref());
        if let Some(((weights, old), new)) = turned {
            let turn = matmul(old.basis().clone().transpose(), new.basis().clone());
            (self.weights, self.manifold) = (Some(matmul(weights, turn)), Some(new.clone()));
        }
    }

    pub(super) fn state(&self) -> State {
        let mut state = State::default();
        state.tensors.extend(self.weights.iter().map(|weights| (FEEDBACK.to_owned(), weights.clone())));
        state
    }

    /// Takes back what [`Held::state`] gave, on `manifold` where noise lives on one.
    pub(super) fn restore(&mut self, state: &State, manifold: Option<&Subspace>) -> Result<()> {
        if self.form.is_units() {
            self.weights = Some(state.shaped(FEEDBACK, self.shape)?);
            return Ok(());
        }
        self.manifold = manifold.filter(|_| state.tensors.contains_key(FEEDBACK)).cloned();
        let shape = self.manifold.as_ref().map(|manifold| [self.shape[0], manifold.dimension()]);
        self.weights = shape.map(|shape| state.shaped(FEEDBACK, shape)).transpose()?;
        Ok(())
    }
}

/// Name of the weights in a checkpoint.
const FEEDBACK: &str = "feedback";
