//! Horizontal bars with intervals, the single values behind them, and a band to compare with.

use std::fmt::Write as _;

use super::axis::Axis;
use super::figure::Picture;
use super::frame::text_width;
use super::look::Style;
use super::text::{escape, fixed, shortened};

/// One bar.
#[derive(Clone, Debug)]
pub struct Bar {
    /// Its look; neutral without.
    pub style: Option<Style>,
    /// What it is.
    pub label: String,
    /// Its length.
    pub value: f64,
    /// Ends of its interval.
    pub range: Option<(f64, f64)>,
    /// Single values that it is the mean of.
    pub points: Vec<f64>,
}

/// Bars of one scale.
#[derive(Clone, Debug)]
pub struct BarChart {
    /// Title and a note beside it.
    pub heading: (String, String),
    /// Title for readers who cannot see the picture.
    pub title: String,
    /// The common scale; has 0 on it.
    pub axis: Axis,
    /// From top to bottom.
    pub bars: Vec<Bar>,
    /// Ends of a band, and what it is.
    pub band: Option<(f64, f64, String)>,
}

const WIDTH: f64 = 480.0;
const ROW: f64 = 24.0;
/// Characters of a label that are drawn.
const LONGEST: usize = 60;

impl Picture for BarChart {
    fn svg(&self, id: usize) -> String {
        let labels: Vec<String> = self.bars.iter().map(|bar| shortened(&bar.label, LONGEST)).collect();
        let widest = labels.iter().map(|label| 0.82 * text_width(label)).fold(0.0, f64::max);
        let (left, right) = ((widest + 14.0).min(0.45 * WIDTH), WIDTH - 14.0);
        let top = 46.0;
        let bottom = top + ROW * self.bars.len() as f64 + 4.0;
        let height = bottom + 46.0;
        let x = |value: f64| left + self.axis.fraction(value).clamp(0.0, 1.0) * (right - left);
        let mut out = String::new();
        let mut said: Vec<String> =
            self.bars.iter().map(|b| format!("{} {}", b.label, fixed(b.value, 3))).collect();
        if let Some((low, high, what)) = &self.band {
            said.push(format!("{what} from {} to {}", fixed(*low, 3), fixed(*high, 3)));
        }
        let _ = write!(
            out,
            "<svg class=\"plot wide\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-labelledby=\"t{id} d{id}\">\
             <title id=\"t{id}\">{}</title><desc id=\"d{id}\">{}.</desc>\
             <text class=\"heading\" x=\"4\" y=\"16\">{} <tspan class=\"note\">{}</tspan></text>",
            escape(&self.title),
            escape(&said.join("; ")),
            escape(&self.heading.0),
            escape(&self.heading.1)
        );
        if let Some((low, high, what)) = &self.band {
            let (from, to) = (x(*low), x(*high));
            // The name stands over the band, moved inside the picture.
            let middle = (0.5 * (from + to)).min(right - 0.41 * text_width(what));
            let _ = write!(
                out,
                "<g class=\"neutral\"><rect class=\"band\" x=\"{from:.1}\" y=\"{top}\" width=\"{:.1}\" height=\"{:.1}\"/></g>\
                 <text class=\"tick middle\" x=\"{middle:.1}\" y=\"{:.1}\">{}</text>",
                (to - from).max(1.0),
                bottom - top,
                top - 6.0,
                escape(what)
            );
        }
        for &tick in &self.axis.ticks {
            let x = x(tick);
            let _ = write!(
                out,
                "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"tick middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                bottom + 16.0,
                self.axis.text(tick)
            );
        }
        for (at, bar) in self.bars.iter().enumerate() {
            let y = top + ROW * (at as f64 + 0.5) + 2.0;
            let class = bar.style.map_or_else(|| "neutral".to_owned(), Style::class);
            let (zero, end) = (x(0.0), x(bar.value));
            let ends = bar.range.map_or_else(String::new, |(low, high)| {
                format!(" (interval {} to {})", fixed(low, 3), fixed(high, 3))
            });
            let _ = write!(
                out,
                "<g class=\"{class}\"><title>{}: {}{ends}</title><text class=\"tick end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>\
                 <rect class=\"bar\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\"/>",
                escape(&bar.label),
                fixed(bar.value, 3),
                left - 8.0,
                y + 4.5,
                escape(&labels[at]),
                zero.min(end),
                y - 7.0,
                (zero - end).abs()
            );
            for &point in &bar.points {
                let _ = write!(
                    out,
                    "<circle class=\"single-value\" cx=\"{:.1}\" cy=\"{y:.1}\" r=\"2.4\"/>",
                    x(point)
                );
            }
            if let Some((low, high)) = bar.range {
                let (low, high) = (x(low), x(high));
                let _ = write!(
                    out,
                    "<path class=\"whisker\" d=\"M{low:.1} {0:.1}v6M{low:.1} {y:.1}H{high:.1}M{high:.1} {0:.1}v6\"/>",
                    y - 3.0
                );
            }
            out.push_str("</g>");
        }
        let zero = x(0.0);
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{zero:.1}\" x2=\"{zero:.1}\" y1=\"{top}\" y2=\"{bottom:.1}\"/>\
             <text class=\"name middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text></svg>",
            0.5 * (left + right),
            height - 8.0,
            escape(&self.axis.label)
        );
        out
    }
}
