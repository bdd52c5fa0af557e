//! Figures of one panel a stage (or another part), with common axes.

use super::axis::{Axis, Writing};
use super::figure::{Entry, Figure, Mark};
use super::look::Style;
use super::many::MOST_CURVES;
use super::measurements::Point;
use super::plot::{End, Line, Panel, Size};

/// One curve: its look, its name, and its points.
pub struct Curve {
    /// Look.
    pub style: Style,
    /// Name.
    pub label: String,
    /// Points, by rising abscissa.
    pub points: Vec<Point>,
    /// Whether it is a line through other points: thin, without markers.
    pub fit: bool,
}

impl Curve {
    /// A curve with markers.
    pub fn new(style: Style, label: impl Into<String>, points: Vec<Point>) -> Self {
        Self { style, label: label.into(), points, fit: false }
    }
}

/// A panel: its heading, a note beside it, its curves.
pub struct Cell {
    /// Heading.
    pub heading: String,
    /// A note beside the heading.
    pub note: String,
    /// Curves.
    pub curves: Vec<Curve>,
}

/// How axes are scaled.
#[derive(Clone, Copy, PartialEq)]
pub enum Scale {
    /// From 0 (or below, where values are) against a logarithmic axis.
    UnitLog,
    /// Both axes logarithmic.
    LogLog,
    /// From 0 to 90 degrees against a logarithmic axis.
    Degrees,
    /// From 0 (or below) against a linear axis.
    Linear,
    /// A plane: both linear, neither bound to 0.
    Plane,
}

/// The figure; none without points.
pub fn figure(
    title: &str,
    caption: String,
    (x_label, y_label, scale): (&str, &str, Scale),
    cells: Vec<Cell>,
) -> Option<Figure> {
    let drawn: Vec<Cell> = cells.into_iter().filter(|cell| !cell.curves.is_empty()).collect();
    let (drawn, caption) = match crowded(&drawn) {
        true => (turned(drawn), format!("{caption} A panel for each curve: they are too many for one.")),
        false => (drawn, caption),
    };
    let points = || drawn.iter().flat_map(|d| &d.curves).flat_map(|c| &c.points);
    points().next()?;
    let (low_x, high_x) = span(points().map(|p| p.x));
    let (low_y, high_y) = span(points().map(|p| p.y));
    let x = match scale {
        Scale::Degrees => Axis::linear(x_label, Writing::Count, low_x, high_x.max(low_x + 1.0), 6),
        Scale::Linear => {
            Axis::linear(x_label, Writing::Decimal, low_x, high_x.max(low_x + 1.0), 6).tight(low_x, high_x)
        }
        Scale::Plane => Axis::linear(x_label, Writing::Decimal, low_x, high_x, 6),
        _ => {
            let high_x = high_x.max(2.0 * low_x);
            Axis::logarithmic(x_label, Writing::Count, low_x, high_x).tight(low_x, high_x)
        }
    };
    let y = match scale {
        Scale::Plane => Axis::linear(y_label, Writing::Decimal, low_y, high_y, 6),
        Scale::UnitLog | Scale::Linear => Axis::linear(y_label, Writing::Decimal, low_y.min(0.0), high_y, 6),
        // Components of rounding error would stretch the axis over many empty decades.
        Scale::LogLog => {
            let writing = if high_y >= 1e4 { Writing::Count } else { Writing::Decimal };
            Axis::logarithmic(y_label, writing, low_y.max(1e-7 * high_y), high_y)
        }
        Scale::Degrees => Axis::linear(y_label, Writing::Decimal, 0.0, 90.0, 6),
    };
    let mut legend: Vec<Entry> = Vec::new();
    for curve in drawn.iter().flat_map(|d| &d.curves).filter(|c| !c.label.is_empty()) {
        if !legend.iter().any(|e| e.label == curve.label) {
            let label = curve.label.clone();
            let mark = if curve.fit { Mark::Line } else { Mark::Mean };
            legend.push(Entry::new(curve.style, mark, label));
        }
    }
    let size = if matches!(drawn.len(), 1 | 2 | 4) { Size::Wide } else { Size::Narrow };
    let panels = drawn.into_iter().map(|cell| {
        let lines = cell.curves.into_iter().map(|curve| Line {
            style: curve.style,
            label: curve.label,
            points: curve.points.into_iter().filter(|p| scale != Scale::LogLog || p.y >= y.low()).collect(),
            end: if curve.fit { End::Fit } else { End::Mean },
        });
        let name = format!("{title}, {}", cell.heading);
        let mut panel = Panel::new(size, name, x.clone(), y.clone(), lines.collect(), Vec::new());
        panel.heading = Some((cell.heading, cell.note));
        // The legend names the curves: there are too many for labels at their ends.
        panel.label_ends = false;
        panel
    });
    Some(Figure::new(title, caption, legend, panels))
}

/// Whether a panel has more curves than an eye can follow, and another arrangement fewer.
fn crowded(cells: &[Cell]) -> bool {
    let most = cells.iter().map(|cell| cell.curves.len()).max().unwrap_or(0);
    let fits = cells.iter().flat_map(|cell| &cell.curves).any(|curve| curve.fit || curve.label.is_empty());
    most > MOST_CURVES && cells.len() <= MOST_CURVES && !fits
}

/// A cell for each curve, and in it a curve for each cell.
fn turned(cells: Vec<Cell>) -> Vec<Cell> {
    let mut out: Vec<Cell> = Vec::new();
    for (at, cell) in cells.into_iter().enumerate() {
        for curve in cell.curves {
            // The looks of rules say nothing of cells; the first after backprop's do.
            let own =
                Curve { style: Style(at + 1), label: cell.heading.clone(), points: curve.points, fit: false };
            match out.iter_mut().find(|other| other.heading == curve.label) {
                Some(other) => other.curves.push(own),
                None => out.push(Cell { heading: curve.label, note: String::new(), curves: vec![own] }),
            }
        }
    }
    out
}

fn span(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_curves_have_a_panel_each() {
        let cell = |number: usize, curves: usize| Cell {
            heading: format!("Stage {number}"),
            note: String::new(),
            curves: (0..curves)
                .map(|i| {
                    let point = |x| Point { x, y: i as f64, sem: None };
                    Curve::new(Style(i), format!("rule {i}"), vec![point(1.0), point(10.0)])
                })
                .collect(),
        };
        let labels = ("Probes", "Cosine", Scale::UnitLog);
        let few = figure("t", "c.".into(), labels, vec![cell(1, 8), cell(2, 8)]).unwrap();
        assert_eq!((few.pictures.len(), few.legend.len(), few.caption.as_str()), (2, 8, "c."));
        let many = figure("t", "c.".into(), labels, vec![cell(1, 9), cell(2, 9)]).unwrap();
        assert_eq!((many.pictures.len(), many.legend.len()), (9, 2));
        assert!(many.caption.contains("A panel for each curve"));
        assert!(many.pictures[8].svg(1).contains("rule 8"));
    }
}
