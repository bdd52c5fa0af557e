//! Sweeps: many runs that one file describes, so that many processes can share them.
//!
//! A sweep is a base configuration, settings that go together, a grid of settings, random draws of settings, and seeds. [`Sweep::read`] makes of it a list of runs in
//! an order that depends on the file alone, each with a folder's name that says what differs, and [`Sweep::run`] the configuration of one. Who
//! makes which of them is not settled here: a run's folder is its claim ([`files::FolderLock`](crate::files::FolderLock)).
//!
//! ```
//! use nmnc::train::RunConfig;
//!
//! let text = "base = 'tiny'\nseeds = 2\n[grid]\ncredit.rule = ['bp', 'dfa']\ntrain.batch = [32, 64]\n";
//! let tiny = |name: &str| (name == "tiny").then_some("network.preset = 'mlp'\n[credit]\nrule = 'bp'\n");
//! let sweep = nmnc::sweep::Sweep::parse(text, "sweep.toml".as_ref(), &[], &tiny).unwrap();
//! assert_eq!(sweep.names.len(), 2 * 2 * 2);
//! assert_eq!(sweep.run(2).unwrap().config.epochs(), 10);
//! assert_eq!(sweep.names[..3], ["rule=bp-batch=32-seed0", "rule=bp-batch=32-seed1", "rule=bp-batch=64-seed0"]);
//! ```

mod draw;
mod file;
mod label;

use std::path::Path;

use nmnc_core::error::{Error, Result};
use nmnc_core::seed::Seed;
use nmnc_train::{AnyConfig, PlannedRun, RunConfig, set};
use toml::{Table, Value};

use draw::Draws;
use file::{Description, Named, POINT, Seeds};
use label::Labels;

/// Runs that a sweep may stand for.
const MOST: usize = 100_000;

/// The runs of a sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Settings in which they differ, beside the seed: `point`, the name of settings that go together, if there are any, those of the grid,
    /// then those drawn.
    pub settings: Vec<String>,
    /// Names of the runs' folders: draws, within each what goes together, within each the points of the grid with its last setting changing
    /// fastest, within each the seeds.
    pub names: Vec<String>,
    /// What each run has of [`Sweep::settings`], as text.
    pub values: Vec<Vec<String>>,
    /// What the file is called in messages.
    origin: String,
    /// What all runs have.
    base: Table,
    named: Vec<Named>,
    points: Vec<Point>,
    seeds: Vec<Seed>,
}

impl Sweep {
    /// Reads the sweep that the TOML file at `path` describes, with changes such as `train.epochs=5` in every run. A base that is a file is
    /// looked for beside it; `ready_made` has the text of those that have a name.
    ///
    /// # Errors
    /// Unreadable files, bad TOML (with its line), unknown or impossible settings of the base (with their key).
    pub fn read(
        path: &Path,
        overrides: &[String],
        ready_made: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Result<Self> {
        Self::parse(&file::text(path)?, path, overrides, ready_made)
    }

    /// The same of the TOML `text` that came from the file `path`.
    ///
    /// # Errors
    /// As [`Sweep::read`].
    pub fn parse(
        text: &str,
        path: &Path,
        overrides: &[String],
        ready_made: &dyn Fn(&str) -> Option<&'static str>,
    ) -> Result<Self> {
        let origin = path.display().to_string();
        let described = Description::parse(text, path, ready_made)?;
        described.check(overrides).map_err(|e| e.within(&origin))?;
        let mut base = described.base.clone();
        for (key, value) in &described.set {
            set(&mut base, &format!("{key}={value}")).map_err(|e| e.within(&origin))?;
        }
        overrides.iter().try_for_each(|change| set(&mut base, change))?;
        let checked = config(&base, &described.base_name)?;
        let seeds: Vec<Seed> = match &described.seeds {
            Seeds::Count(count) => (0..*count).map(|n| Seed(checked.seed().0.saturating_add(n))).collect(),
            Seeds::Listed(seeds) => seeds.clone(),
        };
        let points = points(&described, seeds.len()).map_err(|e| e.within(&origin))?;
        let settings: Vec<String> = described.varied().map(str::to_owned).collect();
        let labels = Labels::new(&settings, &points);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (number, point) in points.iter().enumerate() {
            for &seed in &seeds {
                names.push(match &point.values[..] {
                    [] => format!("{}-seed{}", checked.rule(), seed.0),
                    _ => labels.name(number, point, seed),
                });
                values.push(point.values.iter().map(shown).collect());
            }
        }
        Ok(Self { settings, names, values, origin, base, named: described.named, points, seeds })
    }

    /// The run at this place, counted from 0, with its configuration.
    ///
    /// # Errors
    /// Unknown or impossible settings.
    ///
    /// # Panics
    /// If there is no such run.
    pub fn run(&self, at: usize) -> Result<PlannedRun<AnyConfig>> {
        let (name, point) = (self.names[at].clone(), &self.points[at / self.seeds.len()]);
        let place = format!("{}: {name}", self.origin);
        let mut table = self.base.clone();
        for (key, value) in self.settings.iter().zip(&point.values) {
            let named = self.named.iter().filter(|own| key == POINT && value.as_str() == Some(&own.name));
            let together = named.flat_map(|own| own.settings.iter().map(|(key, value)| (key, value)));
            let alone = (key != POINT).then_some((key, value));
            for (key, value) in together.chain(alone) {
                set(&mut table, &format!("{key}={value}")).map_err(|e| e.within(&place))?;
            }
        }
        let config = config(&table, &place)?.with_seed(self.seeds[at % self.seeds.len()]);
        let config = config.resolve().map_err(|e| e.within(&place))?;
        Ok(PlannedRun { name, config })
    }
}

/// A place in the space of settings: what each varied setting is there.
#[derive(Clone, Debug)]
struct Point {
    /// The number of the draw, if settings are drawn.
    draw: Option<u64>,
    values: Vec<Value>,
}

/// All points: those of the grid for each draw.
fn points(described: &Description, seeds: usize) -> Result<Vec<Point>> {
    let grid: Vec<&[Value]> = described.grid.iter().map(|(_, values)| values.as_slice()).collect();
    let of_grid = grid.iter().try_fold(1usize, |product, values| product.checked_mul(values.len()));
    let draws = described.random.as_ref().map(|random| random.draws);
    let runs = of_grid
        .and_then(|points| points.checked_mul(usize::try_from(draws.unwrap_or(1)).ok()?))
        .and_then(|points| points.checked_mul(seeds));
    if runs.is_none_or(|runs| runs > MOST) {
        let problem = format!("stands for more than {MOST} runs");
        return Err(Error::config("", problem).mend("take fewer values, draws or seeds"));
    }
    let mut points = Vec::new();
    for draw in 0..draws.unwrap_or(1) {
        let drawn = described.random.as_ref().map_or_else(Vec::new, |random: &Draws| random.values(draw));
        for mut number in 0..of_grid.unwrap_or(0) {
            let mut values: Vec<Value> = Vec::new();
            for choices in grid.iter().rev() {
                values.push(choices[number % choices.len()].clone());
                number /= choices.len();
            }
            values.reverse();
            values.extend(drawn.iter().cloned());
            points.push(Point { draw: draws.map(|_| draw), values });
        }
    }
    Ok(points)
}

fn config(table: &Table, origin: &str) -> Result<AnyConfig> {
    let text = toml::to_string(table).expect("a table is representable in TOML");
    AnyConfig::parse(&text, origin, &[])
}

/// A value as the cell of a table has it: text without its quotation marks.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
