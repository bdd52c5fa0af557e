//! What a run has written to `metrics.jsonl`, in a few words that checkpoints keep: rows that are lost, repeated or changed afterwards show.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use nmnc_core::error::{Error, Result};
use nmnc_core::records::Record;

/// Counts rows as they are written.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    steps: Steps,
    bytes: u64,
    hash: Sha256,
}

/// The rows up to a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Their training steps, as differences to the step before: `1x2 5x40` is 1, 2, 7, 12 and so on.
    steps: String,
    /// Their length.
    pub bytes: u64,
    /// Their SHA-256, in hexadecimal.
    sha256: String,
}

/// Rising steps by runs of equal differences.
#[derive(Clone, Debug, Default, PartialEq)]
struct Steps {
    gaps: Vec<(u64, u64)>,
    last: u64,
}

/// A row: its step, and where it stands among the bytes. No step where it is no row.
struct Row<'a> {
    step: Option<u64>,
    text: &'a [u8],
}

impl Ledger {
    /// Adds the row of `step`.
    pub fn add(&mut self, step: u64, row: &[u8]) {
        self.steps.push(step);
        self.bytes += row.len() as u64;
        self.hash.update(row);
    }

    /// That `bytes` are the rows of the steps of `mark`.
    pub fn of(mark: &Mark, bytes: &[u8]) -> Self {
        let mut ledger = Self::default();
        mark.steps().into_iter().flatten().for_each(|step| ledger.steps.push(step));
        ledger.bytes = bytes.len() as u64;
        ledger.hash.update(bytes);
        ledger
    }

    /// What a checkpoint keeps.
    pub fn mark(&self) -> Mark {
        let digest = self.hash.clone().finalize();
        let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Mark { steps: self.steps.text(), bytes: self.bytes, sha256 }
    }
}

impl Mark {
    /// Whether a file begins with the rows.
    pub fn begins(&self, file: &[u8]) -> bool {
        let rows = usize::try_from(self.bytes).ok().and_then(|bytes| file.get(..bytes));
        rows.is_some_and(|rows| {
            let digest = Sha256::digest(rows);
            digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == self.sha256
        })
    }

    /// Whether a file is the rows and nothing else.
    pub fn is_all_of(&self, file: &[u8]) -> bool {
        self.bytes == file.len() as u64 && self.begins(file)
    }

    /// The steps of the rows.
    ///
    /// # Errors
    /// If this is no mark that a ledger made.
    pub fn steps(&self) -> Result<Vec<u64>> {
        Steps::read(&self.steps, self.bytes)
    }

    /// What is the matter with a `file` that should begin with the rows and does not, or that goes on after them; `sound` are marks of
    /// earlier checkpoints.
    ///
    /// # Errors
    /// If this is no mark that a ledger made.
    pub fn complaint(&self, file: &[u8], sound: &[Mark]) -> Result<String> {
        let told = self.steps()?;
        let mut found: BTreeMap<u64, usize> = BTreeMap::new();
        rows(file)
            .into_iter()
            .filter_map(|row| row.step)
            .for_each(|step| *found.entry(step).or_default() += 1);
        let missing: Vec<u64> = told.iter().copied().filter(|step| !found.contains_key(step)).collect();
        if !missing.is_empty() {
            let (lost, all) = (missing.len(), told.len());
            return Ok(format!(
                "lacks {lost} of the {all} rows that the run wrote ({})",
                ranges(&told, &missing)
            ));
        }
        let repeated: Vec<u64> =
            found.iter().filter(|(_, count)| **count > 1).map(|(step, _)| *step).collect();
        if !repeated.is_empty() {
            let all: Vec<u64> = found.keys().copied().collect();
            return Ok(format!("has rows more than once ({})", ranges(&all, &repeated)));
        }
        let other: Vec<u64> =
            found.keys().copied().filter(|step| told.binary_search(step).is_err()).collect();
        if !other.is_empty() {
            let all: Vec<u64> = found.keys().copied().collect();
            return Ok(format!("has rows that the run did not write ({})", ranges(&all, &other)));
        }
        // All rows are there, so they were changed, or others were written in their place.
        let good = sound
            .iter()
            .filter(|mark| mark.begins(file))
            .filter_map(|mark| mark.steps().ok()?.last().copied());
        let good = good.max().unwrap_or(0);
        let changed: Vec<u64> = told.iter().copied().filter(|step| *step > good).collect();
        Ok(format!("has other rows than the run wrote ({})", ranges(&told, &changed)))
    }

