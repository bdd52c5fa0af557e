//! Figures of the alignment experiment: one panel a stage, one curve a condition.

use std::collections::BTreeMap;

use super::{Condition, Seeded};
use nmnc_analysis::analysis::training::figures::{STEP, place};
use nmnc_analysis::analysis::{Captured, Moment, StageAnalysis, StageMoment};
use nmnc_core::statistics::mean_sem;
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

const UNTRAINED: Style = Style(5);
const RANDOM: Style = Style(0);

type Conditions = [(Condition, Vec<Seeded>)];

pub(super) fn figures(conditions: &Conditions, d: usize) -> Vec<Figure> {
    let captured = "α_d = ‖J U_d‖² / ‖J‖² against the dimension d, after training. Mean over seeds, band ± s.e.m. Untrained: the same \
                    networks before training. Thin: a random subspace, d/n.";
    let against_step =
        "Mean over seeds, band ± s.e.m. The step is logarithmic, and the untrained network stands at ½.";
    let figures = [
        figure(
            "Energy of the mean Jacobian captured by the manifold",
            captured.to_owned(),
            ("d", "Captured energy α", Scale::UnitLog),
            cells(conditions, &|stage| curves_over_d(conditions, stage, |c| &c.mean_jacobian)),
        ),
        figure(
            "Energy of each example’s Jacobian captured by the manifold",
            captured.to_owned(),
            ("d", "Captured energy α", Scale::UnitLog),
            cells(conditions, &|stage| curves_over_d(conditions, stage, |c| &c.per_example)),
        ),
        figure(
            "Captured energy over training",
            format!("α of the mean Jacobian at d = {d}. {against_step} Thin: d/n."),
            (STEP, "Captured energy α", Scale::UnitLog),
            cells(conditions, &|stage| {
                let row = |s: &StageMoment| s.table.iter().find(|row| row.dimension == d).copied();
                let mut curves = over_steps(conditions, &|m| Some(row(m.stage(stage)?)?.mean_jacobian));
                let chance = over_steps(&conditions[..1], &|m| Some(row(m.stage(stage)?)?.chance));
                curves.extend(chance.into_iter().map(|c| Curve {
                    fit: true,
                    style: RANDOM,
                    label: "Random".into(),
                    ..c
                }));
                curves
            }),
        ),
        figure(
            "What is left of the initial weights, and the law of decay",
            format!(
                "⟨W, W₀⟩ / ‖W₀‖² of the weight that reads the stage’s activity. Thin, in the same color: what decay alone leaves, \
                 exp(−r λ t) by the optimizer’s own recursion (1 without decay). {against_step}"
            ),
            (STEP, "Fraction", Scale::UnitLog),
            cells(conditions, &|stage| {
                let mut curves = over_steps(conditions, &|m| Some(m.weights.get(stage)?.initial));
                let law = over_steps(conditions, &|m| m.weights.get(stage)?.law);
                curves.extend(law.into_iter().map(|c| Curve { fit: true, label: String::new(), ..c }));
                curves
            }),
        ),
        figure(
            "Energy of the Jacobian off the manifold",
            format!(
                "1 − α of the mean Jacobian at the largest d of the table. The law of decay is about the weights that the Jacobian is \
                 made of: this fraction falls with them where the rest of the Jacobian does not. {against_step}"
            ),
            (STEP, "1 − α", Scale::UnitLog),
            cells(conditions, &|stage| {
                over_steps(conditions, &|m| Some(1.0 - m.stage(stage)?.table.last()?.mean_jacobian))
            }),
        ),
        figure(
            "Dimension of the manifold over training",
            format!("Participation ratio, corrected for the number of samples. {against_step}"),
            (STEP, "Participation ratio", Scale::UnitLog),
            cells(conditions, &|stage| {
                over_steps(conditions, &|m| m.stage(stage)?.dimensions.participation?.corrected)
            }),
        ),
        figure(
            "Agreement with backprop over training",
            format!("Cosine of the rule’s error signals and backprop’s, which has 1 itself. {against_step}"),
            (STEP, "Cosine", Scale::UnitLog),
            cells(conditions, &|stage| over_steps(conditions, &|m| Some(m.stage(stage)?.agreement.cosine))),
        ),
    ];
    figures.into_iter().flatten().collect()
}

/// One cell for each stage; `curves` is given its number.
fn cells(conditions: &Conditions, curves: &dyn Fn(usize) -> Vec<Curve>) -> Vec<Cell> {
    let first = conditions.first().and_then(|(_, runs)| runs.first());
    let cell = |s: &StageAnalysis| Cell {
        heading: format!("Stage {}", s.stage),
        note: format!("n = {}", s.units),
        curves: curves(s.stage).into_iter().filter(|c| !c.points.is_empty()).collect(),
    };
    first.into_iter().flat_map(Seeded::stages).map(cell).collect()
}

fn styles(conditions: &Conditions) -> impl Iterator<Item = (Style, &(Condition, Vec<Seeded>))> {
    conditions.iter().enumerate().map(|(i, c)| (Style(i + 1), c))
}

fn curves_over_d(conditions: &Conditions, stage: usize, values: fn(&Captured) -> &Vec<f64>) -> Vec<Curve> {
    let alignment = |run: &Seeded| run.stages().find(|s| s.stage == stage).and_then(|s| s.alignment.clone());
    let mean = |lists: Vec<Vec<f64>>| -> Vec<Point> {
        let most = lists.iter().map(Vec::len).min().unwrap_or(0);
        let point = |i: usize| {
            let value = mean_sem(lists.iter().map(|list| list[i]))?;
            Some(Point { x: (i + 1) as f64, y: value.mean, sem: value.sem })
        };
        (0..most).filter_map(point).collect()
    };
    let mut curves = Vec::new();
    for (style, (condition, runs)) in styles(conditions) {
        let lists = runs.iter().filter_map(alignment).map(|a| values(&a.captured).clone()).collect();
        curves.push(Curve::new(style, condition.label, mean(lists)));
    }
    // Conditions share their seeds and so their untrained networks.
    if let Some((_, runs)) = conditions.first() {
        let before =
            runs.iter().filter_map(alignment).filter_map(|a| a.untrained).map(|c| values(&c).clone());
        curves.push(Curve::new(UNTRAINED, "Untrained", mean(before.collect())));
        let random = runs.iter().filter_map(alignment).map(|a| a.random.mean).collect();
        let points = mean(random).into_iter().map(|p| Point { sem: None, ..p }).collect();
        curves.push(Curve { fit: true, ..Curve::new(RANDOM, "Random", points) });
    }
    curves
}

/// A value against step, averaged over the seeds of each condition where all have it.
fn over_steps(conditions: &Conditions, value: &dyn Fn(&Moment) -> Option<f64>) -> Vec<Curve> {
    let curve = |(style, (condition, runs)): (Style, &(Condition, Vec<Seeded>))| {
        let mut steps: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for moment in runs.iter().flat_map(|run| &run.measured.training.moments) {
            if let Some(value) = value(moment) {
                steps.entry(moment.step).or_default().push(value);
            }
        }
        let whole = steps.into_iter().filter(|(_, values)| values.len() == runs.len());
        let point = |(step, values): (u64, Vec<f64>)| {
            let value = mean_sem(values)?;
            Some(Point { x: place(step), y: value.mean, sem: value.sem })
        };
        Curve::new(style, condition.label, whole.filter_map(point).collect())
    };
    styles(conditions).map(curve).collect()
}
