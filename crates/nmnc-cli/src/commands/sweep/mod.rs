//! `nmnc sweep`.

mod status;

use std::path::{Path, PathBuf};

use nmnc::Result;
use nmnc::sweep;

use crate::cli::{Sweep, SweepCommand, SweepPlace};
use crate::comparison::{Beside, Comparison};
use crate::naming::stem;
use crate::output::Output;
use crate::{part, presets};

/// Makes the runs, or a part of them.
pub fn run(arguments: &Sweep, out: Output) -> Result<()> {
    if let Some(SweepCommand::Status { sweep, place }) = &arguments.command {
        return status::run(&read(sweep, place)?, &folder(sweep, place), out);
    }
    let path = arguments.sweep.as_deref().expect("the parser asks for it");
    let sweep = read(path, &arguments.place)?;
    if arguments.part.list {
        return part::list(sweep.runs.iter().map(|run| run.name.as_str()), out);
    }
    let chosen = arguments.part.chosen(sweep.runs.len())?;
    let folder = folder(path, &arguments.place);
    let title = format!("Sweep: {}", stem(path));
    let beside = Beside { names: sweep.settings, cells: sweep.values };
    let different = "name another folder with --out";
    Comparison { runs: sweep.runs, chosen, folder, title, beside, different }.run(out)
}

fn read(path: &Path, place: &SweepPlace) -> Result<sweep::Sweep> {
    let ready_made = |name: &str| presets::named(name).ok().map(|preset| preset.text);
    sweep::Sweep::read(path, &place.overrides.settings(), &ready_made)
}

fn folder(path: &Path, place: &SweepPlace) -> PathBuf {
    place.out.clone().unwrap_or_else(|| Path::new("runs").join(stem(path)))
}