    /// What is left of the rows in a `file` that is not as it was, each once and in order of step.
    ///
    /// # Errors
    /// If this is no mark that a ledger made.
    pub fn salvage(&self, file: &[u8]) -> Result<Ledgered> {
        let told = self.steps()?;
        let mut left: BTreeMap<u64, &[u8]> = BTreeMap::new();
        for row in rows(file) {
            if let Some(step) = row.step.filter(|step| told.binary_search(step).is_ok()) {
                left.entry(step).or_insert(row.text);
            }
        }
        let mut salvaged = Ledgered::default();
        for (step, text) in left {
            salvaged.ledger.add(step, text);
            salvaged.bytes.extend_from_slice(text);
        }
        Ok(salvaged)
    }
}

/// Rows and their ledger.
#[derive(Clone, Debug, Default)]
pub struct Ledgered {
    /// The rows, as they stand in the file.
    pub bytes: Vec<u8>,
    /// What they are.
    pub ledger: Ledger,
}

impl Steps {
    fn push(&mut self, step: u64) {
        let gap = step.saturating_sub(self.last);
        match self.gaps.last_mut() {
            Some((same, count)) if *same == gap => *count += 1,
            _ => self.gaps.push((gap, 1)),
        }
        self.last = step;
    }

    fn text(&self) -> String {
        self.gaps.iter().map(|(gap, count)| format!("{gap}x{count}")).collect::<Vec<_>>().join(" ")
    }

    /// A row has more than one byte, which bounds what a damaged text can ask for.
    fn read(text: &str, bytes: u64) -> Result<Vec<u64>> {
        let wrong = || Error::checkpoint("records.steps", format!("`{text}` are no steps of records"));
        let (mut steps, mut last) = (Vec::new(), 0u64);
        for part in text.split_whitespace() {
            let (gap, count) = part.split_once('x').ok_or_else(wrong)?;
            let (gap, count): (u64, u64) =
                (gap.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
            if gap == 0 || count > bytes.saturating_sub(steps.len() as u64) {
                return Err(wrong());
            }
            for _ in 0..count {
                last = last.checked_add(gap).ok_or_else(wrong)?;
                steps.push(last);
            }
        }
        Ok(steps)
    }
}

/// The lines of a file, empty ones left out.
fn rows(file: &[u8]) -> Vec<Row<'_>> {
    let lines = file.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    // A line without its end was not written whole.
    let whole =
        |text: &[u8]| text.ends_with(b"\n").then(|| serde_json::from_slice::<Record>(text).ok()).flatten();
    lines.map(|text| Row { step: whole(text).map(|record| record.step), text }).collect()
}

