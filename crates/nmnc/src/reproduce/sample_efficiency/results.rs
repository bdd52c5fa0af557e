//! Everything that was measured, by cell, with differences to the rules that others are compared with.

use serde::Serialize;

use super::super::statistics::{Interval, interval};
use super::EfficiencyRun;
use super::conditions::Condition;
use nmnc_report::Measurements;
use nmnc_report::measurements::Place;

/// Backprop's name among the conditions.
pub(super) const BACKPROP: &str = "bp";
/// The name of the rule that spends probes without a manifold.
pub(super) const VANILLA: &str = "vnc";
/// How far the probes of two runs at one budget may differ, as a ratio, for their accuracies to be compared.
const SAME_PROBES: f64 = 1.1;

/// One condition at one budget and width.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cell {
    /// Index of the condition.
    pub condition: usize,
    /// Probes per training example asked for; none for rules that perturb nothing.
    pub budget: Option<f64>,
    /// Multiple of every width.
    pub scale: f64,
    /// The settings that the budget became.
    pub spent: Vec<String>,
}

/// A budget that a condition cannot have.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Impossible {
    pub condition: usize,
    pub budget: f64,
    /// Why, in words.
    pub reason: String,
}

/// A cell over seeds. Accuracies are in percent, differences in points.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub condition: String,
    #[serde(skip)]
    pub label: String,
    pub rule: String,
    pub scale: f64,
    pub budget: Option<f64>,
    pub probes_per_example: Interval,
    pub accuracy: Interval,
    /// Less backprop at the same width and seed.
    pub less_backprop: Option<Interval>,
    /// Less vanilla noise correlation at the same width, budget and seed, where both spent as many probes.
    pub less_vanilla: Option<Interval>,
    /// By stage, where it was measured.
    pub cosines: Vec<Interval>,
    /// Likewise.
    pub captured: Vec<Interval>,
    /// Seconds of training, mean over seeds.
    pub seconds: f64,
}

/// All of it.
pub(super) struct Results<'a> {
    pub conditions: &'a [Condition],
    pub impossible: &'a [Impossible],
    cells: &'a [Cell],
    table: &'a Measurements,
    /// One for each cell of which a run did not diverge.
    pub rows: Vec<Row>,
}

impl Cell {
    fn place(&self, conditions: &[Condition]) -> Place {
        Place::new(&conditions[self.condition].name, format!("width ×{}", self.scale), self.budget)
    }
}

/// The name of a stage's cosine.
fn cosine(stage: usize) -> String {
    format!("cosine, stage {}", stage + 1)
}

/// The name of the share of a stage's exact signals on the manifold.
fn captured(stage: usize) -> String {
    format!("captured energy, stage {}", stage + 1)
}

/// Adds what was measured of a run.
pub(super) fn tabulate(
    conditions: &[Condition],
    cell: &Cell,
    seed: u64,
    run: &EfficiencyRun,
    table: &mut Measurements,
) {
    let place = cell.place(conditions);
    let metrics = [
        ("accuracy", Some(run.accuracy)),
        ("probes_per_example", Some(run.probes_per_example)),
        ("seconds", Some(run.seconds)),
    ];
    table.add(&place, seed, metrics);
    for (stage, value) in run.cosines.iter().enumerate() {
        table.add(&place, seed, [(cosine(stage).as_str(), Some(*value))]);
    }
    for (stage, value) in run.captured.iter().enumerate() {
        table.add(&place, seed, [(captured(stage).as_str(), Some(*value))]);
    }
}

impl<'a> Results<'a> {
    pub fn new(
        conditions: &'a [Condition],
        impossible: &'a [Impossible],
        cells: &'a [Cell],
        table: &'a Measurements,
    ) -> Self {
        let mut results = Self { conditions, impossible, cells, table, rows: Vec::new() };
        results.rows = cells.iter().filter_map(|cell| results.row(cell)).collect();
        results
    }

    fn row(&self, cell: &Cell) -> Option<Row> {
        let (condition, place) = (&self.conditions[cell.condition], cell.place(self.conditions));
        let twin = |name: &str, budget: Option<f64>| {
            let found = self.cells.iter().find(|other| {
                self.conditions[other.condition].name == name
                    && other.scale == cell.scale
                    && other.budget == budget
            });
            found.filter(|other| *other != cell).map(|other| other.place(self.conditions))
        };
        let less = |other: Option<Place>, spent_alike: bool| {
            let other = other?;
            let spent = self.table.pairs(&place, &other, "probes_per_example").into_iter();
            let alike: Vec<Option<u64>> = spent
                .filter(|(_, [a, b])| !spent_alike || a.max(*b) <= SAME_PROBES * a.min(*b))
                .map(|(seed, _)| seed)
                .collect();
            let accuracies = self.table.pairs(&place, &other, "accuracy").into_iter();
            interval(accuracies.filter(|(seed, _)| alike.contains(seed)).map(|(_, [a, b])| 100.0 * (a - b)))
        };
        let over_seeds = |metric: &str| self.table.over_seeds(&place, metric);
        let accuracy = self.table.by_seed(&place, "accuracy").map(|(_, accuracy)| 100.0 * accuracy);
        let runs = self.table.by_seed(&place, "accuracy").count();
        // Stages that every run has.
        let by_stage = |name: fn(usize) -> String| -> Vec<Interval> {
            (0..).map_while(|stage| over_seeds(&name(stage)).filter(|found| found.n == runs)).collect()
        };
        let seconds: f64 = self.table.by_seed(&place, "seconds").map(|(_, seconds)| seconds).sum();
        Some(Row {
            condition: condition.name.clone(),
            label: condition.label.clone(),
            rule: condition.rule.clone(),
            scale: cell.scale,
            budget: cell.budget,
            probes_per_example: over_seeds("probes_per_example")?,
            accuracy: interval(accuracy)?,
            less_backprop: less(twin(BACKPROP, None), false),
            less_vanilla: less(cell.budget.and_then(|b| twin(VANILLA, Some(b))), true),
            cosines: by_stage(cosine),
            captured: by_stage(captured),
            seconds: seconds / runs as f64,
        })
    }

