//! How many probes it takes to know the rows of a Jacobian, beside the law.

mod law;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use self::law::{crossing, grid, law, needed_by_law, single};
use super::captured::center;
use super::jacobian::jacobians;
use super::probes::{BATCH, ESTIMATOR, PROBE, Perturbed, leading};
use super::result::Target;
use crate::dimension::Components;
use crate::dimension::product::{add_product, view};
use nmnc_core::device::values;
use nmnc_core::error::Result;
use nmnc_core::seed::{Role, Seed};
use nmnc_learn::estimator::Responses;
use nmnc_learn::net::{ForwardPass, Network};

/// Streams of this module begin at this index, after those of the analysis of one network.
const FIRST_STREAM: usize = 1 << 16;
/// Coordinates that the repetitions of one estimate have together, if that takes no more than [`MOST_REPETITIONS`]: the more
/// coordinates a cosine has, the less it varies.
const COORDINATES: usize = 4096;
const MOST_REPETITIONS: usize = 32;

/// How to measure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NeededSettings {
    /// The fraction of the attainable cosine to reach, in (0, 1).
    pub fraction: f64,
    /// Examples whose own Jacobian is estimated, each by probes at that example alone.
    pub single: usize,
    /// The most probes of an estimate.
    pub most: usize,
    /// Norm of the noise over norm of the activity.
    pub sigma: f64,
    /// Whether the mean over outputs is removed from every Jacobian.
    pub centered: bool,
    /// Draws the probes.
    pub seed: Seed,
}

/// One point of a curve: the mean cosine with `probes` probes as a fraction of the attainable, measured and by the law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CosinePoint {
    /// Number K of probes.
    pub probes: usize,
    /// Mean over rows, estimates and examples of the cosine of an estimated row with the true one, over the attainable.
    pub cosine: f64,
    /// What the law says.
    pub law: f64,
}

/// Probes needed for one Jacobian under one noise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbesNeeded {
    /// What is estimated.
    pub target: Target,
    /// Dimension m of the noise: n if it is isotropic, or that of the manifold.
    pub dimension: usize,
    /// The attainable cosine, sqrt(alpha) of each row, averaged over rows and examples; 1 for isotropic noise.
    pub attainable: f64,
    /// Mean over rows of E||j(x) U||^2 / ||mean j U||^2, how much rows vary over the examples probed at; 1 for one example.
    pub variation: f64,
    /// Rising K, up to the first at which the fraction is reached, or the most probes.
    pub curve: Vec<CosinePoint>,
    /// The K at which the fraction is reached, interpolated; none where the most probes do not reach it.
    pub needed: Option<f64>,
    /// The K at which the law reaches it.
    pub needed_law: f64,
}

/// A stage and the noises to probe it with.
pub struct Needing<'a> {
    /// Stage, from 0.
    pub stage: usize,
    /// Principal axes of its activity.
    pub axes: &'a Components,
    /// Dimensions of the manifold, each at most those of the axes; isotropic noise where there is none.
    pub noises: &'a [Option<usize>],
}

/// A Jacobian in the coordinates of a noise.
struct Aim {
    /// Rows of the pass to probe at.
    rows: Vec<usize>,
    /// True rows `[outputs, m]`.
    truth: Vec<f64>,
    /// By row, sqrt(||j U||^2 / ||j||^2).
    attainable: Vec<f64>,
    /// By row, mean over the examples probed at of ||j(x) U||^2 over ||j U||^2.
    variation: Vec<f64>,
}

/// Probes needed at a stage under each of its noises, in their order: for the Jacobians of single examples, probed at that example
/// alone, and for the mean Jacobian over `inputs` `[examples, inputs]`, each probe at an example drawn at random.
///
/// Cosines are taken row by row (one row an output) with what the noise can reach of the row, j U, which makes them fractions of the
/// attainable cosine sqrt(alpha). The law for a row is 1 / sqrt(1 + v / K), v = c E||j(x) U||^2 / ||mean j U||^2 - 1, where
/// c - 1 = m + 1 is the variance that the estimator declares for one probe of a fixed row. A Jacobian of which a noise reaches nothing
/// of some row is left out.
///
/// # Errors
/// If activity is not finite.
pub fn probes_needed(
    network: &Network,
    inputs: &Tensor<2>,
    needing: &Needing,
    settings: &NeededSettings,
) -> Result<Vec<Vec<ProbesNeeded>>> {
    let pass = network.forward(inputs.clone());
    let mut out = Vec::new();
    for (place, moments) in moments(network, inputs, needing, settings).into_iter().enumerate() {
        let mean: Vec<Aim> = moments.mean.into_iter().collect();
        let mut found = Vec::new();
        for (target, aims) in [(Target::Example, moments.examples), (Target::Mean, mean)] {
            if !aims.is_empty() {
                found.push(measure(network, &pass, needing, place, target, &aims, settings)?);
            }
        }
        out.push(found);
    }
    Ok(out)
}

