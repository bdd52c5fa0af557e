//! Recordings.

use std::path::Path;

use crate::Bundle;
use nmnc_analysis::analysis::{MappedArray, Seen, SimilaritySettings};
use nmnc_analysis::brain::{AssemblyOptions, Benchmark, read_assembly};
use nmnc_analysis::similarity::Distance;
use nmnc_core::Result;
use nmnc_data::{ImageShape, Statistics};

/// The first file as an array of each use.
pub(super) fn arrays(files: &Bundle<'_>, folder: &Path) -> Result<()> {
    let Some((name, _)) = files.files().first() else { return Ok(()) };
    // What is in an archive is read by the archive's name.
    let path = folder.join(name.split_once('/').map_or(*name, |(archive, _)| archive));
    let settings = SimilaritySettings { examples: 16, memory: 1 << 20, ..SimilaritySettings::default() };
    let seen = Seen::file(&path, &settings);
    let activity = MappedArray::open(&path).and_then(|array| array.activity().map(drop));
    let jacobians = MappedArray::open(&path).and_then(|array| array.jacobians().map(drop));
    // An array of one use is none of another.
    seen.map(drop).or(activity).or(jacobians)
}

/// `a.nc`, whole and some of its bins.
pub(super) fn assembly(_: &Bundle<'_>, folder: &Path) -> Result<()> {
    let window = AssemblyOptions { window: Some((70.0, 170.0)), ..AssemblyOptions::default() };
    let parts =
        [window, AssemblyOptions::default()].map(|options| read_assembly(&folder.join("a.nc"), &options));
    // Not every assembly has bins of time.
    let mut means = parts.into_iter().map(|part| part?.means());
    let window = means.next().expect("the first of two");
    means.next().expect("the second").or(window).map(drop)
}

/// A benchmark's folder, and its pictures as a network would be shown them.
pub(super) fn benchmark(_: &Bundle<'_>, folder: &Path) -> Result<()> {
    let benchmark = Benchmark::open(folder, None, Distance::Correlation)?;
    let shape = ImageShape { channels: 1, height: 6, width: 6 };
    let shown = benchmark.stimuli.shown(shape, &Statistics { mean: vec![0.5], sd: vec![0.5] })?;
    shown.batch(&(0..shown.len().min(16)).collect::<Vec<_>>())?;
    Ok(())
}
