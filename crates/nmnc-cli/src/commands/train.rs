//! `nmnc train`.

use std::path::{Path, PathBuf};

use nmnc::files::IfTaken;
use nmnc::train::{AnyConfig, Found, RunConfig, RunFolder, RunOptions};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::Train;
use crate::naming::{self, command_line, stem};
use crate::output::Output;
use crate::progress::{Watcher, outcome};
use crate::trial;

/// Trains, or says that it is done already.
pub fn run(arguments: &Train, out: Output) -> Result<()> {
    let config = AnyConfig::read(&arguments.config, &arguments.overrides.settings())?;
    let config = match arguments.seed {
        Some(seed) => config.with_seed(Seed(seed)).resolve()?,
        None => config.resolve()?,
    };
    trial::check(config.device())?;
    let folder = arguments.out.clone().unwrap_or_else(|| default_folder(&arguments.config, &*config));
    // A run that is complete is told from its files alone: they may be nobody's to write any more.
    if arguments.resume
        && !arguments.accept_records
        && RunFolder::extends(&folder, &config.identity())?.is_none()
        && let Found::Ended(summary) = RunFolder::find(&folder, &config.identity()).map_err(different)?
        && summary.status == nmnc::records::Status::Complete
    {
        RunFolder::tidy(&folder);
        out.event("skipped", json!({ "run": naming::text(&folder), "summary": summary }));
        out.line("this run is complete: nothing to resume");
        out.result(format!("{}: {}", naming::shown(&folder), outcome(&summary)));
        return Ok(());
    }
    let options = RunOptions {
        resume: arguments.resume,
        retry_diverged: true,
        accept_records: arguments.accept_records,
        extend: arguments.resume,
        if_taken: if arguments.wait { IfTaken::Wait } else { IfTaken::Leave },
        command: command_line(),
    };
    let mut watcher = Watcher::new(out, &folder, &*config, "");
    let summary = config.run(&folder, &options, &mut watcher)?;
    out.result(format!("{}: {}", naming::shown(&folder), outcome(&summary)));
    Ok(())
}

fn different(error: Error) -> Error {
    error.or_mend("use the same configuration, or name another folder with --out")
}

fn default_folder(path: &Path, config: &impl RunConfig) -> PathBuf {
    Path::new("runs").join(format!("{}-{}-seed{}", stem(path), config.rule(), config.seed().0))
}
