//! Similarity of the stages of networks that are shown the same inputs, to each other and to recordings.

mod page;
mod tables;

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::network::activity;
use super::write::{FolderKind, Format};
use super::{Loaded, MappedArray};
use crate::dimension::Rows;
use crate::similarity::{Estimator, Gram, Leading, cka, mean_correlation};
use nmnc_core::doing;
use nmnc_core::error::{Error, Result};
use nmnc_core::files::replace_folder;
use nmnc_core::seed::{Role, Seed};

pub use page::similarity_page;
pub use tables::similarity_table;

/// Permutations of the examples that tell what SVCCA finds between unrelated representations.
const PERMUTATIONS: usize = 5;
/// Array of an archive that is compared against.
const ARRAY: &str = "data";

/// How to compare.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimilaritySettings {
    /// Examples to show; all when there are no more.
    pub examples: usize,
    /// Share of the variance that SVCCA keeps.
    pub variance: f64,
    /// Most memory for matrices of examples by examples, in bytes.
    pub memory: u64,
    /// Draws the examples, and permutations.
    pub seed: Seed,
}

impl Default for SimilaritySettings {
    fn default() -> Self {
        Self { examples: 1000, variance: 0.99, memory: 4 << 30, seed: Seed(0) }
    }
}

impl SimilaritySettings {
    /// Checks the settings before any work.
    ///
    /// # Errors
    /// If the share of the variance is not above 0 and at most 1, or there are too few examples for an unbiased estimate.
    pub fn check(&self) -> Result<()> {
        if !(self.variance > 0.0 && self.variance <= 1.0) {
            return Err(Error::config("variance", format!("a share of {}", self.variance))
                .mend("give a share above 0 and at most 1, such as 0.99"));
        }
        if self.examples < 4 {
            return Err(Error::config("examples", format!("{} to compare", self.examples))
                .mend("show at least four, better a thousand"));
        }
        Ok(())
    }
}

/// What a network or a recording makes of the examples.
pub struct Seen {
    label: String,
    what: String,
    stages: Vec<Stage>,
}

struct Stage {
    name: String,
    units: usize,
    gram: Gram,
    leading: Option<Leading>,
}

/// One of those that are compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Run folder, checkpoint or file, as given.
    pub label: String,
    /// What it is.
    pub what: String,
    /// Names of its stages.
    pub stages: Vec<String>,
    /// Units of each stage.
    pub units: Vec<usize>,
    /// Singular vectors that SVCCA keeps of each stage; 0 for one that does not vary.
    pub kept: Vec<usize>,
}

/// Two of them, stage by stage: rows are the stages of the first, columns those of the second. Null where a stage does not vary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Which one, from 0.
    pub first: usize,
    /// The other.
    pub second: usize,
    /// Linear kernel alignment, unbiased.
    pub cka: Vec<Vec<Option<f64>>>,
    /// The same by the plug-in estimate.
    pub cka_biased: Vec<Vec<Option<f64>>>,
    /// Mean canonical correlation.
    pub svcca: Vec<Vec<Option<f64>>>,
    /// Mean canonical correlation when the examples of one are permuted: what there would be by chance.
    pub svcca_chance: Vec<Vec<Option<f64>>>,
}

/// A comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SimilarityResult {
    /// Version of this library.
    pub version: String,
    /// Examples shown.
    pub examples: usize,
    /// Which they are.
    pub data: String,
    /// How they were compared.
    pub settings: SimilaritySettings,
    /// What was compared.
    pub compared: Vec<Compared>,
    /// Every two of them, or the stages of the only one.
    pub pairs: Vec<Pair>,
    /// What a reader should know.
    pub warnings: Vec<String>,
}

impl Seen {
    /// The stages to compare of the network `loaded`, from 0: those given, or all when none are.
    ///
    /// # Errors
    /// A stage that is not there.
    pub fn stages(label: &str, loaded: &Loaded, given: &[usize]) -> Result<Vec<usize>> {
        let count = loaded.network.stages().len();
        if let Some(stage) = given.iter().find(|stage| **stage >= count) {
            return Err(Error::config("stage", format!("there is no stage {}", stage + 1))
                .mend(format!("{label} has stages 1 to {count}")));
        }
        Ok(if given.is_empty() { (0..count).collect() } else { given.to_vec() })
    }

