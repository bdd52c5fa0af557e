//! Figures of the dimension experiment: one panel a stage, one curve an estimator.

use std::collections::BTreeMap;

use super::super::statistics::line;
use super::super::widths::Family;
use super::fits::{ESTIMATORS, Estimator};
use super::{DimensionRun, StageDimension};
use nmnc_core::statistics::mean_sem;
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

type Data = [(usize, u64, DimensionRun)];

/// The stages of a run, before or after training.
type Stages = fn(&DimensionRun) -> &Vec<StageDimension>;

pub(super) fn figures(families: &[Family], data: &Data) -> Vec<Figure> {
    let caption = "Both axes logarithmic. Mean over seeds, band ± s.e.m.; thin, in the same color: the least-squares line through all \
                   seeds. Circles: n itself, whose slope is 1.";
    let mut out = Vec::new();
    for (index, family) in families.iter().enumerate() {
        let kinds: [(&str, &[Estimator], Stages); 3] = [
            ("by variance", &ESTIMATORS[..5], |run| &run.stages),
            ("by nearest neighbors", &ESTIMATORS[5..], |run| &run.stages),
            ("before training, by variance", &ESTIMATORS[..5], |run| &run.untrained),
        ];
        for (kind, estimators, of) in kinds {
            let own: Vec<&DimensionRun> =
                data.iter().filter(|(f, ..)| *f == index).map(|(_, _, run)| run).collect();
            let stages = own.first().map_or(0, |run| run.stages.len());
            let cell = |stage: usize| {
                let found: Vec<&StageDimension> =
                    own.iter().flat_map(|run| of(run)).filter(|s| s.stage == stage).collect();
                Cell {
                    heading: format!("Stage {stage}"),
                    note: String::new(),
                    curves: curves(&found, estimators),
                }
            };
            let title = format!("{} networks: dimension against n, {kind}", family.label);
            let axes = ("Units n", "Dimension", Scale::LogLog);
            out.extend(figure(&title, caption.to_owned(), axes, (1..=stages).map(cell).collect()));
        }
    }
    out
}

fn curves(found: &[&StageDimension], estimators: &[Estimator]) -> Vec<Curve> {
    let units: std::collections::BTreeSet<usize> = found.iter().map(|s| s.units).collect();
    let itself = units.iter().map(|&n| Point { x: n as f64, y: n as f64, sem: None }).collect();
    let mut out = vec![Curve::new(Style(0), "n itself", itself)];
    for (i, (_, label, value)) in estimators.iter().enumerate() {
        let style = Style(i + 1);
        let mut at: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
        for s in found {
            at.entry(s.units).or_default().extend(value(&s.dimensions));
        }
        let all: Vec<(f64, f64)> =
            at.iter().flat_map(|(&n, values)| values.iter().map(move |&v| (n as f64, v))).collect();
        let points = at.iter().filter_map(|(&n, values)| {
            let value = mean_sem(values.iter().copied())?;
            Some(Point { x: n as f64, y: value.mean, sem: value.sem })
        });
        out.push(Curve::new(style, *label, points.collect()));
        if let Some((slope, intercept)) = line(&all) {
            let ends = [units.first(), units.last()].into_iter().flatten();
            let point = |&n: &usize| {
                let x = n as f64;
                Point { x, y: (intercept + slope * x.ln()).exp(), sem: None }
            };
            out.push(Curve { fit: true, ..Curve::new(style, "", ends.map(point).collect()) });
        }
    }
    out.retain(|curve| !curve.points.is_empty());
    out
}
