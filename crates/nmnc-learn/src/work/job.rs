//! Operations and how often they happen.

use crate::estimator::Estimator;
use crate::manifold::ManifoldConfig;
use crate::net::Reader;
use crate::noise::Probe;
use crate::recurrent::EligibilityTrace;

/// Bytes of a number.
pub(super) const NUMBER: f64 = 4.0;
/// Multiplications and additions of an eigen-decomposition with vectors over the cube of the size (Golub and Van Loan, 8.3.3).
const EIGEN: f64 = 9.0;
/// Columns that the randomized method takes beyond those asked for.
const BEYOND: usize = 10;

/// What is done at one stage; behind the last, at the output.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// In every training step.
    pub step: Vec<Job>,
    /// In one perturbed pass that begins at the stage, with its share of what is learned from the answers.
    pub probe: Vec<Job>,
    /// Such passes a training step, in the long run.
    pub probes: f64,
    /// In one refresh of the manifold, but for the first.
    pub refresh: Vec<Job>,
    /// Refreshes a training step, in the long run.
    pub refreshes: f64,
    /// Before the first step.
    pub start: Vec<Job>,
    /// Directions that the noise has, where they are known beforehand and fewer than units.
    pub dimension: Option<usize>,
}

/// An operation, how often it happens, and what it takes each time.
#[derive(Clone, Debug)]
pub struct Job {
    /// What is done.
    pub operation: Operation,
    /// How often.
    pub times: f64,
    /// Multiplications and additions of maps, products and decompositions, worked out directly; element-wise work has none.
    pub flops: f64,
    /// Bytes of what is read and of what is written, each once.
    pub bytes: f64,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Output of a node's block in training, with what its derivatives need.
    Forward {
        /// Index of the node.
        node: usize,
        /// Examples.
        rows: usize,
    },
    /// Its output in evaluation.
    Evaluate {
        /// Index of the node.
        node: usize,
        /// Examples.
        rows: usize,
    },
    /// Its output for perturbed inputs.
    Replay {
        /// Index of the node.
        node: usize,
        /// Examples.
        rows: usize,
    },
    /// Gradients of its parameters.
    ParameterGradient {
        /// Index of the node.
        node: usize,
        /// Examples.
        rows: usize,
    },
    /// The error at one of its inputs.
    InputGradient {
        /// Index of the node.
        node: usize,
        /// Which input, from 0.
        input: usize,
        /// Examples.
        rows: usize,
    },
    /// Its gated error times a matrix.
    GatedProduct {
        /// Index of the node.
        node: usize,
        /// Examples.
        rows: usize,
        /// Columns of the matrix.
        columns: usize,
    },
    /// What a map gives for changes.
    Respond {
        /// The map.
        reader: Reader,
        /// Changes.
        rows: usize,
    },
    /// The adjoint of that in the weight.
    Correlate {
        /// The map.
        reader: Reader,
        /// Changes.
        rows: usize,
    },
    /// A part of the work on a sequence.
    Sequence {
        /// Which.
        part: SequencePart,
        /// Trials.
        rows: usize,
        /// Steps of each.
        steps: usize,
    },
    /// A product of matrices `[rows, inner]` and `[inner, columns]`.
    Product {
        /// Rows of the first.
        rows: usize,
        /// What is summed over.
        inner: usize,
        /// Columns of the second.
        columns: usize,
    },
    /// Activity moved along coordinates of a manifold: x + z U^T.
    Embed {
        /// Examples.
        rows: usize,
        /// Directions of the manifold.
        directions: usize,
        /// Units.
        units: usize,
    },
    /// Random numbers.
    Draw {
        /// Their distribution.
        probe: Probe,
        /// Rows.
        rows: usize,
        /// Numbers of a row.
        columns: usize,
    },
    /// A pass over memory that multiplies no matrices.
    Pass {
        /// Numbers read and written.
        numbers: usize,
    },
    /// From answers to a Jacobian in the coordinates of the probes.
    Estimate {
        /// By what.
        estimator: Estimator,
        /// Answers.
        rows: usize,
        /// Coordinates of a probe.
        coordinates: usize,
        /// Outputs of an answer.
        outputs: usize,
    },
    /// Principal components of activity, following earlier ones.
    Manifold {
        /// How they are found; of the dimension of its own stage.
        settings: ManifoldConfig,
        /// Rows of the activity.
        rows: usize,
        /// Units of the activity.
        units: usize,
    },
}

/// Parts of the work on a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequencePart {
    /// Output of all steps, with what gradients need.
    Forward,
    /// States from given ones on.
    States,
    /// States of a pass with a kick at every step.
    Kicked,
    /// Output of states.
    Readout,
    /// The exact error at all states.
    Backpropagate,
    /// Signals as they reach parameters through a trace.
    Traced(EligibilityTrace),
    /// Gradients of all parameters.
    Gradients,
}

impl Job {
    pub(super) fn new(operation: Operation, flops: f64, numbers: f64) -> Self {
        Self { operation, times: 1.0, flops, bytes: NUMBER * numbers }
    }

