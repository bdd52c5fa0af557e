//! How close a rule's signals come to backprop's and to those of the mean Jacobian, and how much of the Jacobian the manifold captures.
//!
//! Conventions that keep every number finite: a cosine with a zero vector is 0 (an angle of 90 degrees), and a ratio to a zero norm
//! is 0.

use burn::tensor::Tensor;
use nmnc_kernels::matmul;

use crate::credit::{jacobian_rows, mean_jacobian};
use crate::manifold::Subspace;
use crate::net::{ForwardPass, Gradients, Inputs, Network};
use nmnc_core::device::{energy, values};
use nmnc_core::scale;

/// Agreement of an estimate with its reference.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Agreement {
    /// Cosine.
    pub cosine: f64,
    /// Angle in degrees.
    pub angle_degrees: f64,
    /// Norm of the estimate over norm of the reference.
    pub norm_ratio: f64,
}

/// Inner product and norms of one pair of vectors.
#[derive(Clone, Copy, Default)]
struct Products {
    cross: f64,
    estimate: f64,
    reference: f64,
}

impl Products {
    fn cosine(self) -> f64 {
        let scale = scale::geometric_mean(self.estimate, self.reference);
        if scale > 0.0 { (self.cross / scale).clamp(-1.0, 1.0) } else { 0.0 }
    }

    fn norm_ratio(self) -> f64 {
        if self.reference > 0.0 { (self.estimate / self.reference).sqrt() } else { 0.0 }
    }
}

impl std::iter::Sum for Products {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::default(), |a, b| Self {
            cross: a.cross + b.cross,
            estimate: a.estimate + b.estimate,
            reference: a.reference + b.reference,
        })
    }
}

/// Energies outside of this range are not trusted in single precision: of smaller ones digits have got lost, or all of them.
const TRUSTED: std::ops::Range<f64> = 1e-30..1e38;

/// Inner products of matching rows, in double precision where single precision has no numbers for them.
fn row_products(estimate: &Tensor<2>, reference: &Tensor<2>) -> Vec<Products> {
    let row_sums = |a: &Tensor<2>, b: &Tensor<2>| values::<f64>(&(a.clone() * b.clone()).sum_dim(1));
    let cross = row_sums(estimate, reference);
    let squares = row_sums(estimate, estimate).into_iter().zip(row_sums(reference, reference));
    let found = cross.into_iter().zip(squares);
    let mut found: Vec<Products> =
        found.map(|(cross, (estimate, reference))| Products { cross, estimate, reference }).collect();
    let doubtful = |energy: f64| !TRUSTED.contains(&energy);
    if found.iter().any(|p| doubtful(p.estimate) || doubtful(p.reference)) {
        let width = estimate.dims()[1].max(1);
        let (a, b) = (values::<f64>(estimate), values::<f64>(reference));
        let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
        for ((own, a), b) in found.iter_mut().zip(a.chunks_exact(width)).zip(b.chunks_exact(width)) {
            let again = [own.estimate, own.reference].map(doubtful);
            if again[0] {
                own.estimate = dot(a, a);
            }
            if again[1] {
                own.reference = dot(b, b);
            }
            if again != [false; 2] {
                own.cross = dot(a, b);
            }
        }
    }
    found
}

/// Agreement of two batches of vectors `[batch, n]`: cosine and angle of matching rows, averaged over the rows whose reference is
/// not zero, and the ratio of Frobenius norms.
pub fn agreement_of_rows(estimate: &Tensor<2>, reference: &Tensor<2>) -> Agreement {
    let rows = row_products(estimate, reference);
    let cosines: Vec<f64> = rows.iter().filter(|p| p.reference > 0.0).map(|p| p.cosine()).collect();
    let mean = |f: fn(f64) -> f64| cosines.iter().map(|&c| f(c)).sum::<f64>() / cosines.len().max(1) as f64;
    let angle_degrees = if cosines.is_empty() { 90.0 } else { mean(|c| c.acos().to_degrees()) };
    Agreement {
        cosine: mean(|c| c),
        angle_degrees,
        norm_ratio: rows.into_iter().sum::<Products>().norm_ratio(),
    }
}

/// Agreement of two tensors as a whole, such as weight gradients.
pub fn agreement(estimate: &Tensor<2>, reference: &Tensor<2>) -> Agreement {
    whole(row_products(estimate, reference).into_iter().sum())
}

fn whole(products: Products) -> Agreement {
    let cosine = products.cosine();
    Agreement { cosine, angle_degrees: cosine.acos().to_degrees(), norm_ratio: products.norm_ratio() }
}

