//! Numbers with their uncertainty in cells.

pub use nmnc_report::Table;
pub(super) use nmnc_report::text::{with_half, with_range, with_sem};

/// A cell of a CSV file.
pub(super) fn cell(value: Option<f64>) -> String {
    value.map_or_else(String::new, |v| v.to_string())
}
