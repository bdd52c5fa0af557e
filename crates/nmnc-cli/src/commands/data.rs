//! `nmnc data`.

use std::io::IsTerminal;
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};
use nmnc::data::{self, DataConfig, Progress, data_dir};
use nmnc::{Error, Result, Seed, reduced};
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
        Data::Reduce { source, components, out: path, set, seed } => {
            reduce(source, *components, path, (set, *seed), out)
        }
        Data::Verify { name } => verify(name, out),
    }
}

fn reduce(
    source: &str,
    components: usize,
    path: &Path,
    (set, seed): (&[String], u64),
    out: Output,
) -> Result<()> {
    if path.extension().is_none_or(|extension| extension != "npz") {
        return Err(Error::config("--out", format!("`{}` does not end in .npz", path.display())));
    }
    let mut settings = toml::Table::new();
    settings.insert("source".to_owned(), source.into());
    for setting in set {
        nmnc::train::set(&mut settings, setting)?;
    }
    let config: DataConfig = nmnc::config_text::deserialize(settings).map_err(|e| e.under("data"))?;
    let made = reduced::reduce(&config, components, Seed(seed), path)?;
    made.warnings.iter().for_each(|warning| out.warning(source, warning));
    let [train, evaluated] = made.examples;
    out.event(
        "reduced",
        json!({ "path": naming::text(path), "components": components, "variance": made.variance,
                "train": train, made.evaluation: evaluated }),
    );
    out.line(format_args!(
        "{source}: {train} training and {evaluated} {} examples of {}; {components} components have {:.1} % of the variance",
        made.evaluation,
        made.shape,
        100.0 * made.variance
    ));
    out.result(naming::shown(path));
    Ok(())
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
