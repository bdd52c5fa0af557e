//! Figures of the scaling experiment: one panel a stage, one curve a noise, the law beside each.

use std::collections::BTreeMap;

use super::super::widths::Family;
use super::StageScaling;
use super::fits::{Data, NOISES, Noise, TARGETS, at};
use nmnc_analysis::analysis::{ProbesNeeded, Target};
use nmnc_core::statistics::mean_sem;
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

/// The looks of vanilla and manifold noise correlation in every report, and one more.
const STYLES: [Style; 3] = [Style(2), Style(3), Style(4)];

pub(super) fn figures(families: &[Family], data: &Data, dimension: usize) -> Vec<Figure> {
    let mut out = Vec::new();
    for (index, family) in families.iter().enumerate() {
        let own: Vec<&StageScaling> =
            data.iter().filter(|(f, ..)| *f == index).flat_map(|(_, _, run)| &run.stages).collect();
        for (target, _, name) in TARGETS {
            let jacobian = match target {
                Target::Example => {
                    "Jacobians of single examples, all probes at that example: cross-talk of the noise alone."
                }
                Target::Mean => {
                    "The mean Jacobian, each probe at an example drawn at random: cross-talk and variation over examples."
                }
            };
            out.extend(figure(
                &format!("{} networks: probes to 0.9 of the attainable cosine, {}", family.label, name.to_lowercase()),
                format!(
                    "{jacobian} Both axes logarithmic. Mean over seeds, band ± s.e.m.; thin, in the same color: the law. Widths that the \
                     probes were not enough for are missing, the law goes on."
                ),
                ("Units n", "Probes", Scale::LogLog),
                cells(&own, |stages| {
                    let mut curves = over_units(stages, dimension, target, |n| n.needed);
                    let law = over_units(stages, dimension, target, |n| Some(n.needed_law));
                    curves.extend(law.into_iter().map(|c| Curve { fit: true, label: String::new(), ..c }));
                    curves
                }),
            ));
        }
        out.extend(figure(
            &format!("{} networks: attainable cosine", family.label),
            "√α of the rows of the mean Jacobian, averaged: the most that noise can show of them, 1 for isotropic noise. Mean over seeds, \
             band ± s.e.m. The horizontal axis is logarithmic."
                .to_owned(),
            ("Units n", "√α", Scale::UnitLog),
            cells(&own, |stages| over_units(stages, dimension, Target::Mean, |n| Some(n.attainable))),
        ));
        out.extend(figure(
            &format!("{} networks: cosine against probes at the largest width", family.label),
            "As a fraction of the attainable, for single examples; thin, in the same color: the law. Mean over seeds, band ± s.e.m. The \
             horizontal axis is logarithmic."
                .to_owned(),
            ("Probes", "Cosine over attainable", Scale::UnitLog),
            cells(&own, |stages| over_probes(stages, dimension)),
        ));
    }
    out
}

/// One cell for each stage; `curves` is given its measurements.
fn cells(own: &[&StageScaling], curves: impl Fn(&[&StageScaling]) -> Vec<Curve>) -> Vec<Cell> {
    let mut stages: BTreeMap<usize, Vec<&StageScaling>> = BTreeMap::new();
    for stage in own {
        stages.entry(stage.stage).or_default().push(stage);
    }
    let cell = |(stage, found): (usize, Vec<&StageScaling>)| Cell {
        heading: format!("Stage {stage}"),
        note: String::new(),
        curves: curves(&found).into_iter().filter(|c| !c.points.is_empty()).collect(),
    };
    stages.into_iter().map(cell).collect()
}

/// A value against units, averaged over seeds where all have it: one curve a noise.
fn over_units(
    stages: &[&StageScaling],
    dimension: usize,
    target: Target,
    value: impl Fn(&ProbesNeeded) -> Option<f64>,
) -> Vec<Curve> {
    let curve = |(noise, style): (&Noise, Style)| {
        let mut found: BTreeMap<usize, Vec<Option<f64>>> = BTreeMap::new();
        for stage in stages {
            if let Some(needed) = at(stage, noise, target) {
                found.entry(stage.units).or_default().push(value(needed));
            }
        }
        let point = |(units, values): (usize, Vec<Option<f64>>)| {
            let values: Vec<f64> = values.into_iter().collect::<Option<_>>()?;
            let mean = mean_sem(values)?;
            Some(Point { x: units as f64, y: mean.mean, sem: mean.sem })
        };
        Curve::new(style, noise.label(dimension), found.into_iter().filter_map(point).collect())
    };
    NOISES.iter().zip(STYLES).map(curve).collect()
}

/// The curves of the widest networks, at the numbers of probes that all seeds have.
fn over_probes(stages: &[&StageScaling], dimension: usize) -> Vec<Curve> {
    let widest = stages.iter().map(|s| s.units).max().unwrap_or(0);
    let mut out = Vec::new();
    for (noise, style) in NOISES.iter().zip(STYLES) {
        let runs: Vec<&ProbesNeeded> = stages
            .iter()
            .filter(|s| s.units == widest)
            .filter_map(|s| at(s, noise, Target::Example))
            .collect();
        let shortest = runs.iter().map(|n| n.curve.len()).min().unwrap_or(0);
        let points = |value: fn(&nmnc_analysis::analysis::CosinePoint) -> f64| -> Vec<Point> {
            let point = |i: usize| {
                let mean = mean_sem(runs.iter().map(|n| value(&n.curve[i])))?;
                Some(Point { x: runs[0].curve[i].probes as f64, y: mean.mean, sem: mean.sem })
            };
            (0..shortest).filter_map(point).collect()
        };
        out.push(Curve::new(style, noise.label(dimension), points(|p| p.cosine)));
        let law = points(|p| p.law).into_iter().map(|p| Point { sem: None, ..p }).collect();
        out.push(Curve { fit: true, ..Curve::new(style, "", law) });
    }
    out
}
