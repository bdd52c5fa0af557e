//! Workers that share the examples of each training step.
//!
//! Examples are divided among them in order of their numbers. Whatever a step knows of its batch as a whole (sums of answers to
//! perturbations, the norm that noise is scaled by, activity that a manifold is found in) comes from all of them through
//! [`Workers::gather`], in an order that is the same for all, so that all know the same to the bit, and up to the order of sums what one
//! worker with the whole batch would. Random numbers are those of the rows that a worker holds.

use std::fmt;
use std::ops::{AddAssign, Range};
use std::sync::Arc;

use burn::tensor::{DType, Device, Element, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use nmnc_core::device::selected;
use nmnc_core::error::{Error, Result};

/// Numbers of a matrix that workers exchange at once: each is given those of all.
const PIECE: usize = 1 << 22;

/// Workers that share the examples of each step, each with a network and a rule of its own, of the same weights, state and seed.
pub trait Workers: Send {
    /// How many there are, at least 1.
    fn count(&self) -> usize;

    /// Which of them this one is, from 0.
    fn number(&self) -> usize;

    /// What every worker contributes, in order of their numbers: the same to the bit for all. Contributions may differ in size. All
    /// workers call this equally often, in the course of a step as well as at its end.
    ///
    /// # Errors
    /// If another worker cannot be reached, or has given up.
    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>>;

    /// The sums over all workers of what each contributes, numbers and matrices of the same shapes everywhere: the same to the bit for all.
    /// All workers call this equally often.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    fn sum(&self, own: Contribution) -> Result<Contribution> {
        Ok(Contribution::sum(&self.gather(own)?))
    }

    /// Begins what [`Workers::sum`] does: what the worker goes on with meanwhile is done by the time the sum is waited for. It counts as a
    /// call of that, at its place among the others.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    fn begin_sum(&self, own: Contribution) -> Result<Pending> {
        self.sum(own).map(Pending::known)
    }

    /// Tells the others that this worker cannot go on, and why: their next call of [`Workers::gather`] fails with it. For workers who would
    /// wait forever otherwise.
    fn give_up(&self, _reason: &Error) {}

    /// The examples of a batch of `whole` that are this worker's where they are divided as evenly as can be.
    ///
    /// # Errors
    /// If there are fewer examples than workers.
    fn part(&self, whole: usize) -> Result<Range<usize>> {
        let (count, number) = (self.count(), self.number());
        if whole < count {
            let problem = format!("a batch of {whole} examples cannot be shared by {count} workers");
            return Err(Error::config("train.batch", problem).mend("use larger batches, or fewer workers"));
        }
        Ok(number * whole / count..(number + 1) * whole / count)
    }
}

/// A sum that others may still have to add to.
#[derive(Clone)]
pub struct Pending(Arc<dyn Fn() -> Result<Contribution> + Send + Sync>);

impl Pending {
    /// One that `wait` waits for.
    pub fn new(wait: impl Fn() -> Result<Contribution> + Send + Sync + 'static) -> Self {
        Self(Arc::new(wait))
    }

    /// One that is there.
    pub fn known(sum: Contribution) -> Self {
        Self::new(move || Ok(sum.clone()))
    }

    /// The sum, once all have added to it.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn wait(&self) -> Result<Contribution> {
        (self.0)()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// What one worker lets the others know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// Numbers.
    pub numbers: Vec<f64>,
    /// Matrices, in the precision they are computed in.
    pub matrices: Vec<TensorData>,
}

