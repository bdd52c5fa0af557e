//! The stimuli of a benchmark: pictures in a folder, listed by a table.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use nmnc_core::error::{Error, Result};
use nmnc_core::files::sha256;
use nmnc_core::guard;
use nmnc_core::seed::{Role, Seed};
use nmnc_data::{Dataset, ImageShape, Statistics, stimuli};

/// `[stimuli]` of a description.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StimuliConfig {
    /// Folder of the pictures.
    folder: PathBuf,
    /// CSV file with a header and a row for each stimulus, in the order of all arrays; without it, all pictures by name.
    table: Option<PathBuf>,
    /// Column of the names of the files.
    #[serde(default = "file")]
    file: String,
    /// Column of the names of the stimuli in recordings; the file's without.
    id: Option<String>,
    /// Column of the categories.
    category: Option<String>,
    /// Column with 1 for the stimuli by which stages are chosen and 0 for those by which they are scored.
    selection: Option<String>,
}

fn file() -> String {
    "file".to_owned()
}

/// What was shown.
#[derive(Clone, Debug)]
pub struct Stimuli {
    folder: PathBuf,
    files: Vec<String>,
    /// Name of each stimulus in recordings.
    pub ids: Vec<String>,
    /// Category of each stimulus; empty without categories.
    pub categories: Vec<String>,
    /// Whether stages are chosen by a stimulus, if the benchmark says so.
    declared: Option<Vec<bool>>,
}

/// Index of the stream that parts the stimuli in halves.
const HALVES: usize = 0x00_7a_03;

impl Stimuli {
    pub(super) fn read(config: &StimuliConfig, root: &Path) -> Result<Self> {
        let folder = root.join(&config.folder);
        if !folder.is_dir() {
            return Err(Error::data(folder.display(), "no such folder")
                .mend("give the folder that the paths of the benchmark start from with --root"));
        }
        let Some(table) = &config.table else { return Self::listed(folder, config) };
        let path = root.join(table);
        let table = Table::read(&path)?;
        let files = table.column(&config.file)?;
        let ids = match &config.id {
            Some(column) => table.column(column)?,
            None => files.clone(),
        };
        let mut seen = HashSet::new();
        if let Some(twice) = ids.iter().find(|id| !seen.insert(*id)) {
            return Err(Error::data(path.display(), format!("two stimuli are called `{twice}`")));
        }
        let categories = config.category.as_ref().map(|c| table.column(c)).transpose()?.unwrap_or_default();
        let flag = |(row, text): (usize, &String)| match text.trim() {
            "1" => Ok(true),
            "0" => Ok(false),
            other => Err(Error::data(
                path.display(),
                format!("row {}: `{other}` where 0 or 1 says by which stimuli stages are chosen", row + 1),
            )),
        };
        let declared = match &config.selection {
            Some(column) => {
                Some(table.column(column)?.iter().enumerate().map(flag).collect::<Result<Vec<bool>>>()?)
            }
            None => None,
        };
        if let Some(chosen) = declared.as_ref().map(|d| d.iter().filter(|chosen| **chosen).count())
            && (chosen < 3 || files.len() - chosen < 3)
        {
            return Err(Error::data(
                path.display(),
                format!("{chosen} of {} stimuli choose stages", files.len()),
            )
            .mend("at least three stimuli must choose, and three others score"));
        }
        Self { folder, files, ids, categories, declared }.check(&path)
    }

    /// All pictures of a folder, by name.
    fn listed(folder: PathBuf, config: &StimuliConfig) -> Result<Self> {
        if config.id.is_some() || config.category.is_some() || config.selection.is_some() {
            return Err(Error::config("stimuli", "columns are named, but no table")
                .mend("name the CSV file with `table`"));
        }
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(|e| Error::io(&folder, "read", e))? {
            let name = entry.map_err(|e| Error::io(&folder, "read", e))?.file_name();
            let Some(name) = name.to_str() else { continue };
            let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
            if name.starts_with('.') {
                continue;
            }
            match ending.as_deref() {
                Some("png" | "jpg" | "jpeg") => files.push(name.to_owned()),
                // Left out without a word, it would move all others against what was recorded.
                Some("bmp" | "gif" | "webp" | "tif" | "tiff" | "avif" | "heic" | "ppm" | "jp2") => {
                    return Err(Error::data(folder.join(name).display(), "is neither PNG nor JPEG")
                        .mend("convert it to PNG, or list the stimuli in a table"));
                }
                _ => {}
            }
        }
        files.sort_unstable();
        let place = folder.clone();
        Self { folder, ids: files.clone(), files, categories: Vec::new(), declared: None }.check(&place)
    }

