//! One panel of a figure as SVG.
//!
//! Coordinates are user units of the view box; the style sheet scales the panel and, on narrow screens, enlarges its
//! text, so all room for text is reckoned at the larger size.

use std::fmt::Write as _;

use super::axis::Axis;
use super::dots::Dot;
use super::figure::Picture;
use super::frame::{Frame, text_width};
use super::labels::{Label, Placed, place};
use super::look::Style;
use super::measurements::Point;
use super::text::{brief, escape, shortened, significant, spread};

/// Characters of a heading that are drawn.
const LONGEST: usize = 60;
/// Points of a line whose values a pointer is shown.
const MOST_VALUES: usize = 30;

/// Size of a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Two side by side fill a page.
    Wide,
    /// Three side by side fill a page.
    Narrow,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A mean over complete runs.
    Mean,
    /// A single run that diverged.
    Diverged,
    /// A single run that has not ended.
    Unfinished,
    /// No run: a line through the points of another, or a law.
    Fit,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its look.
    pub style: Style,
    /// The text at its end and in tooltips.
    pub label: String,
    /// Its points in order of x.
    pub points: Vec<Point>,
    /// Whether it is a mean or a single run, and how that ended.
    pub end: End,
}

/// A horizontal line.
#[derive(Clone, Debug)]
pub struct Reference {
    /// The look of the rule it belongs to; none for a neutral line.
    pub style: Option<Style>,
    /// The text at its right end.
    pub label: String,
    /// Its height.
    pub y: f64,
    /// Half the height of its band.
    pub sem: Option<f64>,
    /// Whether it is a landmark, dotted, and not a rule's result, dashed as the rule is.
    pub dotted: bool,
}

/// A panel ready to be drawn.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Size on the page.
    pub size: Size,
    /// Title, drawn if the panel is one of several of its kind, and a note beside it.
    pub heading: Option<(String, String)>,
    /// Title for readers who cannot see the panel.
    pub title: String,
    /// What the panel shows, in words.
    pub description: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Curves.
    pub lines: Vec<Line>,
    /// Horizontal lines.
    pub references: Vec<Reference>,
    /// Points with intervals.
    pub dots: Vec<Dot>,
    /// Whether lines have their names at their ends; where there are too many, the legend has them.
    pub label_ends: bool,
}

impl Panel {
    /// A panel with its description in words.
    pub fn new(
        size: Size,
        title: String,
        x: Axis,
        y: Axis,
        lines: Vec<Line>,
        references: Vec<Reference>,
    ) -> Self {
        let mut parts = vec![format!("{} from {} to {}", x.label, text(&x, true), text(&x, false))];
        for line in &lines {
            let (Some(first), Some(last)) = (line.points.first(), line.points.last()) else { continue };
            let status = match line.end {
                End::Mean | End::Fit => "",
                End::Diverged => " (diverged)",
                End::Unfinished => " (unfinished)",
            };
            parts.push(format!(
                "{}{status} goes from {} to {}",
                line.label,
                significant(first.y, 3),
                significant(last.y, 3)
            ));
        }
        for reference in references.iter().filter(|r| !r.label.is_empty()) {
            parts.push(format!("horizontal line for {} at {}", reference.label, significant(reference.y, 3)));
        }
        let description = format!("{}.", parts.join("; "));
        let dots = Vec::new();
        Self { size, heading: None, title, description, x, y, lines, references, dots, label_ends: true }
    }
}

fn text(axis: &Axis, first: bool) -> String {
    let tick = if first { axis.ticks.first() } else { axis.ticks.last() };
    tick.map_or_else(String::new, |&t| axis.text(t))
}

