//! `nmnc train`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nmnc::files::IfTaken;
use nmnc::train::replicas::{self, Processes};
use nmnc::train::{AnyConfig, Found, Observer, Resolved, RunConfig, RunFolder, RunOptions};
use nmnc::{Error, Result, Seed};
use serde_json::json;

use crate::cli::Train;
use crate::naming::{self, command_line, stem};
use crate::output::Output;
use crate::progress::{Watcher, outcome};
use crate::{signals, together, trial};

/// Trains, or says that it is done already; as one of several processes, does its part.
pub fn run(arguments: &Train, out: Output) -> Result<()> {
    let Some(processes) = together::processes()? else { return lead(arguments, read(arguments)?, None, out) };
    let config = read(arguments).inspect_err(|error| replicas::give_up(processes.as_ref(), error));
    if processes.number() == 0 {
        return lead(arguments, config?, Some(processes), out);
    }
    // Why it could not go on has been told to the first process, which speaks and fails for all: a launcher ends a job, and so whoever has
    // not yet spoken, when any process fails.
    let _training = signals::training();
    let _ = config.and_then(|config| config.assist(&folder(arguments, &*config), &processes, &mut Beside));
    Ok(())
}

/// Looks at signals for all processes.
struct Beside;

impl Observer for Beside {
    fn stop(&mut self) -> bool {
        signals::asked().is_some()
    }
}

fn read(arguments: &Train) -> Result<Resolved<AnyConfig>> {
    let config = AnyConfig::read(&arguments.config, &arguments.overrides.settings())?;
    let config = match arguments.seed {
        Some(seed) => config.with_seed(Seed(seed)).resolve()?,
        None => config.resolve()?,
    };
    trial::check(config.device())?;
    Ok(config)
}

fn lead(
    arguments: &Train,
    config: Resolved<AnyConfig>,
    processes: Option<Arc<dyn Processes>>,
    out: Output,
) -> Result<()> {
    let folder = folder(arguments, &*config);
    // A run that is complete is told from its files alone: they may be nobody's to write any more.
    if arguments.resume
        && processes.is_none()
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
        processes,
    };
    let mut watcher = Watcher::new(out, &folder, &*config, "");
    let summary = config.run(&folder, &options, &mut watcher)?;
    out.result(format!("{}: {}", naming::shown(&folder), outcome(&summary)));
    Ok(())
}

fn different(error: Error) -> Error {
    error.or_mend("use the same configuration, or name another folder with --out")
}

fn folder(arguments: &Train, config: &impl RunConfig) -> PathBuf {
    let default = || {
        let name = format!("{}-{}-seed{}", stem(&arguments.config), config.rule(), config.seed().0);
        Path::new("runs").join(name)
    };
    arguments.out.clone().unwrap_or_else(default)
}
