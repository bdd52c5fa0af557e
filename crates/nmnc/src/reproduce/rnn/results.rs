//! Everything that was measured, by cell, with differences to the rules that others are compared with.

use serde::Serialize;

use super::super::statistics::{Interval, interval};
use super::RecurrentRun;
use super::conditions::{Condition, EXACT, VANILLA};

/// One condition on one task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    /// Index of the task.
    pub task: usize,
    /// Index of the condition.
    pub condition: usize,
    /// Probes per training trial asked for; none for rules that perturb nothing.
    pub budget: Option<f64>,
    /// Number N of units.
    pub units: usize,
}

/// A cell over seeds. Accuracies, breaks and misses are in percent, differences in points.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub task: String,
    pub condition: String,
    #[serde(skip)]
    pub cell: Cell,
    pub units: usize,
    pub budget: Option<f64>,
    pub probes: Interval,
    pub probes_per_trial: Interval,
    pub accuracy: Interval,
    pub unbroken_accuracy: Interval,
    /// Mean over the epochs of training.
    pub mean_accuracy: Interval,
    pub fixation_breaks: Interval,
    pub misses: Interval,
    /// Less backpropagation through time at the same width and seed.
    pub less_exact: Option<Interval>,
    /// Less vanilla noise correlation at the same width, budget and seed, where both spent as many probes.
    pub less_vanilla: Option<Interval>,
    /// Less the same estimator with isotropic noise, where that is another condition than vanilla noise correlation.
    pub less_isotropic: Option<Interval>,
    /// Less vanilla noise correlation, of the mean accuracy over training.
    pub mean_less_vanilla: Option<Interval>,
    /// The same of the cosine of the recurrent weight's gradient.
    pub cosine_less_vanilla: Option<Interval>,
    pub cosine: Option<Interval>,
    pub weight_cosine: Option<Interval>,
    /// Captured energy of lagged Jacobians after training, before, and by chance.
    pub alpha: Option<Interval>,
    pub untrained_alpha: Option<Interval>,
    pub chance_alpha: f64,
    /// Seconds of training, mean over seeds.
    pub seconds: f64,
}

type Runs = Vec<(u64, RecurrentRun)>;

/// All of it.
pub(super) struct Results<'a> {
    pub conditions: &'a [Condition],
    pub tasks: &'a [String],
    pub ideal: &'a [Option<f64>],
    /// N of the comparison of tasks.
    pub units: usize,
    pub cells: Vec<(&'a Cell, Runs)>,
    /// One for each cell of which a run did not diverge.
    pub rows: Vec<Row>,
}

