//! The elementwise work around a stage, each in one pass over memory: energies, perturbed activities, leaky
//! averages. On the processor in single precision they are hand-written, elsewhere composed of tensor
//! operations; bits do not depend on the number of threads.

use burn::tensor::Tensor;

#[cfg(feature = "accelerator")]
use crate::accelerator;
use crate::cpu;

/// The sum of squares of each row of `x` `[rows, columns]`.
///
/// On the processor single-precision numbers are squared and added in double precision, so that no finite
/// row overflows.
pub fn row_energies(x: &Tensor<2>) -> Vec<f64> {
    match cpu::operands([x]) {
        Some([x]) => cpu::row_energies(&x),
        None => {
            #[cfg(feature = "accelerator")]
            if let Some(energies) = accelerator::row_energies(&[x]) {
                return energies.into_data().iter::<f64>().collect();
            }
            x.clone().powi_scalar(2).sum_dim(1).into_data().iter::<f64>().collect()
        }
    }
}

/// The sum of squares of each of `matrices`: sums of rows ([`row_energies`]) added in order, so that the bits do not depend on the number
/// of threads. An accelerator is waited for once for all.
pub fn energies(matrices: &[&Tensor<2>]) -> Vec<f64> {
    ask_energies(matrices).wait()
}

/// Sums of squares that an accelerator may still be working on.
#[derive(Clone, Debug)]
pub struct Energies(Asked);

#[derive(Clone, Debug)]
enum Asked {
    Known(Vec<f64>),
    /// Energies of rows `[1, all rows]`, and how many rows each matrix has.
    #[cfg(feature = "accelerator")]
    Rows(Box<Tensor<2>>, Vec<usize>),
}

/// As [`energies`], without waiting for them.
pub fn ask_energies(matrices: &[&Tensor<2>]) -> Energies {
    #[cfg(feature = "accelerator")]
    if let Some(rows) = accelerator::row_energies(matrices) {
        return Energies(Asked::Rows(
            Box::new(rows),
            matrices.iter().map(|matrix| matrix.dims()[0]).collect(),
        ));
    }
    Energies(Asked::Known(matrices.iter().map(|matrix| row_energies(matrix).iter().sum()).collect()))
}

impl Energies {
    /// Whether nothing has to be waited for.
    pub fn are_known(&self) -> bool {
        matches!(self.0, Asked::Known(_))
    }

    /// The numbers.
    pub fn wait(self) -> Vec<f64> {
        match self.0 {
            Asked::Known(energies) => energies,
            #[cfg(feature = "accelerator")]
            Asked::Rows(rows, counts) => {
                let numbers: Vec<f64> = rows.into_data().iter::<f64>().collect();
                let mut numbers = numbers.into_iter();
                counts.into_iter().map(|count| numbers.by_ref().take(count).sum()).collect()
            }
        }
    }
}

/// `activity + scale · coordinates`, all `[batch, units]`: isotropic noise.
///
/// # Panics
/// If the shapes differ.
pub fn perturb(activity: &Tensor<2>, coordinates: &Tensor<2>, scale: f64) -> Tensor<2> {
    assert_eq!(activity.dims(), coordinates.dims(), "shapes of activity and coordinates");
    match cpu::operands([activity, coordinates]) {
        Some([activity, coordinates]) => cpu::perturb(&activity, &coordinates, scale as f32),
        None => {
            #[cfg(feature = "accelerator")]
            if let Some([activity, coordinates]) = accelerator::operands([activity, coordinates]) {
                return accelerator::whole(accelerator::combine(&activity, &coordinates, 1.0, scale as f32));
            }
            activity.clone() + coordinates.clone() * scale
        }
    }
}

/// `activity + scale · coordinates basisᵀ` for `[batch, units]`, `[batch, d]` and `[units, d]`: noise in the
/// span of a basis.
///
/// # Panics
/// If the shapes do not fit.
pub fn embed_add(activity: &Tensor<2>, coordinates: &Tensor<2>, basis: &Tensor<2>, scale: f64) -> Tensor<2> {
    let ([batch, units], [rows, dimension]) = (activity.dims(), coordinates.dims());
    assert_eq!([batch, units, dimension], [rows, basis.dims()[0], basis.dims()[1]], "shapes of an embedding");
    let transposed = basis.clone().transpose();
    match cpu::strided_operands([activity, coordinates, &transposed]) {
        Some([activity, coordinates, transposed]) => {
            cpu::add_product(&activity.to_contiguous(), &coordinates, &transposed, scale as f32)
        }
        None => {
            #[cfg(feature = "accelerator")]
            if let Some([activity, coordinates, transposed]) =
                accelerator::strided_operands([activity, coordinates, &transposed])
            {
                let sum = accelerator::add_product(activity, &coordinates, &transposed, scale as f32);
                return accelerator::whole(sum);
            }
            activity.clone() + (coordinates.clone() * scale).matmul(transposed)
        }
    }
}

/// `(1 − eta) old + eta new`, in place where nothing else owns `old`.
///
/// # Panics
/// If the shapes differ.
pub fn blend(old: Tensor<2>, new: Tensor<2>, eta: f64) -> Tensor<2> {
    assert_eq!(old.dims(), new.dims(), "shapes of a leaky average");
    match cpu::owned_operands([old, new]) {
        Ok([old, new]) => cpu::blend(old, &new, eta),
        Err([old, new]) => {
            #[cfg(feature = "accelerator")]
            if let Some([old, new]) = accelerator::operands([&old, &new]) {
                return accelerator::whole(accelerator::combine(&old, &new, (1.0 - eta) as f32, eta as f32));
            }
            old * (1.0 - eta) + new * eta
        }
    }
}
