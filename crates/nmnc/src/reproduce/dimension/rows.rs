//! The dimension experiment as CSV files.

use serde::Serialize;

use super::DimensionRun;
use super::fits::Fit;
use nmnc_report::{Number, csv};

/// `exponents.csv`.
#[derive(Default, Serialize)]
struct ExponentRow {
    network: &'static str,
    stage: usize,
    estimator: &'static str,
    seeds: usize,
    exponent: Number,
    sem: Number,
    half_interval: Number,
    untrained: Number,
    untrained_half_interval: Number,
}

pub(super) fn exponents(fits: &[Fit]) -> String {
    csv(fits.iter().map(|fit| ExponentRow {
        network: fit.family,
        stage: fit.stage,
        estimator: fit.estimator,
        seeds: fit.trained.n,
        exponent: fit.trained.mean.into(),
        sem: fit.trained.sem.into(),
        half_interval: fit.trained.half.into(),
        untrained: fit.untrained.map(|u| u.mean).into(),
        untrained_half_interval: fit.untrained.and_then(|u| u.half).into(),
    }))
}

/// `dimension.csv`: every estimate of every run.
#[derive(Default, Serialize)]
struct EstimateRow {
    network: &'static str,
    seed: u64,
    trained: bool,
    stage: usize,
    units: usize,
    samples: usize,
    components_90: Option<usize>,
    components_95: Option<usize>,
    components_99: Option<usize>,
    participation_ratio: Number,
    participation_ratio_corrected: Number,
    two_nn: Number,
    mle: Number,
    /// Why estimates are absent or unsure.
    notes: String,
}

/// `runs` are names of families, seeds, and what was measured.
pub(super) fn estimates<'a>(runs: impl Iterator<Item = (&'static str, u64, &'a DimensionRun)>) -> String {
    let stages = runs.flat_map(|(network, seed, run)| {
        let trained = run.stages.iter().map(|s| (true, s));
        let all = trained.chain(run.untrained.iter().map(|s| (false, s)));
        all.map(move |(trained, stage)| (network, seed, trained, stage))
    });
    csv(stages.map(|(network, seed, trained, s)| {
        let d = &s.dimensions;
        EstimateRow {
            network,
            seed,
            trained,
            stage: s.stage,
            units: s.units,
            samples: d.samples,
            components_90: d.components[0],
            components_95: d.components[1],
            components_99: d.components[2],
            participation_ratio: d.participation.map(|p| p.plain).into(),
            participation_ratio_corrected: d.participation.and_then(|p| p.corrected).into(),
            two_nn: d.two_nn.map(|e| e.value).into(),
            mle: d.mle.map(|e| e.value).into(),
            notes: d.notes.join("; "),
        }
    }))
}
