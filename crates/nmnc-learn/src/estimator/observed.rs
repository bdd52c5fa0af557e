//! Learning from variation that nobody made: activity and output as they differ between examples.
//!
//! Where the output y depends on an activity x alone, pairs (x, y) tell of J = dy/dx without any perturbation. The regression of y on x is
//! the Jacobian that explains the differences best; where x is Gaussian it is the mean Jacobian exactly (Stein 1981). What else moves y
//! together with x, such as a path around it, is taken for an effect of x.

use burn::tensor::{Tensor, TensorData};
use nmnc_kernels::{matmul, row_energies};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::learned::LearnedJacobian;
use crate::manifold::Subspace;
use nmnc_core::config_text::positive;
use nmnc_core::device::values;
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::linalg::{solve_definite, transposed_product};
use nmnc_core::{ranges, scale};

/// How feedback follows what is observed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observing {
    /// What is added to the Gram matrix of the differences, over its mean diagonal: how much of an example's output is believed to be
    /// of its own. The larger, the more batches the feedback is learned from.
    #[schemars(transform = ranges::POSITIVE.stated())]
    pub ridge: f64,
}

impl Default for Observing {
    /// As much as a single example says.
    fn default() -> Self {
        Self { ridge: 1.0 }
    }
}

impl LearnedJacobian {
    /// Moves B `[outputs, n]` toward the regression of outputs y on activity x, of which `activity` `[K, n]` and `output` `[K, outputs]`
    /// are K examples:
    ///
    /// B <- B + R^T (X X^T + ridge s)^-1 X, R = Y - X B^T,
    ///
    /// where X and Y are the differences from the means of the examples, and s is the mean square of a row of X. It is the smallest change of
    /// B that explains the examples, regularized (affine projection: Ozeki and Umeda 1984). Fewer than two examples, and those that do
    /// not differ, teach nothing. Weights kept in coordinates learn of differences on `manifold`, and nothing where there is none.
    ///
    /// The declared laws know nothing of what is observed: of a [`LearnedJacobian::standard_error`], `residual` shows it and `expected`
    /// does not.
    ///
    /// # Errors
    /// A ridge that is not positive; activity or output that is not finite.
    pub fn observe(
        &mut self,
        activity: &Tensor<2>,
        output: &Tensor<2>,
        manifold: Option<&Subspace>,
        observing: Observing,
    ) -> Result<()> {
        positive("ridge", observing.ridge)?;
        let manifold = manifold.filter(|_| !self.feedback.is_for_units());
        let Some(x) = self.feedback.of_activity(differences(activity), manifold) else { return Ok(()) };
        let unit = scale::tensor_unit(&x).ok_or_else(|| not_finite("activity"))?;
        let x = scale::over(x, unit);
        let mean_square = row_energies(&x).iter().sum::<f64>() / x.dims()[0] as f64;
        if mean_square == 0.0 {
            return Ok(());
        }
        // Feedback from a smaller activity is larger.
        let known = scale::times(self.feedback.coordinates(manifold), unit);
        let innovations = differences(output) - matmul(x.clone(), known.transpose());
        let step = regression(&x, &innovations, observing.ridge * mean_square)?;
        self.feedback.change(scale::over(step, unit), manifold, |known, step| known + step);
        Ok(())
    }
}

/// Rows less their mean.
pub(super) fn differences(rows: &Tensor<2>) -> Tensor<2> {
    rows.clone() - rows.clone().mean_dim(0)
}

/// R^T (X X^T + ridge)^-1 X `[outputs, n]` of X `[K, n]` and R `[K, outputs]`, by the smaller of the two Gram matrices of X.
///
/// That of the rows of X keeps the result within their span. That of its columns leaves what rounding adds off the span divided by the
/// ridge alone, so that it is summed in double precision.
fn regression(x: &Tensor<2>, innovations: &Tensor<2>, ridge: f64) -> Result<Tensor<2>> {
    let [count, units] = x.dims();
    let outputs = innovations.dims()[1];
    let matrix =
        |numbers, shape| Tensor::from_data(TensorData::new(numbers, shape), (&x.device(), x.dtype()));
    let ridged = |mut gram: Vec<f64>, size: usize| {
        (0..size).for_each(|i| gram[i * size + i] += ridge);
        gram
    };
    if count <= units {
        let gram = values::<f64>(&matmul(x.clone(), x.clone().transpose()));
        let weights = solve_definite(&ridged(gram, count), count, &values::<f64>(innovations))?;
        return Ok(matmul(matrix(weights, [count, outputs]).transpose(), x.clone()));
    }
    let rows = values::<f64>(x);
    let gram = ridged(transposed_product(&rows, &rows, count), units);
    let cross = transposed_product(&rows, &values::<f64>(innovations), count);
    Ok(matrix(solve_definite(&gram, units, &cross)?, [units, outputs]).transpose())
}

pub(super) fn not_finite(what: &str) -> Error {
    Error::new(ErrorKind::Diverged, "", format!("{what} is not finite"))
}
