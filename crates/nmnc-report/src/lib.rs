//! Reports: measurements, figures and tables on self-contained pages, and runs compared on one of them and in a table for the terminal.
//!
//! Runs are grouped by rule (and by configuration, where a rule comes in several) and averaged over seeds. Only runs
//! that completed enter a mean; diverged and unfinished runs are shown singly and marked. The page needs no network and
//! no script.

mod aggregate;
pub mod axis;
pub mod bars;
pub mod colors;
mod comparison;
mod conditions;
mod csv;
pub mod figure;
mod figures;
mod frame;
pub mod grid;
pub mod heatmap;
mod labels;
pub mod look;
pub mod measurements;
mod overview;
mod page;
pub mod plot;
pub mod scatter;
mod setup;
mod summary;
mod table;
pub mod text;

use std::path::Path;

use nmnc_core::error::{Error, ErrorKind, Result};
use nmnc_core::files::write_atomically;
use nmnc_core::records::RunRecords;

pub use csv::{Number, csv};
pub use measurements::{Measurement, Measurements};
pub use overview::table;
pub use page::Page;
pub use table::{Column, Table};

/// The report on `runs` as one HTML document.
///
/// `commands` are those that led to the report beside the runs' own commands, such as the one writing it.
pub fn html(runs: &[RunRecords], title: &str, commands: &[String]) -> Result<String> {
    if runs.is_empty() {
        return Err(Error::config("report", "no run to report on").mend("give at least one run folder"));
    }
    Ok(comparison::page(runs, title, commands))
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
