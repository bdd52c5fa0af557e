//! The Jacobian estimated by probes, beside the law of its error.

use burn::tensor::Tensor;

use super::captured::center;
use super::jacobian::jacobians;
use super::rank::coordinates;
use super::result::{ProbeCurve, ProbePoint, Target};
use super::settings::AnalysisSettings;
use crate::dimension::Components;
use nmnc_core::device::{matrix, values};
use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::scale;
use nmnc_core::seed::Role;
use nmnc_learn::estimator::{Estimator, Responses};
use nmnc_learn::net::{ForwardPass, Network, Replay};
use nmnc_learn::noise::Probe;

/// Examples whose own Jacobian is estimated, each by all probes.
const EXAMPLES: usize = 4;
/// Perturbed examples of one forward pass.
pub(super) const BATCH: usize = 128;
pub(super) const PROBE: Probe = Probe::Gaussian;
pub(super) const ESTIMATOR: Estimator = Estimator::Average;

/// What is known of a stage before probing.
pub(super) struct Probed<'a> {
    pub network: &'a Network,
    /// Stage, from 0.
    pub stage: usize,
    /// Principal axes of its activity.
    pub axes: &'a Components,
    /// Inputs whose mean Jacobian was measured, `[examples, inputs]`.
    pub inputs: &'a Tensor<2>,
    /// That mean `[outputs, n]`.
    pub mean: &'a [f64],
    /// Mean squared norm of the examples' Jacobians.
    pub energy: f64,
    /// The same of what each dimension of the manifold captures, by dimension.
    pub inside: &'a [f64],
}

/// A Jacobian to be estimated and what the law needs of it.
struct Aim {
    target: Target,
    /// Examples to probe at, as rows of the pass.
    rows: Vec<usize>,
    jacobian: Vec<f64>,
    /// ||J||^2.
    energy: f64,
    /// ||J U||^2.
    inside: f64,
    /// Mean over the examples probed at of ||J(x)||^2, or of ||J(x) U||^2 with a manifold.
    single: f64,
}

/// Curves for isotropic noise and for the manifold of `dimension`, for single examples and for the mean Jacobian.
///
/// The law: with K probes drawn independently, each at an example drawn at random, the estimate has the variance
/// ((c E||J(x) U||^2) - ||mean J U||^2) / K, where (c - 1)/K is the variance the estimator declares for one fixed Jacobian (c = m + 2
/// for normal coordinates of dimension m), and the bias (1 - alpha) ||mean J||^2 of what lies off the manifold.
///
/// # Errors
/// If activity is not finite.
pub(super) fn probe_curves(
    probed: &Probed,
    dimension: usize,
    settings: &AnalysisSettings,
) -> Result<Vec<ProbeCurve>> {
    let Probed { network, stage, axes, inputs, .. } = *probed;
    let outputs = network.outputs();
    let pass = network.forward(inputs.clone());
    let single = EXAMPLES.min(inputs.dims()[0]);
    let few = network.forward(inputs.clone().narrow(0, 0, single));
    let units = few.activity(stage).dims()[1];
    let exact = jacobians::<f32>(network, &few).swap_remove(stage);
    let mut curves = Vec::new();
    for manifold in [None, Some(dimension)] {
        let captured = |jacobian: &[f64]| -> f64 {
            let along = coordinates(jacobian, outputs, axes);
            let rows = along.chunks_exact(axes.dimension.max(1));
            rows.flat_map(|row| &row[..dimension]).map(|v| v * v).sum()
        };
        let examples = exact.chunks_exact(outputs * units).enumerate().map(|(row, jacobian)| {
            let mut jacobian = jacobian.to_vec();
            if settings.centered {
                center(&mut jacobian, outputs);
            }
            let jacobian: Vec<f64> = jacobian.into_iter().map(f64::from).collect();
            let energy = energy(&jacobian);
            let inside = if manifold.is_some() { captured(&jacobian) } else { energy };
            Aim { target: Target::Example, rows: vec![row], jacobian, energy, inside, single: inside }
        });
        let examples: Vec<Aim> = examples.filter(|aim| aim.energy > 0.0).collect();
        let own = energy(probed.mean);
        let mean = Aim {
            target: Target::Mean,
            rows: (0..inputs.dims()[0]).collect(),
            jacobian: probed.mean.to_vec(),
            energy: own,
            inside: if manifold.is_some() { captured(probed.mean) } else { own },
            single: manifold.map_or(probed.energy, |d| probed.inside[d - 1]),
        };
        for aims in [examples, vec![mean]] {
            if aims.iter().any(|aim| aim.energy > 0.0) {
                curves.push(curve(probed, &pass, &aims, manifold, settings)?);
            }
        }
    }
    Ok(curves)
}

