//! Figures of the dimension experiment: one panel a stage, one curve an estimator.

use super::super::statistics::line;
use super::super::widths::Family;
use super::fits::{ESTIMATORS, Estimator, TRAINED, UNTRAINED, facet, stages};
use nmnc_report::Measurements;
use nmnc_report::figure::Figure;
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::{Point, Seeds};

pub(super) fn figures(families: &[Family], table: &Measurements) -> Vec<Figure> {
    let caption = "Both axes logarithmic. Mean over seeds, band ± s.e.m.; thin, in the same color: the least-squares line through all \
                   seeds. Circles: n itself, whose slope is 1.";
    let kinds: [(&str, &[Estimator], &str); 3] = [
        ("by variance", &ESTIMATORS[..5], TRAINED),
        ("by nearest neighbors", &ESTIMATORS[5..], TRAINED),
        ("before training, by variance", &ESTIMATORS[..5], UNTRAINED),
    ];
    let mut out = Vec::new();
    for family in families {
        for (kind, estimators, condition) in kinds {
            let cell = |stage: usize| Cell {
                heading: format!("Stage {stage}"),
                note: String::new(),
                curves: curves(table, condition, &facet(family, stage), estimators),
            };
            let title = format!("{} networks: dimension against n, {kind}", family.label);
            let axes = ("Units n", "Dimension", Scale::LogLog);
            out.extend(figure(&title, caption.to_owned(), axes, stages(family, table).map(cell).collect()));
        }
    }
    out
}

fn curves(table: &Measurements, condition: &str, facet: &str, estimators: &[Estimator]) -> Vec<Curve> {
    let units = table.abscissas(condition, facet);
    let itself = units.iter().map(|&n| Point { x: n, y: n, sem: None }).collect();
    let mut out = vec![Curve::new(Style(0), "n itself", itself)];
    for (i, (name, label, _)) in estimators.iter().enumerate() {
        let style = Style(i + 1);
        let mut all: Vec<(f64, f64)> = table.series(condition, facet, name).into_values().flatten().collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        out.push(Curve::new(style, *label, table.curve(condition, facet, None, name, Seeds::Any)));
        if let Some((slope, intercept)) = line(&all) {
            let ends = [units.first(), units.last()].into_iter().flatten();
            let point = |&x: &f64| Point { x, y: (intercept + slope * x.ln()).exp(), sem: None };
            out.push(Curve { fit: true, ..Curve::new(style, "", ends.map(point).collect()) });
        }
    }
    out.retain(|curve| !curve.points.is_empty());
    out
}
