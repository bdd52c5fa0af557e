//! Points in a plane whose axes have no unit, such as those of multidimensional scaling.

use std::fmt::Write as _;

use super::figure::Picture;
use super::look::Style;
use super::text::escape;

/// The largest coordinate: differences of larger ones would not be numbers.
const FARTHEST: f64 = 1e300;

/// Points ready to be drawn, one scale for both axes.
#[derive(Clone, Debug)]
pub struct Scatter {
    /// Title and a note beside it.
    pub heading: (String, String),
    /// Title for readers who cannot see the picture.
    pub title: String,
    /// Where each point lies, its look, and what it is; a point without a place is not drawn.
    pub points: Vec<((f64, f64), Style, String)>,
}

const SIZE: f64 = 320.0;
const TOP: f64 = 28.0;
const MARGIN: f64 = 14.0;

impl Picture for Scatter {
    fn svg(&self, id: usize) -> String {
        let within = |v: f64| v.clamp(-FARTHEST, FARTHEST);
        let placed: Vec<((f64, f64), Style, &str)> = self
            .points
            .iter()
            .filter(|((x, y), ..)| !x.is_nan() && !y.is_nan())
            .map(|((x, y), style, what)| ((within(*x), within(*y)), *style, what.as_str()))
            .collect();
        let span = |coordinate: &dyn Fn(&(f64, f64)) -> f64| {
            let values = placed.iter().map(|(at, ..)| coordinate(at));
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let (across, down) = (span(&|p| p.0), span(&|p| p.1));
        let scale = (SIZE - 2.0 * MARGIN) / (across.1 - across.0).max(down.1 - down.0).max(1e-12);
        let place = |(x, y): (f64, f64)| {
            (
                0.5 * SIZE + scale * (x - 0.5 * (across.0 + across.1)),
                TOP + 0.5 * SIZE - scale * (y - 0.5 * (down.0 + down.1)),
            )
        };
        let mut out = String::new();
        let _ = write!(
            out,
            "<svg class=\"plot narrow\" viewBox=\"0 0 {SIZE} {}\" role=\"img\" aria-labelledby=\"t{id}\">\
             <title id=\"t{id}\">{}</title>\
             <text class=\"heading\" x=\"4\" y=\"16\">{} <tspan class=\"note\">{}</tspan></text>\
             <rect class=\"frame\" x=\"0.5\" y=\"{TOP}\" width=\"{}\" height=\"{SIZE}\"/>",
            SIZE + TOP + 1.0,
            escape(&self.title),
            escape(&self.heading.0),
            escape(&self.heading.1),
            SIZE - 1.0
        );
        for (at, style, what) in placed {
            let (x, y) = place(at);
            let _ = write!(
                out,
                "<g class=\"{}\"><title>{}</title>{}</g>",
                style.class(),
                escape(what),
                style.marker(x, y)
            );
        }
        out.push_str("</svg>");
        out
    }
}
