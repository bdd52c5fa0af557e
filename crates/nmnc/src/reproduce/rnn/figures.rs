//! Figures: accuracy against probes, against width, states over trials.

use super::conditions::Condition;
use super::results::{Results, Row, by_lag, by_time};
use nmnc_analysis::analysis::{portrait_cell, portrait_legend};
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::{Place, Point, Seeds};

pub(super) fn figures(results: &Results) -> Vec<Figure> {
    let mut out: Vec<Figure> = [
        against_probes(results),
        against_width(results),
        cosines_against_width(results),
        lagged(results),
        dimensions(results),
    ]
    .into_iter()
    .flatten()
    .collect();
    out.extend(portraits(results));
    out
}

fn accuracy(x: f64, row: &Row) -> Point {
    Point { x, y: row.accuracy.mean, sem: row.accuracy.sem }
}

fn by_task(results: &Results, curves: impl Fn(usize) -> Vec<Curve>) -> Vec<Cell> {
    let cell = |(task, name): (usize, &String)| {
        let curves = curves(task).into_iter().filter(|curve| !curve.points.is_empty()).collect();
        Cell { heading: name.clone(), note: String::new(), curves }
    };
    results.tasks.iter().enumerate().map(cell).collect()
}

/// Rules without probes are level lines across all budgets.
fn against_probes(results: &Results) -> Option<Figure> {
    let probing = |row: &&Row| row.budget.is_some();
    let spent: Vec<f64> = results.by_task().filter(probing).map(|row| row.probes.mean).collect();
    let low = spent.iter().copied().fold(f64::INFINITY, f64::min);
    let high = spent.iter().copied().fold(0.0, f64::max).max(2.0 * low);
    let curve = |task: usize, condition: &Condition| {
        let own: Vec<&Row> =
            results.by_task().filter(|r| r.cell.task == task && r.condition == condition.name).collect();
        let points = match condition.probes {
            true => own.iter().map(|row| accuracy(row.probes.mean, row)).collect(),
            false => own.iter().flat_map(|row| [accuracy(low, row), accuracy(high, row)]).collect(),
        };
        Curve::new(condition.style(), condition.label.clone(), points)
    };
    let caption = format!(
        "Accuracy at the response period at N = {} against perturbed trial-steps (logarithmic). Mean over seeds, band or bar ± \
         s.e.m. Rules without probes are drawn at their level.",
        results.units
    );
    figure(
        "Accuracy against probes",
        caption,
        ("Probes", "Accuracy (%)", Scale::UnitLog),
        by_task(results, |task| results.conditions.iter().map(|c| curve(task, c)).collect()),
    )
}

fn over_widths(results: &Results, point: &dyn Fn(&Row) -> Option<Point>) -> Vec<Cell> {
    let scaled = results.scaled();
    let curves = |task: usize| {
        let curve = |(index, condition): (usize, &Condition)| {
            let points = results.over_widths(task, index).into_iter().filter_map(point).collect();
            Curve::new(condition.style(), condition.label.clone(), points)
        };
        if scaled.contains(&task) {
            results.conditions.iter().enumerate().map(curve).collect()
        } else {
            Vec::new()
        }
    };
    by_task(results, curves)
}

fn against_width(results: &Results) -> Option<Figure> {
    let budget = *results.budgets().last()?;
    figure(
        "Accuracy against width",
        format!(
            "Rules that perturb have {budget} probes per training trial at every width. The horizontal axis is logarithmic. Mean over \
             seeds, band ± s.e.m."
        ),
        ("Units N", "Accuracy (%)", Scale::UnitLog),
        over_widths(results, &|row| Some(accuracy(row.units as f64, row))),
    )
}

fn cosines_against_width(results: &Results) -> Option<Figure> {
    figure(
        "Agreement with BPTT against width",
        "Cosine of the recurrent weight’s gradient with that of backpropagation through time, mean over the measured steps of training. \
         Mean over seeds, band ± s.e.m. The horizontal axis is logarithmic."
            .to_owned(),
        ("Units N", "Cosine", Scale::UnitLog),
        over_widths(results, &|row| {
            let cosine = row.weight_cosine?;
            Some(Point { x: row.units as f64, y: cosine.mean, sem: cosine.sem })
        }),
    )
}

/// A metric over the seeds of a condition on a task, at its largest budget.
fn averaged(
    results: &Results,
    task: usize,
    condition: usize,
    by: fn(&Place) -> String,
    metric: &str,
) -> Vec<Point> {
    let place = results.place(&results.headline(task, condition));
    results.table.curve(&place.condition, &by(&place), None, metric, Seeds::Any)
}

fn lagged(results: &Results) -> Option<Figure> {
    let curves = |task: usize| {
        let curve = |(index, condition): (usize, &Condition)| {
            let points = averaged(results, task, index, by_lag, "alpha");
            Curve::new(condition.style(), condition.label.clone(), points)
        };
        let mut curves: Vec<Curve> = results.conditions.iter().enumerate().map(curve).collect();
        // Networks of one seed start alike, whatever trains them.
        let before = averaged(results, task, 0, by_lag, "untrained_alpha");
        curves.push(Curve { fit: true, ..Curve::new(Style(4), "untrained", before) });
        curves
    };
    figure(
        "Captured energy of lagged Jacobians",
        format!(
            "α of dy_t/dh_(t−k) at the last step t of trials, on the 16 leading principal components of states, after training at N = {}; \
             by chance it is 16 / N. Mean over seeds, band ± s.e.m.; rules that perturb at their largest budget.",
            results.units
        ),
        ("Lag (ms)", "Captured energy α", Scale::Linear),
        by_task(results, curves),
    )
}

fn dimensions(results: &Results) -> Option<Figure> {
    let curves = |task: usize| {
        let curve = |(index, condition): (usize, &Condition)| {
            let points = averaged(results, task, index, by_time, "participation_ratio");
            Curve::new(condition.style(), condition.label.clone(), points)
        };
        results.conditions.iter().enumerate().map(curve).collect()
    };
    figure(
        "Dimension of states over trial time",
        format!(
            "Participation ratio of the covariance over trials at each time, corrected for their number, after training at N = {}. Mean \
             over seeds, band ± s.e.m.; rules that perturb at their largest budget.",
            results.units
        ),
        ("Time from the response period (ms)", "Participation ratio", Scale::Linear),
        by_task(results, curves),
    )
}

/// One figure a condition: the first seed's mean trajectories on every task.
fn portraits(results: &Results) -> Vec<Figure> {
    let portrait = |(index, condition): (usize, &Condition)| {
        let cell = |(task, name): (usize, &String)| {
            let headline = results.headline(task, index);
            let run = results.of(&headline).next()?;
            let mut cell = portrait_cell(name, &run.states.curves, &run.states.explained, [0, 1]);
            // Conditions have other names on every task; the legend has numbers.
            for (number, curve) in cell.curves.iter_mut().enumerate() {
                curve.label = format!("condition {}", number + 1);
            }
            Some(cell)
        };
        figure(
            &format!("State space after {}", condition.label),
            portrait_legend().to_owned(),
            ("PC 1", "PC 2", Scale::Plane),
            results.tasks.iter().enumerate().filter_map(cell).collect(),
        )
    };
    results.conditions.iter().enumerate().filter(|(_, c)| c.name != "rflo").filter_map(portrait).collect()
}
