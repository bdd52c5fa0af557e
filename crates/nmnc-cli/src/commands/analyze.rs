//! `nmnc analyze`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use nmnc::analysis::{
    self, Analysis, AnalysisSettings, ExampleSplit, Format, Jacobians, Loaded, MappedArray, Source,
    StatesSettings, Subject, terminal_table,
};
use nmnc::train::{AnyConfig, RunConfig};
use nmnc::trials::{Trials, TrialsSettings, noise_alignment, trials_table, write_trials};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::{Analyze, FormatName, SplitName};
use crate::naming::{self, command_line, stem};
use crate::output::Output;
use crate::progress::duration;
use crate::trial;

/// Analyzes, writes the folder, and prints the tables.
pub fn run(arguments: &Analyze, out: Output) -> Result<()> {
    let started = Instant::now();
    if let Some(run) = &arguments.run
        && let Some(config) = trial::config_of(run)?
    {
        trial::check(arguments.device.as_deref().unwrap_or(config.device()))?;
        if let AnyConfig::Trials(_) = config {
            return states(run, arguments, started, out);
        }
    }
    if arguments.over_training
        && let Some(run) = &arguments.run
    {
        return over_training(run, arguments, started, out);
    }
    if let Some(path) = &arguments.trials {
        return of_trials(path, arguments, started, out);
    }
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
    out.event("analysis", json!({ "path": naming::text(&folder), "analysis": analysis }));
    out.line(format_args!("analyzed in {}; the folder:", duration(started.elapsed().as_secs_f64())));
    out.result(naming::shown(&folder));
    Ok(())
}

/// Analyzes the states of a recurrent network.
fn states(run: &Path, arguments: &Analyze, started: Instant, out: Output) -> Result<()> {
    let meaningless = [
        ("--over-training", arguments.over_training),
        ("--data", arguments.data.is_some()),
        ("--stage", !arguments.stage.is_empty()),
    ];
    if let Some((option, _)) = meaningless.iter().find(|(_, given)| *given) {
        return Err(Error::config(option, "has no meaning for a recurrent network on a task")
            .mend("remove it; a checkpoint's folder can be given instead of the run's"));
    }
    let dimension = arguments.dimensions.iter().copied().min().unwrap_or(StatesSettings::default().dimension);
    let settings = StatesSettings { trials: arguments.examples, dimension, ..StatesSettings::default() };
    let (found, arrays) = analysis::states(run, arguments.device.as_deref(), &settings)?;
    let parent = if run.join("config.toml").is_file() { run.to_owned() } else { run.join("../..") };
    let default = || parent.join("analysis").join(format!("step-{:010}", found.step));
    let folder = arguments.out.clone().unwrap_or_else(default);
    let formats: Vec<Format> = arguments.format.iter().map(|format| of_name(*format)).collect();
    analysis::write_states(&folder, &found, &arrays, &formats, &command_line())?;
    for warning in &found.warnings {
        out.warning(&found.subject, warning);
    }
    out.line(analysis::states_table(&found));
    out.event("states", json!({ "path": naming::text(&folder), "found": found }));
    out.line(format_args!("analyzed in {}; the folder:", duration(started.elapsed().as_secs_f64())));
    out.result(naming::shown(&folder));
    Ok(())
}

/// Analyzes every kept checkpoint of a run.
fn over_training(run: &Path, arguments: &Analyze, started: Instant, out: Output) -> Result<()> {
    let source = Source {
        path: run.to_owned(),
        data: None,
        split: split(arguments),
        device: arguments.device.clone(),
    };
    let stages: Vec<usize> = arguments.stage.iter().map(|stage| stage - 1).collect();
    let settings = AnalysisSettings { probes: 0, ..settings(arguments) };
    let (found, _) = analysis::over_training(&source, &settings, &stages)?;
    let folder = arguments.out.clone().unwrap_or_else(|| run.join("analysis").join("training"));
    analysis::write_over_training(&folder, &found, &command_line())?;
    for warning in &found.warnings {
        out.warning(&found.subject, warning);
    }
    out.line(analysis::over_training_table(&found));
    out.event("over_training", json!({ "path": naming::text(&folder), "found": found }));
    out.line(format_args!("analyzed in {}; the folder:", duration(started.elapsed().as_secs_f64())));
    out.result(naming::shown(&folder));
    Ok(())
}

