//! Axes with round ticks, for any numbers: what is not finite has no place on them, and what is beyond 1e300 lies at their ends.

use super::text::{count_tick, fixed, significant};

/// The largest number that an axis reaches, and the inverse of the smallest above 0: products with steps stay finite and do not vanish.
const FARTHEST: f64 = 1e300;
/// Lengths of the axis by which a value may lie outside it.
const OUTSIDE: f64 = 1e6;
/// Decimals of the longest tick that is not written with a power of ten.
const MOST_DECIMALS: usize = 9;

/// How an axis writes its ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// Decimal numbers.
    Decimal,
    /// Counts with k, M and G.
    Count,
}

/// An axis with its ticks.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What the axis shows, with its unit.
    pub label: String,
    /// The ticks in rising order.
    pub ticks: Vec<f64>,
    low: f64,
    high: f64,
    logarithmic: bool,
    writing: Writing,
    decimals: usize,
}

impl Axis {
    /// A linear axis over at least `low..=high` with three to `most` ticks (`most` at least 5). An end that is not a number is 0.
    pub fn linear(label: impl Into<String>, writing: Writing, low: f64, high: f64, most: usize) -> Self {
        let (ticks, decimals) = linear_ticks(low, high, most);
        Self::over_ticks(label.into(), ticks, false, writing, decimals)
    }

    /// A logarithmic axis over at least `low..=high`, both above 0; an end that is not is the smallest number of an axis.
    pub fn logarithmic(label: impl Into<String>, writing: Writing, low: f64, high: f64) -> Self {
        let (ticks, decimals) = logarithmic_ticks(low, high);
        Self::over_ticks(label.into(), ticks, true, writing, decimals)
    }

    fn over_ticks(
        label: String,
        ticks: Vec<f64>,
        logarithmic: bool,
        writing: Writing,
        decimals: usize,
    ) -> Self {
        let (low, high) = (ticks[0], ticks[ticks.len() - 1]);
        Self { label, ticks, low, high, logarithmic, writing, decimals }
    }

    /// The axis from `low` to `high` only, where that leaves two ticks: for time and cost, along which an empty end would
    /// look as if the run had stopped early.
    pub fn tight(mut self, low: f64, high: f64) -> Self {
        let (low, high) = match self.logarithmic {
            true => (positive(low), positive(high)),
            false => (within(low), within(high)),
        };
        let slack = 1e-9 * (high - low).abs();
        let inside: Vec<f64> =
            self.ticks.iter().copied().filter(|&t| t >= low - slack && t <= high + slack).collect();
        if inside.len() >= 2 {
            (self.ticks, self.low, self.high) = (inside, low, high);
        }
        self
    }

    /// The lower end.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Where `value` lies from the lower end (0) to the upper (1), at most a million lengths outside; 0 for what is not a number.
    pub fn fraction(&self, value: f64) -> f64 {
        let (first, last) = (self.low, self.high);
        let fraction = if self.logarithmic {
            (positive(value).ln() - first.ln()) / (last.ln() - first.ln())
        } else {
            (within(value) - first) / (last - first)
        };
        if fraction.is_nan() { 0.0 } else { fraction.clamp(-OUTSIDE, OUTSIDE) }
    }

    /// A tick's text.
    pub fn text(&self, tick: f64) -> String {
        match (self.writing, self.logarithmic) {
            (Writing::Count, _) => count_tick(tick),
            (Writing::Decimal, _) if self.decimals > MOST_DECIMALS => significant(tick, 3),
            (Writing::Decimal, false) => fixed(tick, self.decimals),
            // Ticks of a short logarithmic axis are spaced evenly and need common decimals.
            (Writing::Decimal, true) if self.decimals > 0 => fixed(tick, self.decimals),
            (Writing::Decimal, true) => significant(tick, 1),
        }
    }
}

/// The nearest number that an axis reaches; 0 for what is not a number or too close to 0.
fn within(value: f64) -> f64 {
    if value.is_nan() || value.abs() < 1.0 / FARTHEST { 0.0 } else { value.clamp(-FARTHEST, FARTHEST) }
}

/// The nearest number that a logarithmic axis reaches.
fn positive(value: f64) -> f64 {
    within(value).max(1.0 / FARTHEST)
}

