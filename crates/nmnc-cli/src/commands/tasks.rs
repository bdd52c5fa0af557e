//! `nmnc tasks`.

use std::path::Path;

use nmnc::tasks::{self, TASKS, TaskConfig, TrialSet};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::{TaskChoice, Tasks};
use crate::naming;
use crate::output::{Output, entry};

/// Does what the subcommand says.
pub fn run(command: &Tasks, out: Output) -> Result<()> {
    match command {
        Tasks::List => list(out),
        Tasks::Show { task, trials } => show(task, *trials, out),
        Tasks::Export { task, out: path, trials, evaluation } => {
            export(task, path, *trials, *evaluation, out)
        }
    }
}

fn list(out: Output) -> Result<()> {
    let width = TASKS.iter().map(|task| task.name.len()).max().unwrap_or(0);
    for task in TASKS {
        let origin = if task.neurogym { "neurogym" } else { "" };
        out.event(
            "task",
            json!({ "name": task.name, "summary": task.summary, "neurogym": task.neurogym, "differs": task.differs }),
        );
        let star = if task.differs.is_empty() { "" } else { " (*)" };
        let lead = format!("{:width$}  {origin:8}  ", task.name);
        out.result(entry(&lead, &format!("{}{star}", task.summary)));
    }
    for task in TASKS.iter().filter(|task| !task.differs.is_empty()) {
        out.line(entry("(*) ", task.differs));
    }
    out.line("`nmnc tasks show NAME` tells timing and parameters");
    Ok(())
}

/// The task that the arguments name: an archive of trials if the name is that of a file.
fn config(choice: &TaskChoice) -> Result<TaskConfig> {
    let mut settings = toml::Table::new();
    for setting in &choice.set {
        nmnc::train::set(&mut settings, setting)?;
    }
    if choice.task.ends_with(".npz") {
        settings.insert("path".into(), choice.task.clone().into());
        return TaskConfig::named("Recorded", settings);
    }
    TaskConfig::named(&choice.task, settings)
}

fn show(choice: &TaskChoice, trials: u64, out: Output) -> Result<()> {
    let config = config(choice)?;
    let task = config.open(Seed(choice.seed))?;
    let channels = task.channels();
    let found = tasks::statistics(task.as_ref(), Seed(choice.seed), trials)?;
    let settings = config.table();
    out.event(
        "task",
        json!({
            "name": config.name(), "settings": settings, "dt": task.dt(), "inputs": channels.inputs,
            "outputs": channels.outputs, "ideal_accuracy": task.ideal_accuracy(), "statistics": found,
        }),
    );
    let [fewest, most] = found.steps;
    out.result(format_args!(
        "{}: {} inputs, {} outputs",
        config.name(),
        channels.inputs.len(),
        channels.outputs.len()
    ));
    let whole = toml::Table::from_iter([("task".to_owned(), toml::Value::Table(settings))]);
    if let Some(entry) = TASKS.iter().find(|entry| entry.name == config.name() && !entry.differs.is_empty()) {
        out.prose(entry.differs);
    }
    out.line(format_args!("\n{}", toml::to_string(&whole).expect("settings are representable in TOML")));
    out.line(format_args!(
        "{} trials: {fewest} to {most} steps of {} ms, mean {:.2}",
        found.trials,
        task.dt(),
        found.mean_steps
    ));
    if let Some(ideal) = task.ideal_accuracy() {
        out.line(format_args!("accuracy of an ideal observer: {:.1} %", 100.0 * ideal));
    }
    let width = found.inputs.iter().map(|input| input.name.len()).max().unwrap_or(0);
    out.line("inputs, mean and deviation over all steps:");
    for input in &found.inputs {
        out.line(format_args!("  {:width$}  {:7.4}  {:7.4}", input.name, input.mean, input.sd));
    }
    if !found.classes.is_empty() {
        let width = channels.outputs.iter().map(String::len).max().unwrap_or(0);
        out.line("targets, fraction of steps:");
        for (name, fraction) in channels.outputs.iter().zip(&found.classes) {
            out.line(format_args!("  {name:width$}  {fraction:.4}"));
        }
    }
    for warning in task.warnings() {
        out.warning(&config.name(), &warning);
    }
    Ok(())
}

fn export(choice: &TaskChoice, path: &Path, trials: u64, evaluation: bool, out: Output) -> Result<()> {
    if path.extension().is_none_or(|extension| extension != "npz") {
        return Err(Error::config("--out", format!("`{}` does not end in .npz", path.display())));
    }
    let (config, seed) = (config(choice)?, Seed(choice.seed));
    let task = config.open(seed)?;
    let split = if evaluation { TrialSet::Evaluation } else { TrialSet::Training };
    let batch = tasks::generate(task.as_ref(), seed, split, 0..trials)?;
    tasks::export(path, &batch)?;
    out.event(
        "exported",
        json!({ "task": config.name(), "path": naming::text(path), "steps": batch.steps, "trials": batch.size(),
                "inputs": batch.inputs, "outputs": batch.outputs }),
    );
    out.line(format_args!(
        "{}: inputs [{}, {}, {}], {} outputs",
        config.name(),
        batch.steps,
        batch.size(),
        batch.inputs,
        batch.outputs
    ));
    out.result(naming::shown(path));
    Ok(())
}
