//! Figures of accuracy: one curve a rule, rules without probes as horizontal lines.

use super::conditions::Condition;
use super::results::{Results, Row};
use nmnc_report::MOST_CURVES;
use nmnc_report::axis::{Axis, Writing};
use nmnc_report::figure::{Entry, Figure, Mark};
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::Point;
use nmnc_report::plot::{End, Line, Panel, Reference, Size};
use nmnc_report::text::count_tick;

const PROBES: &str = "Probes per training example";
const ACCURACY: &str = "Test accuracy (%)";

pub(super) fn figures(results: &Results) -> Vec<Figure> {
    [against_probes(results), against_width(results), cosines(results)].into_iter().flatten().collect()
}

fn style(condition: &Condition) -> Style {
    Style(condition.look)
}

fn accuracy(row: &Row, x: f64) -> Point {
    Point { x, y: row.accuracy.mean, sem: row.accuracy.sem }
}

fn against_probes(results: &Results) -> Option<Figure> {
    let (mut lines, mut references) = (Vec::new(), Vec::new());
    for condition in results.conditions {
        let rows = results.over_probes(condition);
        if condition.probes() {
            let points = rows.iter().map(|row| accuracy(row, row.probes_per_example.mean)).collect();
            lines.push((condition, points));
        } else if let Some(row) = rows.first() {
            references.push((condition, accuracy(row, 0.0)));
        }
    }
    let without = if references.is_empty() { "" } else { " Horizontal: rules without probes." };
    let caption = format!(
        "Probes as measured: perturbed forward passes of one example, summed over stages, per training example seen \
         (logarithmic). Mean over seeds, band or bar ± s.e.m.{without}"
    );
    drawn("Accuracy against probes", &caption, PROBES, lines, references)
}

fn against_width(results: &Results) -> Option<Figure> {
    let points = |condition| -> Vec<Point> {
        results.over_widths(condition).into_iter().map(|row| accuracy(row, row.scale)).collect()
    };
    let lines = results.conditions.iter().map(|condition| (condition, points(condition))).collect();
    let spent = |condition: &Condition| {
        let row = results.over_widths(condition).into_iter().find(|_| condition.probes())?;
        let probes = count_tick(row.probes_per_example.mean);
        Some(format!("{} {probes}", condition.label))
    };
    let spent: Vec<String> = results.conditions.iter().filter_map(spent).collect();
    let caption = format!(
        "Every width multiplied by the same factor (logarithmic). Probes per training example, as measured: {}. Mean over seeds, \
         band ± s.e.m.",
        spent.join("; ")
    );
    drawn("Accuracy against width", &caption, "Multiple of every width", lines, Vec::new())
}

/// One wide panel with a logarithmic horizontal axis.
fn drawn(
    title: &str,
    caption: &str,
    x_label: &str,
    curves: Vec<(&Condition, Vec<Point>)>,
    references: Vec<(&Condition, Point)>,
) -> Option<Figure> {
    let curves: Vec<(&Condition, Vec<Point>)> =
        curves.into_iter().filter(|(_, points)| !points.is_empty()).collect();
    let points = || curves.iter().flat_map(|(_, points)| points);
    points().next()?;
    let span = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (low_x, high_x) = span(&mut points().map(|p| p.x));
    let high_x = high_x.max(2.0 * low_x);
    let ends = |p: &Point| [p.y - p.sem.unwrap_or(0.0), p.y + p.sem.unwrap_or(0.0)];
    let (low_y, high_y) = span(&mut points().chain(references.iter().map(|(_, p)| p)).flat_map(ends));
    // Starting at 0 keeps heights comparable; far from it, the differences matter.
    let low_y = if low_y < 0.4 * high_y { 0.0 } else { low_y };
    let x = Axis::logarithmic(x_label, Writing::Decimal, low_x, high_x).tight(low_x, high_x);
    let y = Axis::linear(ACCURACY, Writing::Decimal, low_y, high_y, 8);
    let named = references.iter().map(|(condition, _)| *condition).chain(curves.iter().map(|(c, _)| *c));
    let entry = |condition: &Condition| Entry::new(style(condition), Mark::Mean, condition.label.clone());
    let legend = named.map(entry).collect();
    let lines = curves.into_iter().map(|(condition, points)| Line {
        style: style(condition),
        label: condition.label.clone(),
        points,
        end: End::Mean,
    });
    let references = references.iter().map(|(condition, point)| Reference {
        style: Some(style(condition)),
        label: condition.label.clone(),
        y: point.y,
        sem: point.sem,
        dotted: false,
    });
    let (lines, references): (Vec<Line>, Vec<Reference>) = (lines.collect(), references.collect());
    if lines.len() <= MOST_CURVES {
        let panel = Panel::new(Size::Wide, title.to_owned(), x, y, lines, references);
        return Some(Figure::new(title, caption, legend, [panel]));
    }
    // Each by itself, beside the rules without probes, which the legend names.
    let beside: Vec<Reference> =
        references.into_iter().map(|r| Reference { label: String::new(), ..r }).collect();
    let panels = lines.into_iter().map(|line| {
        let (heading, name) = (line.label.clone(), format!("{title}, {}", line.label));
        let mut panel = Panel::new(Size::Narrow, name, x.clone(), y.clone(), vec![line], beside.clone());
        panel.heading = Some((heading, String::new()));
        panel.label_ends = false;
        panel
    });
    let caption = format!("{caption} A panel for each rule: they are too many for one.");
    Some(Figure::new(title, caption, legend, panels))
}

/// Agreement with backprop at the end of training: one panel a stage.
fn cosines(results: &Results) -> Option<Figure> {
    let stages = results.rows.iter().map(|row| row.cosines.len()).max().unwrap_or(0);
    let cell = |stage: usize| {
        let curve = |condition: &Condition| {
            let points = results.over_probes(condition).into_iter().filter_map(|row| {
                let cosine = row.cosines.get(stage)?;
                Some(Point { x: row.probes_per_example.mean, y: cosine.mean, sem: cosine.sem })
            });
            Curve::new(style(condition), condition.label.clone(), points.collect())
        };
        let probing = results.conditions.iter().filter(|c| c.probes()).map(curve);
        Cell {
            heading: format!("Stage {}", stage + 1),
            note: String::new(),
            curves: probing.filter(|curve| !curve.points.is_empty()).collect(),
        }
    };
    figure(
        "Agreement with backprop at the end of training",
        "Cosine of each stage’s error signals with backprop’s in the same network, per example, at the last step. Mean over seeds, \
         band or bar ± s.e.m."
            .to_owned(),
        (PROBES, "Cosine", Scale::UnitLog),
        (0..stages).map(cell).collect(),
    )
}