    /// The stages (from 0; all when empty) of the network `loaded` for `examples` of its data.
    ///
    /// # Errors
    /// A stage that is not there, data that cannot be read, activity that is not finite, examples that need too much memory.
    pub fn network(
        label: &str,
        loaded: &Loaded,
        stages: &[usize],
        examples: &[usize],
        settings: &SimilaritySettings,
    ) -> Result<Self> {
        let stages = Self::stages(label, loaded, stages)?;
        let inputs = loaded.chosen(examples)?;
        let of = |stage: usize| {
            let _stage = doing::now(|| format!("{label}, stage {}", stage + 1));
            let name = format!("Stage {}", stage + 1);
            Stage::new(name, &activity(&loaded.network, &inputs, stage), settings)
                .map_err(|e| e.within(format!("{label}, stage {}", stage + 1)))
        };
        let what = loaded.describe();
        Ok(Self { label: label.to_owned(), what, stages: stages.into_iter().map(of).collect::<Result<_>>()? })
    }

    /// Recordings `[examples, units]`: a `.npy` file, or the array `data` of a `.npz` file.
    ///
    /// # Errors
    /// If it cannot be read, has another shape, or holds what is not finite.
    pub fn file(path: &Path, settings: &SimilaritySettings) -> Result<Self> {
        let place = path.display().to_string();
        let activity = MappedArray::find(path, None, &[ARRAY])?.activity()?;
        let stage = Stage::new("Data".to_owned(), &activity, settings);
        let stage = stage.map_err(|e| e.within(&place))?;
        let what = format!("{} units recorded", stage.units);
        Ok(Self { label: place, what, stages: vec![stage] })
    }

    /// Number of examples it saw.
    pub fn examples(&self) -> usize {
        self.stages.first().map_or(0, |stage| stage.gram.samples())
    }
}

impl Stage {
    fn new(name: String, activity: &dyn Rows, settings: &SimilaritySettings) -> Result<Self> {
        // The matrix, what its decomposition takes, and singular vectors.
        let bytes = 24 * (activity.samples() as u64).pow(2);
        if bytes > settings.memory {
            let problem = format!("{} of them need {} MiB", activity.samples(), bytes >> 20);
            return Err(Error::config("examples", problem)
                .mend(format!("show fewer, or allow more than {} MiB", settings.memory >> 20)));
        }
        let _finding = doing::now(|| format!("similarities of {} examples", activity.samples()));
        let gram = Gram::of(activity)?;
        let varies = gram.values().iter().any(|v| *v != 0.0);
        let leading = if varies { Some(Leading::of(&gram, settings.variance)?) } else { None };
        Ok(Self { name, units: activity.units(), gram, leading })
    }

    /// Mean canonical correlation with another, and the same with permuted examples.
    fn svcca(&self, other: &Self, seed: Seed) -> Result<[Option<f64>; 2]> {
        let (Some(a), Some(b)) = (&self.leading, &other.leading) else { return Ok([None; 2]) };
        let mut chance = 0.0;
        for permutation in 0..PERMUTATIONS {
            let order = seed.stream(Role::Analysis, 3, permutation as u64).permutation(self.gram.samples());
            chance += mean_correlation(a, &b.permuted(&order))?;
        }
        Ok([Some(mean_correlation(a, b)?), Some(chance / PERMUTATIONS as f64)])
    }
}