impl Picture for Panel {
    fn svg(&self, id: usize) -> String {
        let (width, height) = match self.size {
            Size::Wide => (480.0, 300.0),
            Size::Narrow => (320.0, 236.0),
        };
        let labels = self.edge_labels();
        let widest = labels.iter().map(|l| text_width(&l.text)).fold(0.0, f64::max);
        let frame = Frame {
            left: 54.0,
            right: width - if widest > 0.0 { widest + 22.0 } else { 16.0 },
            top: if self.heading.is_some() { 52.0 } else { 34.0 },
            bottom: height - 50.0,
        };
        let mut out = String::new();
        let class = if self.size == Size::Wide { "wide" } else { "narrow" };
        let _ = write!(
            out,
            "<svg class=\"plot {class}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"t{id} d{id}\"><title id=\"t{id}\">{}</title><desc id=\"d{id}\">{}</desc>",
            escape(&self.title),
            escape(&self.description)
        );
        self.draw_axes(&mut out, frame, height);
        for reference in &self.references {
            self.draw_reference(&mut out, frame, reference);
        }
        for line in &self.lines {
            self.draw_band(&mut out, frame, line);
        }
        for (index, line) in self.lines.iter().enumerate() {
            self.draw_line(&mut out, frame, line, index);
        }
        let lines: Vec<Vec<(f64, f64)>> = self.lines.iter().map(|l| self.trace(frame, &l.points)).collect();
        let inner = self.inner_labels(frame);
        let levels: Vec<f64> = self.references.iter().map(|r| self.at(frame, 0.0, r.y).1).collect();
        // Above all lines, so that none hides a value from the pointer.
        for line in &self.lines {
            self.draw_values(&mut out, frame, line);
        }
        out.extend(self.dots.iter().map(|dot| dot.svg(|x, y| self.at(frame, x, y))));
        for label in place(frame, labels, inner, &lines, &levels, |y| self.at(frame, 0.0, y).1) {
            draw_label(&mut out, &label);
        }
        out.push_str("</svg>");
        out
    }
}

impl Panel {
    /// User units of a point.
    fn at(&self, frame: Frame, x: f64, y: f64) -> (f64, f64) {
        // A curve may begin or end outside, but no further than a reader could follow it.
        (
            frame.left + self.x.fraction(x).clamp(-1.0, 2.0) * (frame.right - frame.left),
            frame.bottom - self.y.fraction(y).clamp(0.0, 1.0) * (frame.bottom - frame.top),
        )
    }

    fn trace(&self, frame: Frame, points: &[Point]) -> Vec<(f64, f64)> {
        points.iter().map(|p| self.at(frame, p.x, p.y)).collect()
    }

    /// A diverging run up to where it leaves the axis, which it would otherwise follow along its edge.
    fn cut(&self, points: &[Point]) -> Vec<Point> {
        let outside = |p: &Point| !(0.0..=1.0).contains(&self.y.fraction(p.y));
        let Some(first) = points.iter().position(outside) else { return points.to_vec() };
        let mut inside = points[..first].to_vec();
        if let Some(last) = inside.last().copied() {
            let next = points[first];
            let (from, to) = (self.y.fraction(last.y), self.y.fraction(next.y));
            let edge = if to > 1.0 { 1.0 } else { 0.0 };
            let share = (edge - from) / (to - from);
            // The height is clamped to the edge when drawn.
            inside.push(Point { x: last.x + share * (next.x - last.x), ..next });
        } else {
            inside.push(points[first]);
        }
        inside
    }

    /// Whether a line reaches the right edge, where its label then goes.
    fn reaches_edge(&self, line: &Line) -> bool {
        line.points.last().is_some_and(|p| self.x.fraction(p.x) > 0.93)
    }

    fn edge_labels(&self) -> Vec<Label> {
        // Wider labels would leave no room for the curves; the legend has them all. Labelling some curves only would
        // make a reader look for the others.
        let most = if self.size == Size::Wide { 140.0 } else { 75.0 };
        let narrow = self.lines.iter().all(|l| l.end != End::Mean || text_width(&l.label) <= most);
        let lines = self.lines.iter().filter(|l| narrow && l.end == End::Mean && self.reaches_edge(l));
        // Curves that only the legend names have no label to lead to.
        let lines = lines.filter(|l| self.label_ends && !l.label.is_empty());
        let lines = lines.filter_map(|l| {
            let end = l.points.last()?;
            let x = self.x.fraction(end.x);
            Some(Label { text: l.label.clone(), style: Some(l.style), x, y: end.y })
        });
        let references = self.references.iter().filter(|r| !r.label.is_empty());
        let references = references.map(|r| Label { text: r.label.clone(), style: r.style, x: 1.0, y: r.y });
        lines.chain(references.filter(|l| text_width(&l.text) <= most)).collect()
    }

    fn inner_labels(&self, frame: Frame) -> Vec<(Label, (f64, f64))> {
        let named = |l: &&Line| self.label_ends && l.end == End::Mean && !l.label.is_empty();
        let short = self.lines.iter().filter(named).filter(|l| !self.reaches_edge(l));
        short
            .filter_map(|l| {
                let end = l.points.last()?;
                let label = Label { text: l.label.clone(), style: Some(l.style), x: end.x, y: end.y };
                Some((label, self.at(frame, end.x, end.y)))
            })
            .collect()
    }

