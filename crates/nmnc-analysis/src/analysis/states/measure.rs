//! Measuring the states of a run's network.

use std::path::Path;

use burn::tensor::Tensor;

use super::{
    ConditionAccuracy, ConditionCurve, LagAlpha, StateAnalysis, StateArrays, StateMoment, StatesSettings,
};
use crate::analysis::task::TaskLoaded;
use crate::dimension::{DimensionSettings, Matrix, measure};
use nmnc_core::device::values;
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Role;
use nmnc_data::tasks::{Outcome, TrialBatch, TrialScore, TrialSet, generate, judge};
use nmnc_learn::manifold::{self, Dimension, PcaMethod, Subspace};
use nmnc_learn::recurrent::{LaggedEnergies, RecurrentNetwork, lagged_energies, live_rows, selected};
use nmnc_train::{RunConfig, SequenceConfig, is_centered};

/// Most conditions drawn.
const CURVES: usize = 8;

/// Analyzes the states of the recurrent network in the run folder or checkpoint at `path` over evaluation trials, without noise.
///
/// # Errors
/// If it is no run on a task, is damaged or of another configuration, or if trials cannot be made.
pub fn states(
    path: &Path,
    device: Option<&str>,
    settings: &StatesSettings,
) -> Result<(StateAnalysis, StateArrays)> {
    let _looking = doing::now(|| format!("states of {} trials", settings.trials));
    settings.check()?;
    let TaskLoaded { config, run, step, task, network, untrained, mut warnings, .. } =
        TaskLoaded::open(path, device)?;
    let most = task.evaluation_size().unwrap_or(usize::MAX);
    if most < settings.trials {
        warnings.push(format!("there are only {most} evaluation trials"));
    }
    let trials = most.min(settings.trials);
    StatesSettings { trials, ..*settings }.check()?;
    let batch = generate(task.as_ref(), config.seed, TrialSet::Evaluation, 0..trials as u64)?;
    let centered = is_centered(&batch);
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
    let found = StateAnalysis {
        subject: format!(
            "{} after {} steps ({}, seed {})",
            run.display(),
            step,
            config.rule(),
            config.seed.0
        ),
        task: config.task.name().to_owned(),
        step,
        units: network.units(),
        trials,
        dimension: own.subspace.dimension(),
        explained,
        pooled: [own.energies.pooled(), before.energies.pooled()],
        over_time: over_time(&own.states, &batch, dt)?,
        lags: (0..own.energies.total.len()).map(lag).collect(),
        curves: curves(&own, &batch, &task.conditions(), dt),
        conditions: accuracies(&own.outcomes, &batch, task.conditions()),
        warnings,
    };
    let Shown { states, output, outcomes, subspace, .. } = own;
    let components = values(&subspace.basis().clone().transpose());
    let correct = outcomes.iter().map(|outcome| outcome.correct).collect();
    Ok((found, StateArrays { trials: batch, states, output, correct, components }))
}

/// How each condition was answered, in the task's order; those without a trial are left out.
fn accuracies(outcomes: &[Outcome], batch: &TrialBatch, names: Vec<String>) -> Vec<ConditionAccuracy> {
    let mut scores = vec![TrialScore::default(); names.len()];
    for (outcome, info) in outcomes.iter().zip(&batch.info) {
        scores[info.condition].add(*outcome);
    }
    let named = names.into_iter().zip(scores).filter(|(_, score)| score.trials > 0);
    let of = |(condition, score): (String, TrialScore)| ConditionAccuracy {
        condition,
        trials: score.trials,
        accuracy: score.accuracy(),
        misses: score.misses(),
        fixation_breaks: score.fixation_breaks(),
        answer_error: score.answer_error(),
    };
    named.map(of).collect()
}

fn ratio(energies: &LaggedEnergies, lag: usize) -> Option<f64> {
    (energies.total[lag] > 0.0).then(|| energies.inside[lag] / energies.total[lag])
}

/// A network shown the trials.
struct Shown {
    /// `[T B, N]`
    states: Vec<f32>,
    /// `[T B, n_out]`
    output: Vec<f32>,
    outcomes: Vec<Outcome>,
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
        let live = live_rows(&lengths);
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
        let outcomes = judge(batch, &values::<f64>(&pass.output));
        let output = values(&pass.output);
        Ok(Self { states: values(&all), output, outcomes, subspace, energies, coordinates, center })
    }
}

