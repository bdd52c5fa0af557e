//! More curves than an eye can follow, as a picture of cells: a row a curve, a column an abscissa, colors for heights.

use super::colors::Palette;
use super::heatmap::{Heatmap, Side};
use super::measurements::Point;
use super::plot::Size;
use super::text::spread;

/// Curves that one panel has.
pub const MOST_CURVES: usize = 8;
/// Columns of a picture, evenly spread over the abscissas.
const MOST_COLUMNS: usize = 24;

/// What stands around the cells.
pub struct Labels<'t> {
    /// Title for readers who cannot see the picture.
    pub title: String,
    /// What the rows are; empty if their labels say it.
    pub rows: String,
    /// What the columns are.
    pub columns: &'t str,
    /// What the cells are.
    pub cells: &'t str,
}

/// The curves' heights at abscissas that any of them has, written by `write`; none without a finite one.
pub fn map(
    labels: Labels<'_>,
    curves: &[(String, Vec<Point>)],
    write: impl Fn(f64) -> String,
) -> Option<Heatmap> {
    let mut places: Vec<f64> =
        curves.iter().flat_map(|(_, points)| points).map(|p| p.x).filter(|x| x.is_finite()).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let shown: Vec<f64> = spread(places.len(), MOST_COLUMNS).into_iter().map(|at| places[at]).collect();
    let height = |points: &[Point], x: f64| points.iter().find(|p| p.x == x).map_or(f64::NAN, |p| p.y);
    let values: Vec<f64> =
        curves.iter().flat_map(|(_, points)| shown.iter().map(|x| height(points, *x))).collect();
    let range = Heatmap::span([values.as_slice()])?;
    Some(Heatmap {
        size: Size::Wide,
        heading: None,
        title: labels.title,
        row_name: labels.rows,
        column_name: labels.columns.to_owned(),
        rows: Side::Names(curves.iter().map(|(label, _)| label.clone()).collect()),
        columns: Side::Names(shown.into_iter().map(write).collect()),
        values,
        label: labels.cells.to_owned(),
        range,
        palette: Palette::Sequential,
    })
}