impl Contribution {
    /// Copies `matrices` from their device.
    pub fn new<'a>(numbers: Vec<f64>, matrices: impl IntoIterator<Item = &'a Tensor<2>>) -> Self {
        Self { numbers, matrices: matrices.into_iter().map(Tensor::to_data).collect() }
    }

    /// The same of matrices that nobody else has a use for, without a copy where there can be none.
    pub fn owned(numbers: Vec<f64>, matrices: impl IntoIterator<Item = Tensor<2>>) -> Self {
        Self { numbers, matrices: matrices.into_iter().map(Tensor::into_data).collect() }
    }

    /// The sums of contributions of the same shapes, made in their order.
    ///
    /// # Panics
    /// If there are none, or they differ in shape.
    pub fn sum(contributions: &[Self]) -> Self {
        let (first, rest) = contributions.split_first().expect("at least one worker contributes");
        let mut sum = first.clone();
        for other in rest {
            sum.numbers.iter_mut().zip(&other.numbers).for_each(|(sum, other)| *sum += other);
            for (sum, other) in sum.matrices.iter_mut().zip(&other.matrices) {
                assert_eq!(sum.shape(), other.shape(), "workers sum matrices of the same shapes");
                match sum.dtype() {
                    DType::F64 => add::<f64>(sum, other),
                    _ => add::<f32>(sum, other),
                }
            }
        }
        sum
    }

    /// The matrices on `device`.
    pub fn tensors(self, device: &Device) -> impl Iterator<Item = Tensor<2>> {
        self.matrices.into_iter().map(move |data| {
            let precision = data.dtype();
            Tensor::from_data(data, (device, precision))
        })
    }
}

/// a + b in the place of a.
fn add<E: Element + AddAssign>(a: &mut TensorData, b: &TensorData) {
    let b = b.as_slice::<E>().expect("both are of one type");
    let a = a.as_mut_slice::<E>().expect("weights are real numbers of single or double precision");
    a.iter_mut().zip(b).for_each(|(a, b)| *a += *b);
}

/// A single worker, which holds every batch whole.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Workers for Alone {
    fn count(&self) -> usize {
        1
    }

    fn number(&self) -> usize {
        0
    }

    fn gather(&self, own: Contribution) -> Result<Vec<Contribution>> {
        Ok(vec![own])
    }
}

/// The part of one step's batch that a worker holds, and its way to the rest. What a single worker asks for costs nothing and is its own
/// to the bit.
#[derive(Clone)]
pub struct Share<'a> {
    workers: &'a dyn Workers,
    rows: Range<usize>,
    whole: usize,
    weight: f64,
}

impl<'a> Share<'a> {
    /// A whole batch of `examples`, held by a single worker.
    pub fn alone(examples: usize) -> Self {
        Self { workers: &Alone, rows: 0..examples, whole: examples, weight: examples as f64 }
    }

