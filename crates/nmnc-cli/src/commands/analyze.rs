//! `nmnc analyze`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::analysis::{
    self, Analysis, Format, Jacobians, Loaded, MappedArray, Settings, Source, Split, Subject, terminal_table,
};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::{Analyze, FormatName, SplitName};
use crate::naming::{command_line, stem};
use crate::output::Output;
use crate::progress::duration;

/// Analyzes, writes the folder, and prints the tables.
pub fn run(arguments: &Analyze, out: Output) -> Result<()> {
    let started = Instant::now();
    let (analysis, default) = match (&arguments.run, &arguments.activity) {
        (Some(run), _) => network(run, arguments, out)?,
        (None, Some(activity)) => arrays(activity, arguments)?,
        (None, None) => return Err(Error::config("analyze", "nothing to analyze").mend("give a run folder")),
    };
    let folder = arguments.out.clone().unwrap_or(default);
    let formats: Vec<Format> = arguments.format.iter().map(|format| of_name(*format)).collect();
    analysis::write(&folder, &analysis, &formats, &command_line())?;
    for warning in &analysis.warnings {
        out.warning(&analysis.subject, warning);
    }
    out.line(terminal_table(&analysis));
    out.event("analysis", json!({ "path": folder, "analysis": analysis }));
    out.line(format_args!("analyzed in {}; the folder:", duration(started.elapsed().as_secs_f64())));
    out.result(folder.display());
    Ok(())
}

fn network(run: &Path, arguments: &Analyze, out: Output) -> Result<(Analysis, PathBuf)> {
    let split = match arguments.split {
        SplitName::Train => Split::Train,
        SplitName::Test => Split::Test,
    };
    let loaded = Loaded::open(&Source { path: run.to_owned(), data: arguments.data.clone(), split })?;
    let settings = Settings { centered: loaded.centered(), ..settings(arguments) };
    settings.check()?;
    let stages: Vec<usize> = arguments.stage.iter().map(|stage| stage - 1).collect();
    let inputs = loaded.inputs(settings.examples, settings.seed)?;
    let subject = Subject {
        network: &loaded.network,
        untrained: Some(&loaded.untrained),
        inputs: &inputs,
        stages: &stages,
    };
    subject.chosen()?;
    out.line(format_args!("analyzing {}", loaded.describe()));
    let mut analysis = analysis::network(&subject, &settings)?;
    analysis.subject = loaded.describe();
    analysis.step = Some(loaded.step);
    analysis.warnings.splice(0..0, loaded.warnings);
    let folder = loaded.run.join("analysis").join(format!("step-{:010}", loaded.step));
    Ok((analysis, folder))
}

fn arrays(path: &Path, arguments: &Analyze) -> Result<(Analysis, PathBuf)> {
    let activity = MappedArray::open(path)?.activity(path)?;
    let jacobian = match &arguments.jacobian {
        Some(path) => Some(MappedArray::open(path)?.jacobians(path)?),
        None => None,
    };
    let settings = Settings { centered: arguments.center_outputs, probes: 0, ..settings(arguments) };
    let given = jacobian.as_ref().map(|jacobian| jacobian as &dyn Jacobians);
    let mut analysis = analysis::arrays(&activity, given, &settings).map_err(|e| e.within(path.display()))?;
    analysis.subject = path.display().to_string();
    Ok((analysis, path.with_file_name(format!("{}-analysis", stem(path)))))
}

fn settings(arguments: &Analyze) -> Settings {
    let mut dimensions = arguments.dimensions.clone();
    dimensions.sort_unstable();
    dimensions.dedup();
    Settings {
        examples: arguments.examples,
        jacobians: arguments.jacobians,
        curve: arguments.curve,
        dimensions,
        points: arguments.points,
        neighbors: arguments.neighbors,
        probes: arguments.probes,
        memory: arguments.max_memory << 20,
        seed: Seed(arguments.seed),
        ..Settings::default()
    }
}

fn of_name(name: FormatName) -> Format {
    match name {
        FormatName::Json => Format::Json,
        FormatName::Csv => Format::Csv,
        FormatName::Npz => Format::Npz,
        FormatName::Html => Format::Html,
    }
}