    fn draw_axes(&self, out: &mut String, frame: Frame, height: f64) {
        let Frame { left, right, top, bottom } = frame;
        if let Some((heading, note)) = &self.heading {
            let _ = write!(
                out,
                "<text class=\"heading\" x=\"4\" y=\"16\">{} <tspan class=\"note\">{}</tspan></text>",
                escape(&shortened(heading, LONGEST)),
                escape(&shortened(note, LONGEST))
            );
        }
        let _ = write!(
            out,
            "<text class=\"name\" x=\"4\" y=\"{:.0}\">{}</text>",
            top - 17.0,
            escape(&self.y.label)
        );
        for &tick in &self.y.ticks {
            let (_, y) = self.at(frame, self.x.low(), tick);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{left}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick end\" x=\"{}\" y=\"{:.1}\">{}</text>",
                left - 8.0,
                y + 4.5,
                self.y.text(tick)
            );
        }
        let texts: Vec<String> = self.x.ticks.iter().map(|&t| self.x.text(t)).collect();
        let needed: f64 = texts.iter().map(|t| text_width(t) + 10.0).sum();
        let every = (needed / (right - left)).ceil().max(1.0) as usize;
        for (i, (&tick, text)) in self.x.ticks.iter().zip(&texts).enumerate() {
            let (x, _) = self.at(frame, tick, 0.0);
            let _ = write!(
                out,
                "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{bottom}\" y2=\"{}\"/>",
                bottom + 5.0
            );
            if i % every == 0 {
                let _ = write!(
                    out,
                    "<text class=\"tick middle\" x=\"{x:.1}\" y=\"{}\">{text}</text>",
                    bottom + 20.0
                );
            }
        }
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{left}\" x2=\"{right:.1}\" y1=\"{bottom}\" y2=\"{bottom}\"/>\
             <text class=\"name middle\" x=\"{:.1}\" y=\"{}\">{}</text>",
            (left + right) / 2.0,
            height - 8.0,
            escape(&self.x.label)
        );
    }

    fn draw_reference(&self, out: &mut String, frame: Frame, reference: &Reference) {
        let Frame { left, right, .. } = frame;
        let (_, y) = self.at(frame, 0.0, reference.y);
        let class = reference.style.map_or("neutral".to_owned(), Style::class);
        if let Some(sem) = reference.sem.filter(|s| *s > 0.0) {
            let (_, upper) = self.at(frame, 0.0, reference.y + sem);
            let (_, lower) = self.at(frame, 0.0, reference.y - sem);
            let _ = write!(
                out,
                "<rect class=\"band {class}\" x=\"{left}\" y=\"{upper:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                right - left,
                lower - upper
            );
        }
        let dash = reference.style.filter(|_| !reference.dotted).map_or("2 4", Style::dash);
        let _ = write!(
            out,
            "<line class=\"reference {class}\" x1=\"{left}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" \
             stroke-dasharray=\"{dash}\"/>"
        );
    }

    fn draw_band(&self, out: &mut String, frame: Frame, line: &Line) {
        if line.end != End::Mean || line.points.len() < 2 || line.points.iter().any(|p| p.sem.is_none()) {
            return;
        }
        let points = thin(&line.points);
        let edge = |sign: f64| {
            points
                .iter()
                .map(move |p| self.at(frame, p.x, p.y + sign * p.sem.unwrap_or(0.0)))
                .collect::<Vec<_>>()
        };
        let mut outline = edge(1.0);
        outline.extend(edge(-1.0).into_iter().rev());
        let _ = write!(out, "<path class=\"band {}\" d=\"{}Z\"/>", line.style.class(), path(&outline));
    }

    /// What a pointer that rests on a line is shown: its name and its values there, of a long line at some places.
    fn draw_values(&self, out: &mut String, frame: Frame, line: &Line) {
        let points = if line.end == End::Diverged { self.cut(&line.points) } else { line.points.clone() };
        if points.is_empty() || line.end == End::Fit {
            return;
        }
        let name = escape(&shortened(&line.label, LONGEST));
        let (x_name, y_name) =
            (escape(&shortened(&self.x.label, LONGEST)), escape(&shortened(&self.y.label, LONGEST)));
        out.push_str("<g class=\"values\">");
        for at in spread(points.len(), MOST_VALUES) {
            let point = points[at];
            let (x, y) = self.at(frame, point.x, point.y);
            let error = point.sem.map_or_else(String::new, |sem| format!(" ± {}", significant(sem, 2)));
            let _ = write!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"7\"><title>{name}\n{x_name}: {}\n{y_name}: {}{error}</title></circle>",
                brief(point.x),
                brief(point.y)
            );
        }
        out.push_str("</g>");
    }

    fn draw_line(&self, out: &mut String, frame: Frame, line: &Line, index: usize) {
        let points = if line.end == End::Diverged { self.cut(&line.points) } else { line.points.clone() };
        let trace = self.trace(frame, &thin(&points));
        let Some(&(x, y)) = trace.last() else { return };
        let class = line.style.class();
        if line.end != End::Mean {
            let _ = write!(out, "<g class=\"single {class}\"><path class=\"line\" d=\"{}\"/>", path(&trace));
            let _ = match line.end {
                End::Fit => Ok(()),
                End::Diverged => write!(
                    out,
                    "<path class=\"line cross\" d=\"M{:.1} {:.1}l9 9m0 -9l-9 9\"/>",
                    x - 4.5,
                    y - 4.5
                ),
                _ => write!(out, "<circle class=\"open\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"),
            };
            out.push_str("</g>");
            return;
        }
        let dash = line.style.dash();
        let _ = write!(
            out,
            "<g class=\"{class}\"><path class=\"line\" stroke-dasharray=\"{dash}\" d=\"{}\"/>",
            path(&trace)
        );
        if let ([point], [(x, _)]) = (&points[..], &trace[..])
            && let Some(sem) = point.sem.filter(|sem| *sem > 0.0)
        {
            // A single point has no band.
            let [(_, upper), (_, lower)] = [sem, -sem].map(|by| self.at(frame, point.x, point.y + by));
            let _ = write!(out, "<path class=\"line error\" d=\"M{x:.1} {upper:.1}V{lower:.1}\"/>");
        }
        // A few markers a line, at places that differ from line to line so that they do not hide each other.
        let gap = (trace.len() / 5).max(1);
        let first = (index * gap / self.lines.len().max(1)).min(trace.len() - 1);
        for &(x, y) in trace[first..].iter().step_by(gap) {
            out.push_str(&line.style.marker(x, y));
        }
        out.push_str("</g>");
    }
}

