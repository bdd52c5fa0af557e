//! `nmnc report`.

use std::fs;
use std::path::{Path, PathBuf};

use nmnc::files::is_there;
use nmnc::records::RunRecords;
use nmnc::report::text::natural;
use nmnc::{Error, Result, report};
use serde_json::json;

use crate::cli::Report;
use crate::naming::{self, command_line};
use crate::output::Output;

/// Reads the runs and writes the page.
pub fn run(arguments: &Report, out: Output) -> Result<()> {
    let mut folders = Vec::new();
    for given in &arguments.runs {
        folders.extend(run_folders(given)?);
    }
    let records = folders.iter().map(RunRecords::read).collect::<Result<Vec<_>>>()?;
    let path = arguments.out.clone().unwrap_or_else(|| match &arguments.runs[..] {
        [one] => one.join("report.html"),
        _ => PathBuf::from("report.html"),
    });
    // What is there is looked at before it is lost.
    let replaced = if arguments.overwrite { is_there(&path)? } else { report::replaces(&path, &records)? };
    let title = arguments.title.clone().unwrap_or_else(|| default_title(&arguments.runs));
    let html = report::html(&records, &title, &[command_line()])?;
    report::write(&path, &html)?;
    out.line(report::table(&records));
    if replaced {
        out.line("written in place of the page that was there:");
    }
    let runs: Vec<String> = folders.iter().map(|folder| naming::text(folder)).collect();
    out.event("report", json!({ "path": naming::text(&path), "runs": runs }));
    out.result(naming::shown(&path));
    Ok(())
}

/// `given` itself if it is a run folder, else those in it.
pub(super) fn run_folders(given: &Path) -> Result<Vec<PathBuf>> {
    let is_run = |path: &Path| path.join("config.toml").is_file();
    if is_run(given) {
        return Ok(vec![given.to_owned()]);
    }
    let entries = fs::read_dir(given).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::checkpoint(given.display(), "no such folder")
            .mend("give the folder that `nmnc train` or `nmnc compare` wrote"),
        std::io::ErrorKind::NotADirectory => Error::checkpoint(given.display(), "is no folder")
            .mend("give the folder that `nmnc train` or `nmnc compare` wrote"),
        _ => Error::io(given, "read folder", e),
    })?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::io(given, "read folder", e))?.path();
        if is_run(&path) {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(Error::checkpoint(
            given.display(),
            "holds no run (no config.toml in it or one level below)",
        )
        .mend("give the folder that `nmnc train` or `nmnc compare` wrote"));
    }
    found.sort_by(|a, b| natural(&a.to_string_lossy(), &b.to_string_lossy()));
    Ok(found)
}

/// Names in a title; of more the first and the last are told.
const MOST_NAMES: usize = 4;

fn default_title(runs: &[PathBuf]) -> String {
    let name = |path: &PathBuf| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = runs.iter().filter_map(name).collect();
    names.sort_by(|a, b| natural(a, b));
    match &names[..] {
        [first, .., last] if names.len() > MOST_NAMES => format!("{} runs, {first} to {last}", names.len()),
        _ => names.join(", "),
    }
}
