//! Whether trials of an archive lie along its second axis, as they should, or along its first.

use nmnc_core::error::{Error, Result};

/// The first two axes of `inputs`, and what else tells how many trials there are.
pub(super) struct Order<'a> {
    /// The archive, for messages.
    pub place: String,
    /// Shape of `inputs`.
    pub inputs: [usize; 3],
    /// Shape of `targets`.
    pub targets: &'a [usize],
    /// Names and lengths of arrays with an entry a trial.
    pub by_trial: Vec<(&'static str, usize)>,
    /// Classes of all steps, if `targets` are classes of that shape.
    pub labels: Option<&'a [i64]>,
}

impl Order<'_> {
    /// # Errors
    /// Arrays with trials first, with the shape that they should have.
    pub fn check(&self) -> Result<()> {
        let [first, second, width] = self.inputs;
        if self.by_trial.iter().any(|(_, length)| *length == second) {
            return Ok(());
        }
        let told = self.by_trial.iter().find(|(_, length)| *length == first);
        let told = told.map(|(name, _)| format!("`{name}` has an entry for each of {first} trials"));
        let classes = || self.labels.and_then(|labels| by_labels(labels, [first, second]));
        let Some(why) = told.or_else(classes) else { return Ok(()) };
        let problem = format!(
            "has shape [{first}, {second}, {width}], read as {first} steps of {second} trials, but {why}: trials come first in it"
        );
        let outputs = self.targets.get(2).map_or(String::new(), |outputs| format!(", {outputs}"));
        Err(Error::data(format!("{}: inputs", self.place), problem).mend(format!(
            "store inputs as [{second}, {first}, {width}] ([T, B, n_in], in NumPy x.swapaxes(0, 1)) and targets as \
             [{second}, {first}{outputs}]; if steps do come first, store an array `conditions` with an entry a trial"
        )))
    }
}

/// What classes tell: an answer in each trial and none at the beginning, or one class all along each trial.
fn by_labels(labels: &[i64], [first, second]: [usize; 2]) -> Option<String> {
    if first < 2 || second < 2 {
        return None;
    }
    let at = |row: usize, column: usize| labels[row * second + column];
    // One class for all steps of each trial, which are where they should be.
    if (0..second).all(|column| (1..first).all(|row| at(row, column) == at(0, column))) {
        return None;
    }
    let answered = (0..first).all(|row| (0..second).any(|column| at(row, column) != 0));
    if answered && (0..first).all(|row| at(row, 0) == 0) {
        return Some(
            "along its second axis classes begin with 0 and come to another, as those of a trial do".into(),
        );
    }
    let held = (0..first).all(|row| (1..second).all(|column| at(row, column) == at(row, 0)));
    // A class that goes back and forth is that of one trial after the other.
    let changes = (1..first).filter(|&row| at(row, 0) != at(row - 1, 0)).count();
    (held && changes > 2).then(|| {
        "classes are the same all along its second axis, as those of a trial are along its steps".into()
    })
}
