//! Numbers with their uncertainty in cells.

use super::statistics::Interval;
pub use nmnc_report::Table;
use nmnc_report::text::{NONE, fixed};

/// `mean ± s.e.m.`.
pub(super) fn with_sem(value: Option<Interval>, decimals: usize) -> String {
    let Some(value) = value else { return NONE.to_owned() };
    match value.sem {
        Some(sem) => format!("{} ± {}", fixed(value.mean, decimals), fixed(sem, decimals)),
        None => fixed(value.mean, decimals),
    }
}

/// `mean ± half of the interval`.
pub(super) fn with_half(value: &Interval, decimals: usize) -> String {
    match value.half {
        Some(half) => format!("{} ± {}", fixed(value.mean, decimals), fixed(half, decimals)),
        None => fixed(value.mean, decimals),
    }
}

/// `mean [low, high]`, with the ends of the interval.
pub(super) fn with_range(value: &Interval, decimals: usize) -> String {
    let mean = fixed(value.mean, decimals);
    match value.half {
        Some(half) => {
            let end = |value| fixed(value, decimals);
            format!("{mean} [{}, {}]", end(value.mean - half), end(value.mean + half))
        }
        None => mean,
    }
}

/// A cell of a CSV file.
pub(super) fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}
