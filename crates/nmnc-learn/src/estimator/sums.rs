//! What answers to perturbations amount to: sums, so that several workers can add theirs.

use burn::tensor::{Device, Tensor};
use nmnc_kernels::matmul;

use super::covariance::Root;
use super::law::Estimator;
use crate::manifold::Subspace;
use crate::workers::{Contribution, Share};
use nmnc_core::error::Result;

/// What answers say, in a form that adds: the sums of two workers together say what their answers together would.
///
/// What is summed depends on the estimator:
/// - average: changes^T z `[outputs, m]`, whitened where noise has a covariance;
/// - least squares: z^T z `[m, m]` and innovations^T z `[outputs, m]`, where an innovation is a change less what the feedback predicts
///   of it. Fewer than m answers are kept as rows, which is less to keep and to solve; they become sums when enough have come together;
/// - recursive least squares: the answers themselves, gathered in order, since each moves the covariance.
///
/// Addition rounds, so that the bits of a total depend on which answers went into which part and on the order of the parts, and on
/// nothing else.
#[derive(Clone, Debug)]
pub struct Sums {
    pub(super) estimator: Estimator,
    /// Answers.
    pub(super) count: usize,
    /// The step their perturbations were asked for in.
    pub(super) step: u64,
    /// The manifold of the probes.
    pub(super) manifold: Option<Subspace>,
    /// The root of the covariance of the noise, where coordinates are not alike.
    pub(super) root: Option<Root>,
    /// None of no answers.
    pub(super) evidence: Option<Evidence>,
    pub(super) energies: Option<Energies>,
}

/// Sums over answers, in coordinates of the probes.
#[derive(Clone, Debug)]
pub(super) enum Evidence {
    /// changes^T z `[outputs, m]`.
    Correlation(Tensor<2>),
    /// z^T z `[m, m]` and innovations^T z `[outputs, m]`.
    Normal { gram: Tensor<2>, cross: Tensor<2> },
    /// z `[K, m]` and innovations `[K, outputs]`.
    Rows { probes: Tensor<2>, innovations: Tensor<2> },
}

/// Sums of squares over answers, per unit of the coordinates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Energies {
    /// Of the changes.
    pub changes: f64,
    /// Of the innovations.
    pub innovations: f64,
}

impl Evidence {
    /// Rows, or what sums up as many as determine all coordinates.
    pub(super) fn of(estimator: Estimator, probes: Tensor<2>, innovations: Tensor<2>) -> Self {
        if !Self::determined(estimator, probes.dims()[0], &probes) {
            return Self::Rows { probes, innovations };
        }
        let gram = matmul(probes.clone().transpose(), probes.clone());
        Self::Normal { gram, cross: matmul(innovations.transpose(), probes) }
    }

    /// Whether `count` answers are summed up, since they determine all m coordinates: the columns of `probes` or of their gram matrix.
    fn determined(estimator: Estimator, count: usize, probes: &Tensor<2>) -> bool {
        estimator == Estimator::LeastSquares && count >= probes.dims()[1]
    }

    fn sums(self) -> (Tensor<2>, Tensor<2>) {
        match self {
            Self::Normal { gram, cross } => (gram, cross),
            Self::Rows { probes, innovations } => {
                let gram = matmul(probes.clone().transpose(), probes.clone());
                (gram, matmul(innovations.transpose(), probes))
            }
            Self::Correlation(_) => unreachable!("an average has no gram matrix"),
        }
    }

    fn plus(self, other: Self, estimator: Estimator) -> Self {
        match (self, other) {
            (Self::Correlation(own), Self::Correlation(other)) => Self::Correlation(own + other),
            (
                Self::Rows { probes, innovations },
                Self::Rows { probes: other_probes, innovations: other_innovations },
            ) => Self::of(
                estimator,
                Tensor::cat(vec![probes, other_probes], 0),
                Tensor::cat(vec![innovations, other_innovations], 0),
            ),
            (own, other) => {
                let ((gram, cross), (other_gram, other_cross)) = (own.sums(), other.sums());
                Self::Normal { gram: gram + other_gram, cross: cross + other_cross }
            }
        }
    }
}

impl Sums {
    /// Number of answers.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The sums of all workers' answers, of which these are this one's, with matrices on `device`.
    ///
    /// # Errors
    /// If another worker cannot be reached.
    pub fn of_all(self, share: &Share, device: &Device) -> Result<Self> {
        if share.is_alone() {
            return Ok(self);
        }
        let energies = self.energies.map(|own| [own.changes, own.innovations]);
        let numbers = [self.count as f64].into_iter().chain(energies.into_iter().flatten()).collect();
        let matrices = match &self.evidence {
            None => Vec::new(),
            Some(Evidence::Correlation(sum)) => vec![sum],
            Some(Evidence::Normal { gram, cross }) => vec![gram, cross],
            Some(Evidence::Rows { probes, innovations }) => vec![probes, innovations],
        };
        let given = share.workers().gather(Contribution::new(numbers, matrices))?;
        Ok(given.into_iter().map(|given| self.contributed(given, device)).sum())
    }

    /// What another worker made of its answers between the same updates.
    fn contributed(&self, given: Contribution, device: &Device) -> Self {
        let count = given.numbers[0] as usize;
        let energies = given.numbers.get(1..3).map(|e| Energies { changes: e[0], innovations: e[1] });
        let mut matrices = given.tensors(device);
        let evidence = match (matrices.next(), matrices.next()) {
            (None, _) => None,
            (Some(sum), None) => Some(Evidence::Correlation(sum)),
            // Answers are rows as long as they do not determine all coordinates, and only then.
            (Some(first), Some(second)) => Some(match Evidence::determined(self.estimator, count, &first) {
                true => Evidence::Normal { gram: first, cross: second },
                false => Evidence::Rows { probes: first, innovations: second },
            }),
        };
        let (manifold, root) = (self.manifold.clone(), self.root.clone());
        Self { estimator: self.estimator, count, step: self.step, manifold, root, evidence, energies }
    }
}

impl std::ops::Add for Sums {
    type Output = Self;

    /// # Panics
    /// If the two are not of the same estimator between the same updates.
    fn add(self, other: Self) -> Self {
        assert_eq!(self.estimator, other.estimator, "sums of one estimator");
        Self {
            estimator: self.estimator,
            count: self.count + other.count,
            step: self.step.max(other.step),
            manifold: self.manifold,
            root: self.root,
            evidence: match (self.evidence, other.evidence) {
                (Some(own), Some(other)) => Some(own.plus(other, self.estimator)),
                (own, other) => own.or(other),
            },
            energies: self.energies.zip(other.energies).map(|(own, other)| Energies {
                changes: own.changes + other.changes,
                innovations: own.innovations + other.innovations,
            }),
        }
    }
}

impl std::iter::Sum for Sums {
    /// # Panics
    /// If there is none.
    fn sum<I: Iterator<Item = Self>>(sums: I) -> Self {
        sums.reduce(|sum, next| sum + next).expect("at least one worker tells something")
    }
}
