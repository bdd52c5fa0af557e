//! Accuracy against the settings that a rule was run with: a curve over one number, cells over two.

use super::aggregate::{Group, final_accuracy};
use super::axis::{Axis, Writing};
use super::colors::Palette;
use super::figure::{Entry, Figure, Mark, Picture};
use super::heatmap::{Heatmap, Side};
use super::look::Style;
use super::measurements::Point;
use super::naming::{number, order};
use super::plot::{End, Line, Panel, Reference, Size};
use super::text::list;
use nmnc_core::statistics::{MeanSem, mean_sem};

/// Values from which a setting is swept and not only changed.
pub(super) const LEAST: usize = 3;
/// Least ratio of the ends of a logarithmic axis.
const WIDE: f64 = 8.0;
/// What is drawn.
const ACCURACY: &str = "Test accuracy (%)";

/// A figure for each setting that was swept alone, and for each two that were swept together.
pub fn figures(groups: &[Group<'_>], styles: &[Style]) -> Vec<Figure> {
    let mut rules: Vec<&str> = groups.iter().map(|group| group.rule).collect();
    rules.dedup();
    let swept: Vec<(&str, Vec<usize>)> = rules
        .iter()
        .map(|&rule| (rule, (0..groups.len()).filter(|at| groups[*at].rule == rule).collect::<Vec<_>>()))
        .filter(|(_, own)| own.len() >= LEAST)
        .collect();
    let keys = |own: &[usize]| groups[own[0]].differs.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let mut single: Vec<(String, Vec<&[usize]>)> = Vec::new();
    let mut out = Vec::new();
    for (_, own) in &swept {
        match &keys(own)[..] {
            [key] if own.iter().all(|at| number(&groups[*at].differs[0].1).is_some()) => {
                match single.iter_mut().find(|(other, _)| other == key) {
                    Some((_, rules)) => rules.push(own),
                    None => single.push((key.clone(), vec![own])),
                }
            }
            [_, _] => out.extend(cells(groups, own)),
            _ => {}
        }
    }
    let curves = single.iter().filter_map(|(key, rules)| curve(groups, styles, key, rules));
    curves.chain(out).collect()
}

pub(super) fn accuracy(group: &Group<'_>) -> Option<MeanSem> {
    mean_sem(group.complete.iter().filter_map(|run| final_accuracy(run)).map(|a| 100.0 * a))
}

/// The rule without its setting.
pub(super) fn rule(group: &Group<'_>) -> String {
    group.label.split(" (").next().unwrap_or(&group.label).to_owned()
}

fn curve(groups: &[Group<'_>], styles: &[Style], key: &str, rules: &[&[usize]]) -> Option<Figure> {
    let name = key.rsplit('.').next().unwrap_or(key);
    let lines: Vec<Line> = rules
        .iter()
        .map(|own| {
            let point = |at: &usize| {
                let (x, y) = (number(&groups[*at].differs[0].1)?, accuracy(&groups[*at])?);
                Some(Point { x, y: y.mean, sem: y.sem })
            };
            let mut points: Vec<Point> = own.iter().filter_map(point).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            Line { style: styles[own[0]], label: rule(&groups[own[0]]), points, end: End::Mean }
        })
        .filter(|line| line.points.len() >= LEAST)
        .collect();
    let alone = (0..groups.len()).filter(|at| groups[*at].differs.is_empty());
    let references: Vec<Reference> = alone.filter_map(|at| reference(&groups[at], styles[at])).collect();
    let names: Vec<String> = references.iter().map(|r| r.label.clone()).collect();
    let others = if names.is_empty() {
        String::new()
    } else {
        format!(" Across: {}, without this setting.", list(&names))
    };
    drawn(name, key, &others, lines, references)
}

/// The accuracy of a group, to be drawn across.
pub(super) fn reference(group: &Group<'_>, style: Style) -> Option<Reference> {
    let y = accuracy(group)?;
    Some(Reference { style: Some(style), label: group.label.clone(), y: y.mean, sem: y.sem, dotted: false })
}

/// Curves of accuracy over `name`, in full `long`, with `references` across that `others` tells of.
pub(super) fn drawn(
    name: &str,
    long: &str,
    others: &str,
    lines: Vec<Line>,
    references: Vec<Reference>,
) -> Option<Figure> {
    let points = || lines.iter().flat_map(|line| &line.points);
    points().next()?;
    let ends = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (low, high) = ends(&mut points().map(|p| p.x));
    let x = match low > 0.0 && high > WIDE * low {
        true => Axis::logarithmic(name, Writing::Count, low, high).tight(low, high),
        false => Axis::linear(name, Writing::Decimal, low, high, 7).tight(low, high),
    };
    let heights = points().map(|p| (p.y, p.sem)).chain(references.iter().map(|r| (r.y, r.sem)));
    let spread: Vec<(f64, f64)> = heights.map(|(y, sem)| (y, sem.unwrap_or(0.0))).collect();
    let (bottom, _) = ends(&mut spread.iter().map(|(y, sem)| y - sem));
    let (_, top) = ends(&mut spread.iter().map(|(y, sem)| y + sem));
    let y = Axis::linear(ACCURACY, Writing::Decimal, bottom, top, 7);
    let banded = points().any(|p| p.sem.is_some());
    let bands = if banded {
        ", mean ± s.e.m. over the seeds of each value"
    } else {
        "; one seed a value, hence no bands"
    };
    let caption = format!("Test accuracy at the end of training against {long}{bands}.{others}");
    let legend = lines.iter().map(|line| Entry::new(line.style, Mark::Mean, line.label.clone()));
    let legend: Vec<Entry> = legend
        .chain(references.iter().filter_map(|r| Some(Entry::new(r.style?, Mark::Line, r.label.clone()))))
        .collect();
    let title = format!("Accuracy against {name}");
    Some(Figure::new(
        title.clone(),
        caption,
        legend,
        [Panel::new(Size::Wide, title, x, y, lines, references)],
    ))
}

fn cells(groups: &[Group<'_>], own: &[usize]) -> Option<Figure> {
    let side = |at: usize| {
        let mut values: Vec<&str> = own.iter().map(|group| groups[*group].differs[at].1.as_str()).collect();
        values.sort_by(|a, b| order(a, b));
        values.dedup();
        values
    };
    let (rows, columns) = (side(0), side(1));
    if rows.len() < 2 || columns.len() < 2 || rows.len() * columns.len() < LEAST + 1 {
        return None;
    }
    let value = |row: &str, column: &str| {
        let found =
            own.iter().find(|at| groups[**at].differs[0].1 == row && groups[**at].differs[1].1 == column);
        found.and_then(|at| accuracy(&groups[*at])).map_or(f64::NAN, |found| found.mean)
    };
    let values: Vec<f64> =
        rows.iter().flat_map(|row| columns.iter().map(|column| value(row, column))).collect();
    // Settings of which one excludes the other leave a map empty.
    if 2 * values.iter().filter(|value| value.is_finite()).count() < values.len() {
        return None;
    }
    let range = Heatmap::span([values.as_slice()])?;
    let keys: Vec<&str> = groups[own[0]].differs.iter().map(|(key, _)| key.as_str()).collect();
    let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let rule = rule(&groups[own[0]]);
    let title = format!("Accuracy of {rule} against {} and {}", last(keys[0]), last(keys[1]));
    let map = Heatmap {
        size: Size::Wide,
        heading: None,
        title: title.clone(),
        row_name: last(keys[0]),
        column_name: last(keys[1]),
        rows: Side::Names(rows.iter().map(|row| (*row).to_owned()).collect()),
        columns: Side::Names(columns.iter().map(|column| (*column).to_owned()).collect()),
        values,
        label: ACCURACY.to_owned(),
        range,
        palette: Palette::Sequential,
    };
    let gray =
        if map.values.iter().all(|v| v.is_finite()) { "" } else { " Gray: not run, or not to its end." };
    let caption = format!(
        "Test accuracy at the end of training, mean over the seeds of each cell, against {} (rows) and {} (columns).{gray}",
        keys[0], keys[1]
    );
    let pictures: Vec<Box<dyn Picture>> = vec![Box::new(map)];
    Some(Figure { title, caption, legend: Vec::new(), pictures, columns: Some(1) })
}