/// The Jacobians to estimate with one noise.
struct Moments {
    examples: Vec<Aim>,
    mean: Option<Aim>,
}

/// Sums over examples of the coordinates of their Jacobians, and by row of the squares of these; and the first examples' own.
struct Sums {
    width: usize,
    sum: Vec<f64>,
    squares: Vec<f64>,
    single: Vec<Vec<f64>>,
}

/// Exact Jacobians in the coordinates of each noise.
fn moments(
    network: &Network,
    inputs: &Tensor<2>,
    needing: &Needing,
    settings: &NeededSettings,
) -> Vec<Moments> {
    let (outputs, all_units, count) = (network.outputs(), network.stage_units(), inputs.dims()[0]);
    let units = all_units[needing.stage];
    // The whole rows come first: what a noise can reach is compared with them.
    let noises = || std::iter::once(None).chain(needing.noises.iter().copied());
    let empty = |noise: Option<usize>| {
        let width = noise.unwrap_or(units);
        Sums { width, sum: vec![0.0; outputs * width], squares: vec![0.0; outputs], single: Vec::new() }
    };
    let mut all: Vec<Sums> = noises().map(empty).collect();
    // 64 MB of Jacobians at a time.
    let batch = ((16 << 20) / (outputs * all_units.iter().sum::<usize>()).max(1)).clamp(1, BATCH);
    for first in (0..count).step_by(batch) {
        let pass = network.forward(inputs.clone().narrow(0, first, batch.min(count - first)));
        let mut rows = jacobians::<f32>(network, &pass).swap_remove(needing.stage);
        if settings.centered {
            rows.chunks_exact_mut(outputs * units).for_each(|jacobian| center(jacobian, outputs));
        }
        for (noise, sums) in noises().zip(&mut all) {
            let projected = noise.map(|d| project(&rows, needing.axes, d));
            let along = projected.as_ref().unwrap_or(&rows);
            for jacobian in along.chunks_exact(outputs * sums.width) {
                let jacobian: Vec<f64> = jacobian.iter().map(|&v| f64::from(v)).collect();
                sums.sum.iter_mut().zip(&jacobian).for_each(|(s, v)| *s += v / count as f64);
                let squares = jacobian.chunks_exact(sums.width).map(energy);
                sums.squares.iter_mut().zip(squares).for_each(|(s, v)| *s += v / count as f64);
                if sums.single.len() < settings.single {
                    sums.single.push(jacobian);
                }
            }
        }
    }
    let whole = all.remove(0);
    let finish = |Sums { width, sum, squares, single }: Sums| {
        let single = single.into_iter().zip(&whole.single).enumerate();
        Moments {
            examples: single
                .filter_map(|(row, (along, own))| aim(vec![row], along, own, None, [width, units]))
                .collect(),
            mean: aim((0..count).collect(), sum, &whole.sum, Some(&squares), [width, units]),
        }
    };
    all.into_iter().map(finish).collect()
}

/// The Jacobian `along` a noise, with coordinates `[outputs, width]`, of the `whole` `[outputs, units]`. None if the noise reaches
/// nothing of a row, which then has no direction to find.
fn aim(
    rows: Vec<usize>,
    along: Vec<f64>,
    whole: &[f64],
    mean_squares: Option<&[f64]>,
    [width, units]: [usize; 2],
) -> Option<Aim> {
    let inside: Vec<f64> = along.chunks_exact(width).map(energy).collect();
    if inside.contains(&0.0) {
        return None;
    }
    let own = whole.chunks_exact(units).map(energy);
    let attainable = inside.iter().zip(own).map(|(inside, own)| (inside / own).min(1.0).sqrt()).collect();
    let variation = match mean_squares {
        Some(squares) => squares.iter().zip(&inside).map(|(square, inside)| square / inside).collect(),
        None => vec![1.0; inside.len()],
    };
    Some(Aim { rows, truth: along, attainable, variation })
}