/// Mean over the aims, mean and spread over repetitions.
fn curve(
    probed: &Probed,
    pass: &ForwardPass,
    aims: &[Aim],
    manifold: Option<usize>,
    settings: &AnalysisSettings,
) -> Result<ProbeCurve> {
    let counts: Vec<usize> =
        (0..).map(|i| 8usize << i).take_while(|k| *k < settings.probes).chain([settings.probes]).collect();
    // (error, cosine) by repetition and number of probes.
    let mut measured = vec![vec![(0.0, 0.0); counts.len()]; settings.repetitions];
    for (repetition, measured) in measured.iter_mut().enumerate() {
        for (number, aim) in aims.iter().enumerate() {
            let step = (repetition * (aims.len() + 1) + number) as u64;
            let responses = respond(probed, pass, aim, manifold, settings, step)?;
            for (&count, sum) in counts.iter().zip(measured.iter_mut()) {
                let (error, cosine) = judge(probed, aim, &responses, count, manifold);
                sum.0 += error / aims.len() as f64;
                sum.1 += cosine / aims.len() as f64;
            }
        }
    }
    let dimension = manifold.unwrap_or_else(|| pass.activity(probed.stage).dims()[1]);
    let single_variance = (ESTIMATOR.law(PROBE).variance)(dimension, 1);
    let law = |count: usize| {
        let of = |aim: &Aim| {
            let variance = ((single_variance + 1.0) * aim.single - aim.inside) / count as f64 / aim.energy;
            let alpha = aim.inside / aim.energy;
            (1.0 - alpha + variance, alpha / (alpha + variance).sqrt())
        };
        let laws: Vec<(f64, f64)> = aims.iter().map(of).collect();
        let mean = |f: fn(&(f64, f64)) -> f64| laws.iter().map(f).sum::<f64>() / laws.len() as f64;
        (mean(|l| l.0), mean(|l| l.1))
    };
    let points = counts.iter().enumerate().map(|(i, &probes)| {
        let (error, error_sd) = mean_sd(measured.iter().map(|m| m[i].0));
        let (cosine, cosine_sd) = mean_sd(measured.iter().map(|m| m[i].1));
        let (error_law, cosine_law) = law(probes);
        ProbePoint { probes, error, error_sd, error_law, cosine, cosine_sd, cosine_law }
    });
    let alpha = aims.iter().map(|aim| aim.inside / aim.energy).sum::<f64>() / aims.len() as f64;
    Ok(ProbeCurve { target: aims[0].target, dimension: manifold, alpha, points: points.collect() })
}

/// Perturbs the stage at the aim's examples and observes the change of the output.
fn respond(
    probed: &Probed,
    pass: &ForwardPass,
    aim: &Aim,
    manifold: Option<usize>,
    settings: &AnalysisSettings,
    step: u64,
) -> Result<Responses> {
    let Probed { network, stage, .. } = *probed;
    let activity = pass.activity(stage);
    let [_, units] = activity.dims();
    let device = &activity.device();
    let dimension = manifold.unwrap_or(units);
    let index = 4 * stage + 2 * usize::from(manifold.is_some()) + usize::from(aim.target == Target::Mean);
    let mut stream = settings.seed.stream(Role::Probe, index, step);
    let rows: Vec<usize> = (0..settings.probes).map(|_| aim.rows[stream.below(aim.rows.len())]).collect();
    let probes = PROBE.draw([settings.probes, dimension], &mut stream, device).cast(activity.dtype());
    let axes = manifold.map(|d| leading(probed.axes, d, activity));
    let perturbed = Perturbed {
        network,
        stage,
        pass,
        axes: axes.as_ref(),
        sigma: settings.sigma,
        centered: settings.centered,
    };
    let chunk = |(chunk, rows): (usize, &[usize])| {
        perturbed.changes(&probes.clone().narrow(0, chunk * BATCH, rows.len()), rows)
    };
    let changes: Vec<Tensor<2>> = rows.chunks(BATCH).enumerate().map(chunk).collect::<Result<_>>()?;
    Ok(Responses { probes, changes: Tensor::cat(changes, 0) })
}

