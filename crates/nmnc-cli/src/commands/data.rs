//! `nmnc data`.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};
use nmnc::Result;
use nmnc::data::{self, Progress, data_dir};
use serde_json::json;

use crate::cli::Data;
use crate::naming;
use crate::output::{Output, entry};

/// Does what the subcommand says.
pub fn run(command: &Data, out: Output) -> Result<()> {
    match command {
        Data::List => list(out),
        Data::Info { source } => info(source, out),
        Data::Fetch { name } => fetch(name, out),
        Data::Verify { name } => verify(name, out),
    }
}

fn list(out: Output) -> Result<()> {
    let sets = data::known_sets()?;
    let width = sets.iter().map(|set| set.name.len()).max().unwrap_or(0);
    for set in &sets {
        let present = if set.present { "present" } else { "to fetch" };
        out.event("data", json!(set));
        let lead = format!("{:width$}  {present:8}  {:>6.1} MB  ", set.name, set.bytes as f64 / 1e6);
        out.result(entry(&lead, set.about));
    }
    out.line(format_args!("Fetched sets are kept in {}", naming::shown(&data_dir()?)));
    Ok(())
}

fn info(source: &str, out: Output) -> Result<()> {
    let info = data::info(source)?;
    out.event("data", json!(info));
    out.result(info);
    Ok(())
}

fn fetch(name: &str, out: Output) -> Result<()> {
    let mut meter = Meter::new(out);
    let fetched = data::fetch(name, None, &mut |progress| meter.show(progress));
    meter.bar.finish_and_clear();
    for file in &fetched? {
        let state = if file.downloaded { "downloaded" } else { "was there" };
        out.event(
            "fetched",
            json!({ "path": naming::text(&file.path), "bytes": file.bytes, "downloaded": file.downloaded }),
        );
        out.line(format_args!("{state}, SHA-256 checked: {}", naming::shown(&file.path)));
    }
    out.result(format_args!("{name} is ready: set data.source = \"{name}\""));
    Ok(())
}

fn verify(name: &str, out: Output) -> Result<()> {
    let folder = data::verify(name)?;
    out.event("verified", json!({ "name": name, "folder": naming::text(&folder) }));
    out.result(format_args!("{name} is whole: sizes and SHA-256 match in {}", naming::shown(&folder)));
    Ok(())
}

/// Shows a download: a bar on a terminal, else a line for each tenth of a file.
struct Meter {
    out: Output,
    bar: ProgressBar,
    plain: bool,
    shown: Option<(usize, u64)>,
}

impl Meter {
    fn new(out: Output) -> Self {
        let visible = !out.quiet && !out.json;
        let terminal = std::io::stderr().is_terminal();
        let bar = if visible && terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style =
            "{prefix} {bar:30} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is right"));
        Self { out, bar, plain: visible && !terminal, shown: None }
    }

    fn show(&mut self, progress: Progress) {
        let Progress { file, number, files, done, total } = progress;
        if self.shown.is_none_or(|(shown, _)| shown != number) {
            self.bar.set_length(total);
            self.bar.set_prefix(format!("{file} ({number}/{files})"));
            self.bar.reset_eta();
        }
        self.bar.set_position(done);
        let tenth = done * 10 / total.max(1);
        if self.shown != Some((number, tenth)) {
            self.shown = Some((number, tenth));
            self.out.event("progress", json!({ "file": file, "bytes": done, "total": total }));
            if self.plain {
                let mb = |bytes: u64| bytes as f64 / 1e6;
                self.out.line(format_args!(
                    "{file} ({number}/{files})  {:.1}/{:.1} MB  {} %",
                    mb(done),
                    mb(total),
                    tenth * 10
                ));
            }
        }
    }
}
