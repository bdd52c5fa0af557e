//! Measuring the states of a run's network.

use std::path::Path;

use burn::tensor::Tensor;

use super::{ConditionCurve, LagAlpha, StateAnalysis, StateMoment, StatesSettings};
use crate::analysis::load::{find, latest};
use crate::device::{self, values};
use crate::dimension::{DimensionSettings, Matrix, measure};
use crate::error::{Error, Result};
use crate::manifold::{self, Dimension, PcaMethod, Subspace};
use crate::recurrent::{LaggedEnergies, RecurrentNetwork, lagged_energies, live_rows, selected};
use crate::seed::Role;
use crate::tasks::{Split, TrialBatch, generate};
use crate::train::{RunConfig, SequenceConfig, checkpoint};

/// Most conditions drawn.
const CURVES: usize = 8;

/// Analyzes the states of the recurrent network in the run folder or checkpoint at `path` over evaluation trials, without noise.
///
/// # Errors
/// If it is no run on a task, is damaged or of another configuration, or if trials cannot be made.
pub fn states(path: &Path, settings: &StatesSettings) -> Result<StateAnalysis> {
    settings.check()?;
    let (run, single) = find(path)?;
    let config = SequenceConfig::read(&run.join("config.toml"), &[])?.resolve()?;
    let device = device::open(&config.device)?;
    let (saved, mut warnings) = match single {
        Some(path) => (checkpoint::load(&path, &device)?, Vec::new()),
        None => latest(&run, &device)?,
    };
    if saved.config_sha256 != config.sha256() {
        let problem = "belongs to another configuration than the run's config.toml";
        return Err(Error::checkpoint(saved.path.display(), problem)
            .mend("put back the config.toml that the run wrote"));
    }
    let task = config.task.open(config.seed)?;
    let channels = task.channels();
    let size = [channels.inputs.len(), channels.outputs.len()];
    let untrained = config.recurrent.build(size, task.dt(), config.seed, &device)?;
    let mut network = untrained.clone();
    saved.restore_weights(&mut network, &device)?;
    let most = task.evaluation_size().unwrap_or(usize::MAX);
    if most < settings.trials {
        warnings.push(format!("there are only {most} evaluation trials"));
    }
    let trials = most.min(settings.trials);
    StatesSettings { trials, ..*settings }.check()?;
    let batch = generate(task.as_ref(), config.seed, Split::Evaluation, 0..trials as u64)?;
    let centered = config.centered(task.as_ref());
    let own = Shown::new(&network, &batch, settings, centered, &config)?;
    let before = Shown::new(&untrained, &batch, settings, centered, &config)?;
    let dt = task.dt();
    let total: f64 = own.energies.total.iter().sum();
    let lag = |k: usize| LagAlpha {
        lag: k,
        ms: k as f64 * dt,
        alpha: ratio(&own.energies, k),
        untrained: ratio(&before.energies, k),
        share: if total > 0.0 { own.energies.total[k] / total } else { 0.0 },
    };
    let variances = own.subspace.variances();
    let explained =
        [0, 1, 2].map(|i| variances.get(i).copied().unwrap_or(0.0) / own.subspace.total_variance());
    Ok(StateAnalysis {
        subject: format!(
            "{} after {} steps ({}, seed {})",
            run.display(),
            saved.step,
            config.rule(),
            config.seed.0
        ),
        task: config.task.name().to_owned(),
        step: saved.step,
        units: network.units(),
        trials,
        dimension: own.subspace.dimension(),
        explained,
        pooled: [own.energies.pooled(), before.energies.pooled()],
        over_time: over_time(&own.states, &batch, dt)?,
        lags: (0..own.energies.total.len()).map(lag).collect(),
        curves: curves(&own, &batch, &task.conditions(), dt),
        warnings,
    })
}

fn ratio(energies: &LaggedEnergies, lag: usize) -> Option<f64> {
    (energies.total[lag] > 0.0).then(|| energies.inside[lag] / energies.total[lag])
}

/// A network shown the trials.
struct Shown {
    /// `[T B, N]`
    states: Vec<f32>,
    subspace: Subspace,
    energies: LaggedEnergies,
    /// `[T B, 3]` along the first components.
    coordinates: Vec<f64>,
    /// Mean of these over steps of trials.
    center: [f64; 3],
}

