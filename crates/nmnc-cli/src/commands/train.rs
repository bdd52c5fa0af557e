//! `nmnc train`.

use std::path::{Path, PathBuf};

use nmnc::train::{self, Config, Found, RunFolder, RunOptions};
use nmnc::{Result, Seed};
use serde_json::json;

use crate::cli::Train;
use crate::naming::{command_line, stem};
use crate::output::Output;
use crate::progress::{Watcher, outcome};

/// Trains, or says that it is done already.
pub fn run(arguments: &Train, out: Output) -> Result<()> {
    let mut config = Config::read(&arguments.config, &arguments.overrides.set)?;
    if let Some(device) = &arguments.overrides.device {
        config.device.clone_from(device);
    }
    if let Some(seed) = arguments.seed {
        config.seed = Seed(seed);
    }
    let config = config.resolve()?;
    let folder = arguments.out.clone().unwrap_or_else(|| default_folder(&arguments.config, &config));
    if arguments.resume
        && let Found::Ended(summary) = RunFolder::find(&folder, &config)?
        && summary.status == nmnc::records::Status::Complete
    {
        out.event("skipped", json!({ "run": folder, "summary": summary }));
        out.line("this run is complete: nothing to resume");
        out.result(format!("{}: {}", folder.display(), outcome(&summary)));
        return Ok(());
    }
    let options = RunOptions { resume: arguments.resume, command: command_line() };
    let mut watcher = Watcher::new(out, &folder, &config, "");
    let summary = train::run(&config, &folder, &options, &mut watcher)?;
    out.result(format!("{}: {}", folder.display(), outcome(&summary)));
    Ok(())
}

fn default_folder(path: &Path, config: &Config) -> PathBuf {
    Path::new("runs").join(format!("{}-{}-seed{}", stem(path), config.credit.rule, config.seed.0))
}
