//! Everything that was measured, by cell, with differences to the rules that others are compared with.

use serde::Serialize;

use super::super::statistics::{Interval, interval};
use super::EfficiencyRun;
use super::conditions::Condition;

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
    /// Seconds of training, mean over seeds.
    pub seconds: f64,
}

/// All of it.
pub(super) struct Results<'a> {
    pub conditions: &'a [Condition],
    pub impossible: &'a [Impossible],
    pub cells: Vec<(&'a Cell, Vec<(u64, EfficiencyRun)>)>,
    /// One for each cell of which a run did not diverge.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    pub fn new(
        conditions: &'a [Condition],
        impossible: &'a [Impossible],
        cells: Vec<(&'a Cell, Vec<(u64, EfficiencyRun)>)>,
    ) -> Self {
        let mut results = Self { conditions, impossible, cells, rows: Vec::new() };
        results.rows = results.cells.iter().filter_map(|(cell, runs)| results.row(cell, runs)).collect();
        results
    }

    fn row(&self, cell: &Cell, runs: &[(u64, EfficiencyRun)]) -> Option<Row> {
        let condition = &self.conditions[cell.condition];
        let twins = |name: &str, budget: Option<f64>| {
            let found = self.cells.iter().find(|(other, _)| {
                self.conditions[other.condition].name == name
                    && other.scale == cell.scale
                    && other.budget == budget
            });
            found.filter(|(other, _)| *other != cell).map(|(_, runs)| runs.as_slice())
        };
        let less = |others: Option<&[(u64, EfficiencyRun)]>, spent_alike: bool| {
            let others = others?;
            interval(runs.iter().filter_map(|(seed, run)| {
                let (_, twin) = others.iter().find(|(other, _)| other == seed)?;
                let (one, other) = (run.probes_per_example, twin.probes_per_example);
                let alike = one.max(other) <= SAME_PROBES * one.min(other);
                (alike || !spent_alike).then_some(100.0 * (run.accuracy - twin.accuracy))
            }))
        };
        let stages = runs.iter().map(|(_, run)| run.cosines.len()).min().unwrap_or(0);
        let cosine = |stage: usize| interval(runs.iter().map(|(_, run)| run.cosines[stage]));
        Some(Row {
            condition: condition.name.clone(),
            label: condition.label.clone(),
            rule: condition.rule.clone(),
            scale: cell.scale,
            budget: cell.budget,
            probes_per_example: interval(runs.iter().map(|(_, run)| run.probes_per_example))?,
            accuracy: interval(runs.iter().map(|(_, run)| 100.0 * run.accuracy))?,
            less_backprop: less(twins(BACKPROP, None), false),
            less_vanilla: less(cell.budget.and_then(|b| twins(VANILLA, Some(b))), true),
            cosines: (0..stages).filter_map(cosine).collect(),
            seconds: runs.iter().map(|(_, run)| run.seconds).sum::<f64>() / runs.len() as f64,
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

    /// Units of each stage at the width as it is.
    pub fn units(&self) -> String {
        let run = self.cells.iter().find(|(cell, _)| cell.scale == 1.0).and_then(|(_, runs)| runs.first());
        let units = run.map_or_else(Vec::new, |(_, run)| run.stage_units.clone());
        units.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
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
        };
        accuracies.iter().enumerate().map(|(seed, accuracy)| (seed as u64, run(accuracy))).collect()
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
        let results = Results::new(&conditions, &[], cells.iter().zip(measured).collect());
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
        let results = Results::new(&conditions, &[], cells.iter().zip(measured).collect());
        assert!(results.rows[1].less_vanilla.is_none());
    }
}
