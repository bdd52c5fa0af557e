//! One panel a sign, one curve a rule, against the number of trials.

use super::signs::SIGNS;
use super::{Hypothesis, SESSIONS};
use nmnc_report::Measurements;
use nmnc_report::axis::{Axis, Writing};
use nmnc_report::figure::{Entry, Figure, Mark};
use nmnc_report::look::Style;
use nmnc_report::measurements::Seeds;
use nmnc_report::plot::{End, Line, Panel, Size};

pub(super) fn figures(hypotheses: &[&Hypothesis], table: &Measurements) -> Vec<Figure> {
    let panels: Vec<Panel> = SIGNS
        .iter()
        .filter_map(|sign| {
            let line = |hypothesis: &&Hypothesis| Line {
                style: Style(hypothesis.look()),
                label: hypothesis.label.clone(),
                points: table.curve(&hypothesis.name, SESSIONS, None, sign.name, Seeds::Any),
                end: End::Mean,
            };
            let lines: Vec<Line> =
                hypotheses.iter().map(line).filter(|line| !line.points.is_empty()).collect();
            let points = || lines.iter().flat_map(|line| &line.points);
            let span = |of: fn(&nmnc_report::measurements::Point) -> f64| {
                points().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)))
            };
            points().next()?;
            let ((left, right), (low, high)) = (span(|p| p.x), span(|p| p.y));
            let x =
                Axis::logarithmic("Trials of each condition", Writing::Count, left, right.max(2.0 * left))
                    .tight(left, right.max(2.0 * left));
            let y = Axis::linear(sign.label, Writing::Decimal, low.min(0.0), high.max(0.0), 6);
            let mut panel = Panel::new(Size::Narrow, sign.label.to_owned(), x, y, lines, Vec::new());
            panel.label_ends = false;
            Some(panel)
        })
        .collect();
    let legend =
        hypotheses.iter().map(|h| Entry::new(Style(h.look()), Mark::Mean, h.label.clone())).collect();
    let caption = "Mean over seeds, band ± s.e.m. What each is stands below the table of signs.";
    (!panels.is_empty())
        .then(|| Figure::new("What sessions show, by the number of trials", caption, legend, panels))
        .into_iter()
        .collect()
}
