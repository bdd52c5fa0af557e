//! The folder of an alignment of noise.

use std::path::Path;

use serde::Serialize;

use super::figures::figures;
use super::result::{AlignmentPoint, NoiseAlignment};
use crate::analysis::Format;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::replace_folder;
use nmnc_data::NpzWriter;
use nmnc_learn::manifold::Dimension;
use nmnc_report::text::{NONE, fixed, grouped, significant};
use nmnc_report::{Number, Page, Table, csv};

/// Files that the folder may hold.
const KNOWN: [&str; 5] = ["trials.json", "alignment.csv", "cosines.csv", "arrays.npz", "report.html"];

/// Writes `trials.json`, `alignment.csv` and `cosines.csv`, `arrays.npz`, and `report.html`, as far as `formats` asks for them, to
/// `folder`, whole or not at all. `command` is the command line that made them.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write_trials(folder: &Path, found: &NoiseAlignment, formats: &[Format], command: &str) -> Result<()> {
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| files.push((name.to_owned(), bytes));
    for format in formats {
        match format {
            Format::Json => {
                let text = serde_json::to_string_pretty(found).expect("numbers are representable in JSON");
                add("trials.json", (text + "\n").into_bytes());
            }
            Format::Csv => {
                add("alignment.csv", alignment(found).into_bytes());
                add("cosines.csv", cosines(found).into_bytes());
            }
            Format::Npz => add("arrays.npz", arrays(found).map_err(|e| Error::io(folder, "write", e))?),
            Format::Html => add("report.html", trials_page(found, command).into_bytes()),
        }
    }
    replace_folder(folder, &files, &KNOWN, "an analysis of trials")
}

/// `alignment.csv`.
#[derive(Default, Serialize)]
struct AlignmentRow {
    dimension: usize,
    alpha: Number,
    standard_error: Number,
    chance: Number,
    chance_sd: Number,
    shuffled: Number,
    shuffled_conditions: Number,
    plain: Number,
    signal: Number,
}

fn alignment(found: &NoiseAlignment) -> String {
    csv(found.curve.iter().map(|p| AlignmentRow {
        dimension: p.dimension,
        alpha: p.alpha.into(),
        standard_error: p.standard_error.into(),
        chance: p.chance.into(),
        chance_sd: p.chance_sd.into(),
        shuffled: p.shuffled.into(),
        shuffled_conditions: p.shuffled_conditions.into(),
        plain: p.plain.into(),
        signal: p.signal.into(),
    }))
}

/// `cosines.csv`.
#[derive(Default, Serialize)]
struct CosineRow {
    probes: usize,
    cosine: Number,
    standard_error: Number,
    on_manifold: Number,
    isotropic: Number,
}

fn cosines(found: &NoiseAlignment) -> String {
    csv(found.cosines.iter().map(|c| CosineRow {
        probes: c.probes,
        cosine: c.cosine.into(),
        standard_error: c.standard_error.into(),
        on_manifold: c.on_manifold.into(),
        isotropic: c.isotropic.into(),
    }))
}

/// The components `[curve, units]` and, by dimension, the fractions of noise and signal on them.
fn arrays(found: &NoiseAlignment) -> std::io::Result<Vec<u8>> {
    let mut writer = NpzWriter::new();
    let of = |value: &dyn Fn(&AlignmentPoint) -> f64| found.curve.iter().map(value).collect::<Vec<f64>>();
    let length = found.curve.len();
    writer.put("components", &[length, found.units], &found.components)?;
    writer.put("alpha", &[length], &of(&|p| p.alpha))?;
    writer.put("signal", &[length], &of(&|p| p.signal))?;
    writer.finish()
}

/// Rows of the table: the dimension of the manifold, powers of two, and the end of the curve.
fn table(found: &NoiseAlignment) -> Table {
    let last = found.curve.len();
    let shown = |p: &&AlignmentPoint| {
        p.dimension.is_power_of_two() || p.dimension == found.dimension || p.dimension == last
    };
    let cell = |value: Option<f64>| value.map_or_else(|| NONE.to_owned(), |v| fixed(v, 3));
    let name = |p: &&AlignmentPoint| match p.dimension == found.dimension {
        true => format!("{} (the manifold)", p.dimension),
        false => p.dimension.to_string(),
    };
    Table::of(
        found.curve.iter().filter(shown),
        &[
            ("d", &name),
            ("Noise α", &|p| fixed(p.alpha, 3)),
            ("± s.e.", &|p| cell(p.standard_error)),
            ("Chance d/n", &|p| fixed(p.chance, 3)),
            ("Trials shuffled", &|p| fixed(p.shuffled, 3)),
            ("Conditions shuffled", &|p| cell(p.shuffled_conditions)),
            ("Not cross-validated", &|p| cell(p.plain)),
            ("Signal captured", &|p| fixed(p.signal, 3)),
        ],
    )
}