    /// The rows of a condition at the width as it is, by rising probes.
    pub fn over_probes(&self, condition: &Condition) -> Vec<&Row> {
        let own = self.rows.iter().filter(|r| r.condition == condition.name && r.scale == 1.0);
        let mut rows: Vec<&Row> = own.collect();
        rows.sort_by(|a, b| a.probes_per_example.mean.total_cmp(&b.probes_per_example.mean));
        rows
    }

    /// The rows of a condition at the budget of its other widths, by rising width; none if there is one width only.
    pub fn over_widths(&self, condition: &Condition) -> Vec<&Row> {
        let own = || self.rows.iter().filter(|r| r.condition == condition.name);
        let Some(other) = own().find(|r| r.scale != 1.0) else { return Vec::new() };
        let mut rows: Vec<&Row> = own().filter(|r| r.budget == other.budget).collect();
        rows.sort_by(|a, b| a.scale.total_cmp(&b.scale));
        rows
    }

    /// The fewest seeds of any row.
    pub fn seeds(&self) -> usize {
        self.rows.iter().map(|row| row.accuracy.n).min().unwrap_or(0)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::conditions::conditions;
    use super::*;

    pub fn cell(condition: usize, budget: Option<f64>, scale: f64) -> Cell {
        Cell { condition, budget, scale, spent: Vec::new() }
    }

    /// Runs of seeds 0, 1, ... with these accuracies, all with `probes`.
    pub fn runs(probes: f64, accuracies: &[f64]) -> Vec<(u64, EfficiencyRun)> {
        let run = |&accuracy: &f64| EfficiencyRun {
            accuracy,
            probes_per_example: probes,
            seconds: 1.0,
            stage_units: vec![4],
            cosines: Vec::new(),
            captured: Vec::new(),
        };
        accuracies.iter().enumerate().map(|(seed, accuracy)| (seed as u64, run(accuracy))).collect()
    }

    /// The table of the runs of each cell.
    pub fn table<'a>(
        conditions: &[Condition],
        cells: impl IntoIterator<Item = (&'a Cell, Vec<(u64, EfficiencyRun)>)>,
    ) -> Measurements {
        let mut table = Measurements::default();
        for (cell, runs) in cells {
            runs.iter().for_each(|(seed, run)| tabulate(conditions, cell, *seed, run, &mut table));
        }
        table
    }

    #[test]
    fn differences_are_between_runs_of_one_seed() {
        let conditions = conditions(&["bp", "vnc", "nmnc"].map(str::to_owned), false).unwrap();
        let cells =
            [cell(0, None, 1.0), cell(1, Some(0.1), 1.0), cell(2, Some(0.1), 1.0), cell(2, Some(1.0), 1.0)];
        // Seed 2 of backprop diverged.
        let measured = [
            runs(0.0, &[0.60, 0.64]),
            runs(0.1, &[0.30, 0.32, 0.40]),
            runs(0.101, &[0.50, 0.56, 0.50]),
            runs(1.0, &[0.55, 0.59, 0.50]),
        ];
        let table = table(&conditions, cells.iter().zip(measured));
        let results = Results::new(&conditions, &[], &cells, &table);
        let nmnc = &results.rows[2];
        let gap = nmnc.less_backprop.unwrap();
        assert!((gap.mean + 9.0).abs() < 1e-9 && gap.n == 2, "{gap:?}");
        let gain = nmnc.less_vanilla.unwrap();
        assert!((gain.mean - 18.0).abs() < 1e-9 && gain.n == 3, "{gain:?}");
        // Nothing to compare with at this budget, and backprop not with itself.
        assert!(results.rows[3].less_vanilla.is_none() && results.rows[0].less_backprop.is_none());
        let order: Vec<_> = results.over_probes(&conditions[2]).iter().map(|r| r.budget).collect();
        assert_eq!(order, [Some(0.1), Some(1.0)]);
    }

    #[test]
    fn accuracies_at_different_probes_are_not_compared() {
        let conditions = conditions(&["vnc", "nmnc"].map(str::to_owned), false).unwrap();
        let cells = [cell(0, Some(0.1), 1.0), cell(1, Some(0.1), 1.0)];
        let measured = [runs(0.1, &[0.3]), runs(0.2, &[0.5])];
        let table = table(&conditions, cells.iter().zip(measured));
        let results = Results::new(&conditions, &[], &cells, &table);
        assert!(results.rows[1].less_vanilla.is_none());
    }
}