/// The rows of steps that are `offset` steps from the start of their trial's response period, with the trial's number.
fn at_offset(batch: &TrialBatch, offset: i64) -> Vec<(usize, usize)> {
    let row = |(trial, info): (usize, &nmnc_data::tasks::TrialInfo)| {
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

#[cfg(test)]
mod tests {
    use super::*;
    use nmnc_core::Seed;
    use nmnc_data::tasks::TaskConfig;

    const TRIALS: usize = 600;
    const UNITS: usize = 12;

    /// Trials whose response periods start at different steps, and states: `state` of the trial and its steps from that period, and
    /// far off after the trial's end.
    fn shown(state: impl Fn(usize, i64) -> [f32; UNITS]) -> (TrialBatch, Vec<f32>) {
        let task = TaskConfig::named("ReadySetGo", toml::Table::new()).unwrap().open(Seed(3)).unwrap();
        let batch = generate(task.as_ref(), Seed(3), TrialSet::Evaluation, 0..TRIALS as u64).unwrap();
        let starts: std::collections::BTreeSet<usize> = batch.info.iter().map(|i| i.response.start).collect();
        assert!(starts.len() > 5, "trials start to respond at different steps");
        let mut states = Vec::new();
        for step in 0..batch.steps {
            for (trial, info) in batch.info.iter().enumerate() {
                let offset = step as i64 - info.response.start as i64;
                states.extend(if step < info.steps { state(trial, offset) } else { [1e6; UNITS] });
            }
        }
        (batch, states)
    }

    #[test]
    fn dimension_over_time_is_that_of_trials_aligned_at_the_response() {
        let mut draws = vec![0.0f32; TRIALS * UNITS];
        Seed(6).stream(Role::Analysis, 0, 0).fill_normal(&mut draws);
        // As many directions vary as the time tells, with unit variance.
        let rank = |offset: i64| 1 + offset.rem_euclid(4) as usize * 3;
        let (batch, states) = shown(|trial, offset| {
            std::array::from_fn(|u| if u < rank(offset) { draws[trial * UNITS + u] } else { 2.0 })
        });
        let found = over_time(&states, &batch, 80.0).unwrap();
        assert!(found.len() > 20);
        for moment in found {
            let offset = (moment.ms / 80.0).round() as i64;
            let alive: Vec<usize> = (0..TRIALS)
                .filter(|&trial| {
                    let info = &batch.info[trial];
                    (-(info.response.start as i64)..(info.steps - info.response.start) as i64)
                        .contains(&offset)
                })
                .collect();
            assert_eq!(moment.trials, alive.len());
            let variance: f64 = (0..rank(offset))
                .map(|unit| {
                    let own: Vec<f64> = alive.iter().map(|t| f64::from(draws[t * UNITS + unit])).collect();
                    let mean = own.iter().sum::<f64>() / own.len() as f64;
                    own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (own.len() - 1) as f64
                })
                .sum();
            assert!((moment.variance / variance - 1.0).abs() < 1e-5, "{moment:?} {variance}");
            let participation = moment.participation.unwrap();
            assert!((participation / rank(offset) as f64 - 1.0).abs() < 0.03, "{moment:?} {}", rank(offset));
        }
    }

    #[test]
    fn curves_are_means_over_the_trials_of_a_condition_from_the_center() {
        let mut draws = vec![0.0f32; TRIALS];
        Seed(7).stream(Role::Analysis, 0, 0).fill_normal(&mut draws);
        let conditions: Vec<usize> = shown(|_, _| [0.0; UNITS]).0.info.iter().map(|i| i.condition).collect();
        let (batch, states) = shown(|trial, offset| {
            let mut state = [0.0; UNITS];
            (state[0], state[1]) = (conditions[trial] as f32 * 10.0, offset as f32);
            state[2] = draws[trial];
            state
        });
        let coordinates: Vec<f64> =
            states.chunks_exact(UNITS).flat_map(|state| [0, 1, 2].map(|i| f64::from(state[i]))).collect();
        let tensor = Tensor::<2>::from_floats([[1.0]], &burn::tensor::Device::flex());
        let shown = Shown {
            states,
            output: Vec::new(),
            outcomes: Vec::new(),
            subspace: Subspace::new(tensor, vec![1.0], 1.0),
            energies: LaggedEnergies { inside: vec![], total: vec![] },
            coordinates,
            center: [1.0, 2.0, 0.0],
        };
        let names: Vec<String> = (0..5).map(|i| format!("interval {i}")).collect();
        let found = curves(&shown, &batch, &names, 80.0);
        assert_eq!(found.len(), 5);
        for (condition, curve) in found.iter().enumerate() {
            assert_eq!(curve.condition, names[condition]);
            assert_eq!(curve.trials, conditions.iter().filter(|c| **c == condition).count());
            assert!(curve.ms.len() > 20 && curve.ms.contains(&0.0));
            for (ms, point) in curve.ms.iter().zip(&curve.points) {
                let offset = ms / 80.0;
                assert!((point[0] - (condition as f64 * 10.0 - 1.0)).abs() < 1e-9, "{point:?}");
                assert!((point[1] - (offset - 2.0)).abs() < 1e-9, "{ms} {point:?}");
                assert!(point[2].abs() < 0.5 && point[2] != 0.0, "{point:?}");
            }
        }
    }
}
