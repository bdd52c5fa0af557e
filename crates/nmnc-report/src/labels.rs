//! Where the labels of lines go, so that none hides another or a curve.

use super::frame::{Frame, text_width};
use super::look::Style;

/// A label to be placed.
#[derive(Clone, Debug)]
pub struct Label {
    /// Its text.
    pub text: String,
    /// The look of what it labels.
    pub style: Option<Style>,
    /// Where on the axis the labelled line ends.
    pub x: f64,
    /// The height on the axis at which the labelled line ends.
    pub y: f64,
}

/// A label in its place.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its text.
    pub text: String,
    /// The look of what it labels.
    pub style: Option<Style>,
    /// Where its text starts or, with `end`, ends.
    pub x: f64,
    /// Height of the middle of its text.
    pub y: f64,
    /// Whether the text ends at `x`.
    pub end: bool,
    /// A line from the curve's end to the label, where they are apart.
    pub leader: Option<(f64, f64, f64, f64)>,
}

/// Least distance between the middles of two lines of text.
const LINE: f64 = 17.0;

/// Places `edge` labels right of the frame and `inner` ones beside the end of their curve,
/// all of them or, where one finds no room, none.
pub fn place(
    frame: Frame,
    edge: Vec<Label>,
    inner: Vec<(Label, (f64, f64))>,
    lines: &[Vec<(f64, f64)>],
    levels: &[f64],
    height: impl Fn(f64) -> f64,
) -> Vec<Placed> {
    let mut placed = place_edge(frame, edge, height);
    let mut taken: Vec<[f64; 4]> = Vec::new();
    let mut beside = Vec::new();
    let all = inner.len();
    for (label, (x, y)) in inner {
        let width = text_width(&label.text);
        let candidates = [
            (x + 8.0, y, false),
            (x + 4.0, y - 13.0, false),
            (x + 4.0, y + 14.0, false),
            (x + 2.0, y - 14.0, true),
            (x + 2.0, y + 15.0, true),
        ];
        let free = candidates.into_iter().find(|&(x, y, end)| {
            let left = if end { x - width } else { x };
            let rect = [left, y - 8.0, left + width, y + 8.0];
            let inside = rect[0] > frame.left && rect[2] < frame.right + 4.0;
            let inside = inside && rect[1] > frame.top - 4.0 && rect[3] < frame.bottom;
            inside && !taken.iter().any(|t| overlap(t, &rect)) && !crossed(&rect, lines, levels)
        });
        if let Some((x, y, end)) = free {
            let left = if end { x - width } else { x };
            taken.push([left, y - 8.0, left + width, y + 8.0]);
            beside.push(Placed { text: label.text, style: label.style, x, y, end, leader: None });
        }
    }
    if beside.len() == all {
        placed.extend(beside);
    }
    placed
}

fn overlap(a: &[f64; 4], b: &[f64; 4]) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// Whether a curve or a level runs through the rectangle.
fn crossed(rect: &[f64; 4], lines: &[Vec<(f64, f64)>], levels: &[f64]) -> bool {
    let within = |x: f64, y: f64| x > rect[0] - 2.0 && x < rect[2] && y > rect[1] && y < rect[3];
    let along = |a: (f64, f64), b: (f64, f64)| {
        let pieces = ((b.0 - a.0).hypot(b.1 - a.1) / 3.0).ceil().max(1.0);
        (0..=pieces as usize).any(|i| {
            let t = i as f64 / pieces;
            within(a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
        })
    };
    levels.iter().any(|&y| y > rect[1] && y < rect[3])
        || lines.iter().any(|line| line.windows(2).any(|w| along(w[0], w[1])))
}

/// Spreads labels along the right edge with the least squared shift that keeps them apart (isotonic regression by
/// pooling adjacent violators); none is placed when they cannot all fit.
fn place_edge(frame: Frame, labels: Vec<Label>, height: impl Fn(f64) -> f64) -> Vec<Placed> {
    let room = frame.bottom - frame.top;
    if labels.is_empty() || LINE * (labels.len() - 1) as f64 > room {
        return Vec::new();
    }
    let mut wanted: Vec<(f64, Label)> = labels.into_iter().map(|l| (height(l.y), l)).collect();
    wanted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let heights: Vec<f64> = wanted.iter().map(|w| w.0).collect();
    let lowest = frame.bottom - LINE * (heights.len() - 1) as f64;
    let spread = spread(&heights);
    wanted
        .into_iter()
        .zip(spread)
        .enumerate()
        .map(|(i, ((wish, label), shifted))| {
            let y = (shifted - LINE * i as f64).clamp(frame.top, lowest) + LINE * i as f64;
            let from = frame.left + label.x * (frame.right - frame.left);
            let leader = ((y - wish).abs() > 3.0).then_some((from + 4.0, wish, frame.right + 14.0, y));
            let x = frame.right + if leader.is_some() { 16.0 } else { 8.0 };
            Placed { text: label.text, style: label.style, x, y, end: false, leader }
        })
        .collect()
}

/// The heights nearest to the rising `wanted` that are at least [`LINE`] apart.
fn spread(wanted: &[f64]) -> Vec<f64> {
    // Less i lines, the constraint is that heights do not fall: pools of (sum, number).
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (i, y) in wanted.iter().enumerate() {
        pools.push((y - LINE * i as f64, 1));
        while let [.., a, b] = pools[..] {
            if a.0 / a.1 as f64 <= b.0 / b.1 as f64 {
                break;
            }
            pools.truncate(pools.len() - 2);
            pools.push((a.0 + b.0, a.1 + b.1));
        }
    }
    let level = pools.into_iter().flat_map(|(sum, n)| std::iter::repeat_n(sum / n as f64, n));
    level.enumerate().map(|(i, y)| y + LINE * i as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_labels_are_spread_no_further_than_needed() {
        assert_eq!(spread(&[10.0, 100.0]), [10.0, 100.0]);
        assert_eq!(spread(&[50.0, 50.0]), [50.0 - LINE / 2.0, 50.0 + LINE / 2.0]);
        let many = spread(&[10.0, 11.0, 12.0, 90.0]);
        assert!(many.windows(2).all(|w| w[1] - w[0] >= LINE - 1e-9), "{many:?}");
        assert_eq!(many[3], 90.0);
    }
}
