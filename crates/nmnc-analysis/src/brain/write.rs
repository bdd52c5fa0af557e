//! The folder of a comparison.

use std::path::Path;

use serde_json::json;

use super::benchmark::Benchmark;
use super::network::{NetworkRdms, StageRdm};
use super::page::page;
use super::rows;
use super::scores::Scores;
use super::verdict::verdict;
use crate::similarity::Rdm;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::{check_folder, replace_folder};
use nmnc_data::NpzWriter;

/// What the folder holds.
const FILES: [&str; 7] = [
    "brain.json",
    "networks.csv",
    "contrasts.csv",
    "power.csv",
    "predictivity.csv",
    "rdms.npz",
    "report.html",
];

/// Whether [`write()`] may write to `folder`.
///
/// # Errors
/// If it holds something else than an earlier comparison.
pub fn check(folder: &Path) -> Result<()> {
    check_folder(folder, &FILES, "a comparison with a brain")
}

/// The files of a comparison that are text, by name.
pub fn texts(
    scores: &Scores,
    benchmark: &Benchmark,
    networks: &[NetworkRdms],
    setup: &[(&str, String)],
    command: &str,
) -> Vec<(String, String)> {
    let json = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "verdict": verdict(scores),
        "scores": scores,
    });
    let json = serde_json::to_string_pretty(&json).expect("numbers are representable in JSON") + "\n";
    let mut files = vec![
        ("brain.json".to_owned(), json),
        ("networks.csv".to_owned(), rows::networks(scores)),
        ("contrasts.csv".to_owned(), rows::contrasts(scores)),
        ("report.html".to_owned(), page(scores, benchmark, networks, setup, command)),
    ];
    if let Some(size) = scores.settings.power {
        files.push(("power.csv".to_owned(), rows::power(scores, size)));
    }
    if !scores.predictivity.is_empty() {
        files.push(("predictivity.csv".to_owned(), rows::predictions(scores)));
    }
    files
}

/// Writes everything to `folder`, whole or not at all: a comparison that was there is replaced when the new one is complete.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write(
    folder: &Path,
    scores: &Scores,
    benchmark: &Benchmark,
    networks: &[NetworkRdms],
    extra: &[(String, StageRdm)],
    command: &str,
) -> Result<()> {
    let texts = texts(scores, benchmark, networks, &[], command);
    let mut files: Vec<(String, Vec<u8>)> =
        texts.into_iter().map(|(n, text)| (n, text.into_bytes())).collect();
    let npz = rdms(benchmark, networks, extra).map_err(|e| Error::io(folder, "write", e))?;
    files.push(("rdms.npz".to_owned(), npz));
    replace_folder(folder, &files, &FILES, "a comparison with a brain")
}

/// Every matrix, square, f64: `target.NAME` `[subjects, stimuli, stimuli]`, `control.NAME`, and
/// `network.CONDITION-seedN.stageM` of stages that have one.
fn rdms(
    benchmark: &Benchmark,
    networks: &[NetworkRdms],
    extra: &[(String, StageRdm)],
) -> std::io::Result<Vec<u8>> {
    let mut writer = NpzWriter::new();
    let mut put = |name: String, shape: &[usize], values: Vec<f64>| writer.put(&name, shape, &values);
    let n = benchmark.stimuli.len();
    for target in &benchmark.targets {
        let values = target.subjects.iter().flat_map(Rdm::square).collect();
        put(format!("target.{}", target.name), &[target.subjects.len(), n, n], values)?;
    }
    let pixels = extra.iter().filter_map(|(name, stage)| Some((name, stage.rdm.as_ref()?)));
    for (name, rdm) in benchmark.controls.iter().map(|(name, rdm)| (name, rdm)).chain(pixels) {
        put(format!("control.{name}"), &[n, n], rdm.square())?;
    }
    for network in networks {
        for stage in &network.stages {
            let Some(rdm) = &stage.rdm else { continue };
            let name = format!("network.{}-seed{}.stage{}", network.condition, network.seed, stage.stage);
            put(name, &[n, n], rdm.square())?;
        }
    }
    writer.finish()
}
