//! Matrices as pictures: every entry a cell of a color, with the scale beside it.
//!
//! Cells of one color are one path, so that a matrix of a hundred rows adds about a hundred kilobytes to a page.

use std::fmt::Write as _;

use super::axis::{Axis, Writing};
use super::colors::{LEVELS, Palette};
use super::figure::Picture;
use super::frame;
use super::plot::Size;
use super::text::{NONE, brief, escape, fixed, shortened, significant};

/// The largest cell, and the smallest that can hold a number.
const LARGEST: (f64, f64) = (76.0, 40.0);
/// Rows from which they are lower, and how high they are then at most.
const MANY_ROWS: (f64, f64) = (9.0, 26.0);
const WRITTEN: (f64, f64) = (44.0, 22.0);
/// Slopes in degrees of column labels: as wide as their columns, wider, and wider with columns that are narrow.
const SLOPES: [f64; 3] = [0.0, 40.0, 90.0];
/// Least distance of lines of text, and least height of the scale.
const LINE: f64 = 14.0;
const LEAST_SCALE: f64 = 84.0;
/// Cells of which each says its value to a pointer by itself; those of larger pictures are read by the page's script.
const SAYING: usize = 600;
/// Characters of a label that are drawn.
const LONGEST: usize = 40;
/// The largest end of a scale: the span of larger ones would not be a number.
const FARTHEST: f64 = 1e300;

/// What stands along one side of a matrix.
#[derive(Clone, Debug)]
pub enum Side {
    /// A label for each row (or column).
    Names(Vec<String>),
    /// Labels of runs of adjacent rows, with how many each has; lines part the runs.
    Groups(Vec<(String, usize)>),
}

impl Side {
    fn len(&self) -> usize {
        match self {
            Self::Names(names) => names.len(),
            Self::Groups(groups) => groups.iter().map(|(_, count)| count).sum(),
        }
    }

    /// Each label with the first place it stands for, and the place after its last.
    fn spans(&self) -> Vec<(String, usize, usize)> {
        let shown = |label: &String| shortened(label, LONGEST);
        match self {
            Self::Names(names) => names.iter().enumerate().map(|(i, n)| (shown(n), i, i + 1)).collect(),
            Self::Groups(groups) => {
                let ends = groups.iter().scan(0, |end, (_, count)| {
                    *end += count;
                    Some(*end)
                });
                groups
                    .iter()
                    .zip(ends)
                    .map(|((label, count), end)| (shown(label), end - count, end))
                    .collect()
            }
        }
    }

    fn widest(&self) -> f64 {
        self.spans().iter().map(|(label, ..)| text_width(label)).fold(0.0, f64::max)
    }

    fn grouped(&self) -> bool {
        matches!(self, Self::Groups(_))
    }
}

/// A matrix ready to be drawn.
#[derive(Clone, Debug)]
pub struct Heatmap {
    /// Size on the page.
    pub size: Size,
    /// Title, drawn if the picture is one of several of its kind, and a note beside it.
    pub heading: Option<(String, String)>,
    /// Title for readers who cannot see the picture.
    pub title: String,
    /// What the rows are; empty if their labels say it.
    pub row_name: String,
    /// What the columns are; empty if their labels say it.
    pub column_name: String,
    /// Labels of the rows.
    pub rows: Side,
    /// Labels of the columns.
    pub columns: Side,
    /// Row-major entries; what is not finite is drawn as missing.
    pub values: Vec<f64>,
    /// What the entries are, with their unit.
    pub label: String,
    /// Entries at the ends of the scale; those beyond get the color of the end.
    pub range: (f64, f64),
    /// The colors.
    pub palette: Palette,
}

/// Where things are, in user units.
struct Layout {
    width: f64,
    height: f64,
    left: f64,
    top: f64,
    cell: (f64, f64),
    slope: f64,
    bar: f64,
    /// Where the name of the scale ends.
    label_end: f64,
}

/// Width of a text in user units, as it is on phones.
fn text_width(text: &str) -> f64 {
    // Labels are not bold.
    0.82 * frame::text_width(text)
}

