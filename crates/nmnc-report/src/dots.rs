//! Points with intervals, as a panel shows counts beside a curve.

use super::look::Style;
use super::text::escape;

/// A point with its interval.
#[derive(Clone, Debug)]
pub struct Dot {
    /// Its look.
    pub style: Style,
    /// Abscissa.
    pub x: f64,
    /// Height.
    pub y: f64,
    /// Lower and upper end of the interval.
    pub interval: [f64; 2],
    /// What a pointer that rests on it is shown.
    pub title: String,
}

impl Dot {
    /// The point as SVG, with places on the picture as `at` gives them.
    pub(super) fn svg(&self, at: impl Fn(f64, f64) -> (f64, f64)) -> String {
        let (x, y) = at(self.x, self.y);
        let [(_, lower), (_, upper)] = self.interval.map(|end| at(self.x, end));
        format!(
            "<g class=\"{}\"><title>{}</title><path class=\"whisker\" d=\"M{x:.1} {upper:.1}V{lower:.1}\"/>{}</g>",
            self.style.class(),
            escape(&self.title),
            self.style.marker(x, y)
        )
    }
}