/// Compares every two, or the stages of the only one with each other. `data` says what the examples are.
///
/// Memory: 8 examples² bytes for every stage, and its leading singular vectors.
///
/// # Errors
/// If there is nothing to compare, or numbers of examples differ.
pub fn similarity(seen: &[Seen], data: &str, settings: &SimilaritySettings) -> Result<SimilarityResult> {
    let Some(first) = seen.first() else {
        return Err(Error::config("similarity", "nothing to compare").mend("give runs or checkpoints"));
    };
    let count = seen.len();
    let chosen: Vec<(usize, usize)> = match count {
        1 => vec![(0, 0)],
        _ => (0..count).flat_map(|i| (i + 1..count).map(move |j| (i, j))).collect(),
    };
    let pairs =
        chosen.into_iter().map(|(i, j)| pair(seen, i, j, settings.seed)).collect::<Result<Vec<_>>>()?;
    let compared: Vec<Compared> = seen.iter().map(compared).collect();
    Ok(SimilarityResult {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        examples: first.examples(),
        data: data.to_owned(),
        settings: settings.clone(),
        warnings: warnings(&compared, first.examples()),
        compared,
        pairs,
    })
}

fn compared(seen: &Seen) -> Compared {
    Compared {
        label: seen.label.clone(),
        what: seen.what.clone(),
        stages: seen.stages.iter().map(|s| s.name.clone()).collect(),
        units: seen.stages.iter().map(|s| s.units).collect(),
        kept: seen.stages.iter().map(|s| s.leading.as_ref().map_or(0, Leading::kept)).collect(),
    }
}

fn pair(seen: &[Seen], first: usize, second: usize, seed: Seed) -> Result<Pair> {
    let (a, b) = (&seen[first], &seen[second]);
    let _comparing = doing::now(|| format!("comparing {} with {}", a.label, b.label));
    let place = |e: Error| e.within(format!("{} and {}", a.label, b.label));
    let table = |of: &dyn Fn(&Stage, &Stage) -> Result<Option<f64>>| -> Result<Vec<Vec<Option<f64>>>> {
        a.stages.iter().map(|s| b.stages.iter().map(|t| of(s, t).map_err(place)).collect()).collect()
    };
    Ok(Pair {
        first,
        second,
        cka: table(&|s, t| cka(&s.gram, &t.gram, Estimator::Unbiased))?,
        cka_biased: table(&|s, t| cka(&s.gram, &t.gram, Estimator::Biased))?,
        svcca: table(&|s, t| Ok(s.svcca(t, seed)?[0]))?,
        svcca_chance: table(&|s, t| Ok(s.svcca(t, seed)?[1]))?,
    })
}

fn warnings(compared: &[Compared], examples: usize) -> Vec<String> {
    let mut out = Vec::new();
    let stages = || compared.iter().flat_map(|one| one.stages.iter().zip(&one.kept).map(move |s| (one, s)));
    for (one, (stage, _)) in stages().filter(|(_, (_, kept))| **kept == 0) {
        out.push(format!("{}, {stage}: does not vary, so nothing is similar to it", one.label));
    }
    let most = stages().map(|(_, (_, kept))| *kept).max().unwrap_or(0);
    if 5 * most > examples {
        out.push(format!(
            "SVCCA keeps up to {most} directions of {examples} examples, so that unrelated representations correlate by chance (how \
             much stands beside each value); show more examples, or keep less of the variance"
        ));
    }
    out
}

/// Writes `similarity.json`, `similarity.csv` and `report.html`, as far as `formats` asks for them, to `folder`, whole or not at
/// all. `command` is the command line that made them.
///
/// # Errors
/// If the file system refuses, or `folder` holds something else.
pub fn write_similarity(
    folder: &Path,
    result: &SimilarityResult,
    formats: &[Format],
    command: &str,
) -> Result<()> {
    let mut files = Vec::new();
    for format in formats {
        let (name, text) = match format {
            Format::Json => {
                let text = serde_json::to_string_pretty(result).expect("numbers are representable in JSON");
                ("similarity.json", text + "\n")
            }
            Format::Csv => ("similarity.csv", tables::pairs(result)),
            Format::Html => ("report.html", similarity_page(result, command)),
            Format::Npz => {
                return Err(Error::config("format", "a comparison is not written as npz")
                    .mend("use json, csv or html"));
            }
        };
        files.push((name.to_owned(), text.into_bytes()));
    }
    replace_folder(folder, &files, FolderKind::Similarity.files(), "a comparison")
}
