//! Reports: measurements, figures and tables on self-contained pages, and runs compared on one of them and in a table for the terminal.
//!
//! Runs are grouped by rule (and by configuration, where a rule comes in several) and averaged over seeds. Only runs
//! that completed enter a mean; diverged and unfinished runs are shown singly and marked. The page needs no network, and is
//! whole without its script.

mod aggregate;
pub mod axis;
pub mod bars;
pub mod colors;
mod comparison;
mod conditions;
mod csv;
mod differences;
pub mod dots;
pub mod figure;
mod figures;
mod frame;
pub mod grid;
pub mod heatmap;
mod labels;
pub mod look;
mod many;
pub mod measurements;
mod naming;
mod overview;
mod page;
mod parts;
pub mod plot;
mod psychometric;
mod reach;
pub mod scatter;
mod setup;
mod summary;
mod sweep;
mod table;
pub mod text;

use std::path::Path;

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::files::{is_there, write_atomically};
use nmnc_core::records::RunRecords;

pub use csv::{Number, csv};
pub use many::MOST_CURVES;
pub use measurements::{Measurement, Measurements};
pub use overview::table;
pub use page::Page;
pub use table::{COLUMNS, Column, Table};

/// The report on `runs` as one HTML document.
///
/// `commands` are those that led to the report beside the runs' own commands, such as the one writing it.
pub fn html(runs: &[RunRecords], title: &str, commands: &[String]) -> Result<String> {
    if runs.is_empty() {
        return Err(Error::config("report", "no run to report on").mend("give at least one run folder"));
    }
    Ok(comparison::page(runs, title, commands))
}

/// Whether `path` holds a report on some of `runs`, or all, and on no other: one that a report on them may take the place of. Not if there is
/// nothing.
///
/// # Errors
/// If there is anything else, or it cannot be read.
pub fn replaces(path: &Path, runs: &[RunRecords]) -> Result<bool> {
    if !is_there(path)? || path.is_dir() {
        return Ok(false);
    }
    let page = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
    let page = String::from_utf8_lossy(&page);
    // A folder's name may be several lines.
    let own: Vec<String> = runs.iter().map(|run| run.folder.display().to_string()).collect();
    let own = text::escape(&own.join("\n"));
    let known = |line: &&str| own.split('\n').any(|folder| folder == *line);
    match page::about(&page) {
        Some(others) if others.iter().all(known) => Ok(true),
        found => {
            let what =
                if found.is_some() { "is a page on other runs" } else { "is there already, and no report" };
            Err(Error::new(ErrorKind::Io, path.display(), what)
                .mend("name another file with --out, or give --overwrite"))
        }
    }
}

/// Writes the document to `path`, all or nothing: readers see the old file or the new one, never a part.
pub fn write(path: &Path, html: &str) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Error::new(ErrorKind::Io, folder.display(), "no such folder")
            .mend("create it, or name another place"));
    }
    if path.is_dir() {
        return Err(Error::new(ErrorKind::Io, path.display(), "is a folder").mend("name a file"));
    }
    write_atomically(path, html.as_bytes())
}