/// Analyzes recorded trials.
fn of_trials(path: &Path, arguments: &Analyze, started: Instant, out: Output) -> Result<()> {
    let settings = TrialsSettings {
        dimension: arguments.dim,
        curve: arguments.curve,
        seed: Seed(arguments.seed),
        ..TrialsSettings::default()
    };
    settings.check()?;
    let recorded = Trials::read(path, arguments.array.as_deref(), arguments.max_memory << 20)?;
    let recorded = if arguments.remove_gain { recorded.without_gain() } else { recorded };
    let mut found = noise_alignment(&recorded, &settings).map_err(|e| e.within(path.display()))?;
    found.subject = naming::text(path);
    let default = || path.with_file_name(format!("{}-analysis", stem(path)));
    let folder = arguments.out.clone().unwrap_or_else(default);
    let formats: Vec<Format> = arguments.format.iter().map(|format| of_name(*format)).collect();
    write_trials(&folder, &found, &formats, &command_line())?;
    for warning in &found.warnings {
        out.warning(&found.subject, warning);
    }
    out.line(trials_table(&found));
    out.event("trials", json!({ "path": naming::text(&folder), "found": found }));
    out.line(format_args!("analyzed in {}; the folder:", duration(started.elapsed().as_secs_f64())));
    out.result(naming::shown(&folder));
    Ok(())
}

fn split(arguments: &Analyze) -> ExampleSplit {
    match arguments.split {
        SplitName::Train => ExampleSplit::Train,
        SplitName::Test => ExampleSplit::Test,
    }
}

fn network(run: &Path, arguments: &Analyze, out: Output) -> Result<(Analysis, PathBuf)> {
    let source = Source {
        path: run.to_owned(),
        data: arguments.data.clone(),
        split: split(arguments),
        device: arguments.device.clone(),
    };
    let loaded = Loaded::open(&source)?;
    let settings = AnalysisSettings { centered: loaded.centered(), ..settings(arguments) };
    settings.check()?;
    let stages: Vec<usize> = arguments.stage.iter().map(|stage| stage - 1).collect();
    let inputs = loaded.inputs(settings.examples, settings.seed)?;
    let subject = Subject {
        network: &loaded.network,
        untrained: Some(&loaded.untrained),
        inputs: &inputs,
        stages: &stages,
    };
    // What is wrong is said before any work.
    subject.chosen()?;
    out.prose(format_args!("analyzing {}", loaded.describe()));
    let mut analysis = analysis::network(&subject, &settings)?;
    analysis.subject = loaded.describe();
    analysis.step = Some(loaded.step);
    analysis.warnings.splice(0..0, loaded.warnings);
    let folder = loaded.run.join("analysis").join(format!("step-{:010}", loaded.step));
    Ok((analysis, folder))
}

fn arrays(path: &Path, arguments: &Analyze) -> Result<(Analysis, PathBuf)> {
    let array = arguments.array.as_deref();
    let activity = MappedArray::find(path, array, &["data", "activity"])?.activity()?;
    let jacobian = match &arguments.jacobian {
        Some(path) => Some(MappedArray::find(path, None, &["jacobian", "data"])?.jacobians()?),
        None => None,
    };
    let settings = AnalysisSettings { centered: arguments.center_outputs, probes: 0, ..settings(arguments) };
    let given = jacobian.as_ref().map(|jacobian| jacobian as &dyn Jacobians);
    let of_jacobian = given.map(|jacobian| jacobian.place());
    let own = |e: Error| match &of_jacobian {
        Some(place) if e.place().starts_with(place) => e,
        _ => e.within(path.display()),
    };
    let mut analysis = analysis::arrays(&activity, given, &settings).map_err(own)?;
    analysis.subject = naming::text(path);
    Ok((analysis, path.with_file_name(format!("{}-analysis", stem(path)))))
}

fn settings(arguments: &Analyze) -> AnalysisSettings {
    let mut dimensions = arguments.dimensions.clone();
    dimensions.sort_unstable();
    dimensions.dedup();
    AnalysisSettings {
        examples: arguments.examples,
        jacobians: arguments.jacobians,
        curve: arguments.curve,
        dimensions,
        points: arguments.points,
        neighbors: arguments.neighbors,
        probes: arguments.probes,
        memory: arguments.max_memory << 20,
        seed: Seed(arguments.seed),
        ..AnalysisSettings::default()
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
