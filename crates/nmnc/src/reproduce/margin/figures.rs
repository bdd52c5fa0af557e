//! Figures of the experiment: where Jacobians lie, by what is varied; and NMNC's gain against what foretells it.

use super::predictors::Predictor;
use super::rows::{Found, Row, STAGES};
use nmnc_report::axis::{Axis, Writing};
use nmnc_report::dots::Dot;
use nmnc_report::figure::{Entry, Figure, Mark};
use nmnc_report::grid::{Cell, Curve, Scale, figure};
use nmnc_report::look::Style;
use nmnc_report::measurements::{Point, Seeds};
use nmnc_report::plot::{Panel, Reference, Size};
use nmnc_report::text::{fixed, with_half};

/// The look of the first network, which all others differ from, in every panel.
const FIRST: Style = Style(0);

pub(super) fn figures(found: &Found<'_>, predictors: &[Predictor]) -> Vec<Figure> {
    let margins = figure(
        "Energy of the mean Jacobian on the manifold, by what is varied",
        "α − d/n, captured energy less that of a random subspace, of networks that backprop trained. Mean over seeds, band ± s.e.m. The \
         first network is in every panel."
            .to_owned(),
        ("Depth (first stage 0, last 1)", "Margin α − d/n", Scale::Linear),
        varied(found).into_iter().skip(1).map(|name| cell(found, name)).collect(),
    );
    [scatter(found, predictors), margins].into_iter().flatten().collect()
}

/// What is varied, in the order of the networks; the first network's comes first.
fn varied<'a>(found: &'a Found<'_>) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for row in &found.rows {
        if !out.contains(&row.varied.as_str()) {
            out.push(&row.varied);
        }
    }
    out
}

/// The networks that differ in one thing, and the first.
fn cell(found: &Found<'_>, varied: &str) -> Cell {
    let points = |row: &Row| {
        let points = found.table.curve(&row.network, STAGES, None, "margin", Seeds::Any);
        let deepest = row.units.len().saturating_sub(1).max(1) as f64;
        points.into_iter().map(|point| Point { x: (point.x - 1.0) / deepest, ..point }).collect()
    };
    let first = found.rows.first().filter(|row| row.varied != varied);
    let first = first.map(|row| Curve::new(FIRST, row.label.as_str(), points(row)));
    let others = found.rows.iter().enumerate().filter(|(_, row)| row.varied == varied);
    let others = others.map(|(at, row)| Curve::new(Style(at), row.label.as_str(), points(row)));
    let (heading, note) = (capital(varied), String::new());
    Cell { heading, note, curves: first.into_iter().chain(others).filter(|c| !c.points.is_empty()).collect() }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A panel for each predictor: a point for each network.
fn scatter(found: &Found<'_>, predictors: &[Predictor]) -> Option<Figure> {
    let kinds = varied(found);
    let style = |row: &Row| Style(kinds.iter().position(|kind| *kind == row.varied).unwrap_or(0));
    let ends = |(at, _, gain): &(usize, f64, f64)| {
        let half = found.rows[*at].gain.and_then(|gain| gain.half).unwrap_or(0.0);
        [gain - half, gain + half]
    };
    let heights: Vec<f64> = predictors.iter().flat_map(|p| &p.networks).flat_map(ends).collect();
    let span = |values: &[f64]| {
        values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)))
    };
    let (low, high) = span(&heights);
    let y = Axis::linear("NMNC less VNC (points)", Writing::Decimal, low.min(0.0), high.max(0.0), 6);
    let drawn: Vec<&Predictor> = predictors.iter().filter(|p| p.networks.len() > 1).collect();
    let panels = drawn.iter().map(|predictor| {
        let across: Vec<f64> = predictor.networks.iter().map(|(_, x, _)| *x).collect();
        let (low, high) = span(&across);
        let room = 0.05 * (high - low).max(1e-6);
        let x = Axis::linear(predictor.label, Writing::Decimal, low - room, high + room, 6)
            .tight(low - room, high + room);
        let zero = Reference { style: None, label: String::new(), y: 0.0, sem: None, dotted: true };
        let title = format!("NMNC less VNC against {}", predictor.label);
        let size = if matches!(drawn.len(), 1 | 2 | 4) { Size::Wide } else { Size::Narrow };
        let mut panel = Panel::new(size, title, x, y.clone(), Vec::new(), vec![zero]);
        panel.dots = predictor
            .networks
            .iter()
            .map(|network| {
                let (at, x, gain) = *network;
                let row = &found.rows[at];
                let title = format!("{}\n{}\n{}", row.label, fixed(x, 3), with_half(row.gain, 1));
                Dot { style: style(row), x, y: gain, interval: ends(network), title }
            })
            .collect();
        panel.description += &format!(" NMNC less VNC in {} networks.", panel.dots.len());
        if let (Some(rho), Some((low, high))) = (predictor.spearman, predictor.interval) {
            let note = format!("ρ = {} [{}, {}]", fixed(rho, 2), fixed(low, 2), fixed(high, 2));
            panel.heading = Some((capital(predictor.name), note));
        }
        panel
    });
    let panels: Vec<Panel> = panels.collect();
    let legend = kinds.iter().enumerate().map(|(at, kind)| {
        let label = if at == 0 { found.rows[0].label.clone() } else { (*kind).to_owned() };
        Entry::new(Style(at), Mark::Point, label)
    });
    (!panels.is_empty()).then(|| {
        Figure::new(
            "What NMNC gains on VNC, against what foretells it",
            "A point is a network, with the 95 % interval over seeds; a pointer that rests on it is shown its name. α and the law are of the \
             network that backprop trained, the law at the probes that feedback remembers; the cosines are those of the rules’ own runs at \
             their end. ρ is Spearman’s, over networks, with its interval by drawing networks anew.",
            legend.collect(),
            panels,
        )
    })
}