    fn check(self, place: &Path) -> Result<Self> {
        if self.len() < 6 {
            return Err(Error::data(
                place.display(),
                format!("{} stimuli, where at least six are needed", self.len()),
            ));
        }
        Ok(self)
    }

    /// Number of stimuli.
    #[expect(clippy::len_without_is_empty, reason = "a benchmark has stimuli")]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// The pictures as a network trained on images of `shape` with `statistics` sees them.
    ///
    /// # Errors
    /// If one is missing or cannot be read.
    pub fn shown(&self, shape: ImageShape, statistics: &Statistics) -> Result<Dataset> {
        stimuli(&self.folder, &self.files, shape, statistics)
    }

    /// What tells these pictures from others: SHA-256 of each one's file, or why it has none.
    pub fn fingerprint(&self) -> Vec<String> {
        let one = |file: &String| sha256(&self.folder.join(file)).unwrap_or_else(|e| e.to_string());
        self.files.iter().map(one).collect()
    }

    /// The stimuli by which stages are chosen and those by which they are scored: as the benchmark declares, or half of each category
    /// drawn by `seed`.
    pub fn halves(&self, seed: Seed) -> [Vec<usize>; 2] {
        let chooses = self.declared.clone().unwrap_or_else(|| {
            let mut chooses = vec![false; self.len()];
            let mut last = false;
            let order = seed.stream(Role::Analysis, HALVES, 0).permutation(self.len());
            let mut turn = vec![0; self.len()];
            order.iter().enumerate().for_each(|(at, &stimulus)| turn[stimulus] = at);
            for (_, _, mut members) in self.groups() {
                members.sort_unstable_by_key(|&stimulus| turn[stimulus]);
                // Odd ones of a category go to either half in turn.
                for stimulus in members {
                    chooses[stimulus] = !last;
                    last = !last;
                }
            }
            chooses
        });
        [true, false].map(|half| (0..self.len()).filter(|&at| chooses[at] == half).collect())
    }

    /// Categories in the order of their first stimulus: name, number from 0, stimuli. One of all stimuli without categories.
    pub fn groups(&self) -> Vec<(String, usize, Vec<usize>)> {
        if self.categories.is_empty() {
            return vec![("stimuli".to_owned(), 0, (0..self.len()).collect())];
        }
        let mut groups: Vec<(String, usize, Vec<usize>)> = Vec::new();
        let mut numbers = HashMap::new();
        for (stimulus, category) in self.categories.iter().enumerate() {
            let number = *numbers.entry(category).or_insert_with(|| {
                groups.push((category.clone(), groups.len(), Vec::new()));
                groups.len() - 1
            });
            groups[number].2.push(stimulus);
        }
        groups
    }
}

/// A CSV file with a header, of at most [`guard::TEXT`] bytes.
struct Table {
    place: String,
    header: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Table {
    fn read(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let broken = |e: csv::Error| Error::data(&place, format!("cannot be read: {e}")).caused_by(e);
        let bytes = guard::whole(path, guard::TEXT).map_err(|e| guard::refused(path, e))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(&bytes[..]);
        let header = reader.headers().map_err(broken)?.clone();
        let rows = reader.records().collect::<std::result::Result<_, csv::Error>>().map_err(broken)?;
        Ok(Self { place, header, rows })
    }

    fn column(&self, name: &str) -> Result<Vec<String>> {
        let at = self.header.iter().position(|column| column == name).ok_or_else(|| {
            Error::data(&self.place, format!("no column `{name}`")).suggest(name, &self.header)
        })?;
        Ok(self.rows.iter().map(|row| row[at].to_owned()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_take_as_many_of_each_category() {
        let categories: Vec<String> = (0..21).map(|i| ["face", "body", "place"][i % 3].to_owned()).collect();
        let files: Vec<String> = (0..21).map(|i| format!("{i}.png")).collect();
        let stimuli =
            Stimuli { folder: PathBuf::new(), ids: files.clone(), files, categories, declared: None };
        let [choose, score] = stimuli.halves(Seed(3));
        assert_eq!(choose.len().abs_diff(score.len()), 1);
        for (name, _, members) in stimuli.groups() {
            let chosen = choose.iter().filter(|at| members.contains(at)).count();
            assert!(chosen == 3 || chosen == 4, "{name} {chosen}");
        }
        assert_eq!(stimuli.halves(Seed(3)), [choose.clone(), score]);
        assert_ne!(stimuli.halves(Seed(4))[0], choose);
    }
}
