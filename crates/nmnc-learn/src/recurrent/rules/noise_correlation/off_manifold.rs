//! What feedback does off the manifold of states: as learned, nothing, or something random. An instrument to tell what of a rule's learning
//! comes from what it knows, and what from feedback that merely stays the same, which weights can come to agree with.

use burn::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifold::Subspace;
use nmnc_core::device::{energy, matrix};
use nmnc_core::seed::{Role, Seed};

/// Feedback off the manifold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OffManifold {
    /// As learned.
    #[default]
    Learned,
    /// None: what was learned there is left out.
    None,
    /// A fixed random matrix there, beside what was learned on the manifold.
    Random,
}

impl OffManifold {
    /// Whether feedback is as it was learned.
    pub(super) fn is_learned(&self) -> bool {
        *self == Self::Learned
    }
}

/// Takes feedback off the manifold, and puts other in its place.
#[derive(Clone, Debug)]
pub(super) struct Outside {
    kind: OffManifold,
    /// Frobenius norm of random feedback off the manifold over that of the feedback on it.
    scale: f64,
    /// Random feedback `[outputs, N]` of each lag; follows from the seed.
    random: Vec<Tensor<2>>,
}

impl Outside {
    /// Feedback `[outputs, N]` for so many lags, on the device and in the precision of `like`.
    pub fn new(kind: OffManifold, scale: f64, lags: usize, like: &Tensor<2>, seed: Seed) -> Self {
        let [outputs, units] = like.dims();
        let draw = |lag: usize| {
            let mut values = vec![0.0; outputs * units];
            seed.stream(Role::Feedback, lag, 0).fill_normal(&mut values);
            matrix(values, [outputs, units], &like.device()).cast(like.dtype())
        };
        let random = if kind == OffManifold::Random { (0..lags).map(draw).collect() } else { Vec::new() };
        Self { kind, scale, random }
    }

    /// The feedback `[outputs, N]` of a lag as it is used. While there is no manifold it is as learned.
    pub fn used(&self, lag: usize, feedback: Tensor<2>, manifold: Option<&Subspace>) -> Tensor<2> {
        let Some(manifold) = manifold.filter(|_| !self.kind.is_learned()) else { return feedback };
        let on = |matrix: Tensor<2>| manifold.embed(manifold.coordinates(matrix));
        let inside = on(feedback);
        match self.random.get(lag) {
            None => inside,
            Some(random) => {
                let outside = random.clone() - on(random.clone());
                let size = (energy(&inside) / energy(&outside).max(f64::MIN_POSITIVE)).sqrt();
                inside + outside * (self.scale * size)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use nmnc_core::device::values;

    #[test]
    fn feedback_off_the_manifold_is_left_out_or_random_and_on_it_as_learned() {
        let device = Device::flex();
        // Two axes of four units.
        let basis = matrix(vec![1.0, 0.0, 0.0, 0.6, 0.0, 0.8, 0.0, 0.0], [4, 2], &device);
        let manifold = Subspace::new(basis, vec![1.0, 1.0], 3.0);
        let feedback = matrix(vec![1.0, 2.0, 3.0, 4.0, -1.0, 0.5, 0.0, 2.0], [2, 4], &device);
        let outside = |kind| Outside::new(kind, 2.0, 3, &feedback, Seed(7));
        let used = |kind| outside(kind).used(1, feedback.clone(), Some(&manifold));
        let on = |matrix: &Tensor<2>| values::<f64>(&manifold.coordinates(matrix.clone()));
        let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert_eq!(values::<f64>(&used(OffManifold::Learned)), values::<f64>(&feedback));
        let none = used(OffManifold::None);
        assert!(near(&on(&none), &on(&feedback)));
        assert!(near(&values::<f64>(&none)[3..4], &[0.0]), "the fourth unit is on neither axis");
        let random = used(OffManifold::Random);
        assert!(near(&on(&random), &on(&feedback)));
        let off = energy(&(random.clone() - none.clone())).sqrt();
        assert!((off / energy(&none).sqrt() - 2.0).abs() < 1e-5, "{off}");
        assert_eq!(values::<f64>(&random), values::<f64>(&used(OffManifold::Random)), "it stays the same");
        let other = outside(OffManifold::Random).used(2, feedback.clone(), Some(&manifold));
        assert_ne!(values::<f64>(&random), values::<f64>(&other), "each lag has its own");
        assert_eq!(
            values::<f64>(&outside(OffManifold::None).used(0, feedback.clone(), None)),
            values::<f64>(&feedback)
        );
    }
}
