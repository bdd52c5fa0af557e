//! `nmnc train`.

use std::path::{Path, PathBuf};

use nmnc::train::{Config, Found, RunConfig, RunFolder, RunOptions, SequenceConfig, describes_task};
use nmnc::{Result, Seed};
use serde_json::json;

use crate::cli::Train;
use crate::naming::{command_line, stem};
use crate::output::Output;
use crate::progress::{Watcher, outcome};

/// Trains, or says that it is done already.
pub fn run(arguments: &Train, out: Output) -> Result<()> {
    let mut set = arguments.overrides.set.clone();
    set.extend(arguments.overrides.device.iter().map(|device| format!("device={device:?}")));
    if describes_task(&arguments.config, &set) {
        let mut config = SequenceConfig::read(&arguments.config, &set)?;
        config.seed = arguments.seed.map_or(config.seed, Seed);
        return train(&config.resolve()?, arguments, out);
    }
    let mut config = Config::read(&arguments.config, &set)?;
    config.seed = arguments.seed.map_or(config.seed, Seed);
    train(&config.resolve()?, arguments, out)
}

fn train(config: &impl RunConfig, arguments: &Train, out: Output) -> Result<()> {
    let folder = arguments.out.clone().unwrap_or_else(|| default_folder(&arguments.config, config));
    if arguments.resume
        && let Found::Ended(summary) = RunFolder::find(&folder, config)?
        && summary.status == nmnc::records::Status::Complete
    {
        out.event("skipped", json!({ "run": folder, "summary": summary }));
        out.line("this run is complete: nothing to resume");
        out.result(format!("{}: {}", folder.display(), outcome(&summary)));
        return Ok(());
    }
    let options = RunOptions { resume: arguments.resume, command: command_line() };
    let mut watcher = Watcher::new(out, &folder, config, "");
    let summary = config.run(&folder, &options, &mut watcher)?;
    out.result(format!("{}: {}", folder.display(), outcome(&summary)));
    Ok(())
}

fn default_folder(path: &Path, config: &impl RunConfig) -> PathBuf {
    Path::new("runs").join(format!("{}-{}-seed{}", stem(path), config.rule(), config.seed().0))
}