impl Heatmap {
    /// The range of all finite entries of several maps that are to share a scale; `None` if there are none.
    pub fn span<'m>(values: impl IntoIterator<Item = &'m [f64]>) -> Option<(f64, f64)> {
        let finite = values.into_iter().flatten().copied().filter(|v| v.is_finite());
        finite.fold(None, |span, v| {
            let (low, high) = span.unwrap_or((v, v));
            Some((f64::min(low, v), f64::max(high, v)))
        })
    }

    fn layout(&self, axis: &Axis) -> Layout {
        let width = if self.size == Size::Wide { 480.0 } else { 320.0 };
        let (rows, columns) = (self.rows.len().max(1) as f64, self.columns.len().max(1) as f64);
        let ticks = axis.ticks.iter().map(|&t| text_width(&axis.text(t))).fold(0.0, f64::max);
        let scale = 14.0 + 12.0 + 6.0 + ticks;
        let widest = self.columns.widest();
        // However long the labels are, cells have half of the width.
        let room = |left: f64| (width - left - scale).max(0.25 * width) / columns;
        let mut left = (self.rows.widest() + if self.rows.grouped() { 18.0 } else { 10.0 }).min(0.5 * width);
        let mut cell = room(left).min(LARGEST.0);
        let narrowest = self.columns.spans().iter().map(|(_, from, to)| to - from).min().unwrap_or(1);
        let fits = |cell: f64, slope: f64| match slope {
            0.0 => widest + 6.0 <= cell * narrowest as f64,
            _ => slope > 80.0 || cell * narrowest as f64 * slope.to_radians().sin() >= LINE,
        };
        let slope = SLOPES.into_iter().find(|&slope| fits(cell, slope)).unwrap_or(90.0);
        // A sloping first label reaches to the left of its column.
        left = left.max(if slope > 0.0 { widest * slope.to_radians().cos() - 0.5 * cell } else { 0.0 });
        left = left.min(0.5 * width);
        cell = room(left).min(LARGEST.0);
        // Few cells are flat, to hold a number; many are square, as a matrix is.
        let tall = if self.values.len() > 400 || self.rows.grouped() {
            cell
        } else {
            cell.min(if rows < MANY_ROWS.0 { LARGEST.1 } else { MANY_ROWS.1 })
        };
        let bar = left + cell * columns + 14.0;
        let label_end = (bar + 44.0).max(text_width(&self.label) + 4.0).min(width - 2.0);
        let names = text_width(&self.row_name) + text_width(&self.label) + 20.0;
        let lines = if self.row_name.is_empty() || names <= label_end { 1.0 } else { 2.0 };
        let top = if self.heading.is_some() { 22.0 } else { 2.0 } + 18.0 * lines + 10.0;
        let labels = widest * slope.to_radians().sin() + if widest > 0.0 { 22.0 } else { 6.0 };
        let strip = if self.columns.grouped() { 8.0 } else { 0.0 };
        let name = if self.column_name.is_empty() { 0.0 } else { 20.0 };
        let height = top + (tall * rows + labels + strip + name + 4.0).max(LEAST_SCALE + 8.0);
        Layout { width, height, left, top, cell: (cell, tall), slope, bar, label_end }
    }

    fn description(&self) -> String {
        let size = format!("{} rows and {} columns of {}", self.rows.len(), self.columns.len(), self.label);
        match Self::span([self.values.as_slice()]) {
            Some((low, high)) => {
                format!("{size}, from {} to {}.", significant(low, 3), significant(high, 3))
            }
            None => format!("{size}, none of them measured."),
        }
    }

    fn draw_names(&self, out: &mut String, layout: &Layout) {
        if let Some((heading, note)) = &self.heading {
            let _ = write!(
                out,
                "<text class=\"heading\" x=\"4\" y=\"16\">{} <tspan class=\"note\">{}</tspan></text>",
                escape(heading),
                escape(note)
            );
        }
        let y = layout.top - 12.0;
        let right = layout.label_end;
        let together = text_width(&self.row_name) + text_width(&self.label) + 20.0 <= right;
        if !self.row_name.is_empty() {
            let y = if together { y } else { y - 18.0 };
            let _ =
                write!(out, "<text class=\"name\" x=\"4\" y=\"{y:.1}\">{}</text>", escape(&self.row_name));
        }
        let _ = write!(
            out,
            "<text class=\"name end\" x=\"{right:.1}\" y=\"{y:.1}\">{}</text>",
            escape(&self.label)
        );
        if !self.column_name.is_empty() {
            let middle = layout.left + 0.5 * layout.cell.0 * self.columns.len() as f64;
            let _ = write!(
                out,
                "<text class=\"name middle\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
                layout.height - 6.0,
                escape(&self.column_name)
            );
        }
    }

    /// Level of the scale of an entry; none if it is missing.
    fn level(&self, value: f64) -> Option<usize> {
        let (low, high) = self.range;
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        value.is_finite().then(|| ((share.clamp(0.0, 1.0) * LEVELS as f64) as usize).min(LEVELS - 1))
    }

    fn draw_cells(&self, out: &mut String, layout: &Layout) {
        let columns = self.columns.len().max(1);
        let mut paths = vec![String::new(); LEVELS + 1];
        for (row, values) in self.values.chunks(columns).enumerate() {
            let mut column = 0;
            while column < columns {
                let level = self.level(values[column]);
                let same = values[column..].iter().take_while(|v| self.level(**v) == level).count();
                let _ = write!(paths[level.unwrap_or(LEVELS)], "M{column} {row}h{same}v1h-{same}z");
                column += same;
            }
        }
        let Layout { left, top, cell: (wide, tall), .. } = *layout;
        let _ = write!(
            out,
            "<g class=\"heat\" transform=\"translate({left:.2} {top:.2}) scale({wide:.4} {tall:.4})\">"
        );
        for (level, path) in paths.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
            let _ = match level {
                LEVELS => write!(out, "<path class=\"missing\" d=\"{path}\"/>"),
                _ => write!(out, "<path fill=\"{}\" d=\"{path}\"/>", self.palette.color(level).hex()),
            };
        }
        out.push_str("</g>");
        if wide >= WRITTEN.0 && tall >= WRITTEN.1 {
            for (at, &value) in self.values.iter().enumerate() {
                let (row, column) = ((at / columns) as f64, (at % columns) as f64);
                let (text, class) = match self.level(value) {
                    None => (NONE.to_owned(), "tick"),
                    Some(level) if self.palette.color(level).is_light() => (fixed(value, 2), "on-light"),
                    Some(_) => (fixed(value, 2), "on-dark"),
                };
                let _ = write!(
                    out,
                    "<text class=\"middle {class}\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
                    left + (column + 0.5) * wide,
                    top + (row + 0.5) * tall + 4.5
                );
            }
        }
    }

    /// What a pointer that rests on a cell is shown: row, column and value.
    fn draw_values(&self, out: &mut String, layout: &Layout) {
        let columns = self.columns.len().max(1);
        let Layout { left, top, cell: (wide, tall), .. } = *layout;
        let names = |side: &Side| -> Vec<String> {
            let spans = side.spans().into_iter();
            spans.flat_map(|(label, from, to)| std::iter::repeat_n(label, to - from)).collect()
        };
        let (rows, across) = (names(&self.rows), names(&self.columns));
        let named = |name: &str, label: &str| {
            if name.is_empty() { label.to_owned() } else { format!("{}: {label}", shortened(name, LONGEST)) }
        };
        if self.values.len() > SAYING {
            let list = |names: &[String]| escape(&names.join("\n"));
            let values: Vec<String> = self.values.iter().map(|v| significant(*v, 3)).collect();
            let _ = write!(
                out,
                "<rect class=\"cells\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" data-rows=\"{}\" \
                 data-columns=\"{}\" data-values=\"{}\"/>",
                wide * columns as f64,
                tall * rows.len() as f64,
                list(&rows),
                list(&across),
                values.join(" ").replace(" × ", "×")
            );
            return;
        }
        out.push_str("<g class=\"values\">");
        for (at, &value) in self.values.iter().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let _ = write!(
                out,
                "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\"><title>{}\n{}\n{}</title></rect>",
                left + column as f64 * wide,
                top + row as f64 * tall,
                escape(&named(&self.row_name, &rows[row])),
                escape(&named(&self.column_name, &across[column])),
                brief(value)
            );
        }
        out.push_str("</g>");
    }

    fn draw_sides(&self, out: &mut String, layout: &Layout) {
        let Layout { left, top, cell: (wide, tall), .. } = *layout;
        let (right, bottom) = (left + wide * self.columns.len() as f64, top + tall * self.rows.len() as f64);
        let strip = |side: &Side| if side.grouped() { 8.0 } else { 0.0 };
        // Names that would cover each other are left out evenly; runs have so few that they are moved apart.
        let every = |side: &Side, size: f64| if side.grouped() { 1 } else { (LINE / size).ceil() as usize };
        let mut last = f64::NEG_INFINITY;
        for (label, from, to) in self.rows.spans().into_iter().step_by(every(&self.rows, tall).max(1)) {
            let (upper, lower) = (top + from as f64 * tall, top + to as f64 * tall);
            if self.rows.grouped() {
                rule(out, "parting", (left, upper), (right, upper));
                rule(out, "bracket", (left - 6.0, upper + 1.0), (left - 6.0, lower - 1.0));
            }
            last = (0.5 * (upper + lower)).max(last + LINE);
            let x = left - 6.0 - strip(&self.rows);
            let _ = write!(
                out,
                "<text class=\"tick end\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                last + 4.5,
                escape(&label)
            );
        }
        let mut last = f64::NEG_INFINITY;
        for (label, from, to) in self.columns.spans().into_iter().step_by(every(&self.columns, wide).max(1)) {
            let (first, end) = (left + from as f64 * wide, left + to as f64 * wide);
            if self.columns.grouped() {
                rule(out, "parting", (first, top), (first, bottom));
                rule(out, "bracket", (first + 1.0, bottom + 6.0), (end - 1.0, bottom + 6.0));
            }
            last = (0.5 * (first + end)).max(last + if layout.slope > 80.0 { LINE } else { 0.0 });
            let y = bottom + 12.0 + strip(&self.columns);
            let label = escape(&label);
            let _ = if layout.slope > 0.0 {
                let (x, slope) = (last + 4.5, layout.slope);
                let turn = format!("translate({x:.1} {y:.1}) rotate(-{slope})");
                write!(out, "<text class=\"tick end\" transform=\"{turn}\">{label}</text>")
            } else {
                write!(out, "<text class=\"tick middle\" x=\"{last:.1}\" y=\"{:.1}\">{label}</text>", y + 5.0)
            };
        }
        frame(out, (left, top), (right - left, bottom - top));
    }

    fn draw_scale(&self, out: &mut String, layout: &Layout, axis: &Axis) {
        let Layout { top, cell: (_, tall), bar, .. } = *layout;
        let height = (tall * self.rows.len() as f64).max(LEAST_SCALE);
        let step = height / LEVELS as f64;
        out.push_str("<g class=\"heat\">");
        for level in 0..LEVELS {
            let y = top + height - (level + 1) as f64 * step;
            // Overlapping its lower neighbor leaves no gap between rounded edges.
            let _ = write!(
                out,
                "<rect x=\"{bar:.1}\" y=\"{y:.2}\" width=\"12\" height=\"{:.2}\" fill=\"{}\"/>",
                if level == 0 { step } else { 1.5 * step },
                self.palette.color(level).hex()
            );
        }
        out.push_str("</g>");
        frame(out, (bar, top), (12.0, height));
        let (low, high) = self.range;
        for &tick in axis.ticks.iter().filter(|t| high > low && **t >= low - 1e-9 && **t <= high + 1e-9) {
            let y = top + height * (1.0 - (tick - low) / (high - low));
            rule(out, "axis", (bar + 12.0, y), (bar + 15.0, y));
            let _ = write!(
                out,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                bar + 18.0,
                y + 4.5,
                axis.text(tick)
            );
        }
    }
}

