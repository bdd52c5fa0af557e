//! `nmnc demo`.

use std::fs;

use nmnc::files::{FolderLock, IfTaken};
use nmnc::train::{AnyConfig, Config, plan};
use nmnc::{Error, Result, Seed};

use crate::cli::Demo;
use crate::comparison::{Beside, Comparison};
use crate::output::Output;
use crate::presets::DEMO;
use crate::trial;

/// The rules side by side.
const RULES: [&str; 4] = ["bp", "dfa", "vnc", "nmnc"];

/// Trains the small network with each rule, then reports.
pub fn run(arguments: &Demo, out: Output) -> Result<()> {
    let mut config = Config::parse(DEMO.text, "demo", &[])?;
    if let Some(seed) = arguments.seed {
        config.seed = Seed(seed);
    }
    if let Some(epochs) = arguments.epochs {
        config.train.epochs = epochs;
    }
    if let Some(device) = &arguments.device {
        trial::check(device)?;
        config.device.clone_from(device);
    }
    let runs = plan(&AnyConfig::from(config), &RULES.map(str::to_owned), 1)?;
    let folder = arguments.out.clone();
    if arguments.fresh {
        for run in &runs {
            let old = folder.join(&run.name);
            // Only what is a run folder: the user may have named a folder of their own.
            if old.join("config.toml").is_file() {
                // Not while another process writes it.
                let _lock = FolderLock::take(&old, IfTaken::Leave, &mut |_| {})?;
                fs::remove_dir_all(&old).map_err(|e| Error::io(&old, "remove", e))?;
            }
        }
    }
    let title = "Demo: four ways to assign credit".to_owned();
    Comparison {
        names: runs.iter().map(|run| run.name.clone()).collect(),
        chosen: (0..runs.len()).collect(),
        plan: &|at| Ok(runs[at].clone()),
        folder,
        title,
        beside: Beside::default(),
        different: "start again with --fresh, or name another folder with --out",
    }
    .run(out)
}