impl Shown {
    fn new(
        network: &RecurrentNetwork,
        batch: &TrialBatch,
        settings: &StatesSettings,
        centered: bool,
        config: &SequenceConfig,
    ) -> Result<Self> {
        let pass = network.forward(&batch.values, [batch.steps, batch.size()], None);
        let lengths: Vec<usize> = batch.info.iter().map(|info| info.steps).collect();
        let live = live_rows(&pass, &lengths);
        let all = pass.activity();
        let mut stream = config.seed.stream(Role::Analysis, 0, 0);
        let fit = manifold::fit(
            selected(&all, &live),
            Dimension::Count(settings.dimension),
            PcaMethod::Exact,
            &mut stream,
        )?;
        let subspace = fit.subspace.ok_or_else(|| {
            Error::data("states", "do not vary over trials and time").mend("let the network train for longer")
        })?;
        let energies = lagged_energies(network, &pass, &lengths, &subspace, settings.lags, centered);
        let kept = subspace.dimension().min(3);
        let first: Tensor<2> = subspace.coordinates(all.clone()).narrow(1, 0, kept);
        let found: Vec<f64> = values(&first);
        let mut coordinates = vec![0.0; all.dims()[0] * 3];
        for (to, from) in coordinates.chunks_exact_mut(3).zip(found.chunks_exact(kept)) {
            to[..kept].copy_from_slice(from);
        }
        let mean =
            |i: usize| live.iter().map(|row| coordinates[row * 3 + i]).sum::<f64>() / live.len() as f64;
        let center = [0, 1, 2].map(mean);
        Ok(Self { states: values(&all), subspace, energies, coordinates, center })
    }
}

/// The rows of steps that are `offset` steps from the start of their trial's response period, with the trial's number.
fn at_offset(batch: &TrialBatch, offset: i64) -> Vec<(usize, usize)> {
    let row = |(trial, info): (usize, &crate::tasks::TrialInfo)| {
        let step = info.response.start as i64 + offset;
        ((0..info.steps as i64).contains(&step)).then(|| (trial, step as usize * batch.size() + trial))
    };
    batch.info.iter().enumerate().filter_map(row).collect()
}

/// Offsets at which any trial is under way.
fn offsets(batch: &TrialBatch) -> std::ops::Range<i64> {
    let first = batch.info.iter().map(|info| -(info.response.start as i64)).min().unwrap_or(0);
    let last = batch.info.iter().map(|info| (info.steps - info.response.start) as i64).max().unwrap_or(0);
    first..last
}

/// Where at least half of the trials are under way.
fn over_time(states: &[f32], batch: &TrialBatch, dt: f64) -> Result<Vec<StateMoment>> {
    let units = states.len() / (batch.steps * batch.size());
    let settings = DimensionSettings { components: 1, ..DimensionSettings::default() };
    let mut moments = Vec::new();
    for offset in offsets(batch) {
        let rows = at_offset(batch, offset);
        if 2 * rows.len() < batch.size() {
            continue;
        }
        let gathered: Vec<f32> =
            rows.iter().flat_map(|(_, row)| &states[row * units..(row + 1) * units]).copied().collect();
        let (found, _) = measure(&Matrix::new(gathered, units), &settings)?;
        moments.push(StateMoment {
            ms: offset as f64 * dt,
            trials: rows.len(),
            variance: found.total_variance,
            participation: found.participation.and_then(|p| p.corrected),
            components: found.components[0],
        });
    }
    Ok(moments)
}

/// Mean trajectories of at most eight conditions, where at least half of a condition's trials are under way.
fn curves(shown: &Shown, batch: &TrialBatch, names: &[String], dt: f64) -> Vec<ConditionCurve> {
    let count = names.len().min(CURVES);
    let chosen = (0..count).map(|i| i * names.len() / count);
    let curve = |condition: usize| {
        let of = |trial: usize| batch.info[trial].condition == condition;
        let trials = (0..batch.size()).filter(|&trial| of(trial)).count();
        let (mut ms, mut points) = (Vec::new(), Vec::new());
        for offset in offsets(batch) {
            let rows: Vec<usize> = at_offset(batch, offset)
                .into_iter()
                .filter(|(trial, _)| of(*trial))
                .map(|(_, row)| row)
                .collect();
            if rows.is_empty() || 2 * rows.len() < trials {
                continue;
            }
            let mean = |i: usize| {
                let sum: f64 = rows.iter().map(|row| shown.coordinates[row * 3 + i]).sum();
                sum / rows.len() as f64 - shown.center[i]
            };
            ms.push(offset as f64 * dt);
            points.push([0, 1, 2].map(mean));
        }
        ConditionCurve { condition: names[condition].clone(), trials, ms, points }
    };
    chosen.map(curve).filter(|curve| curve.trials > 0).collect()
}