/// A stage whose activity is perturbed.
pub(super) struct Perturbed<'a> {
    pub network: &'a Network,
    /// Stage, from 0.
    pub stage: usize,
    /// The pass without noise.
    pub pass: &'a ForwardPass,
    /// Where the noise lives `[n, d]`; everywhere if there is none.
    pub axes: Option<&'a Tensor<2>>,
    /// Norm of the noise over norm of the activity.
    pub sigma: f64,
    /// Whether the mean over outputs is removed.
    pub centered: bool,
}

impl Perturbed<'_> {
    /// Changes of the output per unit of the coordinates `[probes, outputs]` by probes of coordinates `[probes, m]` at these rows of
    /// the pass, one forward pass for all.
    pub fn changes(&self, coordinates: &Tensor<2>, rows: &[usize]) -> Result<Tensor<2>> {
        let gather = |from: &Tensor<2>| {
            Tensor::cat(rows.iter().map(|&row| from.clone().narrow(0, row, 1)).collect(), 0)
        };
        let mut deviation = 0.0;
        let replay = Replay::of_rows(self.network, self.pass, rows);
        let moved = replay.output(&[self.stage], |_, here| {
            let unit = scale::tensor_unit(&here).unwrap_or(1.0);
            let moderate = scale::over(here.clone(), unit);
            let norm: f64 = moderate.powi_scalar(2).sum_dim(1).sqrt().mean().into_scalar::<f64>() * unit;
            deviation = self.sigma * norm / (coordinates.dims()[1] as f64).sqrt();
            if !(deviation > 0.0 && deviation.is_finite()) {
                let place = format!("stage {}", self.stage + 1);
                return Err(Error::new(
                    ErrorKind::Diverged,
                    place,
                    "activity is zero or not finite, so it cannot be probed",
                )
                .mend("measure no probes with --probes 0"));
            }
            let z = coordinates.clone() * deviation;
            let noise = match self.axes {
                Some(axes) => z.matmul(axes.clone().transpose()),
                None => z,
            };
            Ok(here + noise)
        })?;
        let change = moved - gather(&self.pass.output);
        let change = change / deviation;
        Ok(if self.centered { change.clone() - change.mean_dim(1) } else { change })
    }
}

/// Relative squared error and cosine of the estimate from the first `count` probes.
fn judge(
    probed: &Probed,
    aim: &Aim,
    responses: &Responses,
    count: usize,
    manifold: Option<usize>,
) -> (f64, f64) {
    let first = Responses {
        probes: responses.probes.clone().narrow(0, 0, count),
        changes: responses.changes.clone().narrow(0, 0, count),
    };
    let mut estimate = ESTIMATOR.estimate(&first);
    if let Some(d) = manifold {
        let axes = leading(probed.axes, d, &estimate);
        estimate = estimate.matmul(axes.transpose());
    }
    let estimate: Vec<f64> = values(&estimate);
    let pairs = || estimate.iter().zip(&aim.jacobian);
    let difference: f64 = pairs().map(|(a, b)| (a - b).powi(2)).sum();
    let cross: f64 = pairs().map(|(a, b)| a * b).sum();
    let scale = (energy(&estimate) * aim.energy).sqrt();
    (difference / aim.energy, if scale > 0.0 { cross / scale } else { 0.0 })
}

/// The first `dimension` axes as a matrix `[units, dimension]` like `like`.
pub(super) fn leading(axes: &Components, dimension: usize, like: &Tensor<2>) -> Tensor<2> {
    let rows = axes.basis.chunks_exact(axes.dimension);
    let basis: Vec<f32> = rows.clone().flat_map(|row| row[..dimension].iter().copied()).collect();
    matrix(basis, [rows.len(), dimension], &like.device()).cast(like.dtype())
}

fn energy(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

fn mean_sd(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt())
}