/// The `chosen` of the rising steps `all`, neighbours together: `steps 1 to 5, 9`.
fn ranges(all: &[u64], chosen: &[u64]) -> String {
    const SHOWN: usize = 4;
    let mut parts: Vec<(u64, u64)> = Vec::new();
    let mut before = None;
    for step in all {
        if chosen.binary_search(step).is_ok() {
            match parts.last_mut() {
                Some((_, end)) if before == Some(*end) => *end = *step,
                _ => parts.push((*step, *step)),
            }
        }
        before = Some(*step);
    }
    let one = matches!(parts[..], [(start, end)] if start == end);
    let mut text = if one { "step" } else { "steps" }.to_owned();
    for (index, (start, end)) in parts.iter().take(SHOWN).enumerate() {
        let comma = if index > 0 { "," } else { "" };
        let _ = if start == end {
            write!(text, "{comma} {start}")
        } else {
            write!(text, "{comma} {start} to {end}")
        };
    }
    if parts.len() > SHOWN {
        let _ = write!(text, " and {} more places", parts.len() - SHOWN);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(step: u64) -> Vec<u8> {
        let record = Record {
            step,
            epoch: 0.0,
            probes: 0,
            learning_rate: 0.1,
            seconds: 1.0,
            images_per_second: 10.0,
            waiting: 0.0,
            train: None,
            test: None,
            trials: None,
            conditions: Vec::new(),
            psychometric: None,
            stages: Vec::new(),
        };
        (serde_json::to_string(&record).unwrap() + "\n").into_bytes()
    }

    fn file(steps: &[u64]) -> Vec<u8> {
        steps.iter().flat_map(|step| row(*step)).collect()
    }

    fn mark(steps: &[u64]) -> Mark {
        let mut ledger = Ledger::default();
        steps.iter().for_each(|step| ledger.add(*step, &row(*step)));
        ledger.mark()
    }

    const ALL: [u64; 7] = [1, 2, 4, 6, 8, 10, 11];

    #[test]
    fn steps_are_kept_in_few_words() {
        let kept = mark(&ALL);
        assert_eq!((kept.steps.as_str(), kept.steps().unwrap()), ("1x2 2x4 1x1", ALL.to_vec()));
        assert!(mark(&[]).steps().unwrap().is_empty());
        for text in ["1", "x", "0x1", "1x99999999999", "18446744073709551615x2", "-1x1"] {
            assert!(Mark { steps: text.into(), ..kept.clone() }.steps().is_err(), "{text}");
        }
        assert_eq!(Ledger::of(&kept, &file(&ALL)).mark(), kept);
    }

    #[test]
    fn every_damage_is_told_by_its_rows() {
        let (kept, early) = (mark(&ALL), mark(&ALL[..3]));
        let whole = file(&ALL);
        assert!(kept.is_all_of(&whole));
        let longer = [&whole[..], &row(13), &row(14)[..30]].concat();
        assert!(kept.begins(&longer) && !kept.is_all_of(&longer));
        let complaint = |file: &[u8]| {
            assert!(!kept.begins(file));
            kept.complaint(file, std::slice::from_ref(&early)).unwrap()
        };
        assert_eq!(complaint(b""), "lacks 7 of the 7 rows that the run wrote (steps 1 to 11)");
        assert_eq!(
            complaint(&whole[..whole.len() - 9]),
            "lacks 1 of the 7 rows that the run wrote (step 11)"
        );
        let cut = file(&[1, 6, 8, 11]);
        assert_eq!(complaint(&cut), "lacks 3 of the 7 rows that the run wrote (steps 2 to 4, 10)");
        let twice = file(&[1, 2, 4, 4, 6, 8, 10, 11]);
        assert_eq!(complaint(&twice), "has rows more than once (step 4)");
        let other = file(&[1, 2, 3, 4, 6, 8, 10, 11]);
        assert_eq!(complaint(&other), "has rows that the run did not write (step 3)");
        let text = String::from_utf8(whole.clone()).unwrap();
        let (first, rest) = text.split_at(text.find("\"step\":8").unwrap());
        let edited = format!("{first}{}", rest.replacen("10.0", "99.0", 1)).into_bytes();
        assert_eq!(complaint(&edited), "has other rows than the run wrote (steps 6 to 11)");
        let swapped = text.replace("10.0", "11.0").into_bytes();
        assert_eq!(complaint(&swapped), "has other rows than the run wrote (steps 1 to 11)");
        let many = file(&[2, 6, 10]);
        assert_eq!(complaint(&many), "lacks 4 of the 7 rows that the run wrote (steps 1, 4, 8, 11)");
    }

    #[test]
    fn what_is_left_is_saved_once_and_in_order() {
        let kept = mark(&ALL);
        let mixed = [&row(4)[..], b"{}\n", &row(1), &row(4), &row(5), &row(11)[..20]].concat();
        let saved = kept.salvage(&mixed).unwrap();
        assert_eq!(saved.bytes, file(&[1, 4]));
        assert_eq!(saved.ledger.mark(), mark(&[1, 4]));
    }
}