    /// The part of a worker that holds `examples`, those after what the workers before it hold.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn of(workers: &'a dyn Workers, examples: usize) -> Result<Self> {
        let given = workers.gather(Contribution::new(vec![examples as f64], []))?;
        let counts: Vec<usize> = given.into_iter().map(|given| given.numbers[0] as usize).collect();
        let first: usize = counts[..workers.number()].iter().sum();
        let (rows, whole) = (first..first + examples, counts.iter().sum());
        Ok(Self { workers, rows, whole, weight: examples as f64 })
    }

    /// The part of one of `workers` that have divided `examples` as [`Workers::part`] does.
    ///
    /// # Errors
    /// If there are fewer examples than workers.
    pub fn divided(workers: &'a dyn Workers, examples: usize) -> Result<Self> {
        let rows = workers.part(examples)?;
        let weight = rows.len() as f64;
        Ok(Self { workers, rows, whole: examples, weight })
    }

    /// The same where the worker's loss is a mean that is divided by `weight`, not by the number of its examples.
    #[must_use]
    pub fn weighing(self, weight: f64) -> Self {
        Self { weight, ..self }
    }

    /// The workers.
    pub fn workers(&self) -> &'a dyn Workers {
        self.workers
    }

    /// Whether this worker holds the whole batch because there is no other.
    pub fn is_alone(&self) -> bool {
        self.workers.count() == 1
    }

    /// Number B of examples of all workers together.
    pub fn whole(&self) -> usize {
        self.whole
    }

    /// The rows of the batch that this worker holds, of 0..B.
    pub fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// The rows of this worker where the batch stands in a matrix again and again, in the given repetitions of it: row r B + i is that of
    /// example i in repetition r. Ranges that meet are one.
    pub fn repeated(&self, repetitions: Range<usize>) -> Vec<Range<usize>> {
        if self.rows.len() == self.whole {
            let all = repetitions.start * self.whole..repetitions.end * self.whole;
            return vec![all];
        }
        let row = |repetition: usize, example: usize| repetition * self.whole + example;
        repetitions.map(|r| row(r, self.rows.start)..row(r, self.rows.end)).collect()
    }

    /// The sum over all workers of a matrix of the same shape everywhere, in pieces where it is large.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn sum(&self, own: Tensor<2>) -> Result<Tensor<2>> {
        if self.is_alone() {
            return Ok(own);
        }
        let ([rows, columns], device) = (own.dims(), own.device());
        let piece = (PIECE / columns).max(1);
        let pieces = (0..rows).step_by(piece).map(|start| {
            let own = own.clone().narrow(0, start, piece.min(rows - start));
            let sum = self.workers.sum(Contribution::new(Vec::new(), [&own]))?;
            Ok(sum.tensors(&device).next().expect("one matrix"))
        });
        Ok(Tensor::cat(pieces.collect::<Result<Vec<_>>>()?, 0))
    }

    /// The numbers of all workers, this one's being `own`, in their order.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn numbers(&self, own: Vec<f64>) -> Result<Vec<f64>> {
        if self.is_alone() {
            return Ok(own);
        }
        let given = self.workers.gather(Contribution::new(own, []))?;
        Ok(given.into_iter().flat_map(|given| given.numbers).collect())
    }

    /// Sums over the batch of what goes with the square of the output's error, up to a factor that is the same for all of them. The error
    /// of a worker is that of the mean over its own examples, larger than their part in the error of the whole by as much as it holds
    /// less.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn squares<const N: usize>(&self, own: [f64; N]) -> Result<[f64; N]> {
        if self.is_alone() {
            return Ok(own);
        }
        let numbers = self.numbers(own.map(|square| square * self.weight * self.weight).to_vec())?;
        Ok(std::array::from_fn(|place| numbers.iter().skip(place).step_by(N).sum()))
    }

    /// The rows `rows`, at least one, in that order, of a matrix that stands for the whole batch in one or more repetitions of it, as
    /// [`Share::repeated`] counts them. `own` has those of this worker.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn selected(&self, own: &Tensor<2>, rows: &[usize]) -> Result<Tensor<2>> {
        if self.is_alone() {
            return Ok(selected(own, rows));
        }
        // Workers hold examples in order, so that what they give, one after the other, is in order of examples.
        let example = |row: usize| row % self.whole;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|&place| example(rows[place]));
        let held = order.iter().map(|&place| rows[place]).filter(|&row| self.rows.contains(&example(row)));
        let held: Vec<usize> =
            held.map(|row| row / self.whole * self.rows.len() + example(row) - self.rows.start).collect();
        // A tensor cannot have no rows.
        let given = (!held.is_empty()).then(|| selected(own, &held));
        let given = self.workers.gather(Contribution::new(Vec::new(), &given))?;
        let device = own.device();
        let sorted: Vec<Tensor<2>> = given.into_iter().flat_map(|given| given.tensors(&device)).collect();
        let mut places = vec![0; rows.len()];
        order.iter().enumerate().for_each(|(sorted, &place)| places[place] = sorted);
        Ok(selected(&Tensor::cat(sorted, 0), &places))
    }

    /// A matrix `[B, columns]` of the whole batch, of which `own` has the rows of this worker.
    ///
    /// # Errors
    /// As [`Workers::gather`].
    pub fn all(&self, own: &Tensor<2>) -> Result<Tensor<2>> {
        if self.is_alone() {
            return Ok(own.clone());
        }
        self.selected(own, &(0..self.whole).collect::<Vec<_>>())
    }
}
