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
        // Whoever asks is about to start as many jobs.
        let all: Vec<usize> = (0..sweep.names.len()).collect();
        part::planned(&all, &|at| sweep.run(at))?;
        return part::list(sweep.names.iter().map(String::as_str), out);
    }
    let chosen = arguments.part.chosen(sweep.names.len())?;
    let folder = folder(path, &arguments.place);
    let title = format!("Sweep: {}", stem(path));
    let beside = Beside { names: sweep.settings.clone(), cells: sweep.values.clone() };
    let (names, plan) = (sweep.names.clone(), &|at| sweep.run(at));
    let different = "name another folder with --out";
    Comparison { names, plan, chosen, folder, title, beside, different }.run(out)
}

fn read(path: &Path, place: &SweepPlace) -> Result<sweep::Sweep> {
    let ready_made = |name: &str| presets::named(name).ok().map(|preset| preset.text);
    sweep::Sweep::read(path, &place.overrides.settings(), &ready_made)
}

fn folder(path: &Path, place: &SweepPlace) -> PathBuf {
    place.out.clone().unwrap_or_else(|| Path::new("runs").join(stem(path)))
}