/// Ticks at multiples of 1, 2, 2.5 or 5 times a power of ten, with the decimals they need.
fn linear_ticks(low: f64, high: f64, most: usize) -> (Vec<f64>, usize) {
    let (low, high) = (within(low), within(high));
    let (mut low, mut high) = (low.min(high), low.max(high));
    // Equal or nearly equal ends would ask for steps below the precision of the numbers.
    if high - low <= 1e-9 * low.abs().max(high.abs()) {
        let pad = if low == 0.0 { 0.5 } else { 0.1 * low.abs() };
        (low, high) = (low - pad, high + pad);
    }
    let most = most.max(2);
    let start = ((high - low) / most as f64).log10().floor() as i32;
    for power in start..=start + 2 {
        for mantissa in [1.0, 2.0, 2.5, 5.0] {
            let step = mantissa * 10f64.powi(power);
            // The slack keeps ends that are multiples but for rounding from gaining a tick.
            let first = (low / step + 1e-9).floor();
            let last = (high / step - 1e-9).ceil();
            if last - first < most as f64 {
                let ticks: Vec<f64> =
                    (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect();
                let decimals = -power + i32::from(mantissa == 2.5);
                if ticks.len() >= 2 && ticks.windows(2).all(|pair| pair[0] < pair[1]) {
                    return (ticks, decimals.max(0) as usize);
                }
            }
        }
    }
    // A step of a hundred times the span over the ticks needs few ticks, but for numbers at the end of their precision.
    (vec![low, high], MOST_DECIMALS + 1)
}

/// Ticks at 1, 2 and 5 times powers of ten, at powers of ten on long axes, evenly spaced on short ones.
fn logarithmic_ticks(low: f64, high: f64) -> (Vec<f64>, usize) {
    let (low, high) = (positive(low), positive(high));
    let (low, high) = (low.min(high), low.max(high));
    let covering = |candidates: Vec<f64>| -> Vec<f64> {
        let first = candidates.iter().rposition(|&c| c <= low * (1.0 + 1e-9)).unwrap_or(0);
        let last = candidates.iter().position(|&c| c >= high * (1.0 - 1e-9)).unwrap_or(candidates.len() - 1);
        candidates[first..=last.max(first)].to_vec()
    };
    let powers = (low.log10().floor() as i32 - 1)..=(high.log10().ceil() as i32 + 1);
    let fine = powers.clone().flat_map(|p| [1.0, 2.0, 5.0].map(|m| m * 10f64.powi(p))).collect();
    let ticks = covering(fine);
    match ticks.len() {
        0..=2 => return linear_ticks(low, high, 6),
        3..=8 => return (ticks, 0),
        _ => {}
    }
    let (from, to) = (*powers.start(), *powers.end());
    for stride in 1..=to - from {
        let powers = (from.div_euclid(stride) * stride..=to + stride).step_by(stride as usize);
        let mut candidates: Vec<f64> = powers.map(|p| 10f64.powi(p.clamp(-300, 300))).collect();
        candidates.dedup();
        let ticks = covering(candidates);
        if ticks.len() <= 8 {
            return (ticks, 0);
        }
    }
    (vec![low, high], 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn report_ticks_are_round() {
        let texts = |axis: Axis| axis.ticks.iter().map(|&t| axis.text(t)).collect::<Vec<_>>();
        let decimal = Writing::Decimal;
        assert_eq!(
            texts(Axis::linear("", decimal, 0.0, 0.93, 6)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(texts(Axis::linear("", decimal, -3.0, 61.8, 8)), ["−20", "0", "20", "40", "60", "80"]);
        assert_eq!(
            texts(Axis::logarithmic("", Writing::Count, 3e4, 2.4e6)),
            ["20 k", "50 k", "100 k", "200 k", "500 k", "1 M", "2 M", "5 M"]
        );
        assert_eq!(texts(Axis::logarithmic("", decimal, 3e-6, 2.0)).first().unwrap(), "10⁻⁶");
    }

    proptest! {
        #[test]
        fn report_ticks_cover_any_range_in_three_to_eight(
            a in -1e9f64..1e9, exponent in -9i32..9, size in 0f64..1.0, most in 5usize..=8,
        ) {
            let b = a + size * 10f64.powi(exponent);
            let ticks = Axis::linear("", Writing::Decimal, a, b, most).ticks;
            let slack = 1e-6 * (ticks[1] - ticks[0]);
            prop_assert!((3..=most).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks[0] <= a + slack && b <= ticks[ticks.len() - 1] + slack, "{a} {b} {ticks:?}");
            prop_assert!(ticks.windows(2).all(|w| w[0] < w[1]));
        }

        #[test]
        fn report_logarithmic_ticks_cover_any_range_in_three_to_eight(
            low in -12f64..12.0, decades in 0f64..20.0,
        ) {
            let (a, b) = (10f64.powf(low), 10f64.powf(low + decades));
            let axis = Axis::logarithmic("", Writing::Decimal, a, b);
            prop_assert!((3..=8).contains(&axis.ticks.len()), "{a} {b} {:?}", axis.ticks);
            prop_assert!(axis.ticks[0] > 0.0);
            prop_assert!(axis.fraction(a) > -1e-6 && axis.fraction(b) < 1.0 + 1e-6, "{a} {b} {:?}", axis.ticks);
            prop_assert!(axis.ticks.windows(2).all(|w| w[0] < w[1]));
        }
    }
}
