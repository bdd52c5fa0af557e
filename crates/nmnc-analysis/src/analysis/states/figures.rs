//! Figures of states over trials.

use super::{ConditionCurve, StateAnalysis};
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;

fn point(x: f64, y: f64) -> Point {
    Point { x, y, sem: None }
}

fn cell(heading: &str, note: String, curves: Vec<Curve>) -> Cell {
    let curves = curves.into_iter().filter(|curve| !curve.points.is_empty()).collect();
    Cell { heading: heading.to_owned(), note, curves }
}

/// The curves of one network in the plane of two components.
pub fn portrait_cell(
    heading: &str,
    curves: &[ConditionCurve],
    explained: &[f64; 3],
    [across, up]: [usize; 2],
) -> Cell {
    let curve = |(index, curve): (usize, &ConditionCurve)| {
        let points = curve.points.iter().map(|p| point(p[across], p[up])).collect();
        Curve::new(Style(index + 1), curve.condition.clone(), points)
    };
    let share = |i: usize| format!("{:.0} %", 100.0 * explained[i]);
    let note = format!("PC {} {}, PC {} {}", across + 1, share(across), up + 1, share(up));
    cell(heading, note, curves.iter().enumerate().map(curve).collect())
}

/// What a portrait shows, in words.
pub fn portrait_legend() -> &'static str {
    "Each curve is the mean state of one condition over trial time (at most eight conditions), trials aligned at the start of the \
     response period; markers, some steps of each curve, tell conditions apart. Axes: principal components of states over \
     trials and time, with the share of the variance that each explains."
}

pub(super) fn figures(found: &StateAnalysis) -> Vec<Figure> {
    let times = |value: &dyn Fn(&super::StateMoment) -> Option<f64>| -> Vec<Point> {
        found.over_time.iter().filter_map(|m| Some(point(m.ms, value(m)?))).collect()
    };
    let lags = |value: &dyn Fn(&super::LagAlpha) -> Option<f64>| -> Vec<Point> {
        found.lags.iter().filter_map(|l| Some(point(l.ms, value(l)?))).collect()
    };
    let dimension = figure(
        "Dimension over trial time",
        "Of states over trials at each time: participation ratio of the covariance, corrected for the number of trials, and \
         components that explain 90 % of the variance. Times where fewer than half of the trials are under way are left out."
            .to_owned(),
        ("Time from the response period (ms)", "Dimension", Scale::Linear),
        vec![cell(
            &found.task,
            format!("{} trials", found.trials),
            vec![
                Curve::new(Style(2), "participation ratio", times(&|m| m.participation)),
                Curve::new(Style(3), "components of 90 %", times(&|m| m.components.map(|c| c as f64))),
            ],
        )],
    );
    let chance = found.lags.iter().map(|l| point(l.ms, found.chance())).collect();
    let alpha = figure(
        "Lagged Jacobians on the manifold",
        format!(
            "Captured energy α of dy_t/dh_(t−k) at the last step t of trials, on the {} leading principal components of states; the \
             untrained network on its own. Chance is d / N.",
            found.dimension
        ),
        ("Lag (ms)", "Captured energy α", Scale::Linear),
        vec![cell(
            &found.task,
            format!("N = {}", found.units),
            vec![
                Curve::new(Style(3), "trained", lags(&|l| l.alpha)),
                Curve::new(Style(1), "untrained", lags(&|l| l.untrained)),
                Curve { fit: true, ..Curve::new(Style(2), "chance", chance) },
                Curve::new(Style(4), "share of the energy", lags(&|l| Some(l.share))),
            ],
        )],
    );
    let plane = |axes: [usize; 2]| portrait_cell(&found.task, &found.curves, &found.explained, axes);
    let portrait = |title: &str, up: (usize, &str)| {
        let axes = ("PC 1", up.1, Scale::Plane);
        figure(title, portrait_legend().to_owned(), axes, vec![plane([0, up.0])])
    };
    let first = portrait("State space, PC 1 and PC 2", (1, "PC 2"));
    let second = portrait("State space, PC 1 and PC 3", (2, "PC 3"));
    [dimension, alpha, first, second].into_iter().flatten().collect()
}
