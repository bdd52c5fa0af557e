//! The `nmnc` command: training networks by noise correlation, and comparing credit rules.

mod bench_table;
mod cli;
mod commands;
mod comparison;
mod exit;
mod naming;
mod output;
mod part;
mod plan_table;
mod presets;
mod progress;
mod progress_line;
mod settings_text;
mod signals;
mod together;
mod trial;
mod usage;
mod waiting;

use std::process::ExitCode;

use clap::Parser;

use cli::Cli;
use output::Output;
use waiting::Waiting;

fn main() -> ExitCode {
    exit::report_panics_on_one_line();
    if let Some(tried) = trial::requested() {
        return tried;
    }
    nmnc::memory::keep_freed();
    nmnc::process::survive_file_limits();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error),
    };
    let out = Output { quiet: cli.quiet, json: cli.json };
    let go_on = naming::going_on(&cli.command);
    let run = std::panic::catch_unwind(|| {
        // A process that reads for another one ends as any other.
        if !matches!(cli.command, cli::Command::ReadAssembly { .. }) {
            signals::listen(out, go_on.clone())?;
        }
        set_threads(cli.threads)?;
        let _waiting = (!cli.quiet && !cli.json).then(Waiting::begin);
        commands::run(&cli.command, out)?;
        output::finish()
    });
    signals::give_way();
    match run {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            let error = signals::explained(error, go_on.as_deref(), out);
            out.error(&error);
            ExitCode::from(exit::code(error.kind()))
        }
        // The panic hook has told people why.
        Err(_) => {
            out.event("error", exit::unexpected());
            ExitCode::from(exit::UNEXPECTED)
        }
    }
}

/// Sizes the thread pool that all computation shares.
fn set_threads(threads: Option<usize>) -> nmnc::Result<()> {
    let Some(threads) = threads else { return Ok(()) };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| nmnc::Error::config("--threads", format!("cannot start {threads} threads: {e}")))
}