/// Coordinates `[rows, d]` of `rows` `[rows, units]` along the leading axes.
fn project(rows: &[f32], axes: &Components, d: usize) -> Vec<f32> {
    let units = axes.basis.len() / axes.dimension;
    let count = rows.len() / units;
    let mut out = vec![0.0; count * d];
    let basis = view(&axes.basis, units, axes.dimension).subcols(0, d);
    add_product(&mut out, view(rows, count, units), basis);
    out
}

fn measure(
    network: &Network,
    pass: &ForwardPass,
    needing: &Needing,
    place: usize,
    target: Target,
    aims: &[Aim],
    settings: &NeededSettings,
) -> Result<ProbesNeeded> {
    let (stage, noise) = (needing.stage, needing.noises[place]);
    let activity = pass.activity(stage);
    let dimension = noise.unwrap_or(activity.dims()[1]);
    let axes = noise.map(|d| leading(needing.axes, d, activity));
    let perturbed = Perturbed {
        network,
        stage,
        pass,
        axes: axes.as_ref(),
        sigma: settings.sigma,
        centered: settings.centered,
    };
    let index = FIRST_STREAM + 32 * stage + 2 * place + usize::from(target == Target::Mean);
    let repetitions = (COORDINATES / dimension).clamp(1, MOST_REPETITIONS);
    let mut estimates: Vec<Estimate> = (0..repetitions)
        .flat_map(|_| aims)
        .enumerate()
        .map(|(number, aim)| Estimate { aim, number: number as u64, chunks: 0, probes: 0, sum: None })
        .collect();
    let laws: Vec<f64> = aims.iter().flat_map(|aim| &aim.variation).map(|v| single(dimension, *v)).collect();
    let mut curve = Vec::new();
    for probes in grid(settings.most) {
        let mut cosines = Vec::new();
        for estimate in &mut estimates {
            estimate.extend(probes, &perturbed, dimension, index, settings.seed)?;
            cosines.extend(estimate.cosines(dimension));
        }
        let cosine = mean(&cosines);
        curve.push(CosinePoint { probes, cosine, law: law(&laws, probes as f64) });
        if cosine >= settings.fraction {
            break;
        }
    }
    let attainable: Vec<f64> = aims.iter().flat_map(|aim| aim.attainable.iter().copied()).collect();
    let variation: Vec<f64> = aims.iter().flat_map(|aim| aim.variation.iter().copied()).collect();
    let measured: Vec<(f64, f64)> = curve.iter().map(|p| (p.probes as f64, p.cosine)).collect();
    Ok(ProbesNeeded {
        target,
        dimension,
        attainable: mean(&attainable),
        variation: mean(&variation),
        needed: crossing(&measured, settings.fraction),
        needed_law: needed_by_law(&laws, settings.fraction),
        curve,
    })
}

/// A growing estimate of an aim's Jacobian.
struct Estimate<'a> {
    aim: &'a Aim,
    number: u64,
    chunks: u64,
    probes: usize,
    /// Estimate times number of probes `[outputs, m]`.
    sum: Option<Tensor<2>>,
}

impl Estimate<'_> {
    /// More probes, up to `probes` in all.
    fn extend(
        &mut self,
        probes: usize,
        perturbed: &Perturbed,
        dimension: usize,
        index: usize,
        seed: Seed,
    ) -> Result<()> {
        let activity = perturbed.pass.activity(perturbed.stage);
        while self.probes < probes {
            let count = BATCH.min(probes - self.probes);
            // A stream of its own for each chunk: one for all would run out.
            let mut stream = seed.stream(Role::Probe, index, (self.number << 32) | self.chunks);
            let rows: Vec<usize> =
                (0..count).map(|_| self.aim.rows[stream.below(self.aim.rows.len())]).collect();
            let coordinates =
                PROBE.draw([count, dimension], &mut stream, &activity.device()).cast(activity.dtype());
            let changes = perturbed.changes(&coordinates, &rows)?;
            let part = ESTIMATOR.estimate(&Responses { probes: coordinates, changes }) * count as f64;
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + part,
                None => part,
            });
            self.probes += count;
            self.chunks += 1;
        }
        Ok(())
    }

    /// The cosine of each row with the true one.
    fn cosines(&self, dimension: usize) -> Vec<f64> {
        let Some(sum) = &self.sum else { return Vec::new() };
        let sum: Vec<f64> = values(sum);
        let cosine = |(a, b): (&[f64], &[f64])| {
            let scale = (energy(a) * energy(b)).sqrt();
            if scale > 0.0 { a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / scale } else { 0.0 }
        };
        sum.chunks_exact(dimension).zip(self.aim.truth.chunks_exact(dimension)).map(cosine).collect()
    }
}

fn energy(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
