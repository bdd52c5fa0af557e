//! Everything that is read, as functions of files.

mod data;
mod measured;
mod runs;
mod settings;
mod weights;

use std::path::Path;

use crate::Bundle;
use nmnc_core::Result;

/// Something that reads files.
pub struct Target {
    /// Its name, and that of its folder of seeds.
    pub name: &'static str,
    /// What it reads.
    pub what: &'static str,
    /// Reads the files of the bundle, which lie in the folder, as a user's.
    pub read: fn(&Bundle<'_>, &Path) -> Result<()>,
    /// Makes seeds in an empty folder, beside those that are kept.
    pub make: Option<fn(&Path) -> Result<()>>,
}

const fn target(
    name: &'static str,
    what: &'static str,
    read: fn(&Bundle<'_>, &Path) -> Result<()>,
) -> Target {
    Target { name, what, read, make: None }
}

/// All of them.
pub const TARGETS: &[Target] = &[
    target("config", "configurations and --set", settings::configuration),
    target("npy", "arrays: recorded activity, Jacobians", measured::arrays),
    target("npz", "images and labels in a NumPy archive", data::images),
    target("archive", "images in tar, tar.gz and zip", data::images),
    target("shards", "shards of WebDataset, tar and tar.gz", data::images),
    target("idx", "IDX files, plain or gzipped", data::images),
    target("cifar", "CIFAR's binary files, in a folder or an archive", data::images),
    target("pictures", "folders of PNG and JPEG", data::images),
    target("weights", "weights in files of PyTorch and safetensors", weights::shared),
    target("trials", "trials of a task in a NumPy archive", data::trials),
    target("assembly", "netCDF and HDF5", measured::assembly),
    target("benchmark", "benchmarks of brains: description, table, arrays, pictures", measured::benchmark),
    Target {
        make: Some(runs::make),
        ..target("run", "run folders and checkpoints, to analyze and resume", runs::run)
    },
    Target { make: Some(runs::make), ..target("report", "records of runs, as pages", runs::report) },
];

impl Target {
    /// The one called so.
    pub fn named(name: &str) -> Option<&'static Target> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// The seeds in `folder`, and those that are made in the empty folder `scratch`, each with its name: one that begins with `refused-` is
    /// of what is not read.
    ///
    /// # Errors
    /// What the file system refuses, and a program that cannot make its own files.
    pub fn seeds(&self, folder: &Path, scratch: &Path) -> std::io::Result<Vec<(String, Vec<u8>)>> {
        let mut seeds = Vec::new();
        let mut kept = match std::fs::read_dir(folder.join(self.name)) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?,
            Err(_) => Vec::new(),
        };
        kept.sort_unstable();
        for path in kept {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            seeds.push((name, std::fs::read(path)?));
        }
        if let Some(make) = self.make {
            make(scratch).map_err(std::io::Error::other)?;
            seeds.push(("made".to_owned(), Bundle::pack(scratch)?));
        }
        Ok(seeds)
    }
}
