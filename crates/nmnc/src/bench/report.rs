//! What was measured.

use super::rows::Prepared;
use super::{Machine, Part, Spread, process};

/// All rows, and what the process took.
#[derive(Clone, Debug)]
pub struct Report {
    /// The machine.
    pub machine: Machine,
    /// The rows, in the order they took turns.
    pub rows: Vec<Row>,
    /// What the rules complained about, such as a manifold with fewer dimensions than asked for.
    pub warnings: Vec<String>,
    /// Largest resident memory of the process, in bytes, where the system tells it.
    pub peak_memory: Option<u64>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub part: Part,
    /// Which of its kind: the rule of a step, the size of a product, which refresh.
    pub variant: Option<String>,
    /// Threads that computed.
    pub threads: usize,
    /// Seconds of one repetition (a step that updates its feedback every k steps: of one of k steps).
    pub seconds: Spread,
    /// Images that went in.
    pub images: Option<usize>,
    /// Multiplications and additions of the direct algorithm, where they are known.
    pub operations: Option<f64>,
    /// Bytes read and written, where they are all that counts.
    pub bytes: Option<f64>,
    /// Minor page faults of one repetition, where the system tells them.
    pub faults: Option<Spread>,
    /// Rate of operations over the best median rate of the product on as many threads, where that was measured.
    pub share_of_peak: Option<f64>,
}

impl Row {
    /// Images a second, by the median.
    pub fn images_per_second(&self) -> Option<f64> {
        self.images.map(|images| images as f64 / self.seconds.median)
    }

    /// Billions of bytes a second, by the median.
    pub fn gigabytes_per_second(&self) -> Option<f64> {
        self.bytes.map(|bytes| bytes * 1e-9 / self.seconds.median)
    }

    /// Billions of operations a second, by the median.
    pub fn gflops(&self) -> Option<f64> {
        self.operations.map(|operations| operations * 1e-9 / self.seconds.median)
    }
}

/// Draws the rows up.
pub(super) fn report(prepared: Vec<Prepared>, machine: Machine) -> Report {
    let mut warnings = Vec::new();
    let mut rows = Vec::new();
    for mut row in prepared {
        for warning in row.task.take_warnings() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
        rows.push(Row {
            part: row.part,
            variant: row.variant,
            threads: row.threads,
            seconds: Spread::of(row.seconds),
            images: row.images,
            operations: row.operations,
            bytes: row.bytes,
            faults: (!row.faults.is_empty()).then(|| Spread::of(row.faults)),
            share_of_peak: None,
        });
    }
    let peaks: Vec<(usize, f64)> = rows
        .iter()
        .filter(|row| row.part == Part::Matmul)
        .filter_map(|row| Some((row.threads, row.gflops()?)))
        .collect();
    for row in &mut rows {
        let peak = peaks.iter().filter(|(threads, _)| *threads == row.threads).map(|(_, rate)| *rate);
        row.share_of_peak = peak.reduce(f64::max).zip(row.gflops()).map(|(peak, rate)| rate / peak);
    }
    Report { machine, rows, warnings, peak_memory: process::peak_memory() }
}