fn draw_label(out: &mut String, label: &Placed) {
    let class = label.style.map_or("neutral".to_owned(), Style::class);
    if let Some((x1, y1, x2, y2)) = label.leader {
        let _ = write!(
            out,
            "<line class=\"leader {class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }
    let anchor = if label.end { " end" } else { "" };
    let _ = write!(
        out,
        "<text class=\"label{anchor} {class}\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        label.x,
        label.y + 4.5,
        escape(&label.text)
    );
}

fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::with_capacity(points.len() * 12);
    for (i, (x, y)) in points.iter().enumerate() {
        let _ = write!(out, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
    }
    out
}

/// At most about 600 points: of each stretch the lowest and the highest, so that no excursion is lost.
fn thin(points: &[Point]) -> Vec<Point> {
    const MOST: usize = 600;
    if points.len() <= MOST {
        return points.to_vec();
    }
    let mut out = vec![points[0]];
    for stretch in points[1..points.len() - 1].chunks(points.len().div_ceil(MOST / 2)) {
        let by_height = |a: &&Point, b: &&Point| a.y.total_cmp(&b.y);
        let mut pair =
            [stretch.iter().min_by(by_height), stretch.iter().max_by(by_height)].map(Option::unwrap);
        pair.sort_by(|a, b| a.x.total_cmp(&b.x));
        out.extend(pair.into_iter().copied());
    }
    out.push(points[points.len() - 1]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_curves_of_many_points_keep_their_extremes() {
        let point =
            |i: usize| Point { x: i as f64, y: if i == 7_777 { 9.0 } else { (i % 2) as f64 }, sem: None };
        let points: Vec<Point> = (0..20_000).map(point).collect();
        let thinned = thin(&points);
        assert!(thinned.len() <= 610 && thinned.iter().any(|p| p.y == 9.0));
        assert!(thinned.windows(2).all(|w| w[0].x <= w[1].x));
    }
}