/// Agreement of the gradients of a stage's weights (stage from 0), all of its section as one vector.
///
/// # Panics
/// If one of the gradients is missing.
pub fn agreement_of_weights(
    network: &Network,
    stage: usize,
    estimate: &Gradients,
    reference: &Gradients,
) -> Agreement {
    let of = |all: &'_ Gradients, name: &str| all.get(name).expect("every weight has a gradient").clone();
    let names = network.section_weights(stage);
    let pairs = names.iter().flat_map(|name| row_products(&of(estimate, name), &of(reference, name)));
    whole(pairs.sum())
}

/// Outputs up to which signals are compared with those of the mean Jacobian, which takes a way down through the network for each.
pub const MOST_OUTPUTS: usize = 64;

/// Agreement of the signals `[batch, n_l]` of every stage l with e Jbar_l, where Jbar_l is the exact mean of dy/dx_l over the examples
/// `inputs` of the batch and e `[batch, outputs]` their error: as [`agreement_of_rows`]. Nothing with more than [`MOST_OUTPUTS`]
/// outputs.
pub fn agreement_with_mean(
    network: &Network,
    inputs: impl Into<Inputs>,
    error: &Tensor<2>,
    signals: &[Tensor<2>],
) -> Option<Vec<Agreement>> {
    if error.dims()[1] > MOST_OUTPUTS {
        return None;
    }
    let jacobians = mean_jacobian(network, inputs);
    let of = |(signal, jacobian)| agreement_of_rows(signal, &matmul(error.clone(), jacobian));
    Some(signals.iter().zip(jacobians).map(of).collect())
}

/// Captured energy alpha_l = sum ||J_l U_l||^2 / sum ||J_l||^2 over the examples of `pass`, for each stage that has a subspace.
///
/// J is the exact per-example Jacobian dy/dx_l. With `centered` the mean over outputs is removed from it, since a loss on softmax
/// does not see a shift common to all outputs. A zero Jacobian has alpha 0.
pub fn captured_energy(
    network: &Network,
    pass: &ForwardPass,
    subspaces: &[Option<&Subspace>],
    centered: bool,
) -> Vec<Option<f64>> {
    let outputs = pass.output.dims()[1];
    let mut sums = vec![(0.0, 0.0); subspaces.len()];
    let shift = if centered { 1.0 / outputs as f32 } else { 0.0 };
    for output in 0..outputs {
        let weights = (0..outputs).map(|j| if j == output { 1.0 - shift } else { -shift });
        let rows = jacobian_rows(network, pass, weights.collect());
        for ((jacobian_row, subspace), (inside, total)) in rows.into_iter().zip(subspaces).zip(&mut sums) {
            if let Some(subspace) = subspace {
                *inside += energy(&subspace.coordinates(jacobian_row.clone()));
                *total += energy(&jacobian_row);
            }
        }
    }
    let ratio = |(inside, total): (f64, f64)| if total > 0.0 { (inside / total).min(1.0) } else { 0.0 };
    subspaces.iter().zip(sums).map(|(subspace, sum)| subspace.map(|_| ratio(sum))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use nmnc_core::device::matrix;

    #[test]
    fn zero_vectors_give_finite_numbers() {
        let device = Device::flex();
        let zero = matrix(vec![0.0; 4], [2, 2], &device);
        let one = matrix(vec![1.0, 0.0, 0.0, 2.0], [2, 2], &device);
        let nothing = Agreement { cosine: 0.0, angle_degrees: 90.0, norm_ratio: 0.0 };
        for (a, b) in [(&zero, &one), (&one, &zero), (&zero, &zero)] {
            assert_eq!(agreement(a, b), nothing);
            assert_eq!(agreement_of_rows(a, b), nothing);
        }
        let same = agreement_of_rows(&(one.clone() * 3.0), &one);
        assert!((same.cosine - 1.0).abs() < 1e-12 && (same.norm_ratio - 3.0).abs() < 1e-6);
    }

    #[test]
    fn rows_are_averaged_and_whole_tensors_are_not() {
        let device = Device::flex();
        // One row agrees, one opposes with ten times the length.
        let estimate = matrix(vec![1.0, 0.0, -10.0, 0.0], [2, 2], &device);
        let reference = matrix(vec![1.0, 0.0, 10.0, 0.0], [2, 2], &device);
        assert!(agreement_of_rows(&estimate, &reference).cosine.abs() < 1e-12);
        assert!((agreement(&estimate, &reference).cosine + 99.0 / 101.0).abs() < 1e-9);
    }
}