impl<'a> Results<'a> {
    pub fn new(
        conditions: &'a [Condition],
        tasks: &'a [String],
        ideal: &'a [Option<f64>],
        units: usize,
        cells: Vec<(&'a Cell, Runs)>,
    ) -> Self {
        let mut results = Self { conditions, tasks, ideal, units, cells, rows: Vec::new() };
        results.rows = results.cells.iter().filter_map(|(cell, runs)| results.row(cell, runs)).collect();
        results
    }

    fn twin(&self, cell: &Cell, name: &str, budget: Option<f64>) -> Option<&Runs> {
        let condition = self.conditions.iter().position(|c| c.name == name)?;
        let wanted = Cell { condition, budget, ..*cell };
        self.cells.iter().find(|(other, _)| **other == wanted && wanted != *cell).map(|(_, runs)| runs)
    }

    fn row(&self, cell: &Cell, runs: &Runs) -> Option<Row> {
        let less = |others: Option<&Runs>, alike: bool, value: &dyn Fn(&RecurrentRun) -> Option<f64>| {
            let others = others?;
            interval(runs.iter().filter_map(|(seed, run)| {
                let (_, twin) = others.iter().find(|(other, _)| other == seed)?;
                let difference = value(run)? - value(twin)?;
                (!alike || run.probes == twin.probes).then_some(difference)
            }))
        };
        let accuracy = |run: &RecurrentRun| Some(100.0 * run.accuracy);
        let vanilla = || cell.budget.and_then(|budget| self.twin(cell, VANILLA, Some(budget)));
        let isotropic = self.conditions[cell.condition].isotropic.as_deref();
        let isotropic = isotropic.and_then(|name| self.twin(cell, name, cell.budget));
        let over = |value: &dyn Fn(&RecurrentRun) -> Option<f64>| {
            interval(runs.iter().filter_map(|(_, run)| value(run)))
        };
        let percent = |value: &dyn Fn(&RecurrentRun) -> f64| over(&|run| Some(100.0 * value(run)));
        Some(Row {
            task: self.tasks[cell.task].clone(),
            condition: self.conditions[cell.condition].name.clone(),
            cell: *cell,
            units: cell.units,
            budget: cell.budget,
            probes: over(&|run| Some(run.probes as f64))?,
            probes_per_trial: over(&|run| Some(run.probes_per_trial))?,
            accuracy: percent(&|run| run.accuracy)?,
            unbroken_accuracy: percent(&|run| run.unbroken_accuracy)?,
            mean_accuracy: percent(&|run| run.mean_accuracy)?,
            fixation_breaks: percent(&|run| run.fixation_breaks)?,
            misses: percent(&|run| run.misses)?,
            less_exact: less(self.twin(cell, EXACT, None), false, &accuracy),
            less_vanilla: less(vanilla(), true, &accuracy),
            less_isotropic: less(isotropic, true, &accuracy),
            mean_less_vanilla: less(vanilla(), true, &|run| Some(100.0 * run.mean_accuracy)),
            cosine_less_vanilla: less(vanilla(), true, &|run| run.weight_cosine),
            cosine: over(&|run| run.cosine),
            weight_cosine: over(&|run| run.weight_cosine),
            alpha: over(&|run| run.states.pooled[0]),
            untrained_alpha: over(&|run| run.states.pooled[1]),
            chance_alpha: runs.first()?.1.states.chance(),
            seconds: runs.iter().map(|(_, run)| run.seconds).sum::<f64>() / runs.len() as f64,
        })
    }

    /// Rows of the comparison of tasks.
    pub fn by_task(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.units == self.units)
    }

    /// Tasks at more than one width.
    pub fn scaled(&self) -> Vec<usize> {
        let wide = |task: &usize| self.rows.iter().any(|r| r.cell.task == *task && r.units != self.units);
        (0..self.tasks.len()).filter(wide).collect()
    }

    /// Rows of one task and condition at every width, narrow first, with the largest budget.
    pub fn over_widths(&self, task: usize, condition: usize) -> Vec<&Row> {
        let budget = self.budgets().last().copied().filter(|_| self.conditions[condition].probes);
        let own = |r: &&Row| r.cell.task == task && r.cell.condition == condition && r.budget == budget;
        let mut rows: Vec<&Row> = self.rows.iter().filter(own).collect();
        rows.sort_by_key(|row| row.units);
        rows
    }

    /// Budgets, rising.
    pub fn budgets(&self) -> Vec<f64> {
        let mut budgets: Vec<f64> = self.rows.iter().filter_map(|row| row.budget).collect();
        budgets.sort_by(f64::total_cmp);
        budgets.dedup();
        budgets
    }

    /// Runs of a condition on a task in the comparison of tasks, with the largest budget.
    pub fn runs(&self, task: usize, condition: usize) -> &[(u64, RecurrentRun)] {
        let budget = self.budgets().last().copied().filter(|_| self.conditions[condition].probes);
        let wanted = Cell { task, condition, budget, units: self.units };
        self.cells.iter().find(|(cell, _)| **cell == wanted).map_or(&[], |(_, runs)| runs)
    }

    /// Number of seeds: the most of any cell.
    pub fn seeds(&self) -> usize {
        self.cells.iter().map(|(_, runs)| runs.len()).max().unwrap_or(0)
    }
}
