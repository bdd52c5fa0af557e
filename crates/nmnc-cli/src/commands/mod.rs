//! One file a command.

mod analyze;
mod assembly;
mod bench;
mod brain;
mod cite;
mod compare;
mod completions;
mod config;
mod data;
mod demo;
mod plan;
mod predict;
mod report;
mod reproduce;
mod similarity;
mod sweep;
mod tasks;
mod train;
mod weights;

use nmnc::{Result, doing};

use crate::cli::Command;
use crate::output::Output;

/// Does what `command` says.
pub fn run(command: &Command, out: Output) -> Result<()> {
    let _whole = doing::now(|| what(command).to_owned());
    match command {
        Command::Demo(arguments) => demo::run(arguments, out),
        Command::Train(arguments) => train::run(arguments, out),
        Command::Compare(arguments) => compare::run(arguments, out),
        Command::Sweep(arguments) => sweep::run(arguments, out),
        Command::Report(arguments) => report::run(arguments, out),
        Command::Bench(arguments) => bench::run(arguments, out),
        Command::Plan(arguments) => plan::run(arguments, out),
        Command::Analyze(arguments) => analyze::run(arguments, out),
        Command::Brain(arguments) => brain::run(arguments, out),
        Command::Similarity(arguments) => similarity::run(arguments, out),
        Command::Predict(arguments) => predict::run(arguments, out),
        Command::Reproduce(command) => reproduce::run(command, out),
        Command::Config(command) => config::run(command, out),
        Command::Data(command) => data::run(command, out),
        Command::Tasks(command) => tasks::run(command, out),
        Command::Weights(command) => weights::run(command, out),
        Command::Cite(arguments) => cite::run(arguments, out),
        Command::ReadAssembly { path, options } => assembly::run(path, options),
        Command::Completions { shell } => completions::run(*shell, out),
    }
}

/// What `command` does, for waits in which no part of it says more.
fn what(command: &Command) -> &'static str {
    match command {
        Command::Demo(_)
        | Command::Train(_)
        | Command::Compare(_)
        | Command::Sweep(_)
        | Command::Reproduce(_) => "preparing to train",
        Command::Report(_) => "writing the page",
        Command::Predict(_) => "showing examples",
        Command::Bench(_) | Command::Plan(_) => "timing",
        Command::Analyze(_) | Command::Brain(_) | Command::Similarity(_) => "analyzing",
        Command::Data(_) => "looking at the data",
        Command::Tasks(_) => "making trials",
        Command::Weights(_) => "copying weights",
        Command::ReadAssembly { .. } => "reading recordings",
        Command::Config(_) => "trying the configuration",
        Command::Cite(_) | Command::Completions { .. } => "reading",
    }
}