impl Picture for Heatmap {
    fn svg(&self, id: usize) -> String {
        let cells = self.rows.len().saturating_mul(self.columns.len());
        let reached = |end: f64| end.abs() <= FARTHEST;
        if cells != self.values.len() || !reached(self.range.0) || !reached(self.range.1) {
            // Labels without entries are those of missing ones.
            let mut whole = self.clone();
            whole.values.resize(cells, f64::NAN);
            let end = |end: f64| if end.is_nan() { 0.0 } else { end.clamp(-FARTHEST, FARTHEST) };
            whole.range = (end(self.range.0), end(self.range.1));
            return whole.svg(id);
        }
        let axis = Axis::linear(self.label.clone(), Writing::Decimal, self.range.0, self.range.1, 6);
        let layout = self.layout(&axis);
        let mut out = String::new();
        let class = if self.size == Size::Wide { "wide" } else { "narrow" };
        let _ = write!(
            out,
            "<svg class=\"plot {class}\" viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-labelledby=\"t{id} d{id}\">\
             <title id=\"t{id}\">{}</title><desc id=\"d{id}\">{}</desc>",
            layout.width,
            layout.height,
            escape(&self.title),
            escape(&self.description())
        );
        self.draw_names(&mut out, &layout);
        self.draw_cells(&mut out, &layout);
        self.draw_sides(&mut out, &layout);
        self.draw_scale(&mut out, &layout, &axis);
        self.draw_values(&mut out, &layout);
        out.push_str("</svg>");
        out
    }
}

