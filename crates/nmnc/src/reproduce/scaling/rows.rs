//! The scaling experiment as CSV files.

use serde::Serialize;

use super::ScalingRun;
use super::fits::{Fit, needed};
use nmnc_analysis::analysis::ProbesNeeded;
use nmnc_report::{Number, csv};

/// `exponents.csv`.
#[derive(Default, Serialize)]
struct ExponentRow {
    network: &'static str,
    stage: usize,
    target: &'static str,
    noise: &'static str,
    seeds: usize,
    widths: usize,
    exponent: Number,
    sem: Number,
    half_interval: Number,
    law: Number,
    theory: Number,
}

pub(super) fn exponents(fits: &[Fit]) -> String {
    csv(fits.iter().map(|fit| ExponentRow {
        network: fit.family,
        stage: fit.stage,
        target: fit.target.name(),
        noise: fit.noise,
        seeds: fit.exponent.n,
        widths: fit.widths,
        exponent: fit.exponent.mean.into(),
        sem: fit.exponent.sem.into(),
        half_interval: fit.exponent.half.into(),
        law: fit.law.mean.into(),
        theory: fit.theory.into(),
    }))
}

/// Name of the family, seed, and what was measured.
pub(super) type Run<'a> = (&'static str, u64, &'a ScalingRun);

/// What every line about a single measurement begins with.
#[derive(Clone, Copy, Default, Serialize)]
struct Of {
    network: &'static str,
    seed: u64,
    stage: usize,
    units: usize,
    target: &'static str,
    noise: &'static str,
}

fn all<'a>(runs: &'a [Run<'a>]) -> impl Iterator<Item = (Of, &'a ProbesNeeded)> {
    let stages = runs.iter().flat_map(|(network, seed, run)| run.stages.iter().map(|s| (*network, *seed, s)));
    stages.flat_map(|(network, seed, stage)| {
        needed(stage).map(move |(noise, needed)| {
            let (target, noise) = (needed.target.name(), noise.name);
            (Of { network, seed, stage: stage.stage, units: stage.units, target, noise }, needed)
        })
    })
}

/// `scaling.csv`: every measurement.
#[derive(Default, Serialize)]
struct NeededRow {
    dimension: usize,
    attainable: Number,
    variation: Number,
    probes: Number,
    probes_law: Number,
}

pub(super) fn probes(runs: &[Run<'_>]) -> String {
    csv(all(runs).map(|(of, n)| {
        let row = NeededRow {
            dimension: n.dimension,
            attainable: n.attainable.into(),
            variation: n.variation.into(),
            probes: n.needed.into(),
            probes_law: n.needed_law.into(),
        };
        (of, row)
    }))
}

/// `curves.csv`: every point of every measurement.
#[derive(Default, Serialize)]
struct CosineRow {
    probes: usize,
    relative_cosine: Number,
    relative_cosine_law: Number,
}

pub(super) fn curves(runs: &[Run<'_>]) -> String {
    csv(all(runs).flat_map(|(of, needed)| {
        needed.curve.iter().map(move |point| {
            let (relative_cosine, relative_cosine_law) = (point.cosine.into(), point.law.into());
            (of, CosineRow { probes: point.probes, relative_cosine, relative_cosine_law })
        })
    }))
}
