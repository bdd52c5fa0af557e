//! A table that goes to the terminal, to CSV and to the page.

use super::statistics::Interval;
use crate::report::text::{NONE, fixed};

/// Headings and rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Column headings.
    pub headings: Vec<&'static str>,
    /// Cells of each row.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// As text in columns.
    pub fn text(&self) -> String {
        let heading: Vec<String> = self.headings.iter().map(|h| (*h).to_owned()).collect();
        let lines: Vec<&Vec<String>> = std::iter::once(&heading).chain(&self.rows).collect();
        let width = |c: usize| lines.iter().map(|l| l[c].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..heading.len()).map(width).collect();
        let mut out = String::new();
        for line in &lines {
            let pad = |(c, text): (usize, &String)| {
                let space = " ".repeat(widths[c] - text.chars().count());
                if c == 0 { format!("{text}{space}") } else { format!("{space}{text}") }
            };
            out += line.iter().enumerate().map(pad).collect::<Vec<_>>().join("  ").trim_end();
            out.push('\n');
        }
        out
    }
}

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
