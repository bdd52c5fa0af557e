//! `nmnc compare`.

use std::path::Path;

use nmnc::Result;
use nmnc::train::{AnyConfig, plan};

use crate::cli::Compare;
use crate::comparison::{Beside, Comparison};
use crate::naming::stem;
use crate::output::Output;
use crate::part;

/// Trains, then reports.
pub fn run(arguments: &Compare, out: Output) -> Result<()> {
    let config = AnyConfig::read(&arguments.config, &arguments.overrides.settings())?;
    let rules: Vec<String> = arguments.rules.iter().map(|rule| rule.trim().to_owned()).collect();
    let runs = plan(&config, &rules, arguments.seeds)?;
    if arguments.part.list {
        return part::list(runs.iter().map(|run| run.name.as_str()), out);
    }
    let chosen = arguments.part.chosen(runs.len())?;
    let name = stem(&arguments.config);
    let folder = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&name));
    let title = format!("{name}: {}", rules.join(", "));
    let names = runs.iter().map(|run| run.name.clone()).collect();
    let (plan, beside) = (&|at: usize| Ok(runs[at].clone()), Beside::default());
    let different = "name another folder with --out";
    Comparison { names, plan, chosen, folder, title, beside, different }.run(out)
}
