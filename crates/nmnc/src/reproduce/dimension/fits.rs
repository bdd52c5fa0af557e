//! Exponents of the dimension against the number of units.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::statistics::{Interval, exponent, interval};
use super::super::widths::Family;
use super::DimensionRun;
use nmnc_analysis::dimension::Dimensions;
use nmnc_report::measurements::Place;
use nmnc_report::text::with_range;
use nmnc_report::{Measurements, Table};

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

/// Conditions: the network after training, and before.
pub(super) const TRAINED: &str = "trained";
pub(super) const UNTRAINED: &str = "untrained";

/// The facet of a stage, with dimensions against the number of units.
pub(super) fn facet(family: &Family, stage: usize) -> String {
    format!("{}, stage {stage}", family.name)
}

/// Adds every estimate of a run.
pub(super) fn tabulate(family: &Family, seed: u64, run: &DimensionRun, table: &mut Measurements) {
    for (condition, stages) in [(TRAINED, &run.stages), (UNTRAINED, &run.untrained)] {
        for stage in stages {
            let place = Place::new(condition, facet(family, stage.stage), stage.units as f64);
            table.add(&place, seed, ESTIMATORS.map(|(name, _, value)| (name, value(&stage.dimensions))));
        }
    }
}

/// Facets of the stages of a family, as far as there are any.
pub(super) fn stages<'a>(family: &'a Family, table: &'a Measurements) -> impl Iterator<Item = usize> + 'a {
    (1..).take_while(|stage| {
        let facet = facet(family, *stage);
        table.rows().iter().any(|row| row.facet == facet)
    })
}

/// Every exponent for which there are two widths at least.
pub(super) fn fits(families: &[Family], table: &Measurements) -> Vec<Fit> {
    let mut out = Vec::new();
    for family in families {
        for stage in stages(family, table) {
            for (name, label, _) in ESTIMATORS {
                let slopes = |condition| -> Vec<f64> {
                    let series = table.series(condition, &facet(family, stage), name);
                    series.values().filter_map(|points| exponent(points)).collect()
                };
                let trained = slopes(TRAINED);
                if let Some(mean) = interval(trained.iter().copied()) {
                    out.push(Fit {
                        family: family.name,
                        label: family.label,
                        stage,
                        estimator: name,
                        estimator_label: label,
                        trained: mean,
                        slopes: trained,
                        untrained: interval(slopes(UNTRAINED)),
                    });
                }
            }
        }
    }
    out
}

pub(super) fn table(fits: &[Fit]) -> Table {
    Table::of(
        fits,
        &[
            ("Network", &|fit: &&Fit| fit.label.to_owned()),
            ("Stage", &|fit| fit.stage.to_string()),
            ("Estimator", &|fit| fit.estimator_label.to_owned()),
            ("Exponent", &|fit| with_range(&fit.trained, 2)),
            ("Untrained", &|fit| fit.untrained.as_ref().map_or_else(String::new, |u| with_range(u, 2))),
            ("n itself", &|_| "1".to_owned()),
        ],
    )
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
