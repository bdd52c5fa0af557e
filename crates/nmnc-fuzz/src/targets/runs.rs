//! What runs leave behind.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::Bundle;
use nmnc_analysis::analysis::{ExampleSplit, Loaded, Source};
use nmnc_core::files::sha256;
use nmnc_core::records::RunRecords;
use nmnc_core::{Result, Seed};
use nmnc_data::NpzWriter;
use nmnc_train::{AnyConfig, RunOptions, Silent};

/// A network so small that its checkpoint is.
const CONFIG: &str = r#"
data = { source = "in/set.npz" }
network = { preset = "mlp", widths = [4] }
credit = { rule = "nmnc", interval = 1, manifold = { dimension = 2, refresh = 2, samples = 8 } }
train = { epochs = 2, batch = 4, optimizer = { name = "sgd", learning_rate = 0.1, momentum = 0.9 } }
metrics = { interval = 1, alignment_interval = 2, dimension = 2, samples = 4 }
checkpoint = { interval = 1 }
"#;
/// The `config.toml` of the run that was made.
static MADE: OnceLock<Vec<u8>> = OnceLock::new();

/// Trains, and leaves what a run leaves that is killed before its end. `folder` is the current one.
pub(super) fn make(folder: &Path) -> Result<()> {
    let mut archive = NpzWriter::new();
    for split in ["train", "test"] {
        let pixels: Vec<u8> = (0..128).map(|n| (n * 37 % 251) as u8).collect();
        archive.put(&format!("x_{split}"), &[8, 4, 4], &pixels).expect("a new name");
        archive.put(&format!("y_{split}"), &[8], &[0i64, 1, 0, 1, 1, 0, 0, 1]).expect("a new name");
    }
    let io = |e: std::io::Error| nmnc_core::Error::io(folder, "write", e);
    let set = archive.finish().map_err(io)?;
    for place in [Path::new("in"), folder] {
        fs::create_dir_all(place).map_err(io)?;
        fs::write(place.join("set.npz"), &set).map_err(io)?;
    }
    let run = folder.join("run");
    AnyConfig::parse(CONFIG, "seed", &[])?.resolve()?.run(&run, &RunOptions::default(), &mut Silent)?;
    let mut checkpoints: Vec<_> = fs::read_dir(run.join("checkpoints"))
        .map_err(io)?
        .map(|entry| Ok(entry.map_err(io)?.path()))
        .collect::<Result<_>>()?;
    checkpoints.sort_unstable();
    fs::remove_dir_all(checkpoints.last().expect("a checkpoint")).map_err(io)?;
    // Sums are those of the files that come out of an input.
    SUMS.iter().try_for_each(|sums| fs::remove_file(checkpoints[0].join(sums))).map_err(io)?;
    MADE.get_or_init(|| fs::read(run.join("config.toml")).expect("what was just written"));
    Ok(())
}

const SUMS: [&str; 2] = ["SHA256SUMS", "SHA256SUMS.records"];

/// Writes the checksums of a checkpoint that has none, so that damage gets past them.
fn sum(checkpoint: &Path) -> std::io::Result<()> {
    if SUMS.iter().any(|sums| checkpoint.join(sums).exists()) {
        return Ok(());
    }
    let mut names =
        fs::read_dir(checkpoint)?.map(|e| Ok(e?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    names.sort_unstable();
    let line = |name: &std::ffi::OsString| {
        let sum = sha256(&checkpoint.join(name)).unwrap_or_default();
        format!("{sum}  {}\n", name.to_string_lossy())
    };
    let lines = names.iter().map(line).collect::<String>();
    SUMS.iter().try_for_each(|sums| fs::write(checkpoint.join(sums), &lines))
}

/// A run folder, to analyze, and to go on with if its configuration is still the one that was made.
pub(super) fn run(files: &Bundle<'_>, folder: &Path) -> Result<()> {
    let run = folder.join("run");
    for checkpoint in fs::read_dir(run.join("checkpoints")).into_iter().flatten().flatten() {
        let _ = sum(&checkpoint.path());
    }
    let loaded =
        Loaded::open(&Source { path: run.clone(), data: None, split: ExampleSplit::Test, device: None })
            .and_then(|loaded| loaded.inputs(4, Seed(0)));
    if files.get("run/config.toml") == MADE.get().map(Vec::as_slice) {
        let options = RunOptions { resume: true, ..RunOptions::default() };
        AnyConfig::parse(CONFIG, "seed", &[])?.resolve()?.run(&run, &options, &mut Silent)?;
    }
    loaded.map(drop)
}

/// Every run folder of the bundle on one page, and in the terminal's table.
pub(super) fn report(_: &Bundle<'_>, folder: &Path) -> Result<()> {
    let runs = [RunRecords::read(folder.join("run"))?];
    let page = nmnc_report::html(&runs, "title", &["nmnc report".to_owned()])?;
    assert!(page.trim_end().ends_with("</html>"), "half a page");
    let table = nmnc_report::table(&runs);
    assert!(table.chars().all(|c| c == '\n' || !c.is_control()), "the terminal is told to do something");
    Ok(())
}