    /// The same so many times as often.
    #[must_use]
    pub fn times(self, times: f64) -> Self {
        Self { times: self.times * times, ..self }
    }

    /// [`Operation::Product`].
    pub fn product(rows: usize, inner: usize, columns: usize) -> Self {
        let [r, i, c] = [rows, inner, columns].map(|side| side as f64);
        Self::new(Operation::Product { rows, inner, columns }, 2.0 * r * i * c, r * i + i * c + r * c)
    }

    /// [`Operation::Embed`].
    pub fn embed(rows: usize, directions: usize, units: usize) -> Self {
        let [r, d, n] = [rows, directions, units].map(|side| side as f64);
        Self::new(Operation::Embed { rows, directions, units }, 2.0 * r * d * n, r * d + d * n + 2.0 * r * n)
    }

    /// [`Operation::Draw`].
    pub fn draw(probe: Probe, rows: usize, columns: usize) -> Self {
        Self::new(Operation::Draw { probe, rows, columns }, 0.0, rows as f64 * columns as f64)
    }

    /// [`Operation::Pass`].
    pub fn pass(numbers: usize) -> Self {
        Self::new(Operation::Pass { numbers }, 0.0, numbers as f64)
    }

    /// [`Operation::Estimate`].
    pub fn estimate(estimator: Estimator, rows: usize, coordinates: usize, outputs: usize) -> Self {
        let [k, m, o] = [rows, coordinates, outputs].map(|side| side as f64);
        let correlation = 2.0 * k * m * o;
        let flops = match estimator {
            Estimator::Average => correlation,
            // The smaller of both Gram matrices, its pseudo-inverse, and the product with the answers.
            Estimator::LeastSquares => {
                let (least, most) = (k.min(m), k.max(m));
                correlation + 2.0 * least * least * (most + o) + (EIGEN + 2.0) * least.powi(3)
            }
            // A gain for every answer, and the covariance made smaller by them all.
            Estimator::RecursiveLeastSquares => correlation + 4.0 * k * m * m + 2.0 * k * k * (m + k),
            // Three scorings of some five variances, and the inverse that these leave.
            Estimator::Kalman => correlation + 4.0 * k * k * (m + o) + 46.0 * k.powi(3),
        };
        let numbers = k * (m + o) + m * o;
        Self::new(Operation::Estimate { estimator, rows, coordinates, outputs }, flops, numbers)
    }

    /// [`Operation::Manifold`] of stage `stage` (from 0), from resolved settings.
    pub fn manifold(settings: &ManifoldConfig, stage: usize, rows: usize, units: usize) -> Self {
        let settings = settings.of_stage(stage);
        let directions = settings.directions(0, units).unwrap_or(units.min(rows));
        let [s, n, d] = [rows, units, directions].map(|side| side as f64);
        let (passes, columns) = match (settings.forgetting, settings.warm_start) {
            // The Gram matrix of what is known and what is new, decomposed, and the axes put together.
            (Some(_), _) => {
                let size = s + d + BEYOND as f64;
                let flops = 2.0 * s * n * (s + d) + EIGEN * size.powi(3) + 2.0 * size * n * d;
                return Self::new(
                    Operation::Manifold { settings, rows, units },
                    flops,
                    2.0 * s * n + 2.0 * n * d,
                );
            }
            (None, None) => {
                let (least, most) = (s.min(n), s.max(n));
                let flops = 2.0 * least * least * most + EIGEN * least.powi(3) + 2.0 * most * least * d;
                return Self::new(Operation::Manifold { settings, rows, units }, flops, 2.0 * s * n + n * d);
            }
            (None, Some(true)) => (2.0, d.max((d + BEYOND as f64).min(n).min(s))),
            (None, Some(false)) => (5.0, (d + BEYOND as f64).min(n).min(s)),
        };
        // Each pass over the activity is a product with the columns, and every other one makes them orthonormal.
        let flops = passes * 2.0 * s * n * columns
            + 4.0 * n * columns * columns
            + (EIGEN + 2.0) * columns.powi(3)
            + 2.0 * n * columns * d;
        Self::new(Operation::Manifold { settings, rows, units }, flops, passes * s * n + 2.0 * n * columns)
    }
}

impl Work {
    /// Adds what another does at the same stage.
    pub fn add(&mut self, other: Self) {
        self.step.extend(other.step);
        self.probe.extend(other.probe);
        self.probes += other.probes;
        self.refresh.extend(other.refresh);
        self.refreshes += other.refreshes;
        self.start.extend(other.start);
        self.dimension = self.dimension.or(other.dimension);
    }

    /// Multiplications and additions of a training step, in the long run.
    pub fn flops(&self) -> f64 {
        self.sum(|job| job.flops)
    }

    /// Bytes that a training step reads and writes, in the long run.
    pub fn bytes(&self) -> f64 {
        self.sum(|job| job.bytes)
    }

    fn sum(&self, what: impl Fn(&Job) -> f64) -> f64 {
        let of = |jobs: &[Job]| jobs.iter().fold(0.0, |sum, job| sum + job.times * what(job));
        of(&self.step) + self.probes * of(&self.probe) + self.refreshes * of(&self.refresh)
    }
}