fn rule(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn frame(out: &mut String, (x, y): (f64, f64), (width, height): (f64, f64)) {
    let _ = write!(
        out,
        "<rect class=\"frame\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(rows: Side, columns: Side, values: Vec<f64>) -> Heatmap {
        Heatmap {
            size: Size::Wide,
            heading: Some(("NMNC".into(), "seed 0".into())),
            title: "Dissimilarity of <92> images".into(),
            row_name: String::new(),
            column_name: String::new(),
            rows,
            columns,
            values,
            label: "1 − r".into(),
            range: (0.0, 1.0),
            palette: Palette::Sequential,
        }
    }

    #[test]
    fn report_heat_maps_paint_every_cell_once() {
        let size = 92;
        let groups =
            || Side::Groups(vec![("Faces".into(), 24), ("Bodies".into(), 24), ("Objects".into(), 44)]);
        let value = |at: usize| if at == 5 { f64::NAN } else { ((at * 7919) % 101) as f64 / 100.0 };
        let svg = map(groups(), groups(), (0..size * size).map(value).collect()).svg(3);
        let cells: usize = svg
            .split("<g class=\"values\">")
            .next()
            .unwrap()
            .split("<path")
            .skip(1)
            .flat_map(|p| p.split('M').skip(1))
            .map(|run| run.split('h').nth(1).unwrap().split('v').next().unwrap().parse::<usize>().unwrap())
            .sum();
        assert_eq!(cells, size * size);
        assert_eq!(svg.matches("class=\"missing\" d=\"M5 0h1v1h-1z\"").count(), 1);
        // Three parts on each side.
        assert_eq!(svg.matches("class=\"bracket\"").count(), 6);
        assert!(svg.contains("of &lt;92&gt; images") && svg.len() < 200_000, "{}", svg.len());
    }

    #[test]
    fn report_heat_maps_write_numbers_where_they_fit() {
        let names = |count: usize| Side::Names((1..=count).map(|i| format!("Stage {i}")).collect());
        let svg = map(names(2), names(3), vec![1.0, 0.25, 0.0, -0.004, f64::NAN, 2.0]).svg(1);
        for text in [">1.00<", ">0.25<", ">0.00<", ">–<", ">2.00<"] {
            assert!(svg.contains(text), "{text} in {svg}");
        }
        let many = map(names(30), names(30), vec![0.5; 900]).svg(1);
        assert!(!many.contains(">0.50<"));
    }
}
