//! The table of `nmnc bench`, for people.

use std::fmt::Write as _;

use nmnc::bench::{Part, Report, Row};
use nmnc::report::Table;

const HEADINGS: [&str; 9] =
    ["", "threads", "ms, median", "quartiles", "images/s", "GFLOP/s", "of peak", "GB/s", "page faults"];
const NONE: &str = "-";

/// Machine, table, and what the columns mean.
pub fn text(report: &Report) -> String {
    let machine = &report.machine;
    let processor = machine.processor.as_deref().unwrap_or("processor of unknown name");
    let mut text = format!(
        "{processor}, {}, {}, vector instructions: {}\n\n",
        counted(machine.cores, "core"),
        counted(machine.threads, "thread"),
        machine.vectors
    );
    if let Some(accelerator) = &machine.accelerator {
        let _ = write!(text, "{accelerator}\n\n");
    }
    let rows = report.rows.iter().map(|row| cells(row).to_vec()).collect();
    text.push_str(&Table { headings: HEADINGS.to_vec(), rows }.text());
    if let Some(peak) = report.peak_memory {
        let _ =
            writeln!(text, "\npeak memory of all rows together: {:.0} MiB", peak as f64 / f64::from(1 << 20));
    }
    text.push_str(
        "\nGFLOP/s counts the multiplications and additions of the direct algorithm; a\n\
         kernel that needs fewer can exceed the peak, which is the best rate of the\n\
         matrix product on as many threads. Page faults: a step that takes no fresh\n\
         memory from the system has none.\n",
    );
    text
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn cells(row: &Row) -> [String; 9] {
    let variant = row.variant.as_deref().unwrap_or_default();
    let label = match row.part {
        Part::Matmul => format!("matrix product {variant}"),
        Part::Copy => "copy".to_owned(),
        Part::Launch => "operation on one number".to_owned(),
        Part::Forward => "forward".to_owned(),
        Part::Step => format!("step {variant}"),
        Part::Refresh => format!("manifold refresh, {variant}"),
        Part::Data => format!("data, {variant}"),
        Part::Network => variant.to_owned(),
    };
    let optional = |value: Option<String>| value.unwrap_or_else(|| NONE.to_owned());
    let digits = if matches!(row.part, Part::Launch | Part::Network) { 4 } else { 2 };
    let milliseconds = |seconds: f64| format!("{:.digits$}", 1e3 * seconds);
    let spread = &row.seconds;
    [
        label,
        row.threads.to_string(),
        milliseconds(spread.median),
        format!("{} - {}", milliseconds(spread.lower_quartile), milliseconds(spread.upper_quartile)),
        optional(row.images_per_second().map(|rate| format!("{rate:.0}"))),
        optional(row.gflops().map(|rate| format!("{rate:.1}"))),
        optional(row.share_of_peak.map(|share| format!("{:.0} %", 100.0 * share))),
        optional(row.gigabytes_per_second().map(|rate| format!("{rate:.1}"))),
        optional(row.faults.as_ref().map(|faults| format!("{:.0}", faults.median))),
    ]
}
