//! Figures of a run over its training.

use super::{OverTraining, RunMoment, StageMoment};
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

const STYLES: [Style; 6] = [Style(1), Style(2), Style(3), Style(4), Style(5), Style(6)];

/// Where a step is drawn: the untrained network, which a logarithmic axis has no place for, at one half.
pub fn place(step: u64) -> f64 {
    if step == 0 { 0.5 } else { step as f64 }
}

/// What every figure against step says of its axis.
pub const STEP: &str = "Training step";

pub(super) fn figures(found: &OverTraining) -> Vec<Figure> {
    let alpha = figure(
        "Captured energy over training",
        "α_d of the mean Jacobian at several dimensions d; thin: chance, d/n. The step is logarithmic, and the untrained network \
         stands at ½."
            .to_owned(),
        (STEP, "Captured energy α", Scale::UnitLog),
        stages(found, &alphas),
    );
    let dimension = figure(
        "Dimension of the manifold over training",
        "Components for 90, 95 and 99 % of the variance, participation ratio (corrected for the number of samples), TwoNN and maximum \
         likelihood. Both axes are logarithmic."
            .to_owned(),
        (STEP, "Dimension", Scale::LogLog),
        stages(found, &dimensions),
    );
    let agreement = figure(
        "Agreement with backprop over training",
        "Cosine of the rule’s error signal and backprop’s, per example, and of the weight gradients they give. Backprop itself has 1. Beside \
         it the cosine of the signal and that of the batch’s exact mean Jacobian, which noise correlation with the output tends to."
            .to_owned(),
        (STEP, "Cosine", Scale::UnitLog),
        stages(found, &|found, stage| {
            vec![
                Curve::new(STYLES[0], "Signals", over(found, stage, &|s| Some(s.agreement.cosine))),
                Curve::new(STYLES[1], "Weight gradients", over(found, stage, &|s| Some(s.agreement.weight_cosine))),
                Curve::new(STYLES[2], "Signals, mean Jacobian", over(found, stage, &|s| s.agreement.mean_cosine)),
            ]
        }),
    );
    let weights = figure(
        "What is left of the initial weights",
        "⟨W, W₀⟩ / ‖W₀‖² of the weight that reads each stage’s activity, what the decay alone would leave (thin: \
         exp(−r λ t) with the optimizer’s own recursion and schedule; 1 without decay), and 1 − α of the stage’s mean Jacobian at \
         the largest d."
            .to_owned(),
        (STEP, "Fraction", Scale::UnitLog),
        stages(found, &remainders),
    );
    [alpha, weights, dimension, agreement].into_iter().flatten().collect()
}

fn stages(found: &OverTraining, curves: &dyn Fn(&OverTraining, usize) -> Vec<Curve>) -> Vec<Cell> {
    let first = found.moments.first().map_or(&[][..], |m| &m.stages);
    let cell = |(at, s): (usize, &StageMoment)| Cell {
        heading: format!("Stage {}", s.stage),
        note: format!("n = {}", s.units),
        curves: curves(found, at).into_iter().filter(|c| !c.points.is_empty()).collect(),
    };
    first.iter().enumerate().map(cell).collect()
}

/// A value of the stage at `at` against step.
fn over(found: &OverTraining, at: usize, value: &dyn Fn(&StageMoment) -> Option<f64>) -> Vec<Point> {
    let point = |m: &RunMoment| Some(Point { x: place(m.step), y: value(&m.stages[at])?, sem: None });
    found.moments.iter().filter_map(point).collect()
}

fn alphas(found: &OverTraining, at: usize) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (&d, style) in found.settings.dimensions.iter().zip(STYLES) {
        let row = move |s: &StageMoment| s.table.iter().find(|row| row.dimension == d).copied();
        let alpha = over(found, at, &|s| Some(row(s)?.mean_jacobian));
        curves.push(Curve::new(style, format!("d = {d}"), alpha));
        let chance = over(found, at, &|s| Some(row(s)?.chance));
        curves.push(Curve { fit: true, ..Curve::new(style, "", chance) });
    }
    curves
}

fn dimensions(found: &OverTraining, at: usize) -> Vec<Curve> {
    let count = |i: usize| move |s: &StageMoment| Some(s.dimensions.components[i]? as f64);
    let corrected = |s: &StageMoment| s.dimensions.participation?.corrected;
    vec![
        Curve::new(STYLES[0], "90 %", over(found, at, &count(0))),
        Curve::new(STYLES[1], "95 %", over(found, at, &count(1))),
        Curve::new(STYLES[2], "99 %", over(found, at, &count(2))),
        Curve::new(STYLES[3], "Participation ratio", over(found, at, &corrected)),
        Curve::new(STYLES[4], "TwoNN", over(found, at, &|s| Some(s.dimensions.two_nn?.value))),
        Curve::new(STYLES[5], "MLE", over(found, at, &|s| Some(s.dimensions.mle?.value))),
    ]
}

fn remainders(found: &OverTraining, at: usize) -> Vec<Curve> {
    let stage = |m: &RunMoment| m.stages[at].stage;
    let points = |value: &dyn Fn(&RunMoment) -> Option<f64>| -> Vec<Point> {
        let point = |m: &RunMoment| Some(Point { x: place(m.step), y: value(m)?, sem: None });
        found.moments.iter().filter_map(point).collect()
    };
    let initial = points(&|m| Some(m.weights.get(stage(m))?.initial));
    let law = points(&|m| m.weights.get(stage(m))?.law);
    let off = over(found, at, &|s| Some(1.0 - s.table.last()?.mean_jacobian));
    vec![
        Curve::new(STYLES[2], "Initial weight left", initial),
        Curve { fit: true, ..Curve::new(STYLES[2], "Decay alone", law) },
        Curve::new(STYLES[0], "1 − α", off),
    ]
}
