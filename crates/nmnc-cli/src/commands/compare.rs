//! `nmnc compare`.

use std::path::Path;

use nmnc::Result;
use nmnc::train::{AnyConfig, plan};

use crate::cli::Compare;
use crate::comparison::Comparison;
use crate::naming::stem;
use crate::output::Output;

/// Trains, then reports.
pub fn run(arguments: &Compare, out: Output) -> Result<()> {
    let config = AnyConfig::read(&arguments.config, &arguments.overrides.settings())?;
    let rules: Vec<String> = arguments.rules.iter().map(|rule| rule.trim().to_owned()).collect();
    let runs = plan(&config, &rules, arguments.seeds)?;
    let name = stem(&arguments.config);
    let folder = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&name));
    let title = format!("{name}: {}", rules.join(", "));
    Comparison { runs, folder, title, different: "name another folder with --out" }.run(out)
}