/// The table for the terminal.
pub fn trials_table(found: &NoiseAlignment) -> String {
    format!("{}\n{}", lead(found).join("\n"), table(found).text().trim_end())
}

/// What came out, in words.
fn lead(found: &NoiseAlignment) -> Vec<String> {
    let at = found.headline();
    let error = at.standard_error.map_or_else(String::new, |e| format!(" ± {}", fixed(e, 3)));
    let mut out = vec![format!(
        "{} signal components of {} units hold {}{error} of the variance over trials (chance {}, without correlations between units {}).",
        at.dimension,
        found.units,
        fixed(at.alpha, 3),
        fixed(at.chance, 3),
        fixed(at.shuffled, 3)
    )];
    if found.without_gain && found.units > 1 {
        let left = (at.dimension - 1) as f64 / (found.units - 1) as f64;
        out.push(format!(
            "The gain was taken out, and with it one direction of each condition: noise alike in all others would have {} there where means lie on \
             the components.",
            fixed(left, 3)
        ));
    }
    if let Some(c) = found.cosines.iter().min_by_key(|c| c.probes.abs_diff(64)) {
        out.push(format!(
            "Correlation with such noise over {} trials would find a row of a Jacobian on these dimensions with a cosine of {} (isotropic \
             noise {}, on the manifold alone {}), and {} with any number.",
            grouped(c.probes as u64),
            fixed(c.cosine, 2),
            fixed(c.isotropic, 2),
            fixed(c.on_manifold, 2),
            fixed(found.limit, 2)
        ));
    }
    out
}

/// One self-contained page. `command` is the command line that made the analysis.
pub fn trials_page(found: &NoiseAlignment, command: &str) -> String {
    let [fewest, most] = found.repeats;
    let repeats = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
    let missing = if found.missing == 0 { String::new() } else { format!(", {} missing", found.missing) };
    let spread =
        found.signal_standard_error.map_or_else(String::new, |e| format!(" ± {}", significant(e, 2)));
    let manifold = match found.settings.dimension {
        Dimension::Count(_) => format!("{} components, as given", found.dimension),
        Dimension::Variance(share) => format!(
            "{} components, {} % of the signal variance that components capture",
            found.dimension,
            fixed(100.0 * share, 0)
        ),
    };
    let noise = found.noise_dimension.map_or_else(|| NONE.to_owned(), |d| fixed(d, 1));
    Page::new(format!("Trial-to-trial variability of {}", found.subject))
        .sentences(&lead(found))
        .setup([
            ("Trials", format!("{} conditions, {repeats} repeats{missing}", found.conditions)),
            ("Units", grouped(found.units as u64)),
            ("Manifold", manifold),
            ("Variance of the signal", format!("{}{spread}", significant(found.signal_variance, 3))),
            ("Variance of the noise", significant(found.noise_variance, 3)),
            ("Dimension of the noise", format!("{noise} (participation ratio)")),
            ("Gain of trials", if found.without_gain { "taken out, along the mean of a condition’s other trials" } else { "left in" }.to_owned()),
            ("Divisions", format!("{} into halves, each used both ways", found.settings.divisions)),
            ("Seed", found.settings.seed.0.to_string()),
            ("Version", format!("nmnc {}", found.version)),
        ])
        .notices("To note", &found.warnings)
        .figures("", &figures(found))
        .table(
            "Alignment",
            &table(found),
            "Noise α: fraction of the variance over trials along the first d signal components, measured in repeats that did not define \
             them; standard error by a jackknife over conditions. Trials shuffled: what the variances of single units alone \
             make. Conditions shuffled: what components of noise alone capture. Not cross-validated: components of the means \
             of all repeats, which include the noise left in them. Signal captured: fraction of the variance of the \
             condition means, without the noise in them, in repeats that did not define the components.",
        )
        .command(command)
        .html()
}
