//! Exponents of the dimension against the number of units.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::super::statistics::{Interval, exponent, interval};
use super::super::table::{Table, cell, with_range};
use super::super::widths::Family;
use super::{DimensionRun, StageDimension};
use nmnc_analysis::dimension::Dimensions;

/// An estimator: name in files, name for readers, its value.
pub(super) type Estimator = (&'static str, &'static str, fn(&Dimensions) -> Option<f64>);

/// Every estimator.
pub(super) const ESTIMATORS: [Estimator; 7] = [
    ("components_90", "90 %", |d| Some(d.components[0]? as f64)),
    ("components_95", "95 %", |d| Some(d.components[1]? as f64)),
    ("components_99", "99 %", |d| Some(d.components[2]? as f64)),
    ("participation_ratio", "PR", |d| Some(d.participation?.plain)),
    ("participation_ratio_corrected", "PR corrected", |d| d.participation?.corrected),
    ("two_nn", "TwoNN", |d| Some(d.two_nn?.value)),
    ("mle", "MLE", |d| Some(d.mle?.value)),
];

/// The exponent of one estimator at one stage of one family.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fit {
    pub family: &'static str,
    #[serde(skip)]
    pub label: &'static str,
    pub stage: usize,
    pub estimator: &'static str,
    #[serde(skip)]
    pub estimator_label: &'static str,
    /// Slope of each seed.
    pub slopes: Vec<f64>,
    /// Over seeds, after training.
    pub trained: Interval,
    /// The same before training.
    pub untrained: Option<Interval>,
}

type Data = [(usize, u64, DimensionRun)];

/// Every exponent for which there are two widths at least.
pub(super) fn fits(families: &[Family], data: &Data) -> Vec<Fit> {
    let mut out = Vec::new();
    for (index, family) in families.iter().enumerate() {
        let of_family = || data.iter().filter(move |(f, ..)| *f == index);
        let stages = of_family().next().map_or(0, |(_, _, run)| run.stages.len());
        for stage in 1..=stages {
            for (name, label, value) in ESTIMATORS {
                let slopes = |of: fn(&DimensionRun) -> &Vec<StageDimension>| -> Vec<f64> {
                    let mut seeds: BTreeMap<u64, Vec<(f64, f64)>> = BTreeMap::new();
                    for (_, seed, run) in of_family() {
                        let found = of(run).iter().find(|s| s.stage == stage);
                        if let Some((s, y)) = found.and_then(|s| Some((s, value(&s.dimensions)?))) {
                            seeds.entry(*seed).or_default().push((s.units as f64, y));
                        }
                    }
                    seeds.values().filter_map(|points| exponent(points)).collect()
                };
                let trained = slopes(|run| &run.stages);
                if let Some(mean) = interval(trained.iter().copied()) {
                    out.push(Fit {
                        family: family.name,
                        label: family.label,
                        stage,
                        estimator: name,
                        estimator_label: label,
                        trained: mean,
                        slopes: trained,
                        untrained: interval(slopes(|run| &run.untrained)),
                    });
                }
            }
        }
    }
    out
}

pub(super) fn table(fits: &[Fit]) -> Table {
    let headings = vec!["Network", "Stage", "Estimator", "Exponent", "Untrained", "n itself"];
    let row = |fit: &Fit| {
        vec![
            fit.label.to_owned(),
            fit.stage.to_string(),
            fit.estimator_label.to_owned(),
            with_range(&fit.trained, 2),
            fit.untrained.as_ref().map_or_else(String::new, |u| with_range(u, 2)),
            "1".to_owned(),
        ]
    };
    Table { headings, rows: fits.iter().map(row).collect() }
}

/// What the exponents show, in sentences.
pub(super) fn verdict(fits: &[Fit]) -> Vec<String> {
    let mut out = Vec::new();
    if fits.iter().all(|fit| fit.trained.half.is_none()) {
        out.push("One seed: exponents have no interval, and nothing can be concluded.".to_owned());
    }
    let mut labels: Vec<&str> = fits.iter().map(|fit| fit.label).collect();
    labels.dedup();
    for label in labels {
        let own: Vec<&Fit> = fits.iter().filter(|fit| fit.label == label).collect();
        let by_mean = |a: &&&Fit, b: &&&Fit| a.trained.mean.total_cmp(&b.trained.mean);
        let (Some(least), Some(most)) = (own.iter().min_by(by_mean), own.iter().max_by(by_mean)) else {
            continue;
        };
        let named = |fit: &Fit| {
            format!("{} ({}, stage {})", with_range(&fit.trained, 2), fit.estimator_label, fit.stage)
        };
        let below = own.iter().filter(|fit| fit.trained.below(1.0)).count();
        let mut text = format!(
            "{label}: exponents of dimension against n from {} to {}; {below} of {} intervals lie below n’s own 1.",
            named(least),
            named(most),
            own.len()
        );
        let not: Vec<String> = own
            .iter()
            .filter(|fit| fit.trained.half.is_some() && !fit.trained.below(1.0))
            .map(|fit| named(fit))
            .collect();
        if !not.is_empty() {
            let _ = write!(text, " Not below: {}.", not.join(", "));
        }
        out.push(text);
    }
    out
}

pub(super) fn exponents_csv(fits: &[Fit]) -> String {
    let mut out =
        "network,stage,estimator,seeds,exponent,sem,half_interval,untrained,untrained_half_interval\n"
            .to_owned();
    for fit in fits {
        let t = &fit.trained;
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{}",
            fit.family,
            fit.stage,
            fit.estimator,
            t.n,
            t.mean,
            cell(t.sem),
            cell(t.half),
            cell(fit.untrained.map(|u| u.mean)),
            cell(fit.untrained.and_then(|u| u.half))
        );
    }
    out
}

/// Every estimate of every run.
pub(super) fn estimates_csv(families: &[Family], data: &Data) -> String {
    let names: Vec<&str> = ESTIMATORS.iter().map(|(name, ..)| *name).collect();
    let mut out = format!("network,seed,trained,stage,units,samples,{}\n", names.join(","));
    for (family, seed, run) in data {
        for (trained, stages) in [(true, &run.stages), (false, &run.untrained)] {
            for s in stages {
                let values: Vec<String> =
                    ESTIMATORS.iter().map(|(_, _, value)| cell(value(&s.dimensions))).collect();
                let _ = writeln!(
                    out,
                    "{},{seed},{trained},{},{},{},{}",
                    families[*family].name,
                    s.stage,
                    s.units,
                    s.dimensions.samples,
                    values.join(",")
                );
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(label: &'static str, values: &[f64]) -> Fit {
        Fit {
            family: "conv",
            label,
            stage: 1,
            estimator: "mle",
            estimator_label: "MLE",
            slopes: values.to_vec(),
            trained: interval(values.iter().copied()).unwrap(),
            untrained: None,
        }
    }

    #[test]
    fn the_verdict_names_exponents_that_are_not_below_one() {
        let fits = [fit("A", &[0.10, 0.11, 0.12]), fit("A", &[0.8, 1.0, 1.3])];
        assert_eq!(
            verdict(&fits),
            [
                "A: exponents of dimension against n from 0.11 [0.09, 0.13] (MLE, stage 1) to 1.03 [0.41, 1.66] (MLE, stage 1); 1 of 2 \
              intervals lie below n’s own 1. Not below: 1.03 [0.41, 1.66] (MLE, stage 1)."
            ]
        );
        assert!(verdict(&[fit("A", &[0.5])])[0].starts_with("One seed"));
    }
}
